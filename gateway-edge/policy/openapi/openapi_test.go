package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/openapi"
)

const good = `{"openapi":"3.0.3","info":{"title":"Shop","version":"1"},"servers":[{"url":"/v1"}],"security":[{"key":[]}],"x-own":1,
"tags":[{"name":"a"}],"paths":{"/a/{id}":{"parameters":[{"$ref":"#/components/parameters/Id"}],"get":{"operationId":"read","tags":["a"],
"responses":{"200":{"description":"fine","headers":{"X-A":{"schema":{"type":"string"}}},"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"},"example":{"description":"x"}}}},"default":{"$ref":"#/components/responses/Bad"}}},
"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/B~1x/properties/a"}}}},"responses":{"2XX":{"description":"d"}},"callbacks":{"done":{"{$request.body#/url}":{"post":{"responses":{"200":{"description":"ok"}}}}}}}}},
"components":{"parameters":{"Id":{"in":"path","name":"id","required":true,"schema":{"type":"integer"}}},"responses":{"Bad":{"description":"bad"},"Unused":{"description":"u"}},
"schemas":{"A":{"type":"object","nullable":true,"title":"A","description":"long","properties":{"description":{"type":"string","description":"long"},"next":{"$ref":"#/components/schemas/A"}}},"B/x":{"properties":{"a":{"type":"string","minimum":1,"exclusiveMinimum":true}}},"Unused":{"type":"string"}},
"securitySchemes":{"key":{"type":"apiKey","name":"k","in":"header"}}}}`

func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	root, err := openapi.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestGood(t *testing.T) {
	t.Parallel()
	if errs := openapi.Check(parse(t, good)); len(errs) > 0 {
		t.Fatal(errs)
	}
}

// TestProblems: one thing is wrong, and its place is named.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ from, to, want string }{
		{`"3.0.3"`, `"2.0"`, "/openapi: "},
		{`"title":"Shop",`, ``, "/info/title: is missing"},
		{`"version":"1"`, `"version":1`, "/info/version: is a string"},
		{`"operationId":"read"`, `"operationID":"read"`, `/paths/~1a~1{id}/get/operationID: is not known here: did you mean "operationId"?`},
		{`"x-own"`, `"own"`, "/own: is not known here"},
		{`"#/components/schemas/A"},"ex`, `"other.json#/A"},"ex`, "/paths/~1a~1{id}/get/responses/200/content/application~1json/schema"},
		{`"#/components/responses/Bad"`, `"https://example.com/x"`, "/paths/~1a~1{id}/get/responses/default/$ref: leads out of the document"},
		{`"#/components/responses/Bad"`, `"#/components/responses/Gone"`, "/paths/~1a~1{id}/get/responses/default/$ref: leads to nothing"},
		{`"#/components/responses/Bad"`, `"#/components/schemas/A"`, "/paths/~1a~1{id}/get/responses/default/$ref: leads to one of components/schemas"},
		{`{"description":"bad"}`, `{"$ref":"#/components/responses/Bad"}`, "/components/responses/Bad/$ref: refers to itself"},
		{`"in":"path","name":"id","required":true`, `"in":"path","name":"id"`, "/components/parameters/Id/required: must be true"},
		{`"in":"path","name":"id"`, `"in":"path","name":"ids"`, `/paths/~1a~1{id}/get: does not describe the path's parameter "id"`},
		{`"in":"path","name":"id"`, `"in":"body","name":"id"`, "/components/parameters/Id/in: is "},
		{`"schema":{"type":"integer"}}},"res`, `"style":"form","schema":{"type":"integer"}}},"res`, "/components/parameters/Id/style: is one of simple"},
		{`"schema":{"type":"integer"}}},"res`, `"style":"matrix","schema":{"type":"integer"}}},"res`, "/components/parameters/Id/style: matrix"},
		{`,"schema":{"type":"integer"}}},"res`, `}},"res`, "/components/parameters/Id: has either schema or content"},
		{`"2XX":{"description":"d"}`, `"2xY":{"description":"d"}`, "/paths/~1a~1{id}/post/responses/2xY: is a status"},
		{`"2XX":{"description":"d"}`, `"2XX":{}`, "/paths/~1a~1{id}/post/responses/2XX/description: is missing"},
		{`"type":"object","nullable"`, `"type":"thing","nullable"`, "/components/schemas/A: is no JSON Schema: /type"},
		{`"type":"string","minimum"`, `"pattern":"(?=a)","minimum"`, "/components/schemas/B~1x: "},
		{`[{"key":[]}]`, `[{"lock":[]}]`, "/security/0/lock: is none of components/securitySchemes"},
		{`"type":"apiKey","name":"k",`, `"type":"apiKey",`, "/components/securitySchemes/key/name: is missing"},
		{`"/a/{id}"`, `"/a/{id"`, "/paths/~1a~1{id: has a \"{\" that is not closed"},
		{`"/a/{id}":`, `"/a/{x}":{},"/a/{id}":`, "/paths/~1a~1{x}: takes the same paths as /a/{id}"},
		{`"/a/{id}"`, `"a/{id}"`, `/paths/a~1{id}: begins with "/"`},
		{`"tags":[{"name":"a"}]`, `"webhooks":{}`, "/webhooks: is a field of version 3.1"},
		{`"operationId":"read"`, `"operationId":"read","parameters":[{"$ref":"#/components/parameters/Id"},{"$ref":"#/components/parameters/Id"}]`, "/get/parameters/1: the path parameter \"id\" is described twice"},
		{`{"requestBody"`, `{"operationId":"read","requestBody"`, `/paths/~1a~1{id}/post/operationId: "read" is the operation's`},
		{`"application/json":{"schema":{"$ref":"#/components/schemas/B`, `"json":{"schema":{"$ref":"#/components/schemas/B`, "/content/json: is a media type"},
	} {
		text := strings.Replace(good, tt.from, tt.to, 1)
		if text == good {
			t.Fatalf("%s is not in the document", tt.from)
		}
		if got := openapi.Check(parse(t, text)).Error(); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.to, got, tt.want)
		}
	}
}

