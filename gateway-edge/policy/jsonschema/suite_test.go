//go:build jsonschema

package jsonschema_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/jsonschema"
)

// TestSuite runs the required cases of JSON Schema's official test suite for both
// drafts through what the policies compile and check with, and prints the counts.
// TOLLGATE_JSON_SCHEMA is the suite's folder; `make conformance` finds it.
func TestSuite(t *testing.T) {
	dir := os.Getenv("TOLLGATE_JSON_SCHEMA")
	if dir == "" {
		t.Fatal("TOLLGATE_JSON_SCHEMA names no folder: run make conformance")
	}
	others := remotes(t, filepath.Join(dir, "remotes"))
	for folder, draft := range map[string]string{"draft2020-12": jsonschema.Draft2020, "draft7": jsonschema.Draft07} {
		files, err := filepath.Glob(filepath.Join(dir, "tests", folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", folder, err)
		}
		good, all := 0, 0
		for _, f := range files {
			g, n := suiteFile(t, f, draft, others)
			good, all = good+g, all+n
		}
		t.Logf("%s: %d of %d required cases", draft, good, all)
		if good*100 < all*99 {
			t.Errorf("%s: less than 99 %%", draft)
		}
	}
}

func suiteFile(t *testing.T, file, draft string, others map[string]any) (good, all int) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var groups []struct {
		Description string
		Schema      json.RawMessage
		Tests       []struct {
			Description string
			Data        json.RawMessage
			Valid       bool
		}
	}
	if err := json.Unmarshal(raw, &groups); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		doc, err := document.ParseJSON(g.Schema)
		var s *jsonschema.Schema
		if err == nil {
			s, err = jsonschema.Compile(doc, jsonschema.Options{Draft: draft, Others: others})
		}
		for _, c := range g.Tests {
			all++
			if err != nil {
				t.Logf("%s: %s: %v", filepath.Base(file), g.Description, err)
				continue
			}
			v, err := document.ParseJSON(c.Data)
			if valid := err == nil && s.Check(v) == nil; valid == c.Valid {
				good++
			} else {
				t.Logf("%s: %s: %s: valid is %v, %v", filepath.Base(file), g.Description, c.Description, valid, err)
			}
		}
	}
	return good, all
}

// remotes are the documents that the suite wants to be served at localhost:1234.
func remotes(t *testing.T, dir string) map[string]any {
	out := map[string]any{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		v, err := document.ParseJSON(raw)
		rel, _ := filepath.Rel(dir, path)
		if err == nil && usable(v) {
			out["http://localhost:1234/"+filepath.ToSlash(rel)] = v
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// usable leaves out remotes whose own dialect would have to be fetched.
func usable(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return true
	}
	s, _ := m["$schema"].(string)
	return s == "" || strings.Contains(s, "json-schema.org")
}
