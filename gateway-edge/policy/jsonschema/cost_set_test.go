package jsonschema

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// web is a document of schemas that lead to one another, and of those that lead in,
// each with a dynamic anchor of its own where dynamic is set.
func web(n, degree, ways int, dynamic bool) map[string]any {
	defs := map[string]any{}
	for i := range n {
		props := map[string]any{}
		for j := range degree {
			props[fmt.Sprint("p", j)] = map[string]any{"$ref": fmt.Sprintf("#/$defs/s%d", (i*7+j*3+1)%n)}
		}
		props["list"] = map[string]any{"type": "array", "items": map[string]any{"$ref": fmt.Sprintf("#/$defs/s%d", (i+1)%n)}}
		defs[fmt.Sprint("s", i)] = map[string]any{"type": "object", "properties": props}
	}
	for i := range ways {
		way := map[string]any{"properties": map[string]any{"in": map[string]any{"$ref": fmt.Sprintf("#/$defs/s%d", i%n)}}}
		if dynamic {
			name := fmt.Sprint("a", i)
			way["$dynamicAnchor"], way["additionalProperties"] = name, map[string]any{"$dynamicRef": "#" + name}
		}
		defs[fmt.Sprint("way", i)] = way
	}
	return map[string]any{"$defs": defs}
}

// TestCostsOfASet: what is counted for one schema of a document is remembered for the
// others, and is the same as what is counted for each alone.
func TestCostsOfASet(t *testing.T) {
	t.Parallel()
	const n, degree, ways = 30, 4, 10
	doc := web(n, degree, ways, false)
	set, err := NewSet(doc, Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := 0
	for i := range ways {
		at := fmt.Sprintf("/$defs/way%d", i)
		got, err := set.Compile(at)
		if err != nil {
			t.Fatal(err)
		}
		if first == 0 {
			first = set.walk.steps
		}
		fresh, err := NewSet(web(n, degree, ways, false), Options{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := fresh.Compile(at)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.cost, want.cost) {
			t.Errorf("%s costs %v, alone %v", at, got.cost, want.cost)
		}
	}
	if set.walk.steps > 2*first {
		t.Errorf("%d steps for %d schemas, %d for the first", set.walk.steps, ways, first)
	}
}

// TestTangled: what would have to be counted anew for each schema is refused.
func TestTangled(t *testing.T) {
	t.Parallel()
	const ways = 40
	set, err := NewSet(web(30, 4, ways, true), Options{})
	if err != nil {
		t.Fatal(err)
	}
	set.walk.most = 500_000
	for i := range ways {
		if _, err = set.Compile(fmt.Sprintf("/$defs/way%d", i)); err != nil {
			break
		}
	}
	if !errors.Is(err, errTangled) {
		t.Errorf("got %v after %d steps", err, set.walk.steps)
	}
}
