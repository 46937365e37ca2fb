package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// parrot is an integration that accepts WebSockets and says back what it is told.
type parrot struct {
	opt   policy.SocketOptions
	ids   chan string
	ends  chan policy.SocketEnd
	hold  chan struct{} // "wait" waits for it
	mu    sync.Mutex
	heard []string // guarded by mu
}

func newParrot(opt policy.SocketOptions) *parrot {
	return &parrot{opt: opt, ids: make(chan string, 100), ends: make(chan policy.SocketEnd, 100), hold: make(chan struct{})}
}

func (p *parrot) descriptor() *policy.Descriptor {
	return &policy.Descriptor{
		Type: "parrot", Phase: policy.PhaseIntegrate, Answers: true, Accepts: true,
		New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return p, nil },
	}
}

func (*parrot) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

func (p *parrot) Await(_ policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	id, ok := x.Handshake()
	switch {
	case !ok:
		return x.AnswerFrom(policy.FromIntegration, 200, "text/plain", []byte("no socket"))
	case x.Request().Path.Is("/refuse"):
		return x.AnswerFrom(policy.FromIntegration, 418, "text/plain", []byte("no"))
	case x.Request().Path.Is("/plain"):
		return x.AnswerFrom(policy.FromIntegration, 200, "text/plain", []byte("yes"))
	}
	if x.Request().Path.Is("/choose") {
		n, _ := policy.HeaderName("Sec-WebSocket-Protocol")
		x.Response().Header.Set(n, "chat.v2")
	}
	p.ids <- id.Clone()
	return x.Accept(p, p.opt)
}

func (p *parrot) Message(ctx context.Context, s policy.Socket, m policy.Message) {
	p.mu.Lock()
	p.heard = append(p.heard, string(m.Data))
	p.mu.Unlock()
	switch string(m.Data) {
	case "panic":
		panic("on purpose")
	case "close":
		s.Close(4001, "as asked")
	case "wait":
		select {
		case <-p.hold:
		case <-ctx.Done():
		}
	default:
		_ = s.Send(ctx, m)
	}
}

func (p *parrot) Closed(_ context.Context, _ string, end policy.SocketEnd) { p.ends <- end }

func (p *parrot) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.heard, " ")
}

func (p *parrot) gateway(spec contract.WebSocket) contract.Gateway {
	g := plain()
	g.Upstreams, g.Routes[0].Upstream = nil, ""
	g.Routes[0].WebSocket, g.Routes[0].Integration = &spec, &contract.Policy{Type: "parrot"}
	return g
}

func (p *parrot) wantEnd(t *testing.T, code uint16, by policy.Ended) {
	t.Helper()
	select {
	case e := <-p.ends:
		if e.Code != code || e.By != by {
			t.Errorf("it ended by %+v, want %d by %q", e, code, by)
		}
	case <-time.After(30 * time.Second):
		t.Error("the handler was not told the end")
	}
}

func TestBridgeCarriesMessages(t *testing.T) {
	p := newParrot(policy.SocketOptions{})
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{p.descriptor()}})
	e.serve(p.gateway(contract.WebSocket{Compression: true}))
	e.wsEach(t, func(t *testing.T, dial func() *wsConn) {
		c := dial()
		for _, n := range []int{0, 1, 125, 126, 5000, 65535, 65536, 130_000} {
			text := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
			go c.send(t, 0x81, text)
			var got []byte
			for fin := false; !fin; {
				f, part, err := readFrame(c.r)
				must(t, err)
				got, fin = append(got, part...), f&0x80 != 0
			}
			if string(got) != text {
				t.Fatalf("%d bytes came back as %d", n, len(got))
			}
		}
		c.send(t, 0x01, "frag")
		c.send(t, 0x89, "ping")
		c.want(t, 0x8a, "ping")
		c.send(t, 0x80, "ment")
		c.want(t, 0x81, "fragment")
		c.send(t, 0x82, "\x00\xff")
		c.want(t, 0x82, "\x00\xff")
		id := ""
		for len(p.ids) > 0 {
			id = <-p.ids
		}
		must(t, e.SendSocket(context.Background(), "gw_1", id, policy.Message{Data: []byte("pushed")}))
		c.want(t, 0x81, "pushed")
		f, err := e.Socket("gw_1", id)
		if err != nil || f.In != 10 || f.Out != 11 || f.Route != "all" || f.Moved < f.Since {
			t.Errorf("%+v %v", f, err)
		}
		if err := e.SendSocket(context.Background(), "gw_2", id, policy.Message{}); !errors.Is(err, engine.ErrNoSocket) {
			t.Errorf("another gateway: %v", err)
		}
		if err := e.SendSocket(context.Background(), "gw_1", id, policy.Message{Data: make([]byte, 1<<20+1)}); err == nil || !strings.Contains(err.Error(), "larger than the route allows: 1048576") {
			t.Errorf("too long: %v", err)
		}
		c.send(t, 0x88, "\x03\xe8bye")
		c.want(t, 0x88, "\x03\xe8")
		p.wantEnd(t, 1000, policy.EndedWell)
		if err := e.SendSocket(context.Background(), "gw_1", id, policy.Message{}); err == nil {
			t.Error("a message went to a connection that has ended")
		}
	})
}

