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

// The first rules are noted with their message and where they matched, others by
// number.
const (
	maxMessages = 20
	maxNotes    = 200
	maxPlaces   = 3
	maxKey      = 64
)

func (v *verdict) note(text string, hard bool) {
	v.hard = v.hard || hard
	if len(v.notes) < maxNotes {
		v.notes = append(v.notes, text)
	}
}

func (v *verdict) bad(threshold int) bool { return v.hard || v.score >= threshold }

// summary is the verdict in a line.
func (v *verdict) summary(threshold int) string {
	return "score " + strconv.Itoa(v.score) + " of " + strconv.Itoa(threshold) + ": " + strings.Join(v.notes, "; ")
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
		if len(v.notes) < maxMessages {
			text += " " + strings.Clone(m.Message()) + places(m)
		}
		v.note(text, id == ruleBodyUnreadable || id == ruleMultipart || id == ruleArguments)
	}
}

// places says where a rule matched, by the names of what holds it and never its
// value: what an exclusion needs.
func places(m types.MatchedRule) string {
	var seen []string
	for _, d := range m.MatchedDatas() {
		if placeOf(d.Variable()) == "" {
			continue
		}
		at := d.Variable().Name()
		if key := d.Key(); key != "" {
			at += ":" + strings.Map(printable, key[:min(len(key), maxKey)])
		}
		if !slices.Contains(seen, at) {
			if seen = append(seen, at); len(seen) == maxPlaces {
				break
			}
		}
	}
	if len(seen) == 0 {
		return ""
	}
	return " at " + strings.Join(seen, " and ")
}

// printable replaces what would not be one word in a note.
func printable(r rune) rune {
	if r <= ' ' || r >= 0x7F || r == ';' {
		return '?'
	}
	return r
}

// counts tells rules about requests from those that set up and sum up, which have
// no message.
func counts(id int, m types.MatchedRule) bool {
	switch {
	case id == ruleBodyUnreadable, id == ruleMultipart, id == ruleArguments:
		return true
	case id < 911_000, id >= 949_000 && id < 950_000, id >= 959_000:
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
	case variables.ResponseBody, variables.ResponseStatus:
		return "response"
	case variables.TX, variables.MatchedVar, variables.MatchedVars, variables.MatchedVarName, variables.MatchedVarsNames, variables.Unknown:
		return ""
	}
	return "elsewhere"
}
