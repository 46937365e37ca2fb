package claim_test

import (
	"encoding/json"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
)

func TestHas(t *testing.T) {
	t.Parallel()
	claims := map[string]any{
		"sub": "u1", "admin": true, "level": float64(3), "big": float64(12345678901), "exact": json.Number("0.10"),
		"groups": []any{"a", "b", float64(7)}, "realm": map[string]any{"roles": []any{"r1"}, "a/b": map[string]any{"c~d": "x"}},
		"/literal": "yes", "none": nil,
	}
	for _, c := range []struct {
		name   string
		values []string
		want   bool
	}{
		{"sub", []string{"u0", "u1"}, true},
		{"sub", []string{"U1"}, false},
		{"sub", nil, false},
		{"admin", []string{"true"}, true},
		{"admin", []string{"false"}, false},
		{"level", []string{"3"}, true},
		{"big", []string{"12345678901"}, true},
		{"exact", []string{"0.10"}, true},
		{"groups", []string{"b"}, true},
		{"groups", []string{"7"}, true},
		{"groups", []string{"c"}, false},
		{"/realm/roles", []string{"r1"}, true},
		{"/realm/a~1b/c~0d", []string{"x"}, true},
		{"/realm/roles/deeper", []string{"r1"}, false},
		{"/sub/x", []string{"u1"}, false},
		{"/literal", []string{"yes"}, true},
		{"realm", []string{"r1"}, false},
		{"none", []string{""}, false},
		{"absent", []string{""}, false},
	} {
		if got := claim.Has(claim.Lookup(claims, c.name), c.values); got != c.want {
			t.Errorf("%s in %q: %v", c.name, c.values, got)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{`"a"`: 1, `["a","b"]`: 2, `[]`: 0} {
		var v claim.Values
		if err := json.Unmarshal([]byte(in), &v); err != nil || len(v) != want {
			t.Errorf("%s is %q, %v", in, v, err)
		}
	}
	for _, in := range []string{`1`, `{"a":1}`, `[1]`} {
		var v claim.Values
		if json.Unmarshal([]byte(in), &v) == nil {
			t.Errorf("%s is taken as %q", in, v)
		}
	}
}
