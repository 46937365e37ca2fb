package validation

import (
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/openapi"
	"github.com/tollgate/tollgate/services/contract"
)

// content reads "content"; nil: there is none. Bodies of JSON and forms are held to
// their schemas, of others the media type alone counts.
func (r *reader) content(m map[string]any, at string) *Content {
	list, ok := m["content"].(map[string]any)
	if !ok {
		return nil
	}
	c := &Content{}
	for name, v := range list {
		media, _, _ := strings.Cut(name, ";")
		t := mediaType{name: strings.ToLower(strings.TrimSpace(media))}
		t.kind, t.loose = document.KindOf(policy.Static(t.name)), strings.HasSuffix(t.name, "*")
		p := at + contract.Pointer("content", name)
		if !openapi.ValidMedia(t.name) {
			r.fail(p, "is no media type")
			continue
		}
		one, _ := v.(map[string]any)
		readable := t.loose || slices.Contains([]document.Kind{document.JSON, document.Form}, t.kind)
		if _, there := one["schema"]; there && readable {
			t.schema = r.schema(p + "/schema")
		}
		c.types = append(c.types, t)
	}
	c.sort()
	return c
}

func (r *reader) responses(op map[string]any, at string) map[string]*Content {
	out := map[string]*Content{}
	list, _ := op["responses"].(map[string]any)
	for code, v := range list {
		key := strings.ToUpper(code)
		if key == "DEFAULT" {
			key = "default"
		}
		m, p := r.deref(v, at+contract.Pointer("responses", code))
		if m == nil {
			continue
		}
		c := r.content(m, p)
		if c == nil {
			c = &Content{}
		}
		out[key] = c
	}
	return out
}

// Response is what the document says of answers with a status; nil: nothing.
func (o *Operation) Response(status int) *Content {
	if status < 100 || status > 599 {
		return nil
	}
	b := [3]byte{byte('0' + status/100), byte('0' + status/10%10), byte('0' + status%10)}
	if c, ok := o.Responses[string(b[:])]; ok {
		return c
	}
	b[1], b[2] = 'X', 'X'
	if c, ok := o.Responses[string(b[:])]; ok {
		return c
	}
	return o.Responses["default"]
}
