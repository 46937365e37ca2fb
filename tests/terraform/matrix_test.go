package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/tests/harness"
)

// attribute is an attribute as `terraform providers schema -json` says it.
type attribute struct {
	Type        json.RawMessage `json:"type"`
	Description string          `json:"description"`
	Nested      *struct {
		Attributes map[string]*attribute `json:"attributes"`
		Mode       string                `json:"nesting_mode"`
	} `json:"nested_type"`
	Computed, Optional, Required bool
}

// schemas are the resources' attributes.
func (f *folder) schemas() map[string]map[string]*attribute {
	f.t.Helper()
	var out struct {
		Providers map[string]struct {
			Resources map[string]struct {
				Block struct{ Attributes map[string]*attribute }
			} `json:"resource_schemas"`
		} `json:"provider_schemas"`
	}
	f.must(json.Unmarshal([]byte(f.ok("providers", "schema", "-json")), &out))
	all := map[string]map[string]*attribute{}
	for _, p := range out.Providers {
		for name, r := range p.Resources {
			all[name] = r.Block.Attributes
		}
	}
	return all
}

// hcl writes a JSON value of the API as the attribute wants it.
func hcl(a *attribute, v any) string {
	if a.Nested == nil {
		return plainHCL(a, string(a.Type), v)
	}
	object := func(v any) string {
		at := a.Nested.Attributes
		if at["secret"] != nil && at["value"] != nil && len(at) == 2 {
			if m, ok := v.(map[string]any); ok {
				return "{ secret = " + quote(m["secret"]) + " }"
			}
			return "{ value = " + quote(v) + " }"
		}
		m := v.(map[string]any)
		if typ, ok := m["type"].(string); ok && at["type"] == nil && at[typ] != nil { // a policy
			config := m["config"]
			if config == nil {
				config = map[string]any{}
			}
			return "{ " + typ + " = " + hcl(at[typ], config) + " }"
		}
		return fields(at, m)
	}
	switch a.Nested.Mode {
	case "list":
		var items []string
		for _, e := range v.([]any) {
			items = append(items, object(e))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case "map":
		var items []string
		m := v.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(m)) {
			items = append(items, quote(k)+" = "+object(m[k]))
		}
		return "{ " + strings.Join(items, ", ") + " }"
	}
	return object(v)
}

func fields(at map[string]*attribute, m map[string]any) string {
	var items []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if at[k] == nil && k == "state" { // of a release: the API's to write
			continue
		}
		if at[k] == nil {
			panic("the provider has no attribute " + k)
		}
		items = append(items, quote(k)+" = "+hcl(at[k], m[k])) // "for" would begin an expression
	}
	return "{ " + strings.Join(items, ", ") + " }"
}

func plainHCL(a *attribute, typ string, v any) string {
	var list []json.RawMessage
	if json.Unmarshal([]byte(typ), &list) == nil && len(list) == 2 { // ["list", T]
		inner := string(list[1])
		switch v := v.(type) {
		case []any:
			var items []string
			for _, e := range v {
				items = append(items, plainHCL(a, inner, e))
			}
			return "[" + strings.Join(items, ", ") + "]"
		case map[string]any:
			var items []string
			for _, k := range slices.Sorted(maps.Keys(v)) {
				items = append(items, quote(k)+" = "+plainHCL(a, inner, v[k]))
			}
			return "{ " + strings.Join(items, ", ") + " }"
		}
		return "[" + plainHCL(a, inner, v) + "]" // one of a list
	}
	if _, text := v.(string); typ == `"string"` && (!text || strings.Contains(a.Description, "jsonencode")) {
		return "jsonencode(" + value(v) + ")"
	}
	return quote(v)
}

// value writes any JSON as an HCL expression.
func value(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var items []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			items = append(items, quote(k)+" = "+value(v[k]))
		}
		return "{ " + strings.Join(items, ", ") + " }"
	case []any:
		var items []string
		for _, e := range v {
			items = append(items, value(e))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return quote(v)
}

func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(string(b))
}

// candidate is a policy's configuration, on a route of its own.
type candidate struct {
	file, typ string
	route     map[string]any
}

