package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/services/contract"
)

// answer is the response that a function gave.
type answer struct {
	status      int
	fields      [][2]string // in order of their names
	names       []policy.Name
	contentType string
	body        []byte
}

// Bounds of an answer's head.
const (
	maxFields    = 200
	maxFieldSize = 64 << 10 // all names and values, in bytes
)

// badAnswer is what makes an answer malformed: the field's pointer and why.
type badAnswer struct{ pointer, why string }

func (e *badAnswer) Error() string {
	if e.pointer == "" {
		return "the function's answer " + e.why
	}
	return "the function's answer: " + e.pointer + " " + e.why
}

// parse reads what a function returned. accept is the media type that the caller
// wants most.
func (p *function) parse(raw []byte, accept string) (*answer, error) {
	doc, ok := object(raw)
	if _, formatted := doc["statusCode"]; p.version2 && !formatted {
		if !json.Valid(raw) {
			return nil, &badAnswer{"", "is no JSON"}
		}
		return &answer{status: 200, contentType: "application/json", body: raw}, nil // inferred
	}
	if !ok {
		return nil, &badAnswer{"", "is no JSON object"}
	}
	a, err := p.head(doc, p.version2)
	if err != nil {
		return nil, err
	}
	return a, p.body(a, doc, accept)
}

func object(raw []byte) (doc map[string]json.RawMessage, ok bool) {
	if t := bytes.TrimLeft(raw, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return nil, false
	}
	return doc, json.Unmarshal(raw, &doc) == nil
}

// head reads status and fields, and cookies where the form has them.
func (p *function) head(doc map[string]json.RawMessage, cookies bool) (*answer, error) {
	a := &answer{contentType: "application/json"}
	if p.version2 {
		a.contentType = "text/plain; charset=utf-8"
	}
	raw, given := doc["statusCode"]
	if !given {
		return nil, &badAnswer{"/statusCode", "is missing"}
	}
	if err := json.Unmarshal(raw, &a.status); err != nil || a.status < 200 || a.status > 599 {
		return nil, &badAnswer{"/statusCode", "is no integer from 200 to 599"}
	}
	merged := map[string][]string{} // by lower-case name
	if err := single(doc["headers"], merged); err != nil {
		return nil, err
	}
	if err := multiple(doc["multiValueHeaders"], merged); err != nil {
		return nil, err
	}
	if raw := doc["cookies"]; cookies && !null(raw) {
		var list []string
		if json.Unmarshal(raw, &list) != nil {
			return nil, &badAnswer{"/cookies", "is no array of strings"}
		}
		merged["set-cookie"] = append(merged["set-cookie"], list...)
	}
	return a, a.take(merged)
}

func null(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// single reads headers: each a string, a number or a boolean.
func single(raw json.RawMessage, into map[string][]string) error {
	if null(raw) {
		return nil
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return &badAnswer{"/headers", "is no object"}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		v, ok := scalar(m[name])
		if !ok {
			return &badAnswer{contract.Pointer("headers", name), "is no string"}
		}
		into[strings.ToLower(name)] = []string{v}
	}
	return nil
}

// multiple reads multiValueHeaders, which win over headers of the same name.
func multiple(raw json.RawMessage, into map[string][]string) error {
	if null(raw) {
		return nil
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return &badAnswer{"/multiValueHeaders", "is no object"}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		var list []json.RawMessage
		if json.Unmarshal(m[name], &list) != nil {
			return &badAnswer{contract.Pointer("multiValueHeaders", name), "is no array"}
		}
		out := make([]string, len(list))
		for i := range list {
			var ok bool
			if out[i], ok = scalar(list[i]); !ok {
				return &badAnswer{contract.Pointer("multiValueHeaders", name, i), "is no string"}
			}
		}
		into[strings.ToLower(name)] = out
	}
	return nil
}

func scalar(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 {
		return "", false
	}
	switch raw[0] {
	case '"':
		var s string
		return s, json.Unmarshal(raw, &s) == nil
	case '{', '[', 'n':
		return "", false
	}
	return string(raw), true
}

// take checks the fields. Those that are the edge's to write are left out.
func (a *answer) take(merged map[string][]string) error {
	size := 0
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		n, err := policy.HeaderName(name)
		if err != nil {
			return &badAnswer{contract.Pointer("headers", name), "can't be a field's name"}
		}
		_, owned := fieldedit.Response(name)
		for _, v := range merged[name] {
			if size += len(name) + len(v); !fieldedit.Legal(v) {
				return &badAnswer{contract.Pointer("headers", name), "holds a character that no field may"}
			}
			switch {
			case owned:
			case name == "content-type":
				a.contentType = v
			default:
				a.fields, a.names = append(a.fields, [2]string{name, v}), append(a.names, n)
			}
		}
	}
	if len(a.fields) > maxFields || size > maxFieldSize {
		return &badAnswer{"/headers", fmt.Sprintf("has more than %d fields or %d bytes", maxFields, maxFieldSize)}
	}
	return nil
}

// body reads the body, which version 1.0 decodes for callers only who want a
// binary type.
func (p *function) body(a *answer, doc map[string]json.RawMessage, accept string) error {
	var s string
	if raw := doc["body"]; !null(raw) && json.Unmarshal(raw, &s) != nil {
		return &badAnswer{"/body", "is no string"}
	}
	encoded := false
	if raw := doc["isBase64Encoded"]; !null(raw) && json.Unmarshal(raw, &encoded) != nil {
		return &badAnswer{"/isBase64Encoded", "is no boolean"}
	}
	if a.body = []byte(s); !encoded || !p.version2 && !p.isBinary(accept) {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return &badAnswer{"/body", "is no base64"}
	}
	a.body = b
	return nil
}

// stand puts the fields on the response.
func (a *answer) stand(x *policy.Exchange) {
	h := x.Response().Header
	for i := range a.fields {
		h.Add(a.names[i], a.fields[i][1])
	}
}
