package openapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	edge "github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
)

// MaxBytes bounds a document's text, as it is uploaded and as JSON.
const MaxBytes = edge.MaxBytes

// Document is a document that was read.
type Document struct {
	JSON       json.RawMessage // its fields by name, so that equal documents are equal bytes
	Version    string          // of OpenAPI
	Title      string
	Release    string // info.version
	Operations []Operation
}

// Operation is what stands in a document for a method of a path.
type Operation struct {
	Method     string `json:"method"`
	Path       string `json:"path"`
	ID         string `json:"operation_id,omitempty"`
	Summary    string `json:"summary,omitempty"`
	Deprecated bool   `json:"deprecated,omitempty"`
}

// Read reads a document in JSON or YAML. Pointers of what is wrong are into the
// document.
func Read(text []byte) (*Document, contract.FieldErrors) {
	if len(text) > MaxBytes {
		return nil, contract.FieldErrors{{Detail: tooLarge(len(text), MaxBytes)}}
	}
	js := bytes.TrimSpace(text)
	if len(js) == 0 || js[0] != '{' {
		var err error
		if js, err = fromYAML(text); err != nil {
			return nil, contract.FieldErrors{{Detail: err.Error()}}
		}
	}
	return ReadJSON(js)
}

// ReadJSON is Read for a document that is JSON.
func ReadJSON(js []byte) (*Document, contract.FieldErrors) {
	root, err := edge.Parse(js)
	if err != nil {
		return nil, contract.FieldErrors{{Detail: "can't be read: " + err.Error()}}
	}
	out := describe(root)
	if out.JSON, err = json.Marshal(root); err != nil {
		return nil, contract.FieldErrors{{Detail: "can't be read: " + err.Error()}}
	}
	if errs := edge.Check(root); len(errs) > 0 {
		return nil, errs
	}
	return out, nil
}

// Describe says what stands in a document that was read before.
func Describe(js []byte) (*Document, error) {
	root, err := edge.Parse(js)
	if err != nil {
		return nil, err
	}
	out := describe(root)
	out.JSON = js
	return out, nil
}

func describe(root map[string]any) *Document {
	info, _ := root["info"].(map[string]any)
	out := &Document{Operations: []Operation{}}
	out.Version, _ = root["openapi"].(string)
	out.Title, _ = info["title"].(string)
	out.Release, _ = info["version"].(string)
	paths, _ := root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := edge.Deref(root, paths[path])
		for _, m := range edge.Methods() {
			op, ok := item[m].(map[string]any)
			if !ok {
				continue
			}
			o := Operation{Method: strings.ToUpper(m), Path: path}
			o.ID, _ = op["operationId"].(string)
			o.Summary, _ = op["summary"].(string)
			o.Deprecated, _ = op["deprecated"].(bool)
			out.Operations = append(out.Operations, o)
		}
	}
	return out
}

// ForEdges is a checked document as edges get it: cut down to what validation
// reads. The same document gives the same bytes.
func ForEdges(js []byte) (json.RawMessage, error) {
	root, err := edge.Parse(js)
	if err != nil {
		return nil, err
	}
	return json.Marshal(edge.Trim(root))
}
