package jsonschema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	js "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/tollgate/tollgate/services/contract"
)

// flatten turns the library's tree of errors into a list of bad fields: each once
// a reason, in the order of their pointers. Of alternatives that all fail it names
// the place, not every reason of each.
func flatten(e *js.ValidationError) contract.FieldErrors {
	var out contract.FieldErrors
	walk(e, &out)
	slices.SortStableFunc(out, func(a, b contract.FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
	return slices.Compact(out)
}

// maxCollected bounds the list before it is sorted and cut.
const maxCollected = 1000

func walk(e *js.ValidationError, out *contract.FieldErrors) {
	if len(*out) >= maxCollected {
		return
	}
	at := pointer(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			out.Add(at+contract.Pointer(name), "is missing")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			out.Add(at+contract.Pointer(name), "is not known here")
		}
	case *kind.AnyOf:
		out.Add(at, "fits none of the allowed forms"+closest(e))
	case *kind.OneOf:
		if len(k.Subschemas) > 1 {
			out.Add(at, "fits more than one of the forms of which it must fit one")
			return
		}
		out.Add(at, "fits none of the allowed forms"+closest(e))
	default:
		if len(e.Causes) == 0 {
			out.Add(at, reason(e.ErrorKind))
			return
		}
		for _, c := range e.Causes {
			walk(c, out)
		}
	}
}

// closest tells of the alternative that failed in the fewest places, where that is
// one.
func closest(e *js.ValidationError) string {
	var best contract.FieldErrors
	for _, c := range e.Causes {
		var one contract.FieldErrors
		walk(c, &one)
		if len(one) > 0 && (best == nil || len(one) < len(best)) {
			best = one
		}
	}
	if len(best) != 1 {
		return ""
	}
	at := best[0].Pointer
	if at == "" {
		at = "the document"
	}
	return cut(": nearest is one where " + at + " " + best[0].Detail)
}

func pointer(location []string) string {
	var b strings.Builder
	for _, p := range location {
		b.WriteString(contract.Pointer(p))
	}
	return b.String()
}

var english = message.NewPrinter(language.English)

// reason says what is wrong without saying what stood there.
func reason(k js.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "is of type " + k.Got + ", must be " + strings.Join(k.Want, " or ")
	case *kind.Enum:
		return cut("must be one of " + list(k.Want))
	case *kind.Const:
		return cut("must be " + list([]any{k.Want}))
	case *kind.Format:
		return "is no valid " + k.Want
	case *kind.Pattern:
		return cut("does not fit the pattern " + k.Want)
	case *kind.FalseSchema:
		return "is not allowed here"
	case *kind.Not:
		return "has a form that is not allowed"
	case *kind.MinLength:
		return fmt.Sprintf("has %d characters, at least %d are needed", k.Got, k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters, at most %d are allowed", k.Got, k.Want)
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	case *kind.PropertyNames:
		return "has a name that is not allowed"
	}
	return cut(k.LocalizedString(english))
}

func list(values []any) string {
	parts := make([]string, 0, len(values))
	for _, v := range values {
		b, err := json.Marshal(v)
		if err != nil {
			b = []byte("?")
		}
		parts = append(parts, string(b))
	}
	return strings.Join(parts, ", ")
}
