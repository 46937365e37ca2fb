package oas_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/importer/oas"
	"github.com/tollgate/tollgate/services/openapi"
)

// large is a document of the shape that large public APIs have: operations whose
// parameters, bodies and answers refer to shared schemas, which refer to one another,
// long descriptions, and examples in every answer.
func large(t *testing.T, operations, fields, words int) string {
	t.Helper()
	text := strings.Repeat("Some words of Markdown about it, with a `code` here and there. ", words)
	ref := func(kind string, i int) map[string]any {
		return map[string]any{"$ref": fmt.Sprintf("#/components/%s/s%d", kind, i)}
	}
	schemas, paths := map[string]any{}, map[string]any{}
	for i := range operations {
		props, example := map[string]any{}, map[string]any{}
		for j := range fields {
			name := fmt.Sprintf("field_%d", j)
			props[name] = map[string]any{"type": "string", "maxLength": 5000, "nullable": j%3 == 0, "description": text}
			example[name] = "an example of it"
		}
		props["next"], props["list"] = ref("schemas", (i+1)%operations), map[string]any{"type": "array", "items": ref("schemas", (i+7)%operations)}
		schemas[fmt.Sprintf("s%d", i)] = map[string]any{"type": "object", "description": text, "required": []any{"field_0"}, "properties": props}
		answer := map[string]any{"description": text, "content": map[string]any{"application/json": map[string]any{
			"schema": ref("schemas", i), "examples": map[string]any{"one": map[string]any{"value": example}},
		}}}
		paths[fmt.Sprintf("/things%d/{id}", i)] = map[string]any{"post": map[string]any{
			"operationId": fmt.Sprintf("things%d", i), "summary": "A thing", "description": text, "tags": []any{"things"}, "x-own": map[string]any{"a": text},
			"parameters": []any{
				map[string]any{"name": "id", "in": "path", "required": true, "schema": map[string]any{"type": "string"}, "description": text},
				map[string]any{"name": "limit", "in": "query", "schema": map[string]any{"type": "integer", "minimum": 1}, "description": text},
			},
			"requestBody": map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": map[string]any{
				"type": "object", "properties": map[string]any{"a": map[string]any{"type": "string", "description": text}},
			}}}},
			"responses": map[string]any{"200": answer, "404": map[string]any{"description": "Gone"}},
		}}
	}
	out, err := json.MarshalIndent(map[string]any{
		"openapi": "3.0.3", "info": map[string]any{"title": "Large", "version": "1"}, "servers": []any{map[string]any{"url": "https://a.example.com"}},
		"paths": paths, "components": map[string]any{"schemas": schemas},
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestLarge: of a document that is larger than what a gateway keeps, the gateway gets
// all routes, and what their requests are validated by.
func TestLarge(t *testing.T) {
	for _, c := range []struct {
		name                      string
		operations, fields, words int
		drop                      bool
		want                      string
	}{
		{name: "texts", operations: 100, fields: 12, words: 8, want: "it is kept without descriptions, examples, tags and extensions"},
		{name: "answers", operations: 320, fields: 40, words: 1, want: "tags, extensions and responses"},
		{name: "dropped", operations: 320, fields: 40, words: 1, drop: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := large(t, c.operations, c.fields, c.words)
			if len(text) < openapi.MaxBytes {
				t.Fatalf("the document is of %d bytes only", len(text))
			}
			o := importer.Options{}
			if c.drop {
				o.Document = "drop"
			}
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			p, report, errs := oas.Import([]byte(text), o, importer.Present{})
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			t.Logf("%.1f MB: %v, %d MB allocated, %d kept", float64(len(text))/1e6, took.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20, len(p.OpenAPI))
			if len(errs) > 0 || report.Count(importer.Refused) > 0 || len(p.Routes) != c.operations {
				t.Fatalf("%d routes, %v, %.2000s", len(p.Routes), errs, said(text, o, importer.Present{}))
			}
			if c.drop {
				if p.OpenAPI != nil {
					t.Error("the document is kept")
				}
				return
			}
			if rows := report.Rows; rows[0].Pointer != "" || !strings.Contains(rows[0].Advice, c.want) {
				t.Errorf("the first row is %+v", rows[0])
			}
			doc, bad := openapi.ReadJSON(p.OpenAPI)
			if len(bad) > 0 || len(doc.Operations) != c.operations || strings.Contains(string(doc.JSON), "Markdown") {
				t.Errorf("what is kept can't be read: %v, %d operations", bad, len(doc.Operations))
			}
			again, _, _ := oas.Import([]byte(text), o, importer.Present{})
			if comparable(t, p) != comparable(t, again) {
				t.Error("imported again it is another gateway")
			}
		})
	}
}

// TestTooLarge: what even without responses is too large for a gateway is refused,
// with what to do.
func TestTooLarge(t *testing.T) {
	bodies := strings.ReplaceAll(large(t, 260, 60, 0), `"a": {`, `"next": {"$ref": "#/components/schemas/s0"}, "a": {`)
	if got := said(bodies, importer.Options{}, importer.Present{}); !strings.Contains(got, "line 1: the document: a gateway keeps documents of at most 1048576 bytes and 50000 values") {
		t.Errorf("got %q", got)
	}
}
