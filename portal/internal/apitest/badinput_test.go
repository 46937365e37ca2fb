package apitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/portal/internal/authz"
)

// garbage are bodies that fit no operation.
var garbage = [][]byte{
	nil, []byte(""), []byte("{"), []byte("[]"), []byte("null"), []byte(`"x"`), []byte("0"), []byte("{}{}"), []byte(`{"a":1}`),
	[]byte("\xff\xfe{}"), []byte(`{"name":"` + "\xff\xc0" + `"}`), []byte(`{"name":"\u0000"}`), []byte(`{"\u0000":1}`),
	[]byte(strings.Repeat("[", 20000)), []byte(strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)),
	[]byte(`{"limit":1e999}`), []byte(`{"name":` + strings.Repeat("9", 400) + `}`), []byte("{\"a\":1,}"),
}

// odd are values that take a good one's place.
var odd = []any{
	nil, true, -1, 0, 1e300, json.Number("123456789012345678901234567890"), "", "x", strings.Repeat("y", 3000), "\x00", "\u202e", "'; DROP TABLE users; --",
	"<script>alert(1)</script>", "../../etc/passwd", "NaN", "-1s", "9999999999999h", "2026-13-45T00:00:00Z", "~^(((((a+)+)+)+)+$", "~^[", "/{a}{b}", "/{}", "/%zz",
	[]any{},
	[]any{nil},
	[]any{[]any{}},
	object{},
	object{"": ""},
	object{"a": object{"b": []any{1, "2", nil}}},
}

// pathTexts take the place of a path's parameters.
var pathTexts = []string{
	"%00", "%ff", "%2e%2e%2f", "a%2fb", "'%22%3B--", "%F0%9F%98%80", strings.Repeat("z", 200), "gw_00000000000000000000000000", "key_", "-1", "0", "99999999999999999999", "%20", "*",
}

// TestBadInputIsNever500 sends every operation garbage and slightly wrong bodies,
// paths and queries. It prints its seed.
func TestBadInputIsNever500(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 1))
		ada := e.signup("ada")
		if _, err := e.app.Tenants.SetPlan(t.Context(), e.orgID(ada), "scale"); err != nil {
			t.Fatal(err)
		}
		own := ada.furnish()
		for _, op := range operations(t) {
			c := ada
			if !op.Token && op.Session {
				e.clock.advance(2 * time.Minute)                          // for throttled signups
				c = e.signup("user-of-" + strings.ToLower(op.ID)).login() // it may change its password
			}
			try := func(path string, body any) {
				t.Helper()
				a := c.do(op.Method, path, body)
				if a.status >= 500 && a.str("code") != "unavailable" {
					js, _ := json.Marshal(body)
					t.Errorf("%s: %s answered %d: %s\nbody %.500s", op.ID, a.what, a.status, a.body, js)
				}
			}
			path := own.path(op)
			if op.Spec.RequestBody != nil {
				for _, b := range garbage {
					try(path, b)
				}
				for range 40 {
					try(path, mutate(rng, samples[op.ID], 0))
				}
			}
			for _, text := range pathTexts {
				try(hostilePath(op, own, text), samples[op.ID])
				try(path+"?limit="+text+"&cursor="+text+"&from="+text+"&wait="+text+"&version="+text, samples[op.ID])
			}
			try(path+"?%zz", samples[op.ID])
			if op.ID == "deleteGateway" { // it may have worked: go on with another one
				own["gateway"] = strings.TrimPrefix(ada.demo(fmt.Sprintf("demo%d", rng.IntN(1e9))), "/v1/gateways/")
			}
			if op.ID == "deleteMember" || op.ID == "deleteToken" || op.ID == "logout" {
				if ada.get("/v1/me").status != 200 {
					t.Fatalf("%s: the only owner was locked out", op.ID)
				}
			}
		}
		if n := e.log.errors.Load(); n != 0 {
			t.Errorf("%d errors were logged", n)
		}
	})
}

// hostilePath puts a text in the place of the path's last parameter.
func hostilePath(op *authz.Operation, own ids, text string) string {
	at := strings.LastIndex(op.Path, "{")
	if at < 0 {
		return op.Path
	}
	end := at + strings.IndexByte(op.Path[at:], '}') + 1
	head := &authz.Operation{Path: op.Path[:at]}
	tail := &authz.Operation{Path: op.Path[end:]}
	return own.path(head) + text + own.path(tail)
}

// mutate copies a body and spoils something of it: a value, a missing or an
// additional field, a list that is too long.
func mutate(rng *rand.Rand, v any, depth int) any {
	switch v := v.(type) {
	case object:
		out := object{}
		victim := rng.IntN(len(v) + 1)
		n := 0
		for _, k := range slices.Sorted(maps.Keys(v)) {
			switch {
			case n != victim:
				out[k] = v[k]
			case rng.IntN(4) == 0: // left out
			case rng.IntN(3) > 0 && depth < 4:
				out[k] = mutate(rng, v[k], depth+1)
			default:
				out[k] = odd[rng.IntN(len(odd))]
			}
			n++
		}
		if victim == len(v) {
			out[fmt.Sprintf("extra%d", rng.IntN(10))] = odd[rng.IntN(len(odd))]
		}
		return out
	case []object:
		out := []any{}
		for _, x := range v {
			out = append(out, mutate(rng, x, depth+1))
		}
		for range rng.IntN(3) {
			out = append(out, odd[rng.IntN(len(odd))])
		}
		return out
	default:
		return odd[rng.IntN(len(odd))]
	}
}

func TestUnreadableBodies(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	for body, want := range map[string]string{
		`{"name": }`:     "byte 10",
		`{"name": "x"`:   "byte 12",
		`{"name":"x"} x`: "byte 13",
	} {
		a := ada.post("/v1/gateways", []byte(body)).wantCode(400, "bad_request")
		if !strings.Contains(a.str("detail"), want) {
			t.Errorf("%s: %s", body, a.str("detail"))
		}
	}
	ada.post("/v1/gateways", []byte("")).wantCode(400, "bad_request")
	ada.post("/v1/gateways", []byte(`{"name":"`+strings.Repeat("x", 1<<20)+`"}`)).wantCode(413, "too_large")
	ada.get("/v1/nothing").wantCode(404, "not_found")
	ada.do("PATCH", "/v1/gateways", nil).wantCode(405, "method_not_allowed")
	ada.get("/v1/gateways?limit=%zz").wantCode(400, "bad_request")
	a := ada.post("/v1/gateways", object{"nmae": "x"}).wantFields("/name", "/nmae")
	if !strings.Contains(string(a.body), `did you mean \"name\"?`) {
		t.Errorf("no suggestion: %s", a.body)
	}
	if e.log.errors.Load() != 0 {
		t.Error("errors were logged")
	}
}
