package claim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
)

// Values is one string or several, as configurations hold them.
type Values []string

// UnmarshalJSON reads "a" or ["a", "b"].
func (v *Values) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*v = make(Values, 1)
		return contract.DecodeStrict(b, &(*v)[0])
	}
	return contract.DecodeStrict(b, (*[]string)(v))
}

// Lookup finds a claim by its name, or by a JSON pointer for one inside another
// ("/realm_access/roles"); nil when there is none.
func Lookup(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok || !strings.HasPrefix(name, "/") {
		return v
	}
	var v any = claims
	for step := range strings.SplitSeq(name[1:], "/") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")]
	}
	return v
}

// Has reports whether a claim, or one element of an array, is one of the values.
func Has(claim any, values []string) bool {
	if list, ok := claim.([]any); ok {
		for _, v := range list {
			if scalar(v, values) {
				return true
			}
		}
		return false
	}
	return scalar(claim, values)
}

func scalar(v any, values []string) bool {
	switch v := v.(type) {
	case string:
		return slices.Contains(values, v)
	case bool:
		return slices.Contains(values, strconv.FormatBool(v))
	case json.Number:
		return slices.Contains(values, v.String())
	case float64:
		// A principal's numbers; a whole one is written without an exponent.
		return slices.Contains(values, strconv.FormatFloat(v, 'f', -1, 64))
	}
	return false
}
