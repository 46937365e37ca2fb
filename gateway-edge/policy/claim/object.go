package claim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"unicode/utf8"
)

var errObject = errors.New("not one JSON object in strict form")

// Object decodes a JSON object strictly: valid UTF-8, no repeated names, at most
// depth levels deep, nothing behind it. Numbers are json.Number.
func Object(b []byte, depth int) (map[string]any, error) {
	if !utf8.Valid(b) {
		return nil, errObject
	}
	if err := strictJSON(b, depth); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil || m == nil {
		return nil, errObject
	}
	return m, nil
}

// strictJSON refuses repeated names, of which parsers take the first or the
// last, deep nesting, and anything behind the value.
func strictJSON(b []byte, depth int) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := strictValue(dec, depth); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errObject
	}
	return nil
}

func strictValue(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil || depth < 0 {
		return errObject
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			t, err := dec.Token()
			name, ok := t.(string)
			if err != nil || !ok || seen[name] {
				return errObject
			}
			seen[name] = true
		}
		if err := strictValue(dec, depth-1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errObject
	}
	return nil
}

// NumericDate reads a claim of RFC 7519's NumericDate in Unix seconds. ok is
// false when it is there and no sensible number.
func NumericDate(claims map[string]any, name string) (sec int64, there, ok bool) {
	v, there := claims[name]
	if !there {
		return 0, false, true
	}
	n, isNumber := v.(json.Number)
	if !isNumber {
		return 0, true, false
	}
	f, err := n.Float64()
	if err != nil || math.IsNaN(f) || f < 0 || f > 1<<53 {
		return 0, true, false
	}
	return int64(f), true, true
}

// Plain copies claims with json.Number turned into float64, as readers of a
// principal's claims expect.
func Plain(claims map[string]any) map[string]any {
	out := make(map[string]any, len(claims))
	for k, v := range claims {
		out[k] = plain(v)
	}
	return out
}

func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f
		}
	case map[string]any:
		return Plain(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	}
	return v
}

// Weight estimates the memory that claims take, in bytes: many times their text
// where that is of empty lists and objects.
func Weight(claims map[string]any) int {
	w := 48
	if n := len(claims); n > 0 {
		slots := 8
		for 7*slots < 8*n {
			slots *= 2
		}
		w += 34 * slots
	}
	for k, v := range claims {
		w += 16 + len(k) + weight(v)
	}
	return w
}

func weight(v any) int {
	switch v := v.(type) {
	case map[string]any:
		return Weight(v)
	case []any:
		w := 24 + 16*len(v)
		for _, e := range v {
			w += weight(e)
		}
		return w
	case string:
		if v == "" {
			return 0
		}
		return 24 + len(v)
	}
	return 8
}
