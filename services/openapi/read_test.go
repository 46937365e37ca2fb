package openapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/openapi"
)

const shop = `
openapi: 3.0.3
info: {title: Shop, version: "7"}
paths:
  /orders/{id}:
    get:
      operationId: read
      summary: One order
      parameters:
        - {in: path, name: id, required: true, schema: {type: integer, minimum: 0x1}}
      responses:
        200: {description: ok}
        default: &bad {description: 2026-11-22}
    delete: {deprecated: true, parameters: [{in: path, name: id, required: true, schema: {}}], responses: {default: *bad}}
`

func TestYAML(t *testing.T) {
	t.Parallel()
	d, errs := openapi.Read([]byte(shop))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	const want = `{"info":{"title":"Shop","version":"7"},"openapi":"3.0.3","paths":{"/orders/{id}":{"delete":{"deprecated":true,"parameters":[{"in":"path","name":"id","required":true,"schema":{}}],"responses":{"default":{"description":"2026-11-22"}}},"get":{"operationId":"read","parameters":[{"in":"path","name":"id","required":true,"schema":{"minimum":1,"type":"integer"}}],"responses":{"200":{"description":"ok"},"default":{"description":"2026-11-22"}},"summary":"One order"}}}}`
	if string(d.JSON) != want {
		t.Errorf("got %s", d.JSON)
	}
	if d.Title != "Shop" || d.Release != "7" || d.Version != "3.0.3" || len(d.Operations) != 2 ||
		d.Operations[0] != (openapi.Operation{Method: "GET", Path: "/orders/{id}", ID: "read", Summary: "One order"}) || !d.Operations[1].Deprecated {
		t.Errorf("got %+v", d)
	}
	again, errs := openapi.Read(d.JSON)
	if len(errs) > 0 || string(again.JSON) != want {
		t.Errorf("read again: %v, %s", errs, again.JSON)
	}
}

// TestRefused is MSC07: what can't be read is refused quickly, with its place.
func TestRefused(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		last := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+last+",", 9), ",") + "]\n"
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "is empty"},
		{"neither", "a: [", "is neither JSON nor YAML"},
		{"two", "a: 1\n---\nb: 2\n", "more than one YAML document"},
		{"twice", "a: 1\na: 2\n", "twice"},
		{"merge", "a: &a {x: 1}\nb: {<<: *a}\n", "line 2: \"<<\" is not allowed"},
		{"bomb", bomb, "aliases written out"},
		{"loop", "a: &a [*a]\n", "nested deeper"},
		{"tag", "a: !!binary aGk=\n", "tag"},
		{"not a number", "a: .nan\n", "no number"},
		{"large", "a: " + strings.Repeat("x", openapi.MaxBytes), "at most"},
		{"no OpenAPI", "a: 1\n", "/openapi"},
		{"JSON twice", `{"openapi":"3.1.0","openapi":"3.0.0"}`, "stands twice"},
		{"float", strings.Replace(shop, `"7"`, "7.0", 1), "/info/version: is a string"},
		{"elsewhere", strings.Replace(shop, "*bad", "{$ref: 'https://example.com/x'}", 1), "leads out of the document"},
	} {
		began := time.Now()
		_, errs := openapi.Read([]byte(tt.text))
		if !strings.Contains(errs.Error(), tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, errs.Error(), tt.want)
		}
		if d := time.Since(began); d > 30*time.Second {
			t.Errorf("%s took %s", tt.name, d)
		}
	}
}

func TestForEdges(t *testing.T) {
	t.Parallel()
	d, errs := openapi.Read([]byte(shop))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	out, err := openapi.ForEdges(d.JSON)
	if err != nil || strings.Contains(string(out), "One order") || !strings.Contains(string(out), `"minimum":1`) {
		t.Errorf("%v: %s", err, out)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(shop)
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		if d, errs := openapi.Read([]byte(text)); len(errs) == 0 {
			if _, err := openapi.ForEdges(d.JSON); err != nil {
				t.Error(err)
			}
		}
	})
}
