package webui_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tollgate/tollgate/portal/api"
	"github.com/tollgate/tollgate/portal/docs"
	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/portal/internal/webui"
	"github.com/tollgate/tollgate/services/core"
)

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func serve(t *testing.T, build fstest.MapFS) *webui.Server {
	t.Helper()
	operations, err := authz.New(api.Document)
	if err != nil {
		t.Fatal(err)
	}
	s, err := webui.New(webui.Config{
		Operations: operations, Logger: slog.New(slog.DiscardHandler), Docs: docs.Files, Web: build,
		Actor: func(*http.Request) core.Actor { return core.Actor{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(s http.Handler, path string, header ...string) (*http.Response, string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	res := w.Result()
	b, _ := io.ReadAll(res.Body)
	return res, string(b)
}

func built(t *testing.T) fstest.MapFS {
	t.Helper()
	return fstest.MapFS{
		".gitkeep":                {},
		".vite/manifest.json":     {Data: []byte(`{}`)},
		"index.html":              {Data: []byte(`<script nonce="TOLLGATE_NONCE" src="/assets/a-1.js"></script>portal`)},
		"developer.html":          {Data: []byte(`<meta nonce="TOLLGATE_NONCE">developer`)},
		"scheme.js.gz":            {Data: gzipped(t, "scheme")},
		"assets/a-1.js.br":        {Data: []byte("brotli")},
		"assets/a-1.js.gz":        {Data: gzipped(t, "script")},
		"assets/font-1.woff2":     {Data: []byte("font")},
		"assets/font-1.woff2.map": {Data: []byte("{}")},
	}
}

func TestPagesOfTheWebPortal(t *testing.T) {
	t.Parallel()
	s := serve(t, built(t))
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/": {200, "portal"}, "/login": {200, "portal"}, "/verify?token=x": {200, "portal"}, "/gateways": {200, "portal"},
		"/gateways/shop/routes/orders": {200, "portal"}, "/organization/members": {200, "portal"},
		"/p/shop": {200, "developer"}, "/p/shop/keys": {200, "developer"},
		"/nothing": {404, "no such page"}, "/gatewaysx": {404, "no such page"}, "/p": {404, "no such page"},
		"/assets/a-2.js": {404, "no such page"}, "/.vite/manifest.json": {404, "no such page"}, "/index.html": {404, "no such page"},
		"/docs/api": {200, "POST /v1/signup"},
	} {
		res, body := get(s, path)
		if res.StatusCode != want.status || !strings.Contains(body, want.text) {
			t.Errorf("GET %s: %d %.80s, want %d with %q", path, res.StatusCode, body, want.status, want.text)
		}
		if strings.Contains(body, "TOLLGATE_NONCE") {
			t.Errorf("GET %s: a nonce is missing: %.200s", path, body)
		}
	}
}

func TestContentPolicy(t *testing.T) {
	t.Parallel()
	s := serve(t, built(t))
	nonces := map[string]bool{}
	for range 3 {
		res, body := get(s, "/login")
		policy := res.Header.Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`'nonce-([^']+)'`).FindStringSubmatch(policy)
		if nonce == nil || !strings.Contains(body, `nonce="`+nonce[1]+`"`) {
			t.Fatalf("policy %q does not fit the page %q", policy, body)
		}
		nonces[nonce[1]] = true
		if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "script-src 'self';") || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("policy is %q", policy)
		}
		if res.Header.Get("Cache-Control") != "no-store" {
			t.Error("a page with a nonce may be kept")
		}
	}
	if len(nonces) != 3 {
		t.Errorf("3 pages had %d nonces", len(nonces))
	}
}

func TestFilesArePacked(t *testing.T) {
	t.Parallel()
	s := serve(t, built(t))
	for accept, want := range map[string]struct{ coding, body string }{
		"gzip, deflate, br":    {"br", "brotli"},
		"gzip;q=0.5, br;q=0.1": {"br", "brotli"},
		"gzip, br;q=0":         {"gzip", string(gzipped(t, "script"))},
		"GZIP":                 {"gzip", string(gzipped(t, "script"))},
		"":                     {"", "script"},
		"identity, gzip;q=0.0": {"", "script"},
	} {
		res, body := get(s, "/assets/a-1.js", "Accept-Encoding", accept)
		if res.Header.Get("Content-Encoding") != want.coding || body != want.body {
			t.Errorf("Accept-Encoding %q: %q %.20q, want %q", accept, res.Header.Get("Content-Encoding"), body, want.coding)
		}
		if !strings.Contains(res.Header.Get("Vary"), "Accept-Encoding") || res.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("headers are %v", res.Header)
		}
		if !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
			t.Error("a file whose name is its hash is not kept")
		}
	}
	if res, body := get(s, "/assets/font-1.woff2", "Accept-Encoding", "br"); body != "font" || res.Header.Get("Content-Encoding") != "" || res.Header.Get("Content-Type") != "font/woff2" {
		t.Errorf("font: %v %q", res.Header, body)
	}
	if res, body := get(s, "/scheme.js"); body != "scheme" || strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("scheme.js: %v %q", res.Header, body)
	}
}

func TestWithoutABuild(t *testing.T) {
	t.Parallel()
	s := serve(t, fstest.MapFS{".gitkeep": {}})
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/": {503, "make build"}, "/gateways": {503, "make build"}, "/p/shop": {503, "make build"},
		"/docs/api": {200, "POST /v1/signup"}, "/static/style.css": {200, "color-scheme"},
		"/verify?token=%22%3E%3Cb": {200, "&#34;&gt;&lt;b"}, "/reset": {200, "new-password"}, "/join": {200, `autocomplete="email"`},
	} {
		if res, body := get(s, path); res.StatusCode != want.status || !strings.Contains(body, want.text) {
			t.Errorf("GET %s: %d, want %d with %q:\n%.300s", path, res.StatusCode, want.status, want.text, body)
		}
	}
}

// Every page of the web portal's router is served, so that its address can be
// typed, sent on and loaded again.
func TestEveryPageOfTheRouterIsServed(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../web/src/router.tsx")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, built(t))
	found := regexp.MustCompile(`(?:\b(?:open|page)\(|path: )'(/[^']*)'`).FindAllSubmatch(source, -1)
	if len(found) < 12 {
		t.Fatalf("found only %d pages in the router", len(found))
	}
	for _, m := range found {
		if res, _ := get(s, string(m[1])); res.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %d", m[1], res.StatusCode)
		}
	}
}
