package aggregate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy/jq"
)

// text is a text with jq in braces: each stands for a string, a number or a
// boolean that it gives.
type text []piece

type piece struct {
	literal string
	jq      *jq.Program // nil: literal
}

// text compiles a text. Braces inside the jq are balanced; a doubled one outside
// stands for one.
func (k *compiler) text(field, s string) (out text) {
	if len(s) > maxText {
		k.add(field, fmt.Sprintf("is %d bytes, at most %d are allowed", len(s), maxText))
		return nil
	}
	var literal strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case (c == '{' || c == '}') && i+1 < len(s) && s[i+1] == c:
			literal.WriteByte(c)
			i++
		case c == '}':
			k.add(field, fmt.Sprintf("character %d: \"}\" closes nothing; write }} for a brace", i+1))
			return nil
		case c == '{':
			end := closing(s[i:])
			if end < 0 {
				k.add(field, fmt.Sprintf("character %d: \"{\" is not closed; write {{ for a brace", i+1))
				return nil
			}
			if literal.Len() > 0 {
				out = append(out, piece{literal: literal.String()})
				literal.Reset()
			}
			out = append(out, piece{jq: k.program(field, s[i+1:i+end])})
			i += end
		default:
			literal.WriteByte(c)
		}
	}
	if literal.Len() > 0 {
		out = append(out, piece{literal: literal.String()})
	}
	return out
}

// closing finds the brace that closes the first one.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

var errNoText = errors.New("a value in a text is no string, number or boolean")

// expand makes the text for a document. Values go through escape.
func (t text) expand(doc any, escape func([]byte, string) []byte) (string, error) {
	var out []byte
	for i := range t {
		if t[i].jq == nil {
			out = append(out, t[i].literal...)
			continue
		}
		v, err := t[i].jq.Run(doc)
		if err != nil {
			return "", err
		}
		s, ok := scalar(v)
		if !ok {
			return "", errNoText
		}
		out = escape(out, s)
	}
	return string(out), nil
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case nil, []any, map[string]any:
		return "", false
	}
	b, err := json.Marshal(v)
	return string(b), err == nil
}

func plain(b []byte, s string) []byte { return append(b, s...) }
