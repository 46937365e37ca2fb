package nginx

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a configuration.
const (
	MaxBytes   = 1 << 20
	maxTokens  = 100_000
	maxDepth   = 8
	maxServers = 100
)

// directive is one directive, with those of its block.
type directive struct {
	name  string
	args  []string
	line  int
	block []*directive
	open  bool // it has a block
}

func (d *directive) arg(i int) string {
	if i < len(d.args) {
		return d.args[i]
	}
	return ""
}

func (d *directive) String() string { return strings.Join(append([]string{d.name}, d.args...), " ") }

type token struct {
	text   string
	line   int
	quoted bool
}

func (t *token) is(s string) bool { return !t.quoted && t.text == s }

// parse reads a configuration. Nothing is included or evaluated.
func parse(text string) ([]*directive, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("is %d bytes, at most %d are allowed", len(text), MaxBytes)
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	out, err := p.block(0)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errors.New("is empty")
	}
	return out, nil
}

// scan splits a text into words, "{", "}" and ";".
func scan(text string) (out []token, err error) {
	line := 1
	for i := 0; i < len(text); {
		if len(out) > maxTokens {
			return nil, fmt.Errorf("has more than %d words", maxTokens)
		}
		switch c := text[i]; {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '{' || c == '}' || c == ';':
			out = append(out, token{text: string(c), line: line})
			i++
		case c == '"' || c == '\'':
			t := token{line: line, quoted: true}
			var b strings.Builder
			for i++; ; i++ {
				if i >= len(text) {
					return nil, fmt.Errorf("line %d: a quotation is not closed", t.line)
				}
				if text[i] == c {
					i++
					break
				}
				if text[i] == '\\' && i+1 < len(text) && (text[i+1] == c || text[i+1] == '\\') {
					i++
				}
				if text[i] == '\n' {
					line++
				}
				b.WriteByte(text[i])
			}
			t.text = b.String()
			out = append(out, t)
		default:
			from := i
			for i < len(text) && !strings.ContainsRune(" \t\r\n;", rune(text[i])) {
				// A brace is part of a word only as ${name}, or where a regular
				// expression counts (a{2}).
				if text[i] == '{' && text[i-1] != '$' && (i+1 >= len(text) || text[i+1] < '0' || text[i+1] > '9') {
					break
				}
				if text[i] == '}' && !strings.Contains(text[from:i], "{") {
					break
				}
				if text[i] == '\\' && i+1 < len(text) {
					i++
				}
				i++
			}
			i = min(i, len(text))
			out = append(out, token{text: text[from:i], line: line})
		}
	}
	return out, nil
}

type parser struct {
	tokens []token
	i      int
}

func (p *parser) block(depth int) (out []*directive, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: blocks are nested deeper than %d", p.tokens[p.i-1].line, maxDepth)
	}
	for p.i < len(p.tokens) {
		t := &p.tokens[p.i]
		if t.is("}") {
			if depth == 0 {
				return nil, fmt.Errorf("line %d: a \"}\" closes nothing", t.line)
			}
			return out, nil
		}
		d, err := p.directive(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	if depth > 0 {
		return nil, fmt.Errorf("line %d: a block is not closed: the text ends", p.tokens[len(p.tokens)-1].line)
	}
	return out, nil
}

func (p *parser) directive(depth int) (*directive, error) {
	first := &p.tokens[p.i]
	if first.is("{") || first.is(";") {
		return nil, fmt.Errorf("line %d: a directive begins with its name, not with %q", first.line, first.text)
	}
	d := &directive{name: first.text, line: first.line}
	for p.i++; p.i < len(p.tokens); p.i++ {
		t := &p.tokens[p.i]
		switch {
		case t.is(";"):
			p.i++
			return d, nil
		case t.is("}"):
			return nil, fmt.Errorf("line %d: the directive %s does not end with \";\"", d.line, d.name)
		case t.is("{"):
			p.i++
			d.open = true
			inner, err := p.block(depth + 1)
			if err != nil {
				return nil, err
			}
			d.block = inner
			p.i++ // its "}"
			return d, nil
		default:
			d.args = append(d.args, t.text)
		}
	}
	return nil, fmt.Errorf("line %d: the directive %s does not end with \";\": the text ends", d.line, d.name)
}
