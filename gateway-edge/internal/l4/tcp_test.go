package l4

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/proxyproto"
	"github.com/tollgate/tollgate/services/contract"
)

// echo answers with what comes, until its end.
func echo(c *net.TCPConn) {
	_, _ = io.Copy(c, c)
	_ = c.CloseWrite()
}

// TestHalfClose: a client that has ended still gets the whole answer, of many
// buffers.
func TestHalfClose(t *testing.T) {
	r := newRig(t)
	target := backend(t, func(c *net.TCPConn) {
		all, _ := io.ReadAll(c) // to the client's end
		_, _ = c.Write(all)
		_, _ = c.Write([]byte("end"))
	})
	r.serve([]string{target}, r.stream(tcp))
	sent := make([]byte, 9<<20)
	_, _ = rand.Read(sent)
	c := r.dial("")
	go func() { _, _ = c.Write(sent); _ = c.CloseWrite() }()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, append(sent, "end"...)) {
		t.Fatalf("%d bytes came back of %d, %v", len(got), len(sent), err)
	}
	r.until("the session's end", func() bool { return r.Open() == 0 })
	r.until("a log line", func() bool {
		return strings.Contains(r.logs.String(), fmt.Sprintf(`"bytes_in":%d,"bytes_out":%d`, len(sent), len(sent)+3))
	})
	line := r.logs.String()
	for _, want := range []string{`"protocol":"TCP"`, `"route":"s"`, `"status":200`, `"billed":true`, `"target":"` + target + `"`, `"client":"127.0.0.1"`} {
		if !strings.Contains(line, want) {
			t.Errorf("the log has no %s: %s", want, line)
		}
	}
	if strings.Contains(line, `"aborted"`) {
		t.Errorf("a session that ended well: %s", line)
	}
}

// TestFailover: a target that is gone costs no connection.
func TestFailover(t *testing.T) {
	r := newRig(t)
	r.serve([]string{"tcp://" + deadAddr(t), backend(t, echo)}, r.stream(tcp))
	for range 8 {
		c := r.dial("")
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		_ = c.CloseWrite()
		if got, err := io.ReadAll(c); string(got) != "hello" {
			t.Fatalf("%q %v", got, err)
		}
	}
	r.until("all ends", func() bool { return r.Open() == 0 })
	if r.Served() != 8 || r.Refused() != 0 {
		t.Errorf("%d served, %d refused", r.Served(), r.Refused())
	}
}

// refusedBy tells whether a connection was broken rather than served.
func refusedBy(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)
}

// turnsAway tells whether a client's connection, which says something, is refused:
// the reset may come before connecting has returned.
func (r *rig) turnsAway(from string, say []byte) bool {
	r.t.Helper()
	r.bound(tcp, true)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial(tcp, r.addr())
	if err != nil {
		return errors.Is(err, syscall.ECONNRESET)
	}
	defer c.Close()
	must(r.t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, _ = c.Write(say)
	return refusedBy(c)
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		org  func(*contract.Organization)
		st   func(*contract.Stream)
		code string
	}{
		{"denied", nil, func(s *contract.Stream) { s.Deny = []string{"127.0.0.0/8"} }, "forbidden"},
		{"not allowed", nil, func(s *contract.Stream) { s.Allow = []string{"203.0.113.0/24"} }, "forbidden"},
		{"denied though allowed", nil, func(s *contract.Stream) { s.Allow, s.Deny = []string{"127.0.0.1"}, []string{"127.0.0.1"} }, "forbidden"},
		{"suspended", func(o *contract.Organization) { o.Suspended = true }, nil, "organization_suspended"},
		{"a quota of nothing left", func(o *contract.Organization) { o.RequestsPerDay = 1 }, nil, "quota_exceeded"},
		{"an untrusted proxy", nil, func(s *contract.Stream) { s.AcceptProxyProtocol = true }, "forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var change []func(*contract.Organization)
			if c.org != nil {
				change = append(change, c.org)
			}
			r := newRig(t, change...)
			s := r.stream(tcp)
			if c.st != nil {
				c.st(&s)
			}
			r.serve([]string{backend(t, echo)}, s)
			if c.code == "quota_exceeded" {
				first := r.dial("")
				_, err := first.Write([]byte("x"))
				must(t, err)
				_, err = first.Read(make([]byte, 1))
				must(t, err)
			}
			claim := proxyproto.Header{Source: netip.MustParseAddrPort("203.0.113.9:1"), Destination: netip.MustParseAddrPort("203.0.113.9:1")}
			if !r.turnsAway("127.0.0.1", proxyproto.AppendV1(nil, claim)) {
				t.Fatal("it was served")
			}
			r.until("a log line", func() bool { return strings.Contains(r.logs.String(), `"code":"`+c.code+`"`) })
			if strings.Contains(r.logs.String(), `"billed":true,"tries":0`) || r.Refused() != 1 {
				t.Errorf("%d refused: %s", r.Refused(), r.logs)
			}
		})
	}
}

