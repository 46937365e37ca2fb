package nginx_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/importer/importertest"
	"github.com/tollgate/tollgate/services/importer/nginx"
)

// TestProtected: whatever is imported, no path ends up less protected than nginx has it.
func TestProtected(t *testing.T) {
	t.Parallel()
	const pass = "proxy_pass http://b; "
	schemes := map[string]contract.Policy{"auth_basic": {Type: "basic", Config: json.RawMessage(`{"users":{"a":{"secret":"s"}}}`)}}
	for _, c := range []struct {
		name, text string
		prefix     string
		want       map[string]string
		refused    string // it is skipped
		stops      bool   // it can't be
	}{
		{
			name: "a refused location", text: "location / { " + pass + "}\nlocation /admin/ { auth_request /auth; " + pass + "}", refused: "keeps callers out",
			want: map[string]string{"/": "open", "/x": "open", "/admin": "closed", "/admin/users": "closed"},
		},
		{
			name: "a refused expression", text: "location / { " + pass + "}\nlocation ~ \\.php$ { limit_req zone=a; " + pass + "}", refused: "keeps callers out",
			want: map[string]string{"/x": "open", "/a/x.php": "closed"},
		},
		{
			name: "refused exactly", text: "location / { " + pass + "}\nlocation = /a { internal; " + pass + "}", refused: "keeps callers out",
			want: map[string]string{"/a": "closed", "/a/": "open", "/ab": "open"},
		},
		{
			name: "deny all", text: "location / { " + pass + "}\nlocation ~ /\\.git { deny all; }\nlocation /internal { deny all; return 404; }",
			want: map[string]string{"/x": "open", "/a/.git/config": "closed", "/.gitignore": "closed", "/internal": "closed", "/internals": "closed"},
		},
		{
			name: "a path with braces", text: "location / { " + pass + "}\nlocation \"/{a}/\" { deny all; }", refused: "braces",
			want: map[string]string{"/%7Ba%7D/x": "closed", "/a/x": "open"},
		},
		{
			name: "a prefix without a slash", text: "location / { " + pass + "}\nlocation /admin { auth_basic x; " + pass + "}",
			want: map[string]string{"/": "open", "/admin": "basic", "/admin/": "basic", "/admin/x": "basic", "/administrator": "basic", "/admin.php": "basic", "/adm": "open"},
		},
		{
			name: "locations below it",
			text: "location / { " + pass + "}\nlocation /admin { auth_basic x; " + pass + "}\nlocation /admin/open/ { " + pass + "}\nlocation = /admin/login { " + pass + "}\nlocation /admin/open/not { deny all; }",
			want: map[string]string{"/admin/x": "basic", "/admin/open/x": "open", "/admin/login": "open", "/admin/login/": "basic", "/admin/open/nothing": "closed", "/x": "open"},
		},
		{
			name: "beside expressions",
			text: "location / { " + pass + "}\nlocation ^~ /admin { auth_basic x; " + pass + "}\nlocation ~ \\.php$ { " + pass + "}\nlocation /in { auth_basic x; " + pass + "}\nlocation = /admin/x { " + pass + "}",
			want: map[string]string{"/admin.php": "basic", "/admin/a.php": "basic", "/x.php": "open", "/inner": "basic", "/in.php": "open", "/admin/x": "open"},
		},
		{
			name: "it answers itself", text: "location / { " + pass + "}\nlocation /admin { return 403; }",
			want: map[string]string{"/administrator": "closed", "/admin/x": "closed", "/x": "open"},
		},
		{
			name: "it changes the path", text: "location / { " + pass + "}\nlocation /admin { auth_basic x; proxy_pass http://b/v2; }", refused: "can't change them",
			want: map[string]string{"/administrator": "closed", "/admin/x": "closed", "/x": "open"},
		},
		{
			name: "the option prefix", prefix: "/p", text: "location / { " + pass + "}\nlocation /admin { auth_basic x; " + pass + "}",
			want: map[string]string{"/p/administrator": "basic", "/p/admin/x": "basic", "/p/x": "open"},
		},
		{
			name: "alternatives", text: "location / { " + pass + "}\nlocation ~ ^/private|^/admin$ { allow 10.0.0.0/8; deny all; " + pass + "}",
			want: map[string]string{"/private": "ip_filter", "/private/x": "ip_filter", "/admin": "ip_filter", "/admin/x": "open", "/x/private": "open"},
		},
		{
			name: "alternatives without anchors", text: "location / { " + pass + "}\nlocation ~ /private$|secret { deny all; }",
			want: map[string]string{"/x/private": "closed", "/private/x": "open", "/a/secrets": "closed"},
		},
		{
			name: "alternatives in groups and classes", text: "location / { " + pass + "}\nlocation ~ ^/([a|]|b)$ { deny all; }",
			want: map[string]string{"/a": "closed", "/b": "closed", "/b/x": "open", "/x/a": "open"},
		},
		{
			name: "alternatives behind a prefix", prefix: "/p", text: "location / { " + pass + "}\nlocation ~ ^/private|^/admin$ { deny all; }", refused: "the option prefix",
			stops: true,
		},
		{
			name: "a group behind a prefix", prefix: "/p", text: "location / { " + pass + "}\nlocation ~ (^/private|^/[^/]+/admin$) { deny all; }", refused: "the option prefix",
			stops: true,
		},
		{
			name: "what paths are not", text: "location / { " + pass + "}\nlocation ~ ^/(ö|x\\{) { deny all; }", refused: "with their escapes",
			stops: true,
		},
		{
			name: "a server that answers itself", text: "return 403;\nlocation /a { return 200 secret; }",
			want: map[string]string{"/a": "closed"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := importer.Options{Schemes: schemes, SkipRefused: true, Prefix: c.prefix}
			p, report, errs := nginx.Import([]byte("\ufeff"+in(c.text)), o, importer.Present{})
			if len(errs) > 0 || report.Blocked(&o) != c.stops {
				t.Fatalf("%v %+v", errs, report)
			}
			if refused := refusals(report); c.refused == "" && refused != "" || !strings.Contains(refused, c.refused) {
				t.Errorf("refused %q, want %q", refused, c.refused)
			}
			for path, want := range c.want {
				if got := importertest.Winner(t, p.Routes, "GET", path); got != want {
					t.Errorf("%s: %s, want %s", path, got, want)
				}
			}
			if t.Failed() {
				t.Logf("%+v", p.Routes)
			}
			o.SkipRefused = false
			if p, _, _ := nginx.Import([]byte(in(c.text)), o, importer.Present{}); c.refused != "" && slices.ContainsFunc(p.Routes, func(r contract.Route) bool {
				return strings.Contains(r.Name, "admin")
			}) {
				t.Errorf("a route of what is refused: %+v", p.Routes)
			}
		})
	}
}

