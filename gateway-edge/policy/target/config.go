package target

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/gateway-edge/policy/template"
	"github.com/tollgate/tollgate/services/contract"
)

// Query edits the query: Rename first, then Remove, then Set.
type Query struct {
	Rename map[string]string `json:"rename"`
	Remove []string          `json:"remove"`
	Set    map[string]string `json:"set"`
}

// Empty reports that nothing is named.
func (c *Query) Empty() bool { return len(c.Rename)+len(c.Remove)+len(c.Set) == 0 }

const (
	maxParameters = 50
	maxName       = 256
)

var (
	pathVars  = template.Only(template.Param, template.Path, template.Consumer, template.Claim)
	queryVars = template.All.Without(template.Query)
)

// CompilePath checks a template of a path by what it gives with a plain value in
// every variable's place. Bad fields are added to errs at /path.
func CompilePath(s string, params []string, errs *contract.FieldErrors) *template.Template {
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

// Compile checks the edits. Bad fields are added to errs below /query.
func (c *Query) Compile(params []string, errs *contract.FieldErrors) *Edits {
	e := &Edits{}
	if n := len(c.Remove) + len(c.Set) + len(c.Rename); n > maxParameters {
		errs.Add("/query", fmt.Sprintf("names %d parameters, at most %d are allowed", n, maxParameters))
		return e
	}
	for i, name := range c.Remove {
		if parameterName(name, contract.Pointer("query", "remove", i), errs) {
			e.drop = append(e.drop, name)
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
		e.drop = append(e.drop, name)
		e.set = append(e.set, parameter{string(append(query.AppendEscaped(nil, name), '=')), t})
	}
	e.compileRenames(c.Rename, errs)
	return e
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

func (e *Edits) compileRenames(names map[string]string, errs *contract.FieldErrors) {
	for _, from := range slices.Sorted(maps.Keys(names)) {
		at := contract.Pointer("query", "rename", from)
		if parameterName(from, at, errs) && parameterName(names[from], at, errs) {
			to := names[from]
			e.rename = append(e.rename, renaming{from, string(query.AppendEscaped(nil, to)), slices.Contains(e.drop, to)})
		}
	}
}
