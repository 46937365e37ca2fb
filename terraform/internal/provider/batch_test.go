package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// api answers calls of a test by a function of the path and the decoded body.
func fakeAPI(t *testing.T, do func(path string, body shape.Schema) (int, any)) *client.ClientWithResponses {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body shape.Schema
		_ = json.NewDecoder(r.Body).Decode(&body)
		status, out := do(r.URL.Path, body)
		w.Header().Set("Content-Type", "application/json")
		if status >= 400 {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(s.Close)
	c, err := client.New(client.Options{URL: s.URL, Token: "tgm_test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBatches makes forty changes at once: every one gets its own answer out of a few
// batches, or out of a call of its own where its batch was refused.
func TestBatches(t *testing.T) {
	for _, refused := range []bool{false, true} {
		var calls, alone atomic.Int64
		c := fakeAPI(t, func(_ string, body shape.Schema) (int, any) {
			calls.Add(1)
			if refused {
				return 409, shape.Schema{"status": 409, "code": "name_taken", "title": "taken", "type": "about:blank"}
			}
			var items []any
			for _, change := range body["changes"].([]any) {
				items = append(items, shape.Schema{"created": true, "route": change.(shape.Schema)["route"]})
			}
			return 200, shape.Schema{"version": 7, "items": items}
		})
		b := newBatches(c)
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				name := fmt.Sprint("r", i)
				got, err := b.do(t.Context(), "g", "route", shape.Schema{"route": shape.Schema{"name": name}}, func() (answer, error) {
					alone.Add(1)
					return answer{body: shape.Schema{"name": name}, version: 7}, nil
				})
				if err != nil || got.body["name"] != name || got.version != 7 {
					t.Errorf("change %s is answered as %v, %v", name, got, err)
				}
			})
		}
		all.Wait()
		if n := alone.Load(); refused && n != 40 || !refused && n+calls.Load() > 20 {
			t.Errorf("refused %v: %d calls alone and %d batches for 40 changes", refused, n, calls.Load())
		}
	}
}

// TestPlanAsksForWhatIsNew plans routes one after the other: a question holds the new
// one and those that it could meet, and a finding goes to the one that it is about.
func TestPlanAsksForWhatIsNew(t *testing.T) {
	var asked string
	c := fakeAPI(t, func(_ string, body shape.Schema) (int, any) {
		routes, _ := body["config"].(shape.Schema)["routes"].([]any)
		names := []string{}
		for _, r := range routes {
			names = append(names, nameOf(r))
		}
		asked = strings.Join(names, " ")
		if len(names) > 0 && names[len(names)-1] == "clash" {
			return 422, shape.Schema{"status": 422, "code": "invalid", "title": "bad", "type": "about:blank", "errors": []any{
				shape.Schema{"pointer": fmt.Sprintf("/config/routes/%d/match", len(names)-1), "detail": "the same requests"},
			}}
		}
		return 200, shape.Schema{"version": 1, "changes": []any{}, "effects": []any{
			shape.Schema{"kind": "route", "name": "d", "detail": "it answers without credentials from now on"},
		}}
	})
	d := newPlanned(c).draft("g")
	put := func(field, name, path string, wrong int, want string) {
		t.Helper()
		body := shape.Schema{"name": name, "match": shape.Schema{"path": path}}
		if field == "usage_plans" {
			body = shape.Schema{"name": name, "routes": []any{path}}
		}
		said, err := d.put(t.Context(), "route", field, name, body)
		if err != nil || len(said.wrong) != wrong || asked != want || len(said.effects) != map[string]int{"d": 1}[name] {
			t.Errorf("%s: asked for %q, want %q; said %v, %v", name, asked, want, said, err)
		}
	}
	put("upstreams", "u", "", 0, "")
	put("routes", "a", "/a/{id}", 0, "a")
	put("routes", "b", "/b", 0, "b")
	put("routes", "clash", "/a/{other}/", 1, "a clash")
	put("routes", "regex", "~^/c", 0, "a b clash regex")
	put("routes", "d", "/d", 0, "regex d")
	put("upstreams", "v", "", 0, "a b clash regex d")
	put("usage_plans", "gold", "b", 0, "a b clash regex d")
	put("routes", "e", "/e/*", 0, "b regex e")
	put("routes", "a", "/a2", 0, "a b clash regex d e") // again, as a replaced one is
}
