package match

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Bounds of a route's path.
const (
	MaxPathPattern = 2048 // bytes
	MaxSegments    = 64
	MaxPathParams  = 8
	maxRegexInst   = 512 // instructions of the compiled program: bounds the time of a match
)

// PathKind is the kind of a route's path, best first: where several routes of
// the same priority take a path, the smaller kind wins.
type PathKind uint8

// Kinds of paths.
const (
	Exact  PathKind = iota // "/a/b"
	Params                 // "/a/{id}": each parameter is one whole, non-empty segment
	Tail                   // "/a/{rest+}": one or more segments at the end
	Prefix                 // "/a/*": "/a", "/a/" and all below
	Regex                  // "~^/regex$": RE2 on the whole path
)

// String returns the kind's name for explanations.
func (k PathKind) String() string {
	return [...]string{"exact path", "path with parameters", "tail path", "prefix path", "regular expression"}[k]
}

// Segment is one segment of a path: a literal in canonical form, or the name of
// a parameter.
type Segment struct {
	Literal string
	Param   string // not empty: any one segment
}

// Path is a route's parsed path. It is immutable.
type Path struct {
	Kind     PathKind
	Segments []Segment // all but a tail's and a prefix's open end; nil for Regex
	Tail     string    // the tail parameter's name
	Slash    bool      // Exact, Params: written with a trailing slash
	Regex    *regexp.Regexp
	// Literal is what every path that Regex matches begins with, and Steps the
	// size of its program: a match costs at most Steps × length.
	Literal string
	Steps   int
	text    string
}

// String returns the path as it was written.
func (p *Path) String() string { return p.text }

// Text returns an Exact path's canonical form without a trailing slash ("/" for
// the root), which is how the router looks it up.
func (p *Path) Text() string {
	if len(p.Segments) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, s := range p.Segments {
		b.WriteByte('/')
		b.WriteString(s.Literal)
	}
	return b.String()
}

// Takes reports whether a path in canonical form fits, whether or not it ends with a
// slash.
func (p *Path) Takes(path string) bool {
	if p.Kind == Regex {
		return p.Regex.MatchString(path)
	}
	var parts []string
	if path = strings.TrimSuffix(path, "/"); path != "" {
		parts = strings.Split(path[1:], "/")
	}
	if len(parts) < len(p.Segments) {
		return false
	}
	for i, s := range p.Segments {
		if s.Param == "" && s.Literal != parts[i] {
			return false
		}
	}
	switch more := len(parts) - len(p.Segments); p.Kind {
	case Tail:
		return more > 0
	case Prefix:
		return true
	default:
		return more == 0
	}
}

// ParsePath reads the path of a route:
//
//	/a/b          exactly this path
//	/a/{id}/c     any one segment in the place of {id}
//	/a/{rest+}    one or more segments at the end
//	/a/*          /a itself and everything below
//	~^/a/[0-9]+$  a regular expression (RE2) on the whole path
//
// Literal segments are brought into the canonical form of CanonPath, so that they
// may be written with or without escapes.
func ParsePath(s string) (*Path, error) {
	if len(s) > MaxPathPattern {
		return nil, &Error{"path", MaxPathPattern, "it is longer than 2048 bytes"}
	}
	if strings.HasPrefix(s, "~") {
		return parseRegex(s)
	}
	if s == "" || s[0] != '/' {
		return nil, &Error{"path", 0, "it begins neither with \"/\" nor, for a regular expression, with \"~\""}
	}
	p := &Path{Kind: Exact, text: s}
	if s == "/" {
		p.Slash = true
		return p, nil
	}
	parts := strings.Split(s[1:], "/")
	if len(parts) > MaxSegments {
		return nil, &Error{"path", 0, "it has more than 64 segments"}
	}
	at := 1
	for i, part := range parts {
		if err := p.add(part, at, i == len(parts)-1); err != nil {
			return nil, err
		}
		at += len(part) + 1
	}
	return p, p.checkParams()
}

// add appends one segment, which stands at byte at of the text.
func (p *Path) add(part string, at int, last bool) error {
	switch {
	case part == "":
		if !last {
			return &Error{"path", at, "a segment is empty"}
		}
		p.Slash = true
		return nil
	case part == "*":
		if !last {
			return &Error{"path", at, "\"*\" may stand at the end only"}
		}
		p.Kind = Prefix
		return nil
	case strings.ContainsAny(part, "{}*"):
		return p.addParam(part, at, last)
	}
	canon, err := PathString("/" + part)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Offset += at - 1
		}
		return err
	}
	if len(canon) < 2 || part == "." || part == ".." {
		return &Error{"path", at, "dot segments are not allowed"}
	}
	p.Segments = append(p.Segments, Segment{Literal: canon[1:]})
	return nil
}

func (p *Path) addParam(part string, at int, last bool) error {
	if part[0] != '{' || part[len(part)-1] != '}' {
		return &Error{"path", at, "a parameter is a whole segment, such as {id}; \"*\" stands alone at the end"}
	}
	name, tail := strings.CutSuffix(part[1:len(part)-1], "+")
	if !paramName(name) {
		return &Error{"path", at + 1, "a parameter's name is a letter or \"_\", then up to 63 letters, digits, \"_\" or \"-\""}
	}
	if tail {
		if !last {
			return &Error{"path", at, "a tail parameter may stand at the end only"}
		}
		p.Kind, p.Tail = Tail, name
		return nil
	}
	p.Kind = Params
	p.Segments = append(p.Segments, Segment{Param: name})
	return nil
}

func (p *Path) checkParams() error {
	seen := map[string]bool{}
	n := 0
	check := func(name string) error {
		if name == "" {
			return nil
		}
		if n++; n > MaxPathParams {
			return &Error{"path", 0, "it has more than 8 parameters, its tail included"}
		}
		if seen[name] {
			return &Error{"path", strings.LastIndex(p.text, "{"+name), "the parameter's name stands here a second time"}
		}
		seen[name] = true
		return nil
	}
	for _, s := range p.Segments {
		if err := check(s.Param); err != nil {
			return err
		}
	}
	return check(p.Tail)
}

func paramName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// parseRegex compiles "~expr" so that it matches whole paths only, and refuses
// programs whose matching could take long.
func parseRegex(s string) (*Path, error) {
	expr := s[1:]
	re, literal, steps, err := compileWhole(expr)
	if err != nil {
		return nil, &Error{"path", 1, err.Error()}
	}
	return &Path{Kind: Regex, Regex: re, Literal: literal, Steps: steps, text: s}, nil
}

// compileWhole compiles a regular expression that must match a whole text.
// literal is what every match begins with, steps the size of the program.
func compileWhole(expr string) (re *regexp.Regexp, literal string, steps int, err error) {
	if expr == "" {
		return nil, "", 0, errors.New("the regular expression is empty")
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, "", 0, err
	}
	if tree.MaxCap() > 2*MaxPathParams {
		return nil, "", 0, errors.New("the regular expression has more than 16 groups")
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, "", 0, err
	}
	if len(prog.Inst) > maxRegexInst {
		return nil, "", 0, errors.New("the regular expression is too large: it compiles to more than 512 steps")
	}
	if re, err = regexp.Compile(`\A(?:` + expr + `)\z`); err != nil {
		return nil, "", 0, err
	}
	// A leading "^" is always true where the whole text must match, and would
	// hide the literal.
	if bare, err := regexp.Compile(strings.TrimPrefix(expr, "^")); err == nil {
		literal, _ = bare.LiteralPrefix()
	}
	return re, literal, len(prog.Inst), nil
}
