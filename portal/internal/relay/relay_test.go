package relay_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/portal/internal/relay"
	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/services/core"
)

// edge is a server that answers as h does, and a relay to it.
func edge(t *testing.T, h http.HandlerFunc) *relay.Relay {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	r, err := relay.New(u)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSendsToTheGatewaysHostThroughTheEdge(t *testing.T) {
	t.Parallel()
	r := edge(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Request-Id", "0123456789abcdef")
		w.Header().Set("X-Seen", strings.Join([]string{r.Method, r.Host, r.RequestURI, r.Header.Get("X-Api-Key"), r.Header.Get("X-Forwarded-For"), string(body)}, "|"))
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	})
	a, err := r.Send(t.Context(), "shop.edge.test", &relay.Request{
		Method: "POST", Path: "/a%20b/c?x=1&y", Headers: map[string][]string{"X-Api-Key": {"tg_test_1"}}, Body: []byte("tea"), Client: "192.0.2.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.Header.Get("X-Seen"), "POST|shop.edge.test|/a%20b/c?x=1&y|tg_test_1|192.0.2.1|tea"; got != want {
		t.Errorf("the edge saw %q, want %q", got, want)
	}
	if a.Status != 418 || string(a.Body) != "short and stout" || a.Truncated || a.RequestID != "0123456789abcdef" || a.Total < a.FirstByte || a.FirstByte <= 0 {
		t.Errorf("answer %+v", a)
	}
}

// TestPathsNeverLeave sends paths that look like other hosts: each reaches the
// edge, with the gateway's host.
func TestPathsNeverLeave(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(other.Close)
	r := edge(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Host", r.Host)
		w.Header().Set("Location", other.URL)
		w.WriteHeader(http.StatusTemporaryRedirect) // not followed
	})
	host := strings.TrimPrefix(other.URL, "http://")
	for _, path := range []string{"//" + host + "/", "/@" + host, "/..//" + host, "/%2f%2f" + host, "/;@" + host, "/?" + other.URL, "/:80@" + host} {
		a, err := r.Send(t.Context(), "shop.edge.test", &relay.Request{Path: path})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if a.Status != 307 || a.Header.Get("X-Host") != "shop.edge.test" {
			t.Errorf("%s: %d from host %q", path, a.Status, a.Header.Get("X-Host"))
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the other host got %d requests", n)
	}
}

func TestRefusesWhatIsNotTheCallersToSay(t *testing.T) {
	t.Parallel()
	r := edge(t, func(http.ResponseWriter, *http.Request) { t.Error("the edge was asked") })
	long := strings.Repeat("x", relay.MaxBody+1)
	for name, in := range map[string]relay.Request{
		"absolute":       {Path: "http://other.test/"},
		"no slash":       {Path: "other.test"},
		"empty":          {Path: ""},
		"asterisk":       {Path: "*"},
		"space":          {Path: "/a HTTP/1.1\r\nHost: other.test"},
		"fragment":       {Path: "/a#b"},
		"backslash":      {Path: `/\other.test`},
		"bad escape":     {Path: "/%zz"},
		"method":         {Path: "/", Method: "GET /"},
		"connect":        {Path: "/", Method: "CONNECT"},
		"trace":          {Path: "/", Method: "TRACE"},
		"host":           {Path: "/", Headers: map[string][]string{"host": {"other.test"}}},
		"forwarded":      {Path: "/", Headers: map[string][]string{"X-Forwarded-Host": {"other.test"}}},
		"consumer":       {Path: "/", Headers: map[string][]string{"tollgate-consumer": {"root"}}},
		"length":         {Path: "/", Headers: map[string][]string{"Content-Length": {"0"}}},
		"coding":         {Path: "/", Headers: map[string][]string{"Transfer-Encoding": {"chunked"}}},
		"upgrade":        {Path: "/", Headers: map[string][]string{"Upgrade": {"websocket"}}},
		"connection":     {Path: "/", Headers: map[string][]string{"Connection": {"x-api-key"}}},
		"name":           {Path: "/", Headers: map[string][]string{"a b": {"c"}}},
		"value":          {Path: "/", Headers: map[string][]string{"a": {"b\r\nc: d"}}},
		"too much":       {Path: "/", Headers: map[string][]string{"a": {strings.Repeat("x", 17<<10)}}},
		"body":           {Path: "/", Method: "POST", Body: []byte(long)},
		"long path":      {Path: "/" + strings.Repeat("x", 8<<10)},
		"null character": {Path: "/\x00"},
	} {
		_, err := r.Send(t.Context(), "shop.edge.test", &in)
		if core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("%s: %v, want CodeInvalid", name, err)
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	r := edge(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			_, _ = io.WriteString(w, strings.Repeat("x", 64<<10))
		}
	})
	a, err := r.Send(t.Context(), "shop.edge.test", &relay.Request{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Body) != relay.MaxAnswer || !a.Truncated {
		t.Errorf("%d bytes, truncated %v", len(a.Body), a.Truncated)
	}
}

func TestNoEdgeIsUnavailableAndUnnamed(t *testing.T) {
	t.Parallel()
	u := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", testport.Free(t))} // nobody is there
	r, err := relay.New(u)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Send(t.Context(), "shop.edge.test", &relay.Request{Path: "/"})
	e, ok := err.(*core.Error) //nolint:errorlint // that it is one is what is tested
	if !ok || e.Code != core.CodeUnavailable || strings.Contains(e.Detail, u.Port()) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if _, err := r.Send(ctx, "shop.edge.test", &relay.Request{Path: "/"}); core.CodeOf(err) != core.CodeUnavailable {
		t.Errorf("after its time: %v", err)
	}
}

func TestNewWantsAnEdge(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "edge:8000", "ftp://edge", "http://", "http://edge/path"} {
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		if _, err := relay.New(u); err == nil {
			t.Errorf("%q is taken for an edge", text)
		}
	}
}
