package policytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// invalidSample is a file in testdata/invalid.
type invalidSample struct {
	Config json.RawMessage `json:"config"`
	// Errors are the pointers that the constructor must name, all of them and no
	// others.
	Errors []string `json:"errors"`
	// Semantic marks what a schema can't express, so that only the constructor
	// refuses it.
	Semantic bool `json:"semantic,omitempty"`
}

// samples holds the policy's schema and its constructor to one another: on the
// samples of its folder, on the schema's own defaults and examples, and on a
// field that neither can know. A configuration in testdata/valid is the bare
// file; one in testdata/invalid is an invalidSample.
func samples(t *testing.T, d *policy.Descriptor, dir string) {
	t.Helper()
	if dir == "" {
		dir = "."
	}
	if _, err := os.Stat(filepath.Join(dir, "schema.json")); err != nil {
		// A step that the platform puts into chains itself is not in the catalogue.
		// A folder of the catalogue without a schema is refused by the generator.
		return
	}
	s := loadSchema(t, filepath.Join(dir, "schema.json"))
	t.Run("schema", func(t *testing.T) { s.check(t, d) })
	each(t, dir, "valid", func(t *testing.T, raw []byte) {
		if _, err := d.New(raw, NewDeps()); err != nil {
			t.Errorf("the constructor refuses it: %v", err)
		}
		if err := s.validate(raw); err != nil {
			t.Errorf("the schema refuses it: %v", err)
		}
	})
	each(t, dir, "invalid", func(t *testing.T, raw []byte) {
		var sample invalidSample
		if err := contract.DecodeStrict(raw, &sample); err != nil {
			t.Fatalf("the sample itself: %v", err)
		}
		if got := pointers(d, sample.Config); !slices.Equal(got, sample.Errors) {
			t.Errorf("the constructor names %q, want %q", got, sample.Errors)
		}
		if err := s.validate(sample.Config); (err == nil) != sample.Semantic {
			t.Errorf("semantic is %v, and the schema says: %v", sample.Semantic, err)
		}
	})
	t.Run("unknown field", func(t *testing.T) {
		raw := []byte(`{"no_such_field_at_all":1}`)
		if got := pointers(d, raw); !slices.Contains(got, "/no_such_field_at_all") {
			t.Errorf("the constructor names %q", got)
		}
		if s.validate(raw) == nil {
			t.Error("the schema takes it")
		}
	})
}

func each(t *testing.T, dir, kind string, fn func(t *testing.T, raw []byte)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "testdata", kind, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Errorf("there is no sample in testdata/%s", kind)
	}
	for _, f := range files {
		t.Run(kind+"/"+filepath.Base(f), func(t *testing.T) {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			fn(t, raw)
		})
	}
}

// pointers runs the constructor and returns the fields it names, in order; an
// error of another kind counts as one at the root.
func pointers(d *policy.Descriptor, raw json.RawMessage) (out []string) {
	_, err := d.New(raw, NewDeps())
	if err == nil {
		return nil
	}
	var fields contract.FieldErrors
	if !errors.As(err, &fields) {
		return []string{""}
	}
	for _, f := range fields {
		out = append(out, f.Pointer)
	}
	return out
}

// schema is a policy's schema.json.
type schema struct {
	compiled *jsonschema.Schema
	head     struct {
		Title, Description string
		Type               string            `json:"x-type"`
		Phase              string            `json:"x-phase"`
		Examples           []json.RawMessage `json:"examples"`
		Properties         map[string]struct {
			Title, Description string
			Ref                string          `json:"$ref"`
			Default            json.RawMessage `json:"default"`
		}
	}
}

func loadSchema(t testing.TB, file string) *schema {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &schema{}
	if err := json.Unmarshal(raw, &s.head); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if s.compiled, err = c.Compile("schema.json"); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

func (s *schema) validate(raw []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return s.compiled.Validate(v)
}

// check holds the schema's words, defaults and examples to the descriptor.
func (s *schema) check(t *testing.T, d *policy.Descriptor) {
	h := &s.head
	if h.Type != d.Type || h.Phase != d.Phase.String() {
		t.Errorf("the schema is of %s in phase %s, the descriptor of %s in %s", h.Type, h.Phase, d.Type, d.Phase)
	}
	if h.Title == "" || !strings.HasSuffix(h.Description, ".") {
		t.Error("the schema needs a title and a description that is a sentence")
	}
	if len(h.Examples) == 0 {
		t.Error("the schema needs an example")
	}
	for i, raw := range h.Examples {
		if err := s.validate(raw); err != nil {
			t.Errorf("example %d: %v", i, err)
		}
		if _, err := d.New(raw, NewDeps()); err != nil {
			t.Errorf("example %d is refused by the constructor: %v", i, err)
		}
	}
	for name, p := range h.Properties {
		if p.Ref == "" && (p.Title == "" || !strings.HasSuffix(p.Description, ".")) {
			t.Errorf("property %s needs a title and a description that is a sentence", name)
		}
		if p.Default == nil || len(h.Examples) == 0 {
			continue
		}
		// The first example with the default spelled out means the same.
		with := map[string]json.RawMessage{}
		if err := json.Unmarshal(h.Examples[0], &with); err != nil {
			t.Fatal(err)
		}
		if _, there := with[name]; there {
			continue
		}
		with[name] = p.Default
		raw, _ := json.Marshal(with)
		if got := pointers(d, raw); got != nil {
			t.Errorf("property %s: its default is refused at %q", name, got)
		}
	}
}
