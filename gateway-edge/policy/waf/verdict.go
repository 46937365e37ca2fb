package waf

import (
	"slices"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/corazawaf/coraza/v3/types/variables"
)

// verdict is what was found.
type verdict struct {
	score int
	hard  bool // refused whatever the score
	notes []string
}

const maxNotes = 20

func (v *verdict) note(text string, hard bool) {
	v.hard = v.hard || hard
	if len(v.notes) < maxNotes {
		v.notes = append(v.notes, text)
	}
}

// Rules of Coraza's own about bodies that can't be read, and ours.
const (
	ruleBodyUnreadable = 200002
	ruleMultipart      = 200003
	ruleArguments      = 190001
)

// judge adds up what matched and is not excluded. Each rule counts once, by its
// severity as the rule set scores it.
func (w *firewall) judge(tx types.Transaction, v *verdict) {
	for _, m := range tx.MatchedRules() {
		id := m.Rule().ID()
		if !counts(id, m) || w.excluded(id, m) {
			continue
		}
		v.score += score(m.Rule().Severity())
		text := strconv.Itoa(id)
		if msg := m.Message(); msg != "" {
			text += " " + strings.Clone(msg)
		}
		v.note(text, id == ruleBodyUnreadable || id == ruleMultipart || id == ruleArguments)
	}
}

// counts tells rules about requests from those that set up and sum up, which have
// no message.
func counts(id int, m types.MatchedRule) bool {
	switch {
	case id == ruleBodyUnreadable, id == ruleMultipart, id == ruleArguments:
		return true
	case id < 911_000, id >= 949_000:
		return false
	}
	return m.Message() != ""
}

// score is what the rule set adds for a severity (crs-setup.conf, 900100).
func score(s types.RuleSeverity) int {
	switch s {
	case types.RuleSeverityEmergency, types.RuleSeverityAlert, types.RuleSeverityCritical:
		return 5
	case types.RuleSeverityError:
		return 4
	case types.RuleSeverityWarning:
		return 3
	case types.RuleSeverityNotice:
		return 2
	}
	return 0
}

func (w *firewall) excluded(id int, m types.MatchedRule) bool {
	if w.rules[id] {
		return true
	}
	for _, t := range w.tags {
		if slices.Contains(m.Rule().Tags(), t) {
			return true
		}
	}
	return len(w.params) > 0 && w.excludedEverywhere(id, m)
}

// excludedEverywhere reports that each place where the rule matched is excluded.
func (w *firewall) excludedEverywhere(id int, m types.MatchedRule) bool {
	places := 0
	for _, d := range m.MatchedDatas() {
		in := placeOf(d.Variable())
		if in == "" {
			continue // counters and the rule's own variables
		}
		places++
		name := strings.ToLower(d.Key())
		if !slices.ContainsFunc(w.params, func(x Exclusion) bool {
			return x.In == in && x.Name == name && (len(x.Rules) == 0 || slices.Contains(x.Rules, id))
		}) {
			return false
		}
	}
	return places > 0
}

// placeOf is the word of a configuration for a variable; "" for those that are no
// part of the request.
func placeOf(v variables.RuleVariable) string {
	switch v {
	case variables.Args, variables.ArgsGet, variables.ArgsPost, variables.ArgsNames, variables.ArgsGetNames, variables.ArgsPostNames:
		return "arguments"
	case variables.RequestCookies, variables.RequestCookiesNames:
		return "cookies"
	case variables.RequestHeaders, variables.RequestHeadersNames:
		return "headers"
	case variables.TX, variables.MatchedVar, variables.MatchedVars, variables.MatchedVarName, variables.MatchedVarsNames, variables.Unknown:
		return ""
	}
	return "elsewhere"
}
