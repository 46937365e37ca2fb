package oas

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/openapi"
)

// Import reads a document. The parts are incomplete where the report says that
// something was refused. Errors are of the text as a whole (pointers below /document)
// and of the options (below /options).
func Import(text []byte, o importer.Options, present importer.Present) (*importer.Parts, *importer.Report, contract.FieldErrors) {
	var errs contract.FieldErrors
	for _, e := range o.Check() {
		errs.Add("/options"+e.Pointer, e.Detail)
	}
	src, bad := openapi.ReadSource(text)
	for _, e := range bad {
		errs.Add("/document"+e.Pointer, e.Detail)
	}
	if len(errs) > 0 {
		return nil, nil, errs
	}
	d := &document{src: src, root: src.Root, moved: map[string]string{}, report: &importer.Report{}}
	w := &walker{
		document: d, o: o, present: present, names: map[string]bool{}, schemes: map[string]*scheme{}, pools: map[string]string{},
		parts: importer.Parts{RouteAt: map[string]importer.At{}, UpstreamAt: map[string]importer.At{}},
	}
	d.functions(&o.AWS)
	if d.normalize() {
		w.own()
		w.walk()
	}
	d.report.Sort()
	return &w.parts, d.report, nil
}

// document is a document on its way to version 3.
type document struct {
	src    *openapi.Source
	root   map[string]any
	moved  map[string]string // pointers of what stands elsewhere in the text
	report *importer.Report
	open   map[string]any // paths that end with {name+}
	left   []*operation   // taken out of the document, since they can't be worked out
}

// line is where a value of the document stands in the text.
func (d *document) line(pointer string) int { return d.src.Line(d.origin(pointer)) }

// origin is the pointer of a value in the text that was uploaded.
func (d *document) origin(pointer string) string {
	for at := pointer; at != ""; at = at[:strings.LastIndexByte(at, '/')] {
		if from, ok := d.moved[at]; ok {
			return from + pointer[len(at):]
		}
	}
	return pointer
}

func (d *document) add(level importer.Level, pointer, what, why, advice string) {
	d.report.Add(importer.Row{Level: level, Pointer: d.origin(pointer), Line: d.line(pointer), What: what, Why: why, Advice: advice})
}

func (d *document) taken(pointer, what string) { d.add(importer.Taken, pointer, what, "", "") }

func (d *document) approximated(pointer, what, why, advice string) {
	d.add(importer.Approximated, pointer, what, why, advice)
}

func (d *document) refused(pointer, what, why, advice string) {
	d.add(importer.Refused, pointer, what, why, advice)
}

// normalize brings the document to a valid one of version 3. It reports false where
// there is nothing to go on with.
func (d *document) normalize() bool {
	switch {
	case d.root["swagger"] != nil && d.root["openapi"] == nil:
		if v := text(d.root["swagger"]); v != "2.0" && v != "2" {
			d.refused("/swagger", "the document", "only version 2.0 of Swagger is read", "convert the document to 2.0, or to OpenAPI 3")
			return false
		}
		d.fromSwagger()
	case d.root["openapi"] == nil:
		d.refused("", "the document", `it says neither "openapi" nor "swagger", so it is no OpenAPI document`, "")
		return false
	default:
		d.version()
	}
	d.fillIn()
	return true
}

// valid holds the document to the specification, and returns what a gateway can keep
// of it.
func (d *document) valid(keep bool) (json.RawMessage, bool) {
	js, err := json.Marshal(d.root)
	if err != nil {
		d.refused("", "the document", "it can't be written as JSON: "+err.Error(), "")
		return nil, false
	}
	doc, kept, errs := openapi.ReadLarge(js)
	for _, e := range errs {
		d.refused(e.Pointer, "the document", strings.TrimPrefix(e.Pointer+": ", ": ")+e.Detail, "")
	}
	if len(errs) > 0 {
		return nil, false
	}
	if keep {
		d.kept(kept)
	}
	return doc.JSON, true
}

// kept says what of a large document the gateway does not keep.
func (d *document) kept(k openapi.Kept) {
	large := fmt.Sprintf("a gateway keeps documents of at most %d bytes and %d values, and this one is larger", edge.MaxBytes, edge.MaxNodes)
	switch k {
	case openapi.KeptLean:
		d.approximated("", "the document", large, "it is kept without descriptions, examples, tags and extensions: requests are validated as they would be by the whole")
	case openapi.KeptRequests:
		d.approximated("", "the document", large, "it is kept without descriptions, examples, tags, extensions and responses: requests are validated as they would be by the whole, responses can't be")
	case openapi.KeptNothing:
		d.refused("", "the document", large+", even without descriptions, examples and responses", "import with document: drop, which makes the routes and validates nothing, or split the document")
	}
}

// eachOperation calls fn for every operation, in the order of paths and methods.
func (d *document) eachOperation(fn func(path, method, at string, item, op map[string]any)) {
	paths := object(d.root["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if !strings.HasPrefix(path, "/") {
			continue
		}
		item := edge.Deref(d.root, paths[path])
		for _, m := range edge.Methods() {
			if op, ok := item[m].(map[string]any); ok {
				fn(path, m, contract.Pointer("paths", path, m), item, op)
			}
		}
	}
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

// text is a string, or a number as it is written.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func strs(v any) (out []string) {
	for _, e := range list(v) {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
