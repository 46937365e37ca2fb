package document

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Kind is a way to write documents.
type Kind uint8

// Kinds of documents.
const (
	None Kind = iota
	JSON
	XML
	Form
)

var kindNames = [...]string{"", "json", "xml", "form"}

// String is the kind's name in configurations.
func (k Kind) String() string { return kindNames[k] }

// KindByName finds a kind by its name in configurations.
func KindByName(name string) Kind {
	for k := JSON; k <= Form; k++ {
		if kindNames[k] == name {
			return k
		}
	}
	return None
}

// ContentType is the content type that documents of the kind are written with.
func (k Kind) ContentType() string {
	switch k {
	case JSON:
		return "application/json"
	case XML:
		return "application/xml"
	case Form:
		return "application/x-www-form-urlencoded"
	}
	return ""
}

// KindOf says what a Content-Type promises. A charset other than UTF-8 (or its
// part US-ASCII) is None: such a body is not read.
func KindOf(contentType policy.Text) Kind {
	media, params, _ := contentType.Cut(';')
	media = media.Trim()
	if !utf8Only(params) {
		return None
	}
	switch {
	case media.Fold("application/json"), suffixFold(media, "+json"):
		return JSON
	case media.Fold("application/xml"), media.Fold("text/xml"), suffixFold(media, "+xml"):
		return XML
	case media.Fold("application/x-www-form-urlencoded"):
		return Form
	}
	return None
}

func suffixFold(t policy.Text, suffix string) bool {
	return t.Len() > len(suffix) && t.Slice(t.Len()-len(suffix), t.Len()).Fold(suffix)
}

// utf8Only looks at the parameters of a content type.
func utf8Only(params policy.Text) bool {
	for more := !params.Empty(); more; {
		var p policy.Text
		p, params, more = params.Cut(';')
		name, value, _ := p.Trim().Cut('=')
		if !name.Trim().Fold("charset") {
			continue
		}
		value = value.Trim()
		if n := value.Len(); n > 1 && value.At(0) == '"' && value.At(n-1) == '"' {
			value = value.Slice(1, n-1)
		}
		if !value.Fold("utf-8") && !value.Fold("us-ascii") {
			return false
		}
	}
	return true
}

// Accepts lists the content types of kinds for a caller, as in "application/json
// or application/xml".
func Accepts(kinds ...Kind) string {
	names := make([]string, 0, len(kinds))
	for _, k := range kinds {
		names = append(names, k.ContentType())
	}
	return strings.Join(names, " or ")
}

// Parse reads a document of a kind. Its error is a *SyntaxError.
func Parse(k Kind, b []byte) (any, error) {
	switch k {
	case JSON:
		return ParseJSON(b)
	case XML:
		return ParseXML(b)
	case Form:
		return ParseForm(b)
	}
	return nil, &SyntaxError{0, "the body's kind is not known"}
}

// Append writes a document of a kind of at most limit bytes: ErrTooLarge beyond.
// Other errors say which value has no form in that kind.
func Append(k Kind, b []byte, v any, limit int) ([]byte, error) {
	switch k {
	case JSON:
		return AppendJSON(b, v, limit)
	case XML:
		return AppendXML(b, v, limit)
	case Form:
		return AppendForm(b, v, limit)
	}
	return nil, &SyntaxError{0, "the body's kind is not known"}
}

// Readable reports whether a text that comes from a request is UTF-8.
func Readable(s string) bool { return utf8.ValidString(s) }

// Whole is a body in one piece; it is not to be changed.
func Whole(b policy.Body) []byte {
	var out []byte
	n := 0
	for c := range b.Chunks() {
		if n++; n == 1 {
			out = c[:len(c):len(c)]
			continue
		}
		if n == 2 {
			out = slices.Grow(slices.Clone(out), int(b.Len()))
		}
		out = append(out, c...)
	}
	return out
}