func TestBridgeEnds(t *testing.T) {
	p := newParrot(policy.SocketOptions{Rate: 1000})
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{p.descriptor()}})
	spec := contract.WebSocket{MaxMessageBytes: 100, IdleTimeout: contract.Duration(time.Second)}
	e.serve(p.gateway(spec))
	e.wsEach(t, func(t *testing.T, dial func() *wsConn) {
		t.Run("by the handler", func(t *testing.T) {
			c := dial()
			c.send(t, 0x81, "close")
			c.want(t, 0x88, "\x0f\xa1as asked")
			c.send(t, 0x88, "\x0f\xa1")
			p.wantEnd(t, 4001, policy.EndedWell)
		})
		t.Run("by a panic", func(t *testing.T) {
			c := dial()
			c.send(t, 0x81, "panic")
			c.wantClose(t, 1011)
			p.wantEnd(t, 1011, policy.EndedByEdge)
		})
		t.Run("too big", func(t *testing.T) {
			c := dial()
			c.send(t, 0x82, strings.Repeat("x", 101))
			c.wantClose(t, 1009)
			p.wantEnd(t, 1009, policy.EndedByEdge)
		})
		t.Run("gone, but heard", func(t *testing.T) {
			c := dial()
			c.send(t, 0x81, "wait")
			c.send(t, 0x81, "last words")
			c.send(t, 0x88, "\x03\xe8")
			c.want(t, 0x88, "\x03\xe8")
			p.hold <- struct{}{}
			p.wantEnd(t, 1000, policy.EndedWell)
			if got := p.all(); !strings.HasSuffix(got, "wait last words") {
				t.Errorf("heard %q", got)
			}
		})
		t.Run("lost", func(t *testing.T) {
			dial().close()
			p.wantEnd(t, 1006, policy.EndedByClient)
		})
		t.Run("idle", func(t *testing.T) {
			dial().wantClose(t, 1001)
			p.wantEnd(t, 1001, policy.EndedByTimeout)
		})
		t.Run("route changed", func(t *testing.T) {
			c := dial()
			c.send(t, 0x81, "wait") // is cut off
			other := p.gateway(wsSpec)
			other.Routes[0].ID, other.Routes[0].Num = "rt_2", 2
			e.serve(other)
			c.wantClose(t, 1008)
			p.wantEnd(t, 1008, policy.EndedByEdge)
			e.serve(p.gateway(spec))
		})
	})
	e.serve(p.gateway(wsSpec)) // which has time to be drained
	c1, c2 := e.wsDial("/chat", ""), e.wsDial2("/chat")
	e.Engine.Drain()
	c1.wantClose(t, 1001)
	c2.wantClose(t, 1001)
	p.wantEnd(t, 1001, policy.EndedByEdge)
	p.wantEnd(t, 1001, policy.EndedByEdge)
	for range 100 {
		if e.Open() == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d requests are under way", e.Open())
}

func TestBridgeRefusals(t *testing.T) {
	p := newParrot(policy.SocketOptions{Rate: 5, Burst: 10})
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{p.descriptor()}})
	e.serve(p.gateway(wsSpec))
	if m := e.once(get("/x")); m.status() != 200 || m.body != "no socket" {
		t.Errorf("%s %q", m.line, m.body)
	}
	shake := func(path, more string) *message {
		return e.once("GET " + path + " HTTP/1.1\r\nHost: demo.localhost\r\n" + wsHandshake + more + "\r\n")
	}
	if m := shake("/refuse", ""); m.status() != 418 || m.body != "no" {
		t.Errorf("%s %q", m.line, m.body)
	}
	for path, status := range map[string]string{"/refuse": "418", "/plain": "400"} {
		if s := e.h2Open(connectFields(path)...); s.status == 0x88 {
			t.Errorf("%s: a client was told 200, not %s", path, status)
		}
	}
	if m := shake("/choose", "Sec-WebSocket-Protocol: chat.v1\r\n"); m.status() != 502 || m.code() != "upstream_protocol" {
		t.Errorf("%s", m.line)
	}
	if m := shake("/choose", "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n"); m.status() != 101 || m.get("Sec-WebSocket-Protocol") != "chat.v2" {
		t.Errorf("%s %v", m.line, m.header)
	}
	c := e.wsDial("/x", "")
	for i := range 20 {
		if _, err := c.Write(frame(0x81, fmt.Appendf(nil, "%d", i), true)); err != nil {
			break
		}
	}
	c.wantClose(t, 1008)
	for e := range p.ends { // the other one ends with the test's own connection
		if e.Code == 1008 && e.By == policy.EndedByEdge {
			break
		}
	}
}

// TestBridgeSlowClient: what waits for a client that takes nothing is bounded, and
// nobody waits for it for ever.
func TestBridgeSlowClient(t *testing.T) {
	p := newParrot(policy.SocketOptions{})
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{p.descriptor()}})
	e.serve(p.gateway(contract.WebSocket{}))
	c := e.wsDial("/x", "")
	id := <-p.ids
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var slow error
	for range 200 {
		once, stop := context.WithTimeout(ctx, 20*time.Millisecond)
		slow = e.SendSocket(once, "gw_1", id, policy.Message{Binary: true, Data: make([]byte, 256<<10)})
		stop()
		if errors.Is(slow, policy.ErrSocketSlow) {
			break
		}
	}
	if !errors.Is(slow, policy.ErrSocketSlow) {
		t.Errorf("much can wait for a client: %v", slow)
	}
	c.close()
	p.wantEnd(t, 1006, policy.EndedByClient)
}

// TestBridgePings: a client that answers pings is not idle, one that does not is gone.
func TestBridgePings(t *testing.T) {
	p := newParrot(policy.SocketOptions{Ping: 200 * time.Millisecond})
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{p.descriptor()}})
	e.serve(p.gateway(contract.WebSocket{IdleTimeout: contract.Duration(time.Second)}))
	c := e.wsDial("/x", "")
	for range 8 {
		c.want(t, 0x89, "")
		c.send(t, 0x8a, "")
	}
	c.wantClose(t, 1001)
	p.wantEnd(t, 1001, policy.EndedByTimeout)
}
