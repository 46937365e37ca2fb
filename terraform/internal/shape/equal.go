package shape

import (
	"bytes"
	"encoding/json"
	"io"
	"math/big"
	"strings"
	"time"
)

// decode reads JSON and keeps numbers as they were written.
func decode(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return ErrJSON
	}
	return nil
}

// number returns what a JSON number of any of Go's forms stands for.
func number(v any) (*big.Float, bool) {
	switch v := v.(type) {
	case json.Number:
		f, _, err := big.ParseFloat(v.String(), 10, 256, big.ToNearestEven)
		return f, err == nil
	case float64:
		return big.NewFloat(v), true
	}
	return nil, false
}

// Equal says whether two JSON values are the same.
func Equal(a, b any) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x.Cmp(y) == 0
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case Schema:
		b, ok := b.(Schema)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !Equal(v, w) {
				return false
			}
		}
		return true
	}
	if _, ok := number(b); ok {
		return false
	}
	switch b.(type) {
	case []any, Schema:
		return false
	}
	return a == b
}

// same says whether two JSON values of a scalar type mean the same.
func (t *Type) same(a, b any) bool {
	x, okA := a.(string)
	y, okB := b.(string)
	if okA && okB {
		switch t.Kind {
		case String:
			if t.Fold {
				return strings.EqualFold(x, y)
			}
		case Duration:
			p, errP := time.ParseDuration(x)
			q, errQ := time.ParseDuration(y)
			if errP == nil && errQ == nil {
				return p == q
			}
		case Time:
			p, errP := time.Parse(time.RFC3339Nano, x)
			q, errQ := time.Parse(time.RFC3339Nano, y)
			if errP == nil && errQ == nil {
				return p.Equal(q)
			}
		}
	}
	return Equal(a, b)
}

// absent says whether v means the same as leaving f out.
func (f *Field) absent(v any, ok bool) bool {
	if !ok || v == nil && f.Type.Kind != JSON {
		return true
	}
	if f.NoAbsent {
		return false
	}
	return f.Absent != nil && f.Type.same(v, f.Absent)
}

// Least returns an object of the API without the fields that mean the same as being
// left out; what hangs below the others stays as it is.
func (t *Type) Least(m Schema) Schema {
	out := make(Schema, len(m))
	for k, v := range m {
		out[k] = v
	}
	for _, f := range t.Fields {
		if v, ok := out[f.wire()]; ok && f.absent(v, true) {
			delete(out, f.wire())
		}
	}
	return out
}