// TestConnectionLimits: each of the two holds, and a place that is left is free.
func TestConnectionLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*contract.Stream)
		second string // address of the connection beside the first that is served
	}{
		{"of the stream", func(s *contract.Stream) { s.MaxConnections = 2 }, "127.0.0.3"},
		{"of an address", func(s *contract.Stream) { s.MaxConnectionsPerIP = 2 }, "127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			s := r.stream(tcp)
			c.change(&s)
			r.serve([]string{backend(t, echo)}, s)
			talk := func(conn net.Conn) {
				t.Helper()
				_, err := conn.Write([]byte("x"))
				must(t, err)
				_, err = conn.Read(make([]byte, 1))
				must(t, err)
			}
			first := r.dial("127.0.0.1")
			talk(first)
			talk(r.dial(c.second))
			if !r.turnsAway("127.0.0.1", nil) {
				t.Fatal("one more than allowed was served")
			}
			_ = first.Close()
			r.until("a free place", func() bool { return r.Open() == 1 })
			talk(r.dial("127.0.0.1"))
		})
	}
}

// TestProxyHeaders: who is named by a trusted proxy is who the target is told of.
func TestProxyHeaders(t *testing.T) {
	for _, out := range []string{contract.ProxyV1, contract.ProxyV2} {
		t.Run(out, func(t *testing.T) {
			r := newRig(t)
			got := make(chan proxyproto.Header, 1)
			target := backend(t, func(c *net.TCPConn) {
				h, _, ahead, err := proxyproto.Read(c)
				if err != nil || string(ahead) != "" && string(ahead) != "payload" {
					t.Errorf("%q %v", ahead, err)
				}
				got <- h
				_, _ = io.Copy(io.Discard, c)
			})
			s := r.stream(tcp)
			s.AcceptProxyProtocol, s.ProxyProtocol = true, out
			r.serve([]string{target}, s)
			want := proxyproto.Header{Source: netip.MustParseAddrPort("203.0.113.9:4711"), Destination: netip.MustParseAddrPort("198.51.100.7:9000")}
			c := r.dial("127.0.0.2")
			_, err := c.Write(append(proxyproto.AppendV2(nil, want, false), "payload"...))
			must(t, err)
			if h := <-got; h != want {
				t.Errorf("the target was told %v, want %v", h, want)
			}
			if !r.turnsAway("127.0.0.2", []byte("no header at all, only payload")) {
				t.Error("a connection without a header was served")
			}
		})
	}
}

// TestIdle: a silent connection ends, one that speaks goes on.
func TestIdle(t *testing.T) {
	r := newRig(t)
	s := r.stream(tcp)
	s.IdleTimeout = contract.Duration(time.Second)
	r.serve([]string{backend(t, echo)}, s)
	speaks, silent := r.dial(""), r.dial("")
	stop := time.Now().Add(2500 * time.Millisecond)
	for time.Now().Before(stop) {
		_, err := speaks.Write([]byte("x"))
		must(t, err)
		_, err = speaks.Read(make([]byte, 1))
		must(t, err)
		time.Sleep(50 * time.Millisecond)
	}
	if !refusedBy(silent) {
		t.Error("a silent connection goes on")
	}
	r.until("a log line", func() bool { return strings.Contains(r.logs.String(), `"aborted":"timeout"`) })
}

// TestRemoved: connections end with their stream, and its port is free again.
func TestRemoved(t *testing.T) {
	r := newRig(t)
	r.serve([]string{backend(t, echo)}, r.stream(tcp))
	c := r.dial("")
	_, err := c.Write([]byte("x"))
	must(t, err)
	_, err = c.Read(make([]byte, 1))
	must(t, err)
	r.serve([]string{"tcp://" + deadAddr(t)})
	if !refusedBy(c) {
		t.Error("a connection outlives its stream")
	}
	r.bound(tcp, false)
	if c, err := net.Dial(tcp, r.addr()); err == nil {
		_ = c.Close()
		t.Error("the port of a stream that is gone is bound")
	}
}

// TestSuspendedWhileOpen: an organization that is suspended loses what is open.
func TestSuspendedWhileOpen(t *testing.T) {
	r := newRig(t)
	r.serve([]string{backend(t, echo)}, r.stream(tcp))
	c := r.dial("")
	_, err := c.Write([]byte("x"))
	must(t, err)
	_, err = c.Read(make([]byte, 1))
	must(t, err)
	r.organization(contract.Organization{Schema: contract.SchemaVersion, ID: "org_1", Num: 1, Version: 2, Plan: "pro", PlanNum: 2, Suspended: true})
	if !refusedBy(c) {
		t.Error("a connection outlives the suspension")
	}
}

// TestDrain: what is open goes on, nothing new comes, and the deadline holds.
func TestDrain(t *testing.T) {
	r := newRig(t)
	r.serve([]string{backend(t, echo)}, r.stream(tcp))
	c := r.dial("")
	talk := func() {
		t.Helper()
		_, err := c.Write([]byte("x"))
		must(t, err)
		_, err = c.Read(make([]byte, 1))
		must(t, err)
	}
	talk()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Drain(ctx, false) }()
	r.until("the port to be closed", func() bool {
		c, err := net.Dial(tcp, r.addr())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	talk()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("drained with a connection open: %v", err)
	}
	r.cancel()
	if !refusedBy(c) {
		t.Error("the connection goes on")
	}
}
