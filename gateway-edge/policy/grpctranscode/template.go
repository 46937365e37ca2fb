package grpctranscode

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
)

// maxSegments bounds a template, and the requests' paths that are looked at.
const maxSegments = 64

type segmentKind uint8

const (
	literal segmentKind = iota
	one                 // "*": one segment, not empty
	many                // "**": the rest, perhaps nothing
)

type segment struct {
	kind segmentKind
	text string // of a literal, in the canonical form of paths
}

// capture is a variable of a template: the segments from up to to take part; to is
// -1 where they go to the end.
type capture struct {
	field    string
	from, to int
}

// template is a path template of google.api.http (google/api/http.proto):
//
//	Template = "/" Segments [ Verb ] ;
//	Segments = Segment { "/" Segment } ;
//	Segment  = "*" | "**" | LITERAL | Variable ;
//	Variable = "{" FieldPath [ "=" Segments ] "}" ;
//	FieldPath = IDENT { "." IDENT } ;
//	Verb     = ":" LITERAL ;
type template struct {
	segments []segment
	captures []capture
	verb     string
}

// parseTemplate reads a template.
func parseTemplate(s string) (*template, error) {
	if !strings.HasPrefix(s, "/") || len(s) > 1024 {
		return nil, errors.New("begins with \"/\" and has at most 1024 bytes")
	}
	p := &templateParser{rest: s[1:], t: &template{}}
	for {
		if err := p.segment(true); err != nil {
			return nil, err
		}
		if !p.take("/") {
			break
		}
	}
	if p.take(":") {
		if p.t.verb = p.literal(); p.t.verb == "" {
			return nil, errors.New("a verb behind \":\" is missing")
		}
	}
	if p.rest != "" {
		return nil, fmt.Errorf("%q can't stand there", p.rest)
	}
	for i, g := range p.t.segments {
		if g.kind == many && i != len(p.t.segments)-1 {
			return nil, errors.New("\"**\" stands at the end only")
		}
	}
	if len(p.t.segments) > maxSegments {
		return nil, fmt.Errorf("has more than %d segments", maxSegments)
	}
	return p.t, nil
}

type templateParser struct {
	rest string
	t    *template
}

func (p *templateParser) take(s string) bool {
	if !strings.HasPrefix(p.rest, s) {
		return false
	}
	p.rest = p.rest[len(s):]
	return true
}

func (p *templateParser) literal() string {
	n := strings.IndexAny(p.rest, "/{}:=*")
	if n < 0 {
		n = len(p.rest)
	}
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s
}

func (p *templateParser) segment(variables bool) error {
	switch {
	case p.take("**"):
		p.t.segments = append(p.t.segments, segment{kind: many})
	case p.take("*"):
		p.t.segments = append(p.t.segments, segment{kind: one})
	case variables && p.take("{"):
		return p.variable()
	default:
		text := p.literal()
		canon, err := match.PathString("/" + text)
		if text == "" || err != nil || strings.Count(canon, "/") != 1 || canon == "/" {
			return fmt.Errorf("an empty segment, or one that no path has, at %q", text+p.rest)
		}
		p.t.segments = append(p.t.segments, segment{text: canon[1:]})
	}
	return nil
}

func (p *templateParser) variable() error {
	n := strings.IndexAny(p.rest, "=}")
	if n <= 0 {
		return errors.New("a variable is written {name} or {name=pattern}")
	}
	c := capture{field: p.rest[:n], from: len(p.t.segments)}
	p.rest = p.rest[n:]
	if p.take("=") {
		for {
			if err := p.segment(false); err != nil {
				return err
			}
			if !p.take("/") {
				break
			}
		}
	} else {
		p.t.segments = append(p.t.segments, segment{kind: one})
	}
	if !p.take("}") {
		return fmt.Errorf("the variable %s is not closed", c.field)
	}
	if c.to = len(p.t.segments); p.t.segments[c.to-1].kind == many {
		c.to = -1
	}
	p.t.captures = append(p.t.captures, c)
	return nil
}
