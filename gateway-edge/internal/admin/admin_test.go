package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ready atomic.Bool
	s := New(Config{
		Listener: l, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Ready: func() error {
			if ready.Load() {
				return nil
			}
			return errors.New("draining")
		},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1\n")) }),
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(method, path string) (int, string) {
		r, err := http.NewRequest(method, "http://"+l.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	for _, c := range []struct {
		method, path string
		ready        bool
		status       int
		text         string
	}{
		{"GET", "/healthz", false, 200, "alive"},
		{"GET", "/readyz", false, 503, "draining"},
		{"GET", "/readyz", true, 200, "ready"},
		{"GET", "/metrics", true, 200, "up 1"},
		{"GET", "/debug/pprof/cmdline", true, 200, ""},
		{"POST", "/readyz", true, 405, ""},
		{"GET", "/", true, 404, ""},
	} {
		ready.Store(c.ready)
		if status, body := get(c.method, c.path); status != c.status || !strings.Contains(body, c.text) {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, status, body, c.status, c.text)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestProfilesStayInside: on an address that others can reach there are none.
func TestProfilesStayInside(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "0.0.0.0:1": false, "192.0.2.1:1": false, "[::]:1": false} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if loopback(a) != want {
			t.Errorf("loopback(%s) = %v", addr, !want)
		}
	}
}