// candidates are the valid configurations that the policies' own tests use.
func candidates(t *testing.T, integrations map[string]bool) (out []candidate) {
	t.Helper()
	files, err := filepath.Glob("../../gateway-edge/policy/*/testdata/valid/*.json")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d configurations of policies: %v", len(files), err)
	}
	for n, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var schema struct {
			Type string `json:"x-type"`
		}
		about, err := os.ReadFile(filepath.Join(filepath.Dir(file), "../../schema.json"))
		if err != nil {
			t.Fatal(err)
		}
		var config any
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		if d.Decode(&config) != nil || json.Unmarshal(about, &schema) != nil {
			t.Fatalf("%s can't be read", file)
		}
		step := map[string]any{"type": schema.Type, "config": config}
		route := map[string]any{"name": fmt.Sprintf("p%d", n), "match": map[string]any{"path": fmt.Sprintf("/p%d/{id}/{version}/*", n)}, "public": true}
		if integrations[schema.Type] {
			route["integration"] = step
		} else {
			route["policies"], route["upstream"] = []any{step}, "u"
		}
		out = append(out, candidate{strings.TrimPrefix(file, "../../gateway-edge/policy/"), schema.Type, route})
	}
	return out
}

// names collects what a configuration refers to: secrets, and upstreams.
func names(v any, secrets, upstreams map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if s, ok := e.(string); ok {
				switch {
				case k == "secret" && len(v) == 1:
					secrets[s] = true
				case k == "upstream":
					upstreams[s] = true
				}
			}
			names(e, secrets, upstreams)
		}
	case []any:
		for _, e := range v {
			names(e, secrets, upstreams)
		}
	}
}

// others are resources in both of their forms: all that can be said, and defaults
// spelt out.
var others = map[string][]string{
	"tollgate_upstream": {
		`{"algorithm":"consistent_hash","hash_on":{"source":"header","name":"X-User"},"targets":[{"url":"http://127.0.0.1:18001","weight":0},{"url":"http://127.0.0.1:18002","weight":1,"priority":1,"max_requests":7}],"health":{"type":"http","path":"/h","host":"h.example","statuses":[200,204],"headers":[{"name":"X-A","value":"b"}],"body_contains":"ok","interval":"60s","timeout":"1500ms","unhealthy":3,"healthy":2},"max_requests":100,"drain_timeout":"90s","when_all_down":"refuse","protocol":"http1"}`,
		`{"algorithm":"round_robin","targets":[{"url":"http://127.0.0.1:18001","weight":1,"priority":0,"backup":false,"srv":false}],"max_requests":0,"slow_start":"","protocol":"","when_all_down":"try_all"}`,
	},
	"tollgate_usage_plan": {
		`{"rate_limit":{"rate":10,"per":"minute","burst":20},"quota":{"limit":100,"period":"week"},"concurrency":5}`,
		`{"concurrency":0,"routes":[]}`,
	},
	"tollgate_consumer": {
		`{"metadata":{"a":[1,2.5,{"b":null}],"c":"ü"},"identities":[{"issuer":"https://issuer.example","subject":"s"}]}`,
		`{"usage_plan":"","identities":[]}`,
	},
	"tollgate_webhook": {
		`{"url":"https://hooks.example.com/a?b=c","description":"ü","enabled":false,"events":["key.revoked","key.created"]}`,
		`{"url":"https://hooks.example.com","enabled":true,"events":["*"]}`,
	},
	"tollgate_route": {
		`{"match":{"path":"/a/{id}","methods":["PUT","GET"],"headers":[{"name":"X-A","exact":"b"},{"name":"X-B","present":false}],"query":[{"name":"q","regex":"^a+$"}]},"public":true,"upstream":"u","priority":7,"timeout":"90s","max_body_bytes":1024,"strict_slash":true,"preserve_host":true,"abort_on_fin":true}`,
		`{"match":{"path":"/b","methods":[],"hosts":[]},"public":true,"upstream":"u","priority":0,"timeout":"","max_body_bytes":0,"strict_slash":false,"policies":[]}`,
	},
}

