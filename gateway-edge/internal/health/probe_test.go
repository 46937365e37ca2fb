package health

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// target compiles an upstream of one target over real connections.
func target(t *testing.T, url, protocol string, h contract.HealthCheck) (*balance.Target, *balance.Check) {
	t.Helper()
	guard := &match.Guard{AllowPrivate: true}
	pools, err := transport.New(transport.Config{Guard: guard, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- pools.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	clock := func() int64 { return 1 }
	r, err := balance.New(balance.Config{Guard: guard, Open: pools.Open, Now: clock, Wall: clock})
	if err != nil {
		t.Fatal(err)
	}
	u, err := r.Upstream(balance.Key{Organization: 1, Upstream: 1}, &contract.Upstream{Name: "u", Protocol: protocol, Targets: []contract.Target{{URL: url}}, Health: &h})
	if err != nil {
		t.Fatal(err)
	}
	return u.Targets()[0], u.Check
}

func TestProbe(t *testing.T) {
	t.Parallel()
	var asked atomic.Pointer[http.Request]
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Clone(context.Background()))
		switch r.URL.Path {
		case "/ill":
			w.WriteHeader(503)
		case "/moved":
			http.Redirect(w, r, "/ill", http.StatusFound)
		case "/slow":
			time.Sleep(300 * time.Millisecond)
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 100<<10))
	})
	plain := httptest.NewServer(handler)
	t.Cleanup(plain.Close)
	h2c := httptest.NewUnstartedServer(handler)
	h2c.Config.Protocols = new(http.Protocols)
	h2c.Config.Protocols.SetUnencryptedHTTP2(true)
	h2c.Start()
	t.Cleanup(h2c.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = garbage.Close() })
	go func() {
		for {
			c, err := garbage.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			_, _ = c.Write([]byte("SSH-2.0-x\r\n\r\n"))
			_ = c.Close()
		}
	}()
	for _, c := range []struct {
		name, url, protocol string
		check               contract.HealthCheck
		want                string
	}{
		{"http", plain.URL, "", contract.HealthCheck{Type: "http", Path: "/ok?deep=1", Host: "health.example"}, ""},
		{"status", plain.URL, "", contract.HealthCheck{Type: "http", Path: "/ill"}, "status 503"},
		{"status that is good", plain.URL, "", contract.HealthCheck{Type: "http", Path: "/ill", Statuses: []int{503}}, ""},
		{"a redirect is an answer, not followed (SSR07)", plain.URL, "", contract.HealthCheck{Type: "http", Path: "/moved"}, ""},
		{"slow", plain.URL, "", contract.HealthCheck{Type: "http", Path: "/slow", Timeout: contract.Duration(50 * time.Millisecond)}, "timed out"},
		{"tcp", plain.URL, "", contract.HealthCheck{Type: "tcp"}, ""},
		{"tcp refused", "http://" + closed.Addr().String(), "", contract.HealthCheck{Type: "tcp"}, "no connection"},
		{"http refused", "http://" + closed.Addr().String(), "", contract.HealthCheck{Type: "http"}, "no connection"},
		{"not HTTP", "http://" + garbage.Addr().String(), "", contract.HealthCheck{Type: "http"}, "the connection broke or the answer was malformed"},
		{"not TLS", strings.Replace(plain.URL, "http:", "https:", 1), "", contract.HealthCheck{Type: "http"}, "TLS could not be verified"},
		{"h2c", h2c.URL, "h2c", contract.HealthCheck{Type: "http", Path: "/ok?deep=1", Host: "health.example"}, ""},
		{"h2c status", h2c.URL, "h2c", contract.HealthCheck{Type: "http", Path: "/ill"}, "status 503"},
	} {
		tg, check := target(t, c.url, c.protocol, c.check)
		ctx, cancel := context.WithTimeout(t.Context(), check.Timeout)
		err := probe(ctx, tg, check)
		cancel()
		got := ""
		if err != nil {
			got = describe(err)
		}
		if got != c.want {
			t.Errorf("%s: %q (%v), want %q", c.name, got, err, c.want)
		}
		if last := asked.Load(); c.check.Host != "" && (last.Host != "health.example" || last.URL.RequestURI() != "/ok?deep=1" || last.UserAgent() != "Tollgate-Health-Check" || len(last.Cookies()) > 0 || last.Header.Get("Authorization") != "") {
			t.Errorf("%s: sent %v %v %v", c.name, last.Host, last.URL, last.Header)
		}
	}
}
