package graphqllimits

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// request is one entry of a batch.
type request struct {
	Query      string                     `json:"query"`
	Variables  map[string]json.RawMessage `json:"variables"`
	Extensions json.RawMessage            `json:"extensions"`
}

// work judges the documents of one request. Its counts go on from one to the next.
type work struct {
	p          *limits
	get        bool
	doc        *ast.QueryDocument
	op         *ast.OperationDefinition
	variables  map[string]json.RawMessage
	open       []*ast.FragmentDefinition // fragments that are being followed
	complexity int64
	aliases    int
	directives int
	nodes      int
}

// maxNodes bounds the fields that are looked at, fragments followed, whatever
// they weigh.
const maxNodes = 100_000

// judge returns what is wrong with a document; "" when it may pass.
func (w *work) judge(r *request) string {
	if len(r.Query) > w.p.Operation {
		return fmt.Sprintf("the operation has more than %d bytes", w.p.Operation)
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: r.Query}, w.p.Tokens)
	if err != nil {
		return fmt.Sprintf("the operation can't be parsed, or has more than %d tokens", w.p.Tokens)
	}
	if len(doc.Operations) == 0 {
		return "there is no operation in the document"
	}
	w.doc, w.variables = doc, r.Variables
	for _, op := range doc.Operations {
		if w.get && op.Operation != ast.Query {
			return "only queries are made by GET"
		}
		w.op = op
		roots := 0
		if why := w.directed(op.Directives); why != "" {
			return why
		}
		if why := w.walk(op.SelectionSet, 1, 1, &roots); why != "" {
			return why
		}
	}
	for _, f := range doc.Fragments {
		if why := w.directed(f.Directives); why != "" {
			return why
		}
	}
	return ""
}

func (w *work) directed(list ast.DirectiveList) string {
	if w.directives += len(list); w.directives > w.p.Directives {
		return fmt.Sprintf("the request has more than %d directives", w.p.Directives)
	}
	return ""
}

// walk judges a selection set at a depth. Factor is what the fields around it
// multiply by; roots counts the fields at the top and is nil below it.
func (w *work) walk(set ast.SelectionSet, depth int, factor int64, roots *int) string {
	for _, s := range set {
		if w.nodes++; w.nodes > maxNodes {
			return fmt.Sprintf("the request has more than %d fields, fragments followed", maxNodes)
		}
		why := ""
		switch s := s.(type) {
		case *ast.Field:
			why = w.field(s, depth, factor, roots)
		case *ast.InlineFragment:
			if why = w.directed(s.Directives); why == "" {
				why = w.walk(s.SelectionSet, depth, factor, roots)
			}
		case *ast.FragmentSpread:
			if why = w.directed(s.Directives); why == "" {
				why = w.spread(s, depth, factor, roots)
			}
		}
		if why != "" {
			return why
		}
	}
	return ""
}

func (w *work) field(f *ast.Field, depth int, factor int64, roots *int) string {
	if why := w.directed(f.Directives); why != "" {
		return why
	}
	if depth > w.p.Depth {
		return fmt.Sprintf("the operation is nested deeper than %d levels", w.p.Depth)
	}
	if f.Alias != "" && f.Alias != f.Name {
		if w.aliases++; w.aliases > w.p.Aliases {
			return fmt.Sprintf("the request has more than %d aliases", w.p.Aliases)
		}
	}
	if !w.p.Introspection && (f.Name == "__schema" || f.Name == "__type") {
		return "introspection is switched off"
	}
	if roots != nil {
		if *roots++; *roots > w.p.RootFields {
			return fmt.Sprintf("the operation has more than %d fields at the top", w.p.RootFields)
		}
	}
	weight := int64(1)
	if n, ok := w.p.Weights[f.Name]; ok {
		weight = int64(n)
	}
	times, why := w.times(f)
	if why != "" {
		return why
	}
	if w.complexity = plus(w.complexity, mul(weight, factor)); w.complexity > int64(w.p.Complexity) {
		return fmt.Sprintf("the request is more complex than %d", w.p.Complexity)
	}
	return w.walk(f.SelectionSet, depth+1, mul(factor, times), nil)
}

func mul(a, b int64) int64 {
	if b != 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// times is what a field's arguments multiply what is inside of it by: at least 1.
func (w *work) times(f *ast.Field) (int64, string) {
	out := int64(1)
	for _, a := range f.Arguments {
		if !w.p.factors[a.Name] || a.Value == nil {
			continue
		}
		n, ok := w.number(a.Value)
		if !ok {
			return 0, fmt.Sprintf("the argument %s is not a number from 0 on", a.Name)
		}
		out = mul(out, max(n, 1))
	}
	return out, ""
}

// number reads an argument, given in the document, by a variable, or by its
// default. One that is not given, or null, multiplies by nothing.
func (w *work) number(v *ast.Value) (int64, bool) {
	text := v.Raw
	switch v.Kind {
	case ast.NullValue:
		return 1, true
	case ast.IntValue:
	case ast.Variable:
		raw, given := w.variables[v.Raw]
		if !given {
			if d := w.op.VariableDefinitions.ForName(v.Raw); d != nil && d.DefaultValue != nil && d.DefaultValue.Kind != ast.Variable {
				return w.number(d.DefaultValue)
			}
			return 1, true
		}
		if text = string(raw); text == "null" {
			return 1, true
		}
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}

// spread follows a fragment. One that leads back to itself is refused.
func (w *work) spread(s *ast.FragmentSpread, depth int, factor int64, roots *int) string {
	f := w.doc.Fragments.ForName(s.Name)
	if f == nil {
		return "a fragment is not there"
	}
	for _, o := range w.open {
		if o == f {
			return "a fragment leads back to itself"
		}
	}
	w.open = append(w.open, f)
	why := w.walk(f.SelectionSet, depth, factor, roots)
	w.open = w.open[:len(w.open)-1]
	return why
}
