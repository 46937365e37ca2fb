package health

import (
	"bufio"
	"context"
	"fmt"
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
	"github.com/tollgate/tollgate/services/contract/testport"
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
	var tls *contract.UpstreamTLS
	if strings.HasPrefix(url, "http") {
		tls = &contract.UpstreamTLS{SkipVerify: strings.HasPrefix(url, "https")}
	}
	u, err := r.Upstream(balance.Key{Organization: 1, Upstream: 1}, &contract.Upstream{Name: "u", Protocol: protocol, Targets: []contract.Target{{URL: url}}, Health: &h, TLS: tls})
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
		case "/grpc.health.v1.Health/Check":
			grpcHealth(w, r)
			return
		case "/said":
			_, _ = io.WriteString(w, "status: "+r.Header.Get("X-Probe")+" all well")
			return
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
	secure := httptest.NewTLSServer(handler)
	t.Cleanup(secure.Close)
	secure2 := httptest.NewUnstartedServer(handler)
	secure2.EnableHTTP2 = true
	secure2.StartTLS()
	t.Cleanup(secure2.Close)
	closed := fmt.Sprintf("127.0.0.1:%d", testport.Free(t))
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
		{"tcp refused", "http://" + closed, "", contract.HealthCheck{Type: "tcp"}, "no connection"},
		{"http refused", "http://" + closed, "", contract.HealthCheck{Type: "http"}, "no connection"},
		{"not HTTP", "http://" + garbage.Addr().String(), "", contract.HealthCheck{Type: "http"}, "the connection broke or the answer was malformed"},
		{"not TLS", strings.Replace(plain.URL, "http:", "https:", 1), "", contract.HealthCheck{Type: "http"}, "TLS could not be verified"},
		{"h2c", h2c.URL, "h2c", contract.HealthCheck{Type: "http", Path: "/ok?deep=1", Host: "health.example"}, ""},
		{"h2c status", h2c.URL, "h2c", contract.HealthCheck{Type: "http", Path: "/ill"}, "status 503"},
		{"body contains", plain.URL, "", contract.HealthCheck{Type: "http", Path: "/said", BodyContains: "all well"}, ""},
		{"body does not contain", plain.URL, "", contract.HealthCheck{Type: "http", Path: "/said", BodyContains: "all ill"}, "the body is not what was expected"},
		{"body matches, and a field is sent", plain.URL, "", contract.HealthCheck{Type: "http", Path: "/said", Headers: []contract.HealthHeader{{Name: "X-Probe", Value: "a b"}}, BodyRegex: `^status: a b all w.ll$`}, ""},
		{"body does not match", plain.URL, "", contract.HealthCheck{Type: "http", Path: "/said", BodyRegex: `^all`}, "the body is not what was expected"},
		{"a long body is looked at for 64 KiB", plain.URL, "", contract.HealthCheck{Type: "http", BodyRegex: `^x{1000}`}, ""},
		{"h2c body and field", h2c.URL, "h2c", contract.HealthCheck{Type: "http", Path: "/said", Headers: []contract.HealthHeader{{Name: "X-Probe", Value: "q"}}, BodyContains: "q all"}, ""},
		{"https", secure.URL, "", contract.HealthCheck{Type: "http", Path: "/ok"}, ""},
		{"grpc", h2c.URL, "h2c", contract.HealthCheck{Type: "grpc"}, ""},
		{"grpc of a service", h2c.URL, "h2c", contract.HealthCheck{Type: "grpc", Service: "shop.v1.Orders"}, ""},
		{"grpc not serving", h2c.URL, "h2c", contract.HealthCheck{Type: "grpc", Service: "down"}, "the gRPC service is not serving"},
		{"grpc of an unknown service", h2c.URL, "h2c", contract.HealthCheck{Type: "grpc", Service: "unknown"}, "the server does not know the gRPC service"},
		{"grpc without the service", h2c.URL, "h2c", contract.HealthCheck{Type: "grpc", Service: "unimplemented"}, "the server has no gRPC health service"},
		{"grpc garbage", h2c.URL, "h2c", contract.HealthCheck{Type: "grpc", Service: "garbage"}, "the gRPC service is not serving"},
		{"grpc over TLS", secure2.URL, "h2", contract.HealthCheck{Type: "grpc"}, ""},
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

// grpcHealth is the server's side of grpc.health.v1: the service's name says what
// it answers.
func grpcHealth(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	service := ""
	if len(body) > 7 {
		service = string(body[7:])
	}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	status, message := "0", []byte{8, 1}
	switch service {
	case "", "shop.v1.Orders":
	case "down":
		message = []byte{8, 2}
	case "garbage":
		message = []byte{0xff}
	case "unknown":
		status, message = "5", nil
	default:
		status, message = "12", nil
	}
	if message != nil {
		_, _ = w.Write(append([]byte{0, 0, 0, 0, byte(len(message))}, message...))
	}
	w.Header().Set("Grpc-Status", status)
}

// FuzzServing: no bytes of a server make the check panic.
func FuzzServing(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 8, 1})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 8})
	f.Fuzz(func(t *testing.T, body []byte) {
		if serving(body) && len(body) < 7 {
			t.Errorf("%x is serving", body)
		}
	})
}
