package scan

import "github.com/tollgate/tollgate/gateway-edge/policy"

// Kind is what a media type is read as.
type Kind uint8

// Kinds of a body.
const (
	Other Kind = iota
	KindJSON
	KindJSONLines
	KindXML
	KindForm
	KindMultipart
)

// MediaType is a field Content-Type, taken apart. Its texts are the exchange's.
type MediaType struct {
	Type     policy.Text // type/subtype, as spelled
	Kind     Kind
	Boundary policy.Text
	Charset  policy.Text
}

// ReadMediaType takes a Content-Type apart (RFC 9110 8.3). It refuses what is
// malformed, and a parameter that stands there twice.
func ReadMediaType(v policy.Text) (m MediaType, ok bool) {
	typ, rest, more := v.Cut(';')
	m.Type = typ.Trim()
	slash := m.Type.Index('/')
	if slash < 1 || !token(m.Type.Slice(0, slash)) || !token(m.Type.Slice(slash+1, m.Type.Len())) {
		return m, false
	}
	m.Kind = kindOf(m.Type)
	for more {
		var name, value policy.Text
		if name, value, rest, more, ok = parameter(rest); !ok {
			return m, false
		}
		switch {
		case name.Empty(): // ";" at the end
		case name.Fold("boundary"):
			if !m.Boundary.Empty() || value.Empty() {
				return m, false
			}
			m.Boundary = value
		case name.Fold("charset"):
			if !m.Charset.Empty() || value.Empty() {
				return m, false
			}
			m.Charset = value
		}
	}
	return m, true
}

// UTF8 reports that the type names no other character set than UTF-8.
func (m *MediaType) UTF8() bool {
	return m.Charset.Empty() || m.Charset.Fold("utf-8") || m.Charset.Fold("utf8") || m.Charset.Fold("us-ascii")
}

// parameter reads one parameter and what stands behind its ";".
func parameter(t policy.Text) (name, value, rest policy.Text, more, ok bool) {
	t = t.Trim()
	if t.Empty() {
		return name, value, rest, false, true
	}
	eq := t.Index('=')
	if eq < 1 || !token(t.Slice(0, eq)) {
		return name, value, rest, false, false
	}
	name, t = t.Slice(0, eq), t.Slice(eq+1, t.Len())
	if t.HasPrefix(`"`) {
		t = t.Slice(1, t.Len())
		end := t.Index('"')
		if end < 0 || t.Slice(0, end).Index('\\') >= 0 {
			return name, value, rest, false, false
		}
		value, t = t.Slice(0, end), t.Slice(end+1, t.Len()).Trim()
		if t.Empty() {
			return name, value, rest, false, true
		}
		if t.At(0) != ';' {
			return name, value, rest, false, false
		}
		return name, value, t.Slice(1, t.Len()), true, true
	}
	value, rest, more = t.Cut(';')
	if value = value.Trim(); !token(value) {
		return name, value, rest, false, false
	}
	return name, value, rest, more, true
}

func kindOf(t policy.Text) Kind {
	switch {
	case t.Fold("application/json"), t.Fold("text/json"), foldSuffix(t, "+json"):
		return KindJSON
	case t.Fold("application/x-ndjson"), t.Fold("application/ndjson"), t.Fold("application/jsonl"), t.Fold("application/x-jsonlines"):
		return KindJSONLines
	case t.Fold("application/xml"), t.Fold("text/xml"), foldSuffix(t, "+xml"):
		return KindXML
	case t.Fold("application/x-www-form-urlencoded"):
		return KindForm
	case t.HasPrefixFold("multipart/"):
		return KindMultipart
	}
	return Other
}

func foldSuffix(t policy.Text, s string) bool {
	return t.Len() >= len(s) && t.Slice(t.Len()-len(s), t.Len()).Fold(s)
}

func token(t policy.Text) bool {
	for i := range t.Len() {
		c := t.At(i)
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9') && !tokenMark[c] {
			return false
		}
	}
	return t.Len() > 0
}

var tokenMark = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] = true
	}
	return t
}()

// TypePattern is "type/subtype", "type/*" or "*/*".
type TypePattern struct{ exact, prefix string }

// NewTypePattern makes a pattern. False: it is none.
func NewTypePattern(s string) (TypePattern, bool) {
	if s == "*/*" {
		return TypePattern{}, true
	}
	t := policy.Static(s)
	slash := t.Index('/')
	if slash < 1 || !token(t.Slice(0, slash)) || s[:slash] == "*" {
		return TypePattern{}, false
	}
	if s[slash:] == "/*" {
		return TypePattern{prefix: s[:slash+1]}, true
	}
	return TypePattern{exact: s}, token(t.Slice(slash+1, len(s)))
}

// Fits reports whether a type/subtype is what the pattern says.
func (p TypePattern) Fits(t policy.Text) bool {
	if p.exact != "" {
		return t.Fold(p.exact)
	}
	return t.HasPrefixFold(p.prefix)
}
