package e2e

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// TestDrainedEdge drains an edge by the operator's order while clients of HTTP/3, TCP
// and UDP are at it: HTTP/3's are told to go, nobody new is taken, what is open goes
// on, and HTTP is served by TCP. Then the order is taken back.
func TestDrainedEdge(t *testing.T) {
	t.Parallel()
	first := testport.InARow(t, 4)
	c := harness.New(t, harness.Options{
		Env: []string{"TOLLGATE_OPERATORS=rest@example.com", fmt.Sprintf("TOLLGATE_STREAM_PORTS=%d-%d", first, first+3)}, EdgeEnv: []string{"TOLLGATE_DRAIN_DELAY=100ms"},
	})
	api := c.SignUp("rest")
	o, edge := c.Operator("rest"), c.Edges[0]
	host := api.Must("POST", "/v1/gateways", harness.Object{"name": "rest"})["hostname"].(string)
	put := func(path string, in harness.Object) harness.Object {
		t.Helper()
		return api.Must("PUT", "/v1/gateways/rest/"+path, in)
	}
	put("routes/open", harness.Object{"match": harness.Object{"path": "/open"}, "public": true, "policies": []harness.Object{{"type": "mock", "config": harness.Object{"status": 200}}}})
	put("upstreams/lines", harness.Object{"targets": []harness.Object{{"url": echoTCP(t)}}})
	put("upstreams/packets", harness.Object{"targets": []harness.Object{{"url": echoUDP(t)}}})
	port := func(m harness.Object) string { return fmt.Sprintf("127.0.0.1:%d", int(m["port"].(float64))) }
	lines := port(put("streams/lines", harness.Object{"protocol": "tcp", "upstream": "lines"}))
	packets := port(put("streams/packets", harness.Object{"protocol": "udp", "upstream": "packets"}))
	api.WaitLive("rest")

	dial := func() (*quic.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return quic.DialAddr(ctx, "127.0.0.1:"+strconv.Itoa(edge.TLSPort), &tls.Config{InsecureSkipVerify: true, ServerName: host, NextProtos: []string{http3.NextProtoH3}}, nil)
	}
	ask := func(h *http3.ClientConn) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+host+"/open", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := h.RoundTrip(r)
		if err == nil {
			err = resp.Body.Close()
		}
		return resp, err
	}
	says := func(c net.Conn) error {
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
			return fmt.Errorf("%q, %w", b, err)
		}
		return nil
	}
	fresh := func(network, addr string) error {
		c, err := net.Dial(network, addr)
		if err == nil {
			err = says(c)
			_ = c.Close()
		}
		return err
	}
	within := func(what string, ok func() error) {
		t.Helper()
		if err := harness.Until(t.Context(), 10*time.Second, ok); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for range 2 {
		var open []net.Conn
		for _, at := range [][2]string{{"tcp", lines}, {"udp", packets}} {
			within("the port is served", func() error { return fresh(at[0], at[1]) })
			c, err := net.Dial(at[0], at[1])
			if err == nil {
				err = says(c)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			open = append(open, c)
		}
		q, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		h := (&http3.Transport{}).NewClientConn(q)
		if resp, err := ask(h); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v %v", resp, err)
		}

		o.Must("POST", "/v1/operator/edges/"+edge.ID+"/drain", harness.Object{"reason": "a new disk"})
		select {
		case <-q.Context().Done():
		case <-time.After(10 * time.Second):
			t.Fatal("the connection of HTTP/3 stays")
		}
		var app *quic.ApplicationError
		if err := context.Cause(q.Context()); !errors.As(err, &app) || app.ErrorCode != 0x100 {
			t.Errorf("the connection of HTTP/3 ends with %v", err)
		}
		within("HTTP/3 is refused", func() error {
			c, err := dial()
			var refused *quic.TransportError
			if errors.As(err, &refused) && refused.ErrorCode == quic.ConnectionRefused {
				return nil
			}
			if err == nil {
				_ = c.CloseWithError(0x100, "")
			}
			return fmt.Errorf("it is not: %w", err)
		})
		within("TCP is refused", func() error {
			if err := fresh("tcp", lines); !errors.Is(err, syscall.ECONNREFUSED) {
				return fmt.Errorf("it is not: %w", err)
			}
			return nil
		})
		if fresh("udp", packets) == nil {
			t.Error("a new flow is taken")
		}
		for _, c := range open {
			if err := says(c); err != nil {
				t.Errorf("what was open is cut off: %v", err)
			}
		}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+edge.Addr()+"/open", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if resp, err := http.DefaultTransport.RoundTrip(r); err != nil || resp.StatusCode != 200 || !resp.Close || strings.Contains(resp.Header.Get("Alt-Svc"), "h3") {
			t.Errorf("by TCP: %v, %v", resp, err)
		} else {
			_ = resp.Body.Close()
		}

		o.Must("POST", "/v1/operator/edges/"+edge.ID+"/undrain", harness.Object{"reason": "it is in"})
		within("HTTP/3 is taken again", func() error {
			c, err := dial()
			if err != nil {
				return err
			}
			defer func() { _ = c.CloseWithError(0x100, "") }()
			_, err = ask((&http3.Transport{}).NewClientConn(c))
			return err
		})
	}
	within("TCP is taken again", func() error { return fresh("tcp", lines) })
	within("UDP is taken again", func() error { return fresh("udp", packets) })
}

// echoTCP answers with what comes.
func echoTCP(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close() })
	return "tcp://" + ln.Addr().String()
}

// echoUDP answers each datagram with itself.
func echoUDP(t *testing.T) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo(b[:n], from)
		}
	}()
	t.Cleanup(func() { _ = pc.Close() })
	return "udp://" + pc.LocalAddr().String()
}
