package engine_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/respcache"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/cache"
	"github.com/tollgate/tollgate/gateway-edge/policy/compress"
	"github.com/tollgate/tollgate/services/contract"
)

var codingPage = strings.Repeat("all work and no play ", 200)

// codingOrigin serves a page with validators and ranges: /own in gzip too, by
// negotiation of its own, /image as what is not worth compressing.
func codingOrigin(asked *atomic.Int64) http.HandlerFunc {
	packed := gzipped(codingPage)
	return func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		h := w.Header()
		h.Set("Content-Type", "text/plain")
		h.Set("Cache-Control", "max-age=60")
		h.Set("ETag", `"1"`)
		if r.Method == "HEAD" {
			r.Header.Del("Range") // it is of GET alone (RFC 9110 14.2), which ServeContent does not know
		}
		body := codingPage
		if strings.HasPrefix(r.URL.Path, "/image") {
			h.Set("Content-Type", "image/png")
		}
		if strings.HasPrefix(r.URL.Path, "/own") {
			h.Set("Vary", "Accept-Encoding")
			if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				h.Set("Content-Encoding", "gzip")
				h.Set("ETag", `"1-gzip"`)
				body = packed
			}
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
	}
}

func gzipped(s string) string {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

// TestCacheCoding: stored answers, compression, HEAD, ranges and conditions together.
// Each row asks for an address of its own in turn, over HTTP/1.1 and HTTP/2, with the
// answer stored and without a cache: what comes is the same.
func TestCacheCoding(t *testing.T) {
	gz := "Accept-Encoding: gzip"
	rows := []struct {
		name, path string
		steps      [][2]string // the request: method and fields; the answer: status, body, fields
	}{
		{"HEAD is GET's head", "/page", [][2]string{
			{"GET|" + gz, `200|page in gzip|Content-Encoding: gzip|ETag: W/"1"|Vary: Accept-Encoding|-Accept-Ranges`},
			{"HEAD|" + gz, `200||Content-Encoding: gzip|ETag: W/"1"|Vary: Accept-Encoding|-Content-Length|-Accept-Ranges`},
			{"HEAD", `200||-Content-Encoding|ETag: "1"|Vary: Accept-Encoding|Content-Length: 4200`},
			{"GET", `200|page|-Content-Encoding|ETag: "1"|Vary: Accept-Encoding|Content-Length: 4200`},
		}},
		{"HEAD first", "/page", [][2]string{
			{"HEAD|" + gz, `200||Content-Encoding: gzip|ETag: W/"1"|-Content-Length`},
			{"GET|" + gz, `200|page in gzip|ETag: W/"1"`},
		}},
		{"a part is never compressed", "/page", [][2]string{
			{"GET|" + gz, `200|page in gzip`},
			{"GET|Range: bytes=0-2|" + gz, `206|all|-Content-Encoding|ETag: "1"|Content-Range: bytes 0-2/4200|Vary: Accept-Encoding`},
			{"GET|Range: bytes=0-2", `206|all|-Content-Encoding|ETag: "1"`},
			{"GET|Range: bytes=9000-|" + gz, `416||-Content-Encoding`},
		}},
		{"a part of what is not changed alone", "/page", [][2]string{
			{"GET", `200|page`},
			{`GET|Range: bytes=0-2|If-Range: "1"`, `206|all`},
			{`GET|Range: bytes=0-2|If-Range: W/"1"|` + gz, `200|page in gzip|ETag: W/"1"`},
			{`GET|Range: bytes=0-2|If-Range: "2"`, `200|page`},
			{`HEAD|Range: bytes=0-2`, `200||Content-Length: 4200`},
		}},
		{"conditions by either tag", "/page", [][2]string{
			{"GET|" + gz, `200|page in gzip`},
			{`GET|If-None-Match: W/"1"|` + gz, `304||ETag: W/"1"|Vary: Accept-Encoding|-Content-Encoding|-Content-Length`},
			{`GET|If-None-Match: "0", W/"1"|` + gz, `304||ETag: W/"1"`},
			{`GET|If-None-Match: "1"`, `304||ETag: "1"|-Content-Length`},
			{`HEAD|If-None-Match: W/"1"|` + gz, `304||ETag: W/"1"`},
			{`GET|If-None-Match: W/"2"|` + gz, `200|page in gzip|ETag: W/"1"`},
			{`GET|If-None-Match: *|` + gz, `304||-Content-Encoding`},
		}},
		{"the origin's own coding", "/own", [][2]string{
			{"GET|" + gz, `200|page in gzip|Content-Encoding: gzip|ETag: "1-gzip"|Vary: Accept-Encoding`},
			{"GET", `200|page|-Content-Encoding|ETag: "1"`},
			{"HEAD|" + gz, `200||Content-Encoding: gzip|ETag: "1-gzip"`},
			{"GET|Range: bytes=0-1|" + gz, "206|\x1f\x8b|Content-Encoding: gzip|ETag: \"1-gzip\""},
			{"GET|Range: bytes=0-2", `206|all|-Content-Encoding|ETag: "1"`},
			{`GET|If-None-Match: "1-gzip"|` + gz, `304||ETag: "1-gzip"|Vary: Accept-Encoding`},
		}},
		{"what is not worth it", "/image", [][2]string{
			{"GET|" + gz, `200|page|-Content-Encoding|ETag: "1"|-Vary|Content-Length: 4200`},
			{"HEAD|" + gz, `200||-Content-Encoding|ETag: "1"|-Vary|Content-Length: 4200`},
			{`GET|If-None-Match: "1"|` + gz, `304||ETag: "1"|-Vary`},
		}},
	}
	for _, caching := range []bool{false, true} {
		t.Run(fmt.Sprintf("stored %v", caching), func(t *testing.T) {
			var asked atomic.Int64
			s := httptest.NewServer(codingOrigin(&asked))
			t.Cleanup(s.Close)
			store, err := respcache.New(respcache.Config{Max: 64 << 20, PerOrganization: 32 << 20, Now: clock.New().Boot})
			must(t, err)
			e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{&cache.Descriptor, &compress.Descriptor}, cache: store})
			g := plain(s.URL)
			g.Routes[0].Policies = []contract.Policy{{Type: "compress", Config: json.RawMessage(`{"min_bytes":100}`)}}
			if caching {
				g.Routes[0].Policies = append(g.Routes[0].Policies, contract.Policy{Type: "cache", Config: json.RawMessage(`{}`)})
			}
			e.serve(g)
			tr := e.transport1()
			tr.DisableCompression = true
			for name, c := range map[string]*http.Client{"http1": {Transport: tr, Timeout: 10 * time.Second}, "http2": e.h2Client(false)} {
				for i, row := range rows {
					t.Run(name+" "+row.name, func(t *testing.T) {
						before := asked.Load()
						for n, step := range row.steps {
							for _, wrong := range codingStep(t, c, fmt.Sprintf("http://demo.localhost%s/%s/%d", row.path, name, i), step) {
								t.Errorf("step %d, %s: %s", n+1, step[0], wrong)
							}
						}
						if n := asked.Load() - before; caching && row.path == "/page" && !strings.HasPrefix(row.steps[0][0], "HEAD") && n != 1 {
							t.Errorf("the origin was asked %d times", n)
						}
					})
				}
			}
		})
	}
}