func refusals(report *importer.Report) string {
	var b strings.Builder
	for _, r := range report.Rows {
		if r.Level == importer.Refused {
			b.WriteString(r.What + ": " + r.Why + "\n")
		}
	}
	return b.String()
}

// TestOwnWayIn: the gateway's own policy would let callers in beside auth_basic.
func TestOwnWayIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		own  string
		want bool
	}{{"api_key", true}, {"basic", false}, {"cors", false}} {
		o := importer.Options{Schemes: map[string]contract.Policy{"auth_basic": {Type: "basic"}}}
		present := importer.Present{Policies: []contract.Policy{{Type: c.own}}}
		_, report, errs := nginx.Import([]byte(in("auth_basic x;\nlocation / { proxy_pass http://b; }")), o, present)
		if len(errs) > 0 || strings.Contains(refusals(report), "would let callers in") != c.want {
			t.Errorf("%s: %v %+v", c.own, errs, report)
		}
	}
}

// TestUpstreamsThatGrew: an upstream of the gateway that has the address of a location
// stays as it is, and one of the same name that has not stays too.
func TestUpstreamsThatGrew(t *testing.T) {
	t.Parallel()
	text := []byte("server { location / { proxy_pass http://c.example.com; } }")
	grown := contract.Upstream{Name: "c.example.com", Targets: []contract.Target{{URL: "http://d.example.com"}, {URL: "http://c.example.com"}}}
	for _, c := range []struct {
		name    string
		present contract.Upstream
		want    string
		targets int
	}{
		{"grown", grown, "c.example.com", 2},
		{"another one", contract.Upstream{Name: "c.example.com", Targets: grown.Targets[:1]}, "c.example.com-2", 1},
	} {
		p, report, errs := nginx.Import(text, importer.Options{}, importer.Present{Upstreams: []contract.Upstream{c.present}})
		if len(errs) > 0 || len(p.Routes) != 1 || len(p.Upstreams) != 1 || p.Routes[0].Upstream != c.want || p.Upstreams[0].Name != c.want || len(p.Upstreams[0].Targets) != c.targets {
			t.Errorf("%s: %v %+v %+v", c.name, errs, report, p)
		}
	}
}
