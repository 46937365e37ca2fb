package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/testport"
)

// full is an address that takes no connection and refuses none: its queue is
// full.
func full(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*syscall.SockaddrInet4).Port)).String()
	for range 2 {
		if c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond); err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	return "http://" + addr
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	refused := fmt.Sprintf("http://127.0.0.1:%d", testport.Free(t))
	stalled := echo(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c); _ = c.Close() }) // until the edge closes it
	clear := echo(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); _ = c.Close() })
	var lookups atomic.Int64
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) {
		lookups.Add(1)
		switch host {
		case "rebound.example":
			return []netip.Addr{netip.MustParseAddr("169.254.169.254")}, nil
		case "mixed.example":
			return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("169.254.169.254")}, nil
		case "mapped.example":
			return []netip.Addr{netip.MustParseAddr("::ffff:169.254.169.254")}, nil
		case "empty.example":
			return nil, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	ps := newPools(t, Config{Lookup: lookup})
	for name, c := range map[string]struct {
		url  string
		want contract.Code
	}{
		"refused (B01)":            {refused, contract.CodeUpstreamUnavailable},
		"black hole (B02)":         {full(t), contract.CodeUpstreamTimeout},
		"handshake stalls (B09)":   {strings.Replace(stalled, "http:", "https:", 1), contract.CodeUpstreamTimeout},
		"no TLS there (B09)":       {strings.Replace(clear, "http:", "https:", 1), contract.CodeUpstreamTLS},
		"no such name (B10)":       {"http://none.example", contract.CodeUpstreamDNS},
		"no address (B10)":         {"http://empty.example", contract.CodeUpstreamDNS},
		"rebound (B11, SSR06)":     {"http://rebound.example", contract.CodeUpstreamForbiddenAddress},
		"one of several (SSR06)":   {"http://mixed.example", contract.CodeUpstreamForbiddenAddress},
		"mapped into IPv6 (SSR04)": {"http://mapped.example", contract.CodeUpstreamForbiddenAddress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bound := 30 * time.Second
			if c.want == contract.CodeUpstreamTimeout {
				bound = 200 * time.Millisecond
			}
			p := ps.pool(t, c.url, func(s *balance.Spec) { s.Connect = bound })
			begin := time.Now()
			_, err := take(p, t.Context(), begin.Add(30*time.Second))
			var e *Error
			if !errors.As(err, &e) || e.Code != c.want || CodeOf(err) != c.want || e.Result() != balance.ResultConnect {
				t.Errorf("%v, want %v", err, c.want)
			}
			if d := time.Since(begin); d > 20*time.Second {
				t.Errorf("it took %v", d)
			}
			if p.open.Load() != 0 {
				t.Error("a failed dial is counted as open")
			}
		})
	}
}

// TestGuardHasTheLastWord: whatever is dialled, Control judges the address.
func TestGuardHasTheLastWord(t *testing.T) {
	t.Parallel()
	ps := newPools(t, Config{Guard: &match.Guard{}})
	for _, addr := range []string{"127.0.0.1:9000", "[::1]:9000", "10.0.0.1:80", "93.184.216.34:6379"} {
		if _, err := ps.DialContext(t.Context(), 1, "tcp", addr); CodeOf(err) != contract.CodeUpstreamForbiddenAddress {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if err := ps.dialer.control("tcp", "127.0.0.1:9000", nil); !match.IsForbidden(err) {
		t.Error(err)
	}
	if _, err := ps.DialContext(t.Context(), 1, "unix", "/run/x"); err == nil {
		t.Error("a unix socket was dialled")
	}
}

func TestCancelledDial(t *testing.T) {
	t.Parallel()
	p := newPools(t, Config{}).pool(t, full(t))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := take(p, ctx, time.Time{})
	var e *Error
	if !errors.As(err, &e) || e.Result() != balance.ResultNone {
		t.Errorf("%v: a caller that went away counts against the target", err)
	}
}
