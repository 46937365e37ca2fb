package jq

import (
	"fmt"
	"strings"

	"github.com/itchyny/gojq"
)

// fence rewrites a program in place: functions that are not on the list are
// refused, and checks are put in.
type fence struct {
	own   [][]string // functions and parameters in scope, as name/arity
	trust bool       // the prelude may name what tenants can't
	err   error
}

func newFence() *fence { return &fence{own: [][]string{preludeNames}} }

func (f *fence) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

func arity(name string, n int) string { return fmt.Sprintf("%s/%d", name, n) }

func (f *fence) defined(key string) bool {
	for _, scope := range f.own {
		for _, k := range scope {
			if k == key {
				return true
			}
		}
	}
	return false
}

// query rewrites a query and all below it.
func (f *fence) query(q *gojq.Query) {
	if q == nil || f.err != nil {
		return
	}
	if len(q.Imports) > 0 || q.Meta != nil {
		f.fail("import, include and module are not available on the edge")
		return
	}
	var scope []string
	f.own = append(f.own, nil)
	for _, d := range q.FuncDefs {
		scope = append(scope, arity(d.Name, len(d.Args)))
		f.own[len(f.own)-1] = scope
		f.def(d)
	}
	defs := q.FuncDefs
	defer func() { f.own, q.FuncDefs = f.own[:len(f.own)-1], defs }()
	f.patterns(q.Patterns)
	if q.Term != nil {
		f.term(q)
		return
	}
	f.query(q.Left)
	f.query(q.Right)
	f.operator(q)
}

func (f *fence) def(d *gojq.FuncDef) {
	if strings.HasPrefix(d.Name, "_") && !f.trust {
		f.fail("a function's name does not begin with _: %s", d.Name)
	}
	var params []string
	for _, a := range d.Args {
		params = append(params, arity(strings.TrimPrefix(a, "$"), 0))
	}
	f.own = append(f.own, params)
	f.query(d.Body)
	f.own = f.own[:len(f.own)-1]
}

func (f *fence) patterns(ps []*gojq.Pattern) {
	for _, p := range ps {
		f.patterns(p.Array)
		for _, o := range p.Object {
			f.str(o.KeyString)
			f.query(o.KeyQuery)
			if o.Val != nil {
				f.patterns([]*gojq.Pattern{o.Val})
			}
		}
	}
}

// updates are the operators that assign; each with the one that it applies.
var updates = map[gojq.Operator]gojq.Operator{
	gojq.OpUpdateAdd: gojq.OpAdd, gojq.OpUpdateSub: gojq.OpSub, gojq.OpUpdateMul: gojq.OpMul,
	gojq.OpUpdateDiv: gojq.OpDiv, gojq.OpUpdateMod: gojq.OpMod, gojq.OpUpdateAlt: gojq.OpAlt,
}

// operator rewrites a query of two sides, which have been rewritten.
func (f *fence) operator(q *gojq.Query) {
	switch q.Op {
	case gojq.OpAdd, gojq.OpAssign, gojq.OpModify:
		*q = *fitted(&gojq.Query{Left: q.Left, Op: q.Op, Right: q.Right})
	case gojq.OpMul:
		*q = *fitted(call("_times", q.Left, q.Right))
	case gojq.OpSub:
		*q = *call("_minus", q.Left, q.Right)
	default:
		op, ok := updates[q.Op]
		if !ok {
			return
		}
		// A op= B is B as $v | A |= (. op $v), as jq's manual has it.
		const v = "$_operand"
		change := &gojq.Query{Left: identity(), Op: op, Right: call(v)}
		f.operator(change)
		set := &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: paren(change)}
		f.operator(set)
		*q = gojq.Query{Left: q.Right, Op: gojq.OpPipe, Right: set, Patterns: []*gojq.Pattern{{Name: v}}}
		*q = *paren(&gojq.Query{Left: q.Left, Op: q.Op, Right: q.Right, Patterns: q.Patterns})
	}
}

func identity() *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}
}

func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

func paren(q *gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeQuery, Query: q}}
}

// piped is (q | name).
func piped(q *gojq.Query, name string) *gojq.Query {
	return paren(&gojq.Query{Left: q, Op: gojq.OpPipe, Right: call(name)})
}

// fitted is (q | _fit).
func fitted(q *gojq.Query) *gojq.Query { return piped(q, "_fit") }

