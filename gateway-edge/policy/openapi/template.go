package openapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// MaxParams bounds the parameters of one path.
const MaxParams = 32

// Template is the path of an operation: segments of text and parameters, such as
// "/users/{id}/photo.{format}".
type Template struct {
	Names    []string // of the parameters, in order
	segments []segment
}

// segment is text, or parameters with text around them: texts has one more than
// there are parameters.
type segment struct{ texts []string }

func (s segment) plain() bool { return len(s.texts) == 1 }

// ParseTemplate reads a path. Its text is brought to the canonical form that
// requests are in.
func ParseTemplate(path string) (*Template, error) {
	if path == "" || path[0] != '/' {
		return nil, errors.New(`begins with "/"`)
	}
	t := &Template{}
	for part := range strings.SplitSeq(path[1:], "/") {
		s, err := t.segment(part)
		if err != nil {
			return nil, err
		}
		t.segments = append(t.segments, s)
	}
	if len(t.Names) > MaxParams {
		return nil, fmt.Errorf("has %d parameters, at most %d are allowed", len(t.Names), MaxParams)
	}
	return t, nil
}

func (t *Template) segment(part string) (segment, error) {
	var s segment
	for {
		text, rest, more := strings.Cut(part, "{")
		if strings.Contains(text, "}") {
			return s, errors.New(`has a "}" that closes nothing`)
		}
		canon, err := canonical(text, !more && len(s.texts) == 0)
		if err != nil {
			return s, err
		}
		s.texts = append(s.texts, canon)
		if !more {
			return s, nil
		}
		name, behind, closed := strings.Cut(rest, "}")
		switch {
		case !closed:
			return s, errors.New(`has a "{" that is not closed`)
		case name == "" || strings.Contains(name, "{") || len(name) > 256:
			return s, errors.New(`has a parameter without a name, or with a "{" in it`)
		case slices.Contains(t.Names, name):
			return s, fmt.Errorf("has the parameter %.100q twice", name)
		case len(s.texts) > 1 && text == "":
			return s, errors.New("has two parameters with nothing between them")
		}
		t.Names, part = append(t.Names, name), behind
	}
}

// canonical is the form that text has in the paths of requests. A whole segment
// must not be one that is resolved: "." beside a parameter is none.
func canonical(text string, whole bool) (string, error) {
	around := "_"
	if whole {
		around = ""
	}
	canon, err := match.PathString("/" + around + text + around)
	if err != nil || strings.Count(canon, "/") != 1 || whole && (text != "") != (canon != "/") {
		return "", fmt.Errorf("has text that no request's path can have: %.100q", text)
	}
	return strings.TrimSuffix(strings.TrimPrefix(canon[1:], around), around), nil
}

// shape is the same for two templates that take the same paths.
func (t *Template) shape() string {
	var b strings.Builder
	for _, s := range t.segments {
		b.WriteByte('/')
		b.WriteString(strings.Join(s.texts, "{}"))
	}
	return b.String()
}

// match takes a segment of a path apart. It reports false where the text differs,
// or a parameter would be empty.
func (s segment) match(p policy.Text, vars []policy.Text) bool {
	last := len(s.texts) - 1
	if !p.HasPrefix(s.texts[0]) {
		return false
	}
	p = p.Slice(len(s.texts[0]), p.Len())
	for i := 1; i < last; i++ {
		at := index(p, s.texts[i])
		if at < 1 {
			return false
		}
		vars[i-1], p = p.Slice(0, at), p.Slice(at+len(s.texts[i]), p.Len())
	}
	end := p.Len() - len(s.texts[last])
	if end < 1 || !p.HasSuffix(s.texts[last]) {
		return false
	}
	vars[last-1] = p.Slice(0, end)
	return true
}

// index is where s first stands behind the first byte; -1: nowhere.
func index(p policy.Text, s string) int {
	for i := 1; i+len(s) <= p.Len(); i++ {
		if p.Slice(i, i+len(s)).Is(s) {
			return i
		}
	}
	return -1
}

// Paths finds values by path. Text goes before parameters, segment by segment from
// the left (OpenAPI 3.1 4.8.8.2), and more text before less.
type Paths[T any] struct{ root branch[T] }

type branch[T any] struct {
	texts  map[string]*branch[T]
	params []paramBranch[T]
	end    *Found[T]
}

type paramBranch[T any] struct {
	segment segment
	branch  *branch[T]
}

// Found is what stands for a template.
type Found[T any] struct {
	Value T
	Names []string
}

// Vars are the values of a path's parameters as they stand in it, in the order of
// Found.Names.
type Vars = [MaxParams]policy.Text

// At is the place for a template, made when it is new.
func (p *Paths[T]) At(t *Template) *Found[T] {
	b := &p.root
	for _, s := range t.segments {
		b = b.child(s)
	}
	if b.end == nil {
		b.end = &Found[T]{Names: t.Names}
	}
	return b.end
}

func (b *branch[T]) child(s segment) *branch[T] {
	if s.plain() {
		if b.texts == nil {
			b.texts = map[string]*branch[T]{}
		}
		c := b.texts[s.texts[0]]
		if c == nil {
			c = &branch[T]{}
			b.texts[s.texts[0]] = c
		}
		return c
	}
	for i := range b.params {
		if slices.Equal(b.params[i].segment.texts, s.texts) {
			return b.params[i].branch
		}
	}
	c := &branch[T]{}
	b.params = append(b.params, paramBranch[T]{s, c})
	slices.SortStableFunc(b.params, func(a, b paramBranch[T]) int { return b.segment.text() - a.segment.text() })
	return c
}

func (s segment) text() (n int) {
	for _, t := range s.texts {
		n += len(t)
	}
	return n
}

// Find finds what a canonical path leads to; nil: nothing. A slash at the end
// makes no difference where the document does not make one.
func (p *Paths[T]) Find(path policy.Text, vars *Vars) *Found[T] {
	if path.Empty() || path.At(0) != '/' {
		return nil
	}
	rest := path.Slice(1, path.Len())
	if f := p.root.find(rest, vars, 0, true); f != nil || rest.Empty() {
		return f
	}
	if path.HasSuffix("/") {
		return p.root.find(rest.Slice(0, rest.Len()-1), vars, 0, true)
	}
	return p.root.find(rest, vars, 0, false)
}

// find goes on with the rest of a path; exact: nothing may be behind it, else one
// empty segment must.
func (b *branch[T]) find(rest policy.Text, vars *Vars, n int, exact bool) *Found[T] {
	part, behind, more := rest.Cut('/')
	next := func(c *branch[T], n int) *Found[T] {
		switch {
		case more:
			return c.find(behind, vars, n, exact)
		case exact:
			return c.end
		}
		if e := c.texts[""]; e != nil {
			return e.end
		}
		return nil
	}
	if c, ok := policy.Find(b.texts, part); ok {
		if f := next(c, n); f != nil {
			return f
		}
	}
	for i := range b.params {
		s := &b.params[i]
		k := len(s.segment.texts) - 1
		if n+k <= len(vars) && s.segment.match(part, vars[n:n+k]) {
			if f := next(s.branch, n+k); f != nil {
				return f
			}
		}
	}
	return nil
}
