package oas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/importer/oas"
)

// optionsOf are the options that the first line of a document says.
func optionsOf(t testing.TB, text []byte) (o importer.Options) {
	t.Helper()
	line, _, _ := strings.Cut(string(text), "\n")
	js, ok := strings.CutPrefix(line, "# options: ")
	if !ok {
		return o
	}
	if err := json.Unmarshal([]byte(js), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func documents(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/documents/*")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d documents: %v", len(names), err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		if out[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func sourceOf(p *importer.Parts) *oas.Source {
	s := &oas.Source{
		Title: "demo", Hostname: "demo.localhost", Settings: p.Settings, Upstreams: p.Upstreams, Routes: p.Routes, UsagePlans: p.UsagePlans,
		Streams: p.Streams, OpenAPI: p.OpenAPI,
	}
	if p.Policies != nil {
		s.Policies = *p.Policies
	}
	return s
}

// comparable is what of the parts makes a gateway, its lists by name.
func comparable(t *testing.T, p *importer.Parts) string {
	t.Helper()
	names := map[string]any{"openapi": p.OpenAPI, "plans": p.UsagePlans, "streams": p.Streams}
	if p.Policies != nil && len(*p.Policies) > 0 {
		names["policies"] = *p.Policies
	}
	for i := range p.Routes {
		names["route "+p.Routes[i].Name] = p.Routes[i]
	}
	for i := range p.Upstreams {
		names["upstream "+p.Upstreams[i].Name] = p.Upstreams[i]
	}
	out, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return string(sorted(t, out))
}

// sorted is a JSON text with its names in order.
func sorted(t *testing.T, text []byte) []byte {
	t.Helper()
	var v any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRoundTrip imports documents of different shapes, exports what they made, and
// imports that: the same gateway comes out, and the same export.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, text := range documents(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := optionsOf(t, text)
			first, report, errs := oas.Import(text, o, importer.Present{})
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			for _, r := range report.Rows {
				if r.Level == importer.Refused {
					t.Fatalf("line %d: %s: %s", r.Line, r.What, r.Why)
				}
				if r.Line < 1 {
					t.Errorf("%s %s has no line", r.Pointer, r.What)
				}
			}
			if len(first.Routes) == 0 {
				t.Fatal("no routes")
			}
			doc, err := oas.Export(sourceOf(first))
			if err != nil {
				t.Fatal(err)
			}
			second, report, errs := oas.Import(doc, importer.Options{}, importer.Present{})
			if len(errs) > 0 || report.Count(importer.Refused) > 0 {
				t.Fatalf("%v %+v", errs, report)
			}
			if was, is := comparable(t, first), comparable(t, second); was != is {
				t.Errorf("another gateway came back:\n%s\n%s", was, is)
			}
			again, err := oas.Export(sourceOf(second))
			if err != nil || !bytes.Equal(sorted(t, doc), sorted(t, again)) {
				t.Errorf("another export: %v\n%s\n%s", err, doc, again)
			}
		})
	}
}

func policyOf(typ string) contract.Policy { return contract.Policy{Type: typ} }

func mapped(scheme, typ string) importer.Options {
	return importer.Options{Schemes: map[string]contract.Policy{scheme: policyOf(typ)}}
}