// term rewrites a query that is one term.
func (f *fence) term(q *gojq.Query) {
	t := q.Term
	for _, s := range t.SuffixList {
		f.index(s.Index)
	}
	grown := false
	switch t.Type {
	case gojq.TermTypeIndex:
		f.index(t.Index)
	case gojq.TermTypeFunc:
		f.function(q)
		return
	case gojq.TermTypeObject:
		f.object(t.Object)
		grown = len(t.Object.KeyVals) > 0
	case gojq.TermTypeArray:
		f.query(t.Array.Query)
		grown = t.Array.Query != nil
	case gojq.TermTypeNumber:
		if len(t.Number) > maxDigits {
			f.fail("a number has more than %d characters", maxDigits)
		}
	case gojq.TermTypeUnary:
		inner := &gojq.Query{Term: t.Unary.Term}
		f.query(inner)
		t.Unary.Term = inner.Term
	case gojq.TermTypeFormat:
		f.format(q)
		return
	case gojq.TermTypeString:
		f.interpolate(q, "tostring")
		return
	case gojq.TermTypeQuery:
		f.query(t.Query)
	default:
		f.control(t)
	}
	if grown {
		f.enclose(q, "_fit")
	}
}

// enclose puts (term | name) in a term's place; its suffixes come behind.
func (f *fence) enclose(q *gojq.Query, name string) {
	inner := *q.Term
	inner.SuffixList = nil
	suffixes := q.Term.SuffixList
	*q = *piped(&gojq.Query{Term: &inner}, name)
	q.Term.SuffixList = suffixes
}

func (f *fence) control(t *gojq.Term) {
	switch t.Type {
	case gojq.TermTypeIf:
		f.query(t.If.Cond)
		f.query(t.If.Then)
		for _, e := range t.If.Elif {
			f.query(e.Cond)
			f.query(e.Then)
		}
		f.query(t.If.Else)
	case gojq.TermTypeTry:
		f.query(t.Try.Body)
		f.query(t.Try.Catch)
	case gojq.TermTypeReduce:
		f.query(t.Reduce.Query)
		f.patterns(t.Reduce.Patterns)
		f.query(t.Reduce.Start)
		f.query(t.Reduce.Update)
	case gojq.TermTypeForeach:
		f.query(t.Foreach.Query)
		f.patterns(t.Foreach.Patterns)
		f.query(t.Foreach.Start)
		f.query(t.Foreach.Update)
		f.query(t.Foreach.Extract)
	case gojq.TermTypeLabel:
		f.query(t.Label.Body)
	case gojq.TermTypeIdentity, gojq.TermTypeRecurse, gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeBreak:
	default:
		f.fail("%s is not available on the edge", t)
	}
}

func (f *fence) object(o *gojq.Object) {
	for _, kv := range o.KeyVals {
		if strings.HasPrefix(kv.Key, "$") {
			f.variable(kv.Key)
		}
		f.str(kv.KeyString)
		f.query(kv.KeyQuery)
		f.query(kv.Val)
	}
}

// index rewrites ".[…]": an index that is computed is held to a bound.
func (f *fence) index(x *gojq.Index) {
	if x == nil {
		return
	}
	f.str(x.Str)
	f.query(x.Start)
	f.query(x.End)
	if x.Start != nil && !x.IsSlice {
		x.Start = piped(x.Start, "_at")
	}
}

// maxPieces bounds the values in one interpolated string where it can't be taken
// apart: in a name.
const maxPieces = 8

// str rewrites a string that stands as a name.
func (f *fence) str(s *gojq.String) {
	if s == nil {
		return
	}
	if len(s.Queries) > maxPieces {
		f.fail("a name is put together of more than %d pieces", maxPieces)
	}
	for _, q := range s.Queries {
		f.query(q)
	}
}

// interpolate turns an interpolated string into a sum, whose every step is
// checked.
func (f *fence) interpolate(q *gojq.Query, format string) {
	t := q.Term
	if len(t.Str.Queries) == 0 {
		return
	}
	var sum *gojq.Query
	for _, piece := range t.Str.Queries {
		if piece.Term == nil || piece.Term.Type != gojq.TermTypeString || piece.Term.Str.Queries != nil {
			f.query(piece)
			piece = fitted(piped(piece, format))
		}
		if sum == nil {
			sum = fitted(&gojq.Query{Left: &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeString, Str: &gojq.String{}}}, Op: gojq.OpAdd, Right: piece})
			continue
		}
		sum = fitted(&gojq.Query{Left: sum, Op: gojq.OpAdd, Right: piece})
	}
	sum.Term.SuffixList = t.SuffixList
	*q = *sum
}

// formats are "@name" and the function that each is.
var formats = map[string]string{
	"@text": "tostring", "@json": "tojson", "@html": "_tohtml", "@uri": "_touri", "@urid": "_tourid", "@csv": "_tocsv",
	"@tsv": "_totsv", "@sh": "_tosh", "@base64": "_tobase64", "@base64d": "_tobase64d",
}

func (f *fence) format(q *gojq.Query) {
	name, ok := formats[q.Term.Format]
	if !ok {
		f.fail("the format %s is not available on the edge", q.Term.Format)
		return
	}
	if q.Term.Str != nil {
		f.interpolate(q, name)
		return
	}
	suffixes := q.Term.SuffixList
	*q = *fitted(call(name))
	q.Term.SuffixList = suffixes
}
