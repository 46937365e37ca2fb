package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// teller is an integration that streams an event, and ends the stream when it is
// told to or its context ends.
type teller struct {
	more chan struct{} // an event each
	ends chan error    // of the context
}

func (*teller) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

func (p *teller) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	x.Response().Header.Set(policy.ContentType, "text/event-stream")
	w, err := b.Writer(policy.FromIntegration, 200)
	if err != nil {
		return x.Reject(contract.CodeInternal, 0)
	}
	for err == nil {
		_, err = io.WriteString(w, "data: x\n\n")
		select {
		case <-p.more:
		case <-b.Context().Done():
			_ = w.Close()
			p.ends <- context.Cause(b.Context())
			return x.Streamed()
		}
	}
	return x.Streamed()
}

// shout is a policy whose filter changes every piece of the answer.
type shout struct{}

func (shout) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Next() }

func (shout) OnResponse(x *policy.Exchange, _ *policy.Slot) policy.Action {
	x.Filter(policy.OnTheResponse, shout{})
	return x.Next()
}

func (shout) Filter(_ *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	if last {
		in = append(bytes.Clone(in), "END"...)
	}
	_, err := out.Write(bytes.ToUpper(in))
	return err
}

// tellers is an edge whose route streams events; l are its bounds.
func tellers(t *testing.T, l engine.Limits, who *policy.Principal) (*testEdge, *teller) {
	p := &teller{more: make(chan struct{}), ends: make(chan error, 10)}
	e := newEdge(t, edgeOptions{limits: l, policies: []*policy.Descriptor{
		{Type: "teller", Phase: policy.PhaseIntegrate, Answers: true, New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return p, nil }},
		{Type: "shout", Phase: policy.PhaseTransform, Response: policy.Need{Mode: policy.NeedStream}, New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return shout{}, nil }},
		{Type: "known", Phase: policy.PhaseAuthenticate, New: func(json.RawMessage, policy.Deps) (policy.Policy, error) { return known{who}, nil }},
	}})
	g := plain()
	g.Upstreams, g.Routes[0].Upstream = nil, ""
	g.Routes[0].Integration = &contract.Policy{Type: "teller"}
	g.Routes[0].Policies = []contract.Policy{{Type: "shout"}}
	if who != nil {
		g.Routes[0].Public = false
		g.Routes[0].Policies = append(g.Routes[0].Policies, contract.Policy{Type: "known"})
	}
	e.serve(g)
	return e, p
}

// eventReader is a client that reads a stream of events.
type eventReader struct {
	r     *bufio.Reader
	close func()
}

// listeners are the ways to the edge.
func (e *testEdge) listeners() map[string]func(t *testing.T) *eventReader {
	client := func(t *testing.T, c *http.Client, url string) *eventReader {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		must(t, err)
		resp, err := c.Do(r)
		must(t, err)
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		return &eventReader{bufio.NewReader(resp.Body), cancel}
	}
	raw := func(t *testing.T, c net.Conn) *eventReader {
		t.Cleanup(func() { _ = c.Close() })
		must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
		_, err := io.WriteString(c, get("/"))
		must(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		must(t, err)
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		return &eventReader{bufio.NewReader(resp.Body), func() { _ = c.Close() }}
	}
	return map[string]func(t *testing.T) *eventReader{
		"http1": func(t *testing.T) *eventReader {
			c, err := net.Dial("tcp", e.addr)
			must(t, err)
			return raw(t, c)
		},
		"http1 over TLS": func(t *testing.T) *eventReader {
			c, err := tls.Dial("tcp", e.tlsAddr, &tls.Config{InsecureSkipVerify: true, ServerName: "demo.localhost"})
			must(t, err)
			return raw(t, c)
		},
		"http2": func(t *testing.T) *eventReader { return client(t, e.h2Client(false), "http://demo.localhost/") },
		"http3": func(t *testing.T) *eventReader { return client(t, e.h3Client(), "https://demo.localhost/") },
	}
}

// hears reads an event as the filter left it.
func (l *eventReader) hears(t *testing.T) {
	t.Helper()
	line, err := l.r.ReadString('\n')
	blank, _ := l.r.ReadString('\n')
	if line+blank != "DATA: X\n\n" {
		t.Fatalf("the client got %q, %v", line+blank, err)
	}
}

// TestEvents: a stream of an integration is no waiting request any more: it outlives
// the time that one may wait, and takes no place of those who do; the answer's
// filters have it; and it is told when its client has gone, over every protocol.
func TestEvents(t *testing.T) {
	e, p := tellers(t, engine.Limits{Integrate: 50 * time.Millisecond, GatewayWaiters: 1}, nil)
	for name, dial := range e.listeners() {
		t.Run(name, func(t *testing.T) {
			a := dial(t)
			a.hears(t)
			time.Sleep(100 * time.Millisecond)
			p.more <- struct{}{}
			a.hears(t)
			b := dial(t)
			b.hears(t)
			a.close()
			b.close()
			for range 2 {
				select {
				case <-p.ends:
				case <-time.After(30 * time.Second):
					t.Fatal("the stream goes on though its client is gone")
				}
			}
		})
	}
}

// TestEventsRevoked: a credential's end is the stream's.
func TestEventsRevoked(t *testing.T) {
	for _, name := range []string{"http1", "http2"} {
		t.Run(name, func(t *testing.T) {
			who := &policy.Principal{Key: 7, Consumer: 8}
			e, p := tellers(t, engine.Limits{}, who)
			l := e.listeners()[name](t)
			l.hears(t)
			who.Kill()
			if rest, err := io.ReadAll(l.r); err == nil {
				t.Errorf("a clean end: %q", rest)
			}
			<-p.ends
		})
	}
}

// TestEventsEnd: when a drain's time is up, the integration can end its streams in
// order.
func TestEventsEnd(t *testing.T) {
	for _, name := range []string{"http1", "http2"} {
		t.Run(name, func(t *testing.T) {
			e, p := tellers(t, engine.Limits{}, nil)
			l := e.listeners()[name](t)
			l.hears(t)
			e.Finish()
			if rest, err := io.ReadAll(l.r); err != nil || string(rest) != "END" {
				t.Errorf("%q %v", rest, err)
			}
			if err := <-p.ends; err == nil || strings.Contains(err.Error(), "client") {
				t.Errorf("ended by %v", err)
			}
		})
	}
}
