package rewrite

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Descriptor is the policy's entry in the list of all policies.
var Descriptor = policy.Descriptor{
	Type:  "rewrite",
	Phase: policy.PhaseTransform,
	New:   New,
}

// Config is the policy's configuration. Path excludes the two prefixes.
type Config struct {
	// StripPrefix is taken off a path that lies below it; others stay.
	StripPrefix string `json:"strip_prefix"`
	AddPrefix   string `json:"add_prefix"`
	// Path replaces the whole path; it takes variables.
	Path  string `json:"path"`
	Query Query  `json:"query"`
}

// Query edits the query: Remove first, then Set.
type Query struct {
	Remove []string          `json:"remove"`
	Set    map[string]string `json:"set"`
}

const (
	maxParameters = 50
	maxName       = 256
)

var (
	pathVars  = template.Only(template.Param, template.Path, template.Consumer, template.Claim)
	queryVars = template.All.Without(template.Query)
)

// New makes the policy. Its error is a contract.FieldErrors.
func New(raw json.RawMessage, d policy.Deps) (policy.Policy, error) {
	var c Config
	p := &rewrite{}
	err := policy.DecodeConfig(raw, &c, func(errs *contract.FieldErrors) {
		p.strip = prefix(c.StripPrefix, "/strip_prefix", errs)
		p.add = prefix(c.AddPrefix, "/add_prefix", errs)
		if c.Path != "" {
			if c.StripPrefix+c.AddPrefix != "" {
				errs.Add("/path", "replaces the whole path: strip_prefix and add_prefix can't stand beside it")
			}
			p.path = compilePath(c.Path, d.Scope.Params, errs)
		}
		p.set, p.drop = compileQuery(&c.Query, d.Scope.Params, errs)
		if c.StripPrefix+c.AddPrefix+c.Path == "" && len(c.Query.Remove)+len(c.Query.Set) == 0 {
			errs.Add("", "strip_prefix, add_prefix, path or query is needed: without one the policy does nothing")
		}
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// prefix checks a prefix: canonical, without a trailing slash.
func prefix(s, at string, errs *contract.FieldErrors) string {
	if s == "" {
		return ""
	}
	canon, err := match.PathString(s)
	switch {
	case err != nil:
		errs.Add(at, err.Error())
	case s == "/" || strings.HasSuffix(s, "/"):
		errs.Add(at, "has no \"/\" at its end")
	case canon != s:
		errs.Add(at, fmt.Sprintf("is not in canonical form; write %q", canon))
	}
	return s
}

// compilePath checks a template by what it gives with a plain value in every
// variable's place.
func compilePath(s string, params []string, errs *contract.FieldErrors) *template.Template {
	t, err := template.Parse(s, template.Options{Vars: pathVars, Place: template.Segment, Params: params})
	if err != nil {
		errs.Add("/path", err.Error())
		return nil
	}
	var sample strings.Builder
	for v, text := range t.Parts() {
		switch v {
		case template.Literal:
			sample.WriteString(text)
		case template.Path:
			sample.WriteString("/x")
		default:
			sample.WriteString("x")
		}
	}
	canon, err := match.PathString(sample.String())
	switch {
	case err != nil:
		errs.Add("/path", err.Error())
	case canon != sample.String():
		errs.Add("/path", fmt.Sprintf("is not in canonical form: %q would become %q", sample.String(), canon))
	}
	return t
}

func compileQuery(c *Query, params []string, errs *contract.FieldErrors) (set []parameter, drop []string) {
	if n := len(c.Remove) + len(c.Set); n > maxParameters {
		errs.Add("/query", fmt.Sprintf("names %d parameters, at most %d are allowed", n, maxParameters))
		return nil, nil
	}
	for i, name := range c.Remove {
		if parameterName(name, contract.Pointer("query", "remove", i), errs) {
			drop = append(drop, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Set)) {
		at := contract.Pointer("query", "set", name)
		if !parameterName(name, at, errs) {
			continue
		}
		// Only what variables bring is escaped when it is put in: the literal parts
		// are written as they are.
		t, err := template.Parse(c.Set[name], template.Options{Vars: queryVars, Place: template.URL, Params: params})
		if err != nil {
			errs.Add(at, err.Error())
			continue
		}
		if err := checkValue(t); err != nil {
			errs.Add(at, err.Error())
			continue
		}
		drop = append(drop, name)
		set = append(set, parameter{string(append(query.AppendEscaped(nil, name), '=')), t})
	}
	return set, drop
}

func parameterName(name, at string, errs *contract.FieldErrors) bool {
	if name == "" || len(name) > maxName {
		errs.Add(at, fmt.Sprintf("a parameter's name has 1 to %d bytes", maxName))
		return false
	}
	return true
}

// checkValue holds the literal parts of a value to what may stand in a query as
// one parameter's value.
func checkValue(t *template.Template) error {
	for v, s := range t.Parts() {
		if v != template.Literal {
			continue
		}
		for i := range len(s) {
			if c := s[i]; c <= ' ' || c >= 0x7f || c == '#' || c == '&' {
				return fmt.Errorf("the character %q must be escaped in a query (%%%02X)", c, c)
			}
		}
	}
	return nil
}

// rewrite is immutable.
type rewrite struct {
	strip, add string
	path       *template.Template
	set        []parameter
	drop       []string // names, decoded, of what is removed or replaced
}

// parameter is one that is set; name is escaped and has its "=".
type parameter struct {
	name  string
	value *template.Template
}

var _ policy.Policy = (*rewrite)(nil)
