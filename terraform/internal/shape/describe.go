package shape

import (
	"encoding/json"
	"fmt"
	"strings"
)

// doc is what a schema says of itself, as Markdown on one line.
func doc(s Schema) string {
	text, _ := s["description"].(string)
	if text == "" {
		text, _ = s["title"].(string)
	}
	return strings.Join(strings.Fields(text), " ")
}

// limits is what a schema bounds, as Markdown.
func limits(s Schema) string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if of, ok := s["enum"].([]any); ok {
		words := make([]string, len(of))
		for i, v := range of {
			words[i] = "`" + text(v) + "`"
		}
		say("one of %s", strings.Join(words, ", "))
	}
	between(s, "minimum", "maximum", "", say)
	between(s, "minLength", "maxLength", " characters", say)
	between(s, "minItems", "maxItems", " items", say)
	between(s, "minProperties", "maxProperties", " entries", say)
	if p, ok := s["pattern"].(string); ok && !strings.Contains(p, "(ns|us|") {
		say("matches `%s`", p)
	}
	if d, ok := s["default"]; ok {
		say("default `%s`", text(d))
	}
	return strings.Join(parts, "; ")
}

func between(s Schema, low, high, unit string, say func(string, ...any)) {
	l, hasLow := s[low].(float64)
	h, hasHigh := s[high].(float64)
	switch {
	case hasLow && hasHigh && l == 1 && unit == " characters":
		say("at most %s%s", text(h), unit)
	case hasLow && hasHigh:
		say("%s to %s%s", text(l), text(h), unit)
	case hasHigh:
		say("at most %s%s", text(h), unit)
	case hasLow:
		say("at least %s%s", text(l), unit)
	}
}

// text is a JSON value as a reader writes it.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// Describe is the Markdown of an attribute.
func (f *Field) Describe() string {
	out := f.Doc
	if f.Type.Limits != "" {
		if out != "" {
			out = strings.TrimRight(out, ".") + ". "
		}
		out += strings.ToUpper(f.Type.Limits[:1]) + f.Type.Limits[1:] + "."
	}
	return out
}
