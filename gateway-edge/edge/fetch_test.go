package edge

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

func newTestFetcher(t *testing.T, private bool) *fetcher {
	t.Helper()
	guard := &match.Guard{AllowPrivate: private}
	pools, err := transport.New(transport.Config{Guard: guard, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	f := newFetcher(pools, guard, 1)
	t.Cleanup(f.client.CloseIdleConnections)
	return f
}

func TestFetch(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("other")) }))
	defer other.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/same":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/off":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/long":
			_, _ = w.Write([]byte(strings.Repeat("x", 101)))
		default:
			w.Header().Set("Cache-Control", "max-age=60")
			_, _ = w.Write([]byte("end"))
		}
	}))
	defer srv.Close()
	f := newTestFetcher(t, true)
	for _, c := range []struct{ path, body, err string }{
		{"/end", "end", ""},
		{"/same", "end", ""},
		{"/off", "", "another host"},
		{"/loop", "", "redirections"},
		{"/long", "", "longer than 100"},
	} {
		body, header, status, err := f.get(t.Context(), srv.URL+c.path, 100)
		switch {
		case c.err == "" && (err != nil || string(body) != c.body || status != 200 || header["Cache-Control"] != "max-age=60"):
			t.Errorf("%s: %q %v %d %v", c.path, body, header, status, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %q", c.path, err, c.err)
		}
	}
	got, err := f.send(t.Context(), &policy.FetchRequest{Method: "GET", URL: srv.URL + "/long", Limit: 100}, f.client)
	if err == nil || got == nil || got.Status != 200 || len(got.Body) > 0 {
		t.Errorf("a body that is too long takes the status along: %+v %v", got, err)
	}
}

// TestFetchGuard: what upstreams may not reach, policies can't fetch either, and
// errors don't repeat the address.
func TestFetchGuard(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	f := newTestFetcher(t, false)
	if _, _, _, err := f.get(t.Context(), srv.URL, 100); err == nil {
		t.Error("a loopback address was fetched")
	}
	open := newTestFetcher(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, _, err := open.get(ctx, srv.URL+"/?token=canary", 100)
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error %v", err)
	}
}
