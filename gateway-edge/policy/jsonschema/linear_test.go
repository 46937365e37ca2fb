package jsonschema

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// operations is an OpenAPI document of n operations: each has a body of a schema of its
// own, and one that has a name.
func operations(n int) (doc map[string]any, places []string) {
	paths, named := map[string]any{}, map[string]any{}
	for i := range n {
		props := map[string]any{}
		for j := range 8 {
			props[fmt.Sprint("p", j)] = map[string]any{"type": "string", "maxLength": 10 + j}
		}
		props["named"] = map[string]any{"$ref": fmt.Sprintf("#/components/schemas/s%d", i)}
		named[fmt.Sprint("s", i)] = map[string]any{"type": "object", "properties": map[string]any{"a": map[string]any{"type": "integer"}}}
		schema := map[string]any{"type": "object", "properties": props}
		paths[fmt.Sprint("/a", i)] = map[string]any{
			"parameters": []any{map[string]any{"name": "q", "in": "query", "schema": map[string]any{"type": "integer"}}},
			"post":       map[string]any{"requestBody": map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": schema}}}},
		}
		places = append(places, fmt.Sprintf("/paths/~1a%d/parameters/0/schema", i), fmt.Sprintf("/paths/~1a%d/post/requestBody/content/application~1json/schema", i))
	}
	return map[string]any{"openapi": "3.1.0", "paths": paths, "components": map[string]any{"schemas": named}}, places
}

// places of the schemas of operations' documents.
var ofOperations = []string{"components/schemas/*", "paths/*/parameters/[]/schema", "paths/*/*/requestBody/content/*/schema"}

func compileAll(t testing.TB, doc map[string]any, places []string) *Set {
	t.Helper()
	set, err := NewSet(doc, Options{Formats: true, Places: ofOperations})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range places {
		if _, err := set.Compile(at); err != nil {
			t.Fatalf("%s: %v", at, err)
		}
	}
	return set
}

// TestLinear: ten times the operations take ten times the memory to compile, which
// follows the work and does not depend on the machine.
func TestLinear(t *testing.T) { // not parallel: it reads what all tests take
	took := func(n int) uint64 {
		doc, places := operations(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		set := compileAll(t, doc, places)
		runtime.ReadMemStats(&after)
		if set.slow != nil {
			t.Error("schemas in their places are compiled one by one")
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	took(10) // what is made once
	few, many := took(40), took(400)
	t.Logf("%d KiB for 40 operations, %d for 400", few>>10, many>>10)
	if many > 14*few {
		t.Errorf("%d bytes for 40 operations, %d for 400: more than ten times as many", few, many)
	}
}

// TestPlaces: a schema is what it is wherever it stands. What is wrong with one, or
// where it leads, is told as without places, and only there.
func TestPlaces(t *testing.T) {
	t.Parallel()
	doc := func() (map[string]any, []string) {
		doc, places := operations(3)
		named := doc["components"].(map[string]any)["schemas"].(map[string]any)
		named["bad"] = map[string]any{"type": "strin"}
		named["leads"] = map[string]any{"properties": map[string]any{"x": map[string]any{"$ref": "#/components/schemas/bad"}}}
		named["nowhere"] = map[string]any{"$ref": "#/components/schemas/none"}
		named["pattern"] = map[string]any{"pattern": "(?=x)"}
		named["elsewhere"] = map[string]any{"$ref": "#/x-more/one"}
		named["example"] = map[string]any{"type": "object", "example": map[string]any{"$ref": "no reference"}}
		doc["x-more"] = map[string]any{"one": map[string]any{"type": "integer"}}
		for _, name := range []string{"bad", "leads", "nowhere", "pattern", "elsewhere", "example", "none"} {
			places = append(places, "/components/schemas/"+name)
		}
		return doc, places
	}
	with, at := doc()
	without, _ := doc()
	a, err := NewSet(with, Options{Formats: true, Places: ofOperations})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewSet(without, Options{Formats: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range at {
		x, err := a.Compile(at)
		y, want := b.Compile(at)
		if fmt.Sprint(err) != fmt.Sprint(want) {
			t.Errorf("%s: %v, without places %v", at, err, want)
		}
		if err == nil && fmt.Sprint(x.cost) != fmt.Sprint(y.cost) {
			t.Errorf("%s costs %v, without places %v", at, x.cost, y.cost)
		}
		if refused := strings.HasSuffix(at, "/bad") || strings.HasSuffix(at, "/leads") || strings.HasSuffix(at, "/nowhere") || strings.HasSuffix(at, "/pattern") || strings.HasSuffix(at, "/none"); refused != (err != nil) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestNames: schemas may refer to one another by names of their own.
func TestNames(t *testing.T) {
	t.Parallel()
	doc, places := operations(1)
	named := doc["components"].(map[string]any)["schemas"].(map[string]any)
	named["named"] = map[string]any{"$anchor": "here", "type": "integer"}
	named["user"] = map[string]any{"$ref": "#here"}
	compileAll(t, doc, append(places, "/components/schemas/named", "/components/schemas/user"))
}

// BenchmarkOperations compiles the schemas of 100 and of 1,000 operations, in µs an
// operation: ten times the operations should take ten times as long.
func BenchmarkOperations(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var took time.Duration
			for b.Loop() {
				doc, places := operations(n)
				began := time.Now()
				compileAll(b, doc, places)
				took += time.Since(began)
			}
			b.ReportMetric(float64(took.Microseconds())/float64(b.N)/float64(n), "µs/operation")
		})
	}
}