// TestAllAtOnce: every problem is named, not only the first.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(`"title":"Shop",`, ``, `"2XX":{"description":"d"}`, `"2XX":{}`, `"x-own"`, `"own"`).Replace(good)
	if errs := openapi.Check(parse(t, text)); len(errs) != 3 {
		t.Fatalf("got %v, want three problems", errs)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"bytes":  `{"a":"` + strings.Repeat("x", openapi.MaxBytes) + `"}`,
		"values": `{"a":[` + strings.Repeat("1,", openapi.MaxNodes) + `1]}`,
		"depth":  strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		"twice":  `{"openapi":"3.1.0","openapi":"3.0.0"}`,
		"array":  `[]`,
	} {
		if _, err := openapi.Parse([]byte(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	var b strings.Builder
	for i := range openapi.MaxOperations + 1 {
		fmt.Fprintf(&b, `"/%d":{"get":{}},`, i)
	}
	text := `{"openapi":"3.1.0","info":{"title":"a","version":"1"},"paths":{` + strings.TrimSuffix(b.String(), ",") + `}}`
	if got := openapi.Check(parse(t, text)).Error(); !strings.Contains(got, "more than 1000 operations") {
		t.Error(got)
	}
}

// TestTrim: what validation does not read is gone, what references lead to is not.
func TestTrim(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal(openapi.Trim(parse(t, good)))
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"long", "Unused", "securitySchemes", "example", "callbacks", "x-own", `"title"`, "X-A", "tags"} {
		if bytes.Contains(out, []byte(gone)) {
			t.Errorf("%s is still there: %s", gone, out)
		}
	}
	root := parse(t, string(out))
	for _, kept := range []string{`"description":{"type":"string"}`, `"next"`, `"B/x"`, `"Id"`, `"2XX"`, `"operationId":"read"`, `"url":"/v1"`, "exclusiveMinimum"} {
		if !bytes.Contains(out, []byte(kept)) {
			t.Errorf("%s is gone: %s", kept, out)
		}
	}
	again, _ := json.Marshal(openapi.Trim(root))
	if !bytes.Equal(out, again) {
		t.Errorf("trimmed twice it is another: %s", again)
	}
	anchors := `{"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[{"in":"query","name":"q","schema":{"$ref":"#word"}}]}}},"components":{"schemas":{"W":{"$anchor":"word","type":"string"}}}}`
	if out, _ := json.Marshal(openapi.Trim(parse(t, anchors))); !bytes.Contains(out, []byte(`"$anchor":"word"`)) {
		t.Errorf("a schema that is named by its anchor is gone: %s", out)
	}
}

func paths(t testing.TB, list ...string) *openapi.Paths[string] {
	p := &openapi.Paths[string]{}
	for _, s := range list {
		tpl, err := openapi.ParseTemplate(s)
		if err != nil {
			t.Fatal(err)
		}
		p.At(tpl).Value = s
	}
	return p
}

// TestFind: text goes before parameters, and more of it before less.
func TestFind(t *testing.T) {
	t.Parallel()
	p := paths(t, "/", "/a", "/a/{x}", "/a/b", "/a/{y}/c", "/a/b/{z}", "/{t}/b/d", "/f/{n}.{e}", "/f/{n}.tar.{e}", "/s/", "/{k}-{l}-{m}")
	for _, tt := range []struct{ path, want, vars string }{
		{"/", "/", ""},
		{"/a", "/a", ""},
		{"/a/", "/a", ""},
		{"/a/b", "/a/b", ""},
		{"/a/z", "/a/{x}", "z"},
		{"/a/z/c", "/a/{y}/c", "z"},
		{"/a/b/c", "/a/b/{z}", "c"},
		{"/a/b/d", "/a/b/{z}", "d"},
		{"/q/b/d", "/{t}/b/d", "q"},
		{"/f/x.png", "/f/{n}.{e}", "x png"},
		{"/f/x.tar.gz", "/f/{n}.tar.{e}", "x gz"},
		{"/f/x", "", ""},
		{"/f/.png", "", ""},
		{"/s", "/s/", ""},
		{"/s/", "/s/", ""},
		{"/1-2-3-4", "/{k}-{l}-{m}", "1 2 3-4"},
		{"/a/b/c/d", "", ""},
		{"/nowhere", "", ""},
	} {
		var vars openapi.Vars
		f := p.Find(policy.Static(tt.path), &vars)
		got, values := "", []string{}
		if f != nil {
			got = f.Value
			for i := range f.Names {
				values = append(values, vars[i].Clone())
			}
		}
		if got != tt.want || strings.Join(values, " ") != tt.vars {
			t.Errorf("%s: got %q with %q, want %q with %q", tt.path, got, values, tt.want, tt.vars)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("/a/{x}.{y}", "/a/b.c")
	f.Add("/{a}-{b}", "/-")
	f.Fuzz(func(t *testing.T, template, path string) {
		tpl, err := openapi.ParseTemplate(template)
		if err != nil {
			return
		}
		p := &openapi.Paths[int]{}
		p.At(tpl).Value = 1
		var vars openapi.Vars
		if f := p.Find(policy.Static(path), &vars); f != nil {
			for i := range f.Names {
				if vars[i].Empty() {
					t.Errorf("%q in %q: a parameter is empty", path, template)
				}
			}
			if len(f.Names) != strings.Count(template, "{") || slices.Contains(f.Names, "") {
				t.Errorf("%q has %d parameters", template, len(f.Names))
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add(good)
	f.Add(`{"openapi":"3.1.0","paths":{"/":{"$ref":"#/paths/~1"}}}`)
	f.Fuzz(func(_ *testing.T, text string) {
		if root, err := openapi.Parse([]byte(text)); err == nil {
			openapi.Trim(root)
			openapi.Check(root)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	p := paths(b, "/a/{x}", "/a/b", "/a/{y}/c", "/f/{n}.{e}")
	path := policy.Static("/a/seven/c")
	var vars openapi.Vars
	b.ReportAllocs()
	for b.Loop() {
		p.Find(path, &vars)
	}
}
