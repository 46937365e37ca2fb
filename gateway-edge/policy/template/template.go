package template

import (
	"fmt"
	"iter"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// MaxLen bounds a template, in bytes.
const MaxLen = 4096

// Options say what a field of a configuration may hold.
type Options struct {
	Vars  Vars
	Place Place
	// Params are the path parameters that the route has; nil when they are not
	// known, as for a policy of a whole gateway: any well-formed name is taken
	// then, and one that the route lacks has no value.
	Params []string
}

// Template is a parsed text.
type Template struct {
	parts []part
	place Place
}

// part is a text (v is Literal) or a variable; s is the text, or the name
// behind the variable's dot.
type part struct {
	v Var
	s string
}

// Parse reads a template. Its error says what is wrong in words for the
// operator, without a pointer: the caller knows the field.
func Parse(s string, o Options) (*Template, error) {
	if len(s) > MaxLen {
		return nil, fmt.Errorf("is %d bytes, at most %d are allowed", len(s), MaxLen)
	}
	t := &Template{place: o.Place}
	var text strings.Builder
	for i := 0; i < len(s); {
		c := s[i]
		if c != '{' && c != '}' {
			text.WriteByte(c)
			i++
			continue
		}
		if i+1 < len(s) && s[i+1] == c {
			text.WriteByte(c)
			i += 2
			continue
		}
		if c == '}' {
			return nil, fmt.Errorf("character %d: \"}\" closes nothing; write }} for a brace", i+1)
		}
		name, _, closed := strings.Cut(s[i+1:], "}")
		if !closed {
			return nil, fmt.Errorf("character %d: \"{\" is not closed; write {{ for a brace", i+1)
		}
		p, err := parseVar(name, o)
		if err != nil {
			return nil, err
		}
		t.flush(&text)
		t.parts = append(t.parts, p)
		i += len(name) + 2
	}
	t.flush(&text)
	return t, nil
}

func (t *Template) flush(text *strings.Builder) {
	if text.Len() > 0 {
		t.parts = append(t.parts, part{Literal, text.String()})
		text.Reset()
	}
}

func parseVar(name string, o Options) (part, error) {
	for v := range numVars {
		if !o.Vars.Has(v) {
			continue
		}
		if v != Param && v != Claim {
			if name == varNames[v] {
				return part{v: v}, nil
			}
			continue
		}
		rest, ok := strings.CutPrefix(name, varNames[v])
		if !ok {
			continue
		}
		if rest == "" {
			return part{}, fmt.Errorf("{%s} lacks a name behind the dot", name)
		}
		if v == Param && o.Params != nil && !contains(o.Params, rest) {
			return part{}, unknownParam(rest, o.Params)
		}
		return part{v, rest}, nil
	}
	return part{}, unknownVar(name, o.Vars.names())
}

func unknownParam(name string, params []string) error {
	if c, ok := contract.Closest(name, params); ok {
		return fmt.Errorf("the route's path has no parameter %q of one segment; did you mean %q?", name, c)
	}
	if len(params) == 0 {
		return fmt.Errorf("the route's path has no parameter %q of one segment, nor any other", name)
	}
	return fmt.Errorf("the route's path has no parameter %q of one segment; it has %s", name, strings.Join(params, ", "))
}

func unknownVar(name string, names []string) error {
	if c, ok := contract.Closest(name, names); ok {
		return fmt.Errorf("unknown variable {%s}; did you mean {%s}?", name, c)
	}
	if len(names) == 0 {
		return fmt.Errorf("unknown variable {%s}; variables are not allowed here", name)
	}
	return fmt.Errorf("unknown variable {%s}; allowed here are {%s}", name, strings.Join(names, "}, {"))
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// Literal returns the whole text when it holds no variable.
func (t *Template) Literal() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].v == Literal:
		return t.parts[0].s, true
	}
	return "", false
}

// Parts yields the pieces in order: Literal with its text, or a variable with the
// name behind its dot.
func (t *Template) Parts() iter.Seq2[Var, string] {
	return func(yield func(Var, string) bool) {
		for i := range t.parts {
			if !yield(t.parts[i].v, t.parts[i].s) {
				return
			}
		}
	}
}

// Append appends the expanded text to b. ok is false when a variable has no
// value: no consumer on a public route, a claim that is absent or no string, a
// path parameter of several segments, a value over MaxValue. What was appended
// is of no use then.
func (t *Template) Append(b []byte, x *policy.Exchange) (_ []byte, ok bool) {
	for i := range t.parts {
		p := &t.parts[i]
		if p.v == Literal {
			b = append(b, p.s...)
			continue
		}
		if b, ok = appendVar(b, x, p, t.place); !ok {
			return b, false
		}
	}
	return b, true
}