// codingStep makes a request and says what is wrong with its answer.
func codingStep(t *testing.T, c *http.Client, url string, step [2]string) (wrong []string) {
	t.Helper()
	ask := strings.Split(step[0], "|")
	r, err := http.NewRequest(ask[0], url, nil)
	must(t, err)
	for _, f := range ask[1:] {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	resp, err := c.Do(r)
	must(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	must(t, err)
	want := strings.Split(step[1], "|")
	body, wantBody := string(raw), want[1]
	switch wantBody {
	case "page":
		wantBody = codingPage
	case "page in gzip":
		if z, err := gzip.NewReader(strings.NewReader(body)); err == nil {
			plain, _ := io.ReadAll(z)
			body, wantBody = string(plain), codingPage
		}
	}
	if strconv.Itoa(resp.StatusCode) != want[0] || resp.StatusCode != 416 && body != wantBody {
		wrong = append(wrong, fmt.Sprintf("%d with %d bytes %.30q", resp.StatusCode, len(body), body))
	}
	for _, f := range want[2:] {
		name, value, given := strings.Cut(f, ": ")
		if name, absent := strings.CutPrefix(name, "-"); absent && !given {
			if got := resp.Header[name]; got != nil {
				wrong = append(wrong, fmt.Sprintf("%s: %q", name, got))
			}
		} else if got := strings.Join(resp.Header.Values(name), ", "); got != value {
			wrong = append(wrong, fmt.Sprintf("%s: %q instead of %q", name, got, value))
		}
	}
	return wrong
}
