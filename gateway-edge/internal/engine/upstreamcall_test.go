package engine_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// asker is an integration that asks an upstream of the gateway and answers with
// what it said.
type asker struct{ up policy.Caller }

func (asker) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Wait() }

func (a asker) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	got, err := a.up.Call(b.Context(), &policy.CallRequest{Path: "/asked", Header: x.Forwarding(), Client: x.Client()})
	if err != nil {
		return x.Reject(policy.CodeOf(err), 0)
	}
	return x.AnswerFrom(policy.FromIntegration, got.Status, "text/plain", got.Body)
}

// TestUpstreamCall: an integration asks an upstream on either engine, and is
// billed for what it answers.
func TestUpstreamCall(t *testing.T) {
	b := answers(t, "HTTP/1.1 203 OK\r\nContent-Length: 5\r\n\r\nasked")
	d := &policy.Descriptor{
		Type: "asker", Phase: policy.PhaseIntegrate, Answers: true,
		New: func(_ json.RawMessage, d policy.Deps) (policy.Policy, error) {
			if _, err := d.Upstream("nobody"); err == nil {
				t.Error("an upstream that is not there was found")
			}
			up, err := d.Upstream("up")
			return asker{up}, err
		},
	}
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{d}})
	g := plain(b.url)
	g.Routes[0].Integration, g.Routes[0].Upstream = &contract.Policy{Type: "asker"}, ""
	e.serve(g)
	if m := e.once(req("GET /x HTTP/1.1", "")); m.status() != 203 || m.body != "asked" {
		t.Errorf("%s %q", m.line, m.body)
	}
	if got := b.received(); !strings.Contains(got, "GET /asked HTTP/1.1\r\n") || !strings.Contains(got, "X-Request-Id: ") || !strings.Contains(got, "X-Forwarded-For: 127.0.0.1\r\n") {
		t.Errorf("%q", got)
	}
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	c := &http.Client{Transport: &http.Transport{Protocols: p}, Timeout: 5 * time.Second}
	r, _ := http.NewRequest("GET", "http://"+e.addr+"/x", nil)
	r.Host = "demo.localhost"
	resp, err := c.Do(r)
	must(t, err)
	defer resp.Body.Close()
	defer c.CloseIdleConnections()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 203 || string(body) != "asked" {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}

// sender sends requests of one path to another upstream.
type sender struct{ up policy.Caller }

func (s sender) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if x.Request().Path.Is("/other") {
		x.SendTo(s.up)
	}
	return x.Next()
}

// TestSendTo: a policy chooses the upstream, with all that belongs to it.
func TestSendTo(t *testing.T) {
	own := answers(t, okAnswer)
	other := answers(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
	d := &policy.Descriptor{
		Type: "sender", Phase: policy.PhaseTransform,
		New: func(_ json.RawMessage, d policy.Deps) (policy.Policy, error) {
			up, err := d.Upstream("second")
			return sender{up}, err
		},
	}
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{d}})
	g := plain(own.url)
	g.Upstreams = append(g.Upstreams, contract.Upstream{Name: "second", ID: "up_2", Num: 2, Targets: []contract.Target{{URL: other.url}}})
	g.Routes[0].Policies = []contract.Policy{{Type: "sender"}}
	e.serve(g)
	s := e.dial()
	for _, c := range [][2]string{{"/", "ok"}, {"/other", "other"}, {"/", "ok"}} {
		s.send(req("GET "+c[0]+" HTTP/1.1", ""))
		if m := s.answer(); m.body != c[1] {
			t.Errorf("%s: %s %q", c[0], m.line, m.body)
		}
	}
}