// TestMatrix applies every kind of resource and every policy's own valid
// configurations: no plan has a change after the apply, and none after everything was
// imported into an empty state.
func TestMatrix(t *testing.T) {
	c := harness.New(t, harness.Options{})
	api := c.SignUp("matrix")
	f := newFolder(t, api)
	f.main("")
	f.init()
	schemas := f.schemas()
	integrations := map[string]bool{}
	for typ := range schemas["tollgate_route"]["integration"].Nested.Attributes {
		integrations[typ] = true
	}
	secrets, upstreams, taken, types := map[string]bool{}, map[string]bool{"u": true}, 0, map[string]int{}
	all := candidates(t, integrations)
	for _, one := range all {
		names(one.route, secrets, upstreams)
	}
	var ups []any
	for _, name := range slices.Sorted(maps.Keys(upstreams)) {
		ups = append(ups, map[string]any{"name": name, "targets": []any{map[string]any{"url": "http://127.0.0.1:18009"}}})
	}
	var text strings.Builder
	text.WriteString("resource \"tollgate_gateway\" \"g\" { name = \"matrix\" }\n")
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		fmt.Fprintf(&text, "resource \"tollgate_secret\" %q {\n  gateway = tollgate_gateway.g.name\n  name = %q\n  value_wo = \"v\"\n  value_wo_version = 1\n}\n", "s_"+clean(name), name)
	}
	for i, up := range ups {
		resource(&text, schemas, "tollgate_upstream", fmt.Sprintf("up%d", i), up.(map[string]any))
	}
	for _, one := range all {
		check := func() *harness.Reply {
			reply, err := api.Do("POST", "/v1/config/check", harness.Object{
				"gateway": "matrix", "secrets": slices.Sorted(maps.Keys(secrets)), "config": harness.Object{"upstreams": ups, "routes": []any{one.route}},
			})
			f.must(err)
			return reply
		}
		reply := check()
		switch why := firstError(reply); {
		case strings.Contains(why, "has the authentication policy"):
			delete(one.route, "public")
			reply = check()
		case strings.Contains(why, "takes WebSockets"):
			one.route["websocket"] = map[string]any{}
			reply = check()
		}
		if reply.Status != 200 {
			t.Logf("left out: %s: %s", one.file, firstError(reply))
			continue
		}
		taken++
		types[one.typ]++
		resource(&text, schemas, "tollgate_route", one.route["name"].(string), one.route)
	}
	rest := 0
	for _, typ := range slices.Sorted(maps.Keys(others)) {
		for i, doc := range others[typ] {
			var v map[string]any
			f.must(json.Unmarshal([]byte(doc), &v))
			v["name"] = fmt.Sprintf("other%d", i)
			resource(&text, schemas, typ, v["name"].(string), v)
			rest++
		}
	}
	f.main(text.String())
	f.apply()
	f.noChanges()
	f.imported()
	t.Logf("%d of %d configurations of %d policy types and %d other resources: no change after apply, none after import", taken, len(all), len(types), rest)
	for typ := range integrations {
		if types[typ] == 0 {
			t.Errorf("no configuration of integration %s was taken", typ)
		}
	}
	for typ := range schemas["tollgate_route"]["policies"].Nested.Attributes {
		if types[typ] == 0 {
			t.Errorf("no configuration of policy %s was taken", typ)
		}
	}
}

func firstError(r *harness.Reply) string {
	var p struct {
		Errors []struct{ Pointer, Detail string }
	}
	if json.Unmarshal(r.Body, &p) == nil && len(p.Errors) > 0 {
		return p.Errors[0].Pointer + " " + p.Errors[0].Detail
	}
	return string(r.Body)
}

// resource writes one resource of gateway g, after what it may refer to.
func resource(w *strings.Builder, schemas map[string]map[string]*attribute, typ, label string, v map[string]any) {
	fmt.Fprintf(w, "resource %q %q {\n  gateway = tollgate_gateway.g.name\n", typ, label)
	for _, k := range slices.Sorted(maps.Keys(v)) {
		fmt.Fprintf(w, "  %s = %s\n", k, hcl(schemas[typ][k], v[k]))
	}
	if typ == "tollgate_route" {
		w.WriteString("  depends_on = [tollgate_upstream.up0]\n")
	}
	w.WriteString("}\n")
}

func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}
