package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/tollgate/tollgate/terraform/internal/shape"
)

// TestSchemas makes the provider: every schema it was built with makes attributes.
func TestSchemas(t *testing.T) {
	server, err := Server("test")
	if err != nil {
		t.Fatal(err)
	}
	res, err := server().GetProviderSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range res.Diagnostics {
		t.Errorf("%s: %s", d.Summary, d.Detail)
	}
	if len(res.ResourceSchemas) < 15 || len(res.DataSourceSchemas) < 14 || len(res.EphemeralResourceSchemas) != 2 {
		t.Errorf("%d resources, %d data sources, %d ephemeral resources", len(res.ResourceSchemas), len(res.DataSourceSchemas), len(res.EphemeralResourceSchemas))
	}
	for name, s := range res.ResourceSchemas {
		for _, a := range s.Block.Attributes {
			if a.Description == "" {
				t.Errorf("%s.%s has no description", name, a.Name)
			}
			if secret := strings.Contains(a.Name, "key_pem") || a.Name == "value_wo"; secret && !a.WriteOnly && !strings.HasSuffix(a.Name, versionSuffix) {
				t.Errorf("%s.%s would be stored", name, a.Name)
			}
		}
	}
}

func TestCheckNamesEveryBadField(t *testing.T) {
	limit := shape.Schema{"type": "rate_limit", "config": shape.Schema{"rate": 0.0, "by": "me", "scope": "global"}}
	for name, c := range map[string]struct {
		body shape.Schema
		want []string
	}{
		"fine":                         {shape.Schema{"name": "r", "match": shape.Schema{"path": "/x"}}, nil},
		"what is unknown":              {shape.Schema{"name": shape.Unknown{}, "match": shape.Unknown{}}, nil},
		"a name and a policy":          {shape.Schema{"name": "a b", "match": shape.Schema{"path": "/x"}, "policies": []any{limit}}, []string{"/name", "/policies/0/config/by", "/policies/0/config/rate"}},
		"none of several alternatives": {shape.Schema{"name": "r", "match": shape.Schema{"path": "/x"}, "policies": []any{shape.Schema{"type": "ip_filter", "config": shape.Schema{}}}}, []string{"/policies/0/config"}},
		"unknown beside wrong":         {shape.Schema{"name": "r", "match": shape.Schema{"path": shape.Unknown{}}, "priority": "high"}, []string{"/priority"}},
	} {
		var d diag.Diagnostics
		found := map[string]bool{}
		for _, f := range check(&d, "RouteInput", c.body) {
			found[f.pointer] = true
		}
		if d.HasError() || len(found) != len(c.want) {
			t.Errorf("%s: found %v, want %v (%v)", name, found, c.want, d)
		}
		for _, at := range c.want {
			if !found[at] {
				t.Errorf("%s: nothing at %s", name, at)
			}
		}
	}
}

func TestPlanPointer(t *testing.T) {
	for pointer, want := range map[string]string{
		"/config/routes/3/match/path": "routes 3 /match/path true",
		"/config/upstreams/0":         "upstreams 0  true",
		"/config/policies/1/config":   "policies 0 /items/1/config true",
		"/gateway":                    " 0  false",
		"":                            " 0  false",
	} {
		field, i, rest, ok := planPointer(pointer)
		if got := strings.Join([]string{field, string(rune('0' + i)), rest, map[bool]string{true: "true", false: "false"}[ok]}, " "); got != want {
			t.Errorf("%s: %q, want %q", pointer, got, want)
		}
	}
}

func TestDocumentsThatMeanTheSame(t *testing.T) {
	a := "routes:\n  - name: b\n    match: {path: /b}\n    timeout: 60s\n  - {name: a, match: {path: /a}}\n"
	for _, c := range []struct {
		b    string
		same bool
	}{
		{`{"routes":[{"name":"a","match":{"path":"/a"},"priority":0},{"name":"b","match":{"path":"/b"},"timeout":"60s"}]}`, true},
		{`{"routes":[{"name":"a","match":{"path":"/a"},"priority":1},{"name":"b","match":{"path":"/b"},"timeout":"60s"}]}`, false},
		{`{"routes":[{"name":"a","match":{"path":"/a"}},{"name":"a","match":{"path":"/a"}},{"name":"b","match":{"path":"/b"},"timeout":"60s"}]}`, false},
		{`{"routes":[{"name":"a","match":{"path":"/a"}},{"name":"a","match":{"path":"/a"}}]}`, false},
		{`{"routes":[{"name":"b","match":{"path":"/b"}}]}`, false},
		{"[", false},
	} {
		if got := alike(a, c.b); got != c.same {
			t.Errorf("alike to %s: %v", c.b, got)
		}
	}
}

// TestKeysOfThePath checks names that only stand in the path, and compares hosts and
// addresses whatever their case.
func TestKeysOfThePath(t *testing.T) {
	p, err := newProvider("test")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range p.kinds {
		if fold := k.key == "host" || k.key == "email"; k.key != "" && k.shape.Field(k.key).Type.Fold != fold {
			t.Errorf("%s: the key %s is compared with case: %v", k.name, k.key, fold)
		}
		want := map[string]int{}
		switch k.name {
		case "secret", "certificate":
			want = map[string]int{"good-1": 0, "a b": 1, "a/b": 1, "../x": 1, strings.Repeat("x", 129): 1, "": 0}
		case "domain":
			want = map[string]int{"api.example.com": 0, "*.Example.com": 0, "a.example.com.": 0, "api": 1, "a b.com": 1, "a.com/x": 1, "a.com:80": 1, "*.*.com": 1, "münchen.de": 0}
		}
		for key, n := range want {
			var d diag.Diagnostics
			(&kindResource{k: k}).validateKey(&d, key)
			if d.ErrorsCount() != n {
				t.Errorf("%s %q: %v, want %d errors", k.name, key, d, n)
			}
		}
	}
}
