package engine

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Explain runs a described request through the gate, the routes and the policies
// of the gateway in force here, as far as its dispatch, and tells each decision.
// Nothing is sent, spent, counted or logged.
func (e *Engine) Explain(ctx context.Context, ask contract.Ask) contract.Answer {
	out := contract.Answer{ID: ask.ID, Edge: e.cfg.Edge}
	t := &contract.Trace{Edge: e.cfg.Edge, Method: ask.Method}
	j := newJob(e) // not pooled: a trace keeps texts of it
	c := &question{ask: &ask}
	j.cl = c
	j.began = e.clock.Boot()
	f, err := c.fill(j)
	if err != nil {
		out.Error = err.Error()
		return out
	}
	j.e.Trace, j.e.Dry = t, true
	j.identify()
	if f != nil {
		t.Status, t.Code, t.Detail = f.Code.Info().Status, f.Code.String(), f.Error()
		out.Trace = t
		return out
	}
	t.Host, t.Method, t.Path = j.e.Req.Host.Clone(), j.e.Req.Method.Clone(), j.e.Req.Path.Clone()
	if entry := e.cfg.Table.FindString(t.Host); entry == nil || entry.ID() != ask.Gateway {
		out.Error = "the URL's host is not one of the gateway's"
		return out
	}
	if e.explain(ctx, j, t) {
		j.explainTarget(t)
	}
	out.Trace = t
	return out
}

// explain decides the request and fills the trace; true when it would be sent on.
func (e *Engine) explain(ctx context.Context, j *job, t *contract.Trace) bool {
	located := j.locate(ctx)
	if j.gw != nil {
		t.Gateway, t.Version = j.gw.Doc.Name, j.gw.Doc.Version
		t.Candidates = j.gw.Table.Explain(&j.e.Req)
	}
	forward := located && j.route()
	if forward {
		forward = j.run(ctx)
		if !forward && !j.streamed {
			j.chain.EngineRespond(j.x)
		}
		j.chain.EngineDone(j.x)
	}
	if j.rt != nil {
		t.Route = j.rt.Policy.Name
		if j.chosen {
			j.explainFork(t)
		}
	}
	if p := j.e.Caller(); p != nil {
		t.Consumer, t.Key = p.ConsumerName, p.KeyDisplay
	}
	if forward {
		return true
	}
	r := j.e.Reply
	if t.Status = r.Status; r.Status == 0 {
		t.Status, t.Code, t.Detail = r.Code.Info().Status, r.Code.String(), r.Detail
		if t.Detail == "" {
			t.Detail = r.Code.Info().Title
		}
	}
	return false
}

// explainFork tells which route the caller's claims led to, and why not to the others.
func (j *job) explainFork(t *contract.Trace) {
	f, taken := j.rt.Fork, -1
	names := make(map[string]int, len(f.Routes))
	for _, i := range f.Routes {
		names[j.gw.Routes[i].Policy.Name] = i
		if j.gw.Routes[i] == j.rt && j.e.Chosen() {
			taken = i
		}
	}
	for n := range t.Candidates {
		c := &t.Candidates[n]
		i, ok := names[c.Route]
		if !ok {
			continue
		}
		c.Matched = i == taken
		switch why := f.Why(i, j.e.Principal()); {
		case why != "":
			c.Why = why
		case c.Matched:
			c.Why = "takes the request: the caller's claims are its own"
		default:
			c.Why = "the caller's claims are its own too, but another route goes before it: its claims are more, or narrower"
		}
	}
	if taken < 0 {
		t.Route = ""
	}
}

// explainTarget tells which target the request would be sent to.
func (j *job) explainTarget(t *contract.Trace) {
	up := j.upstream()
	if up == nil {
		return
	}
	var call balance.Call
	up.Call(&call, &j.e.Req, j.e.ClientAddr, j.e.Params[:j.e.ParamCount])
	target, code := up.Preview(&call)
	if target == nil {
		t.Status, t.Code, t.Detail = code.Info().Status, code.String(), code.Info().Title
		return
	}
	t.Target, t.TargetWhy = target.URL.String(), up.Why(target)
}

// question is the client's side of an explain request: nobody listens.
type question struct {
	ask   *contract.Ask
	taken bool
}

// fill makes the request's head. The error is the asker's: what was asked can't
// be a request at all.
func (q *question) fill(j *job) (*gate.Fault, error) {
	u, err := url.Parse(q.ask.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the URL must be absolute: http(s)://host/path")
	}
	client := netip.MustParseAddr("192.0.2.1")
	if q.ask.Client != "" {
		a, ok := parseAddr(q.ask.Client)
		if !ok {
			return nil, errors.New("the client is not an IP address")
		}
		client = a
	}
	j.info = Info{Peer: netip.AddrPortFrom(client, 0), TLS: u.Scheme == "https"}
	h := &j.head
	h.TLS = j.info.TLS
	h.Begin(j.e)
	method := q.ask.Method
	if method == "" {
		method = http.MethodGet
	}
	if f := h.SetMethod(method); f != nil {
		return f, nil
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if f := h.SetTarget(path); f != nil {
		return f, nil
	}
	if f := h.Field("Host", u.Host, false); f != nil {
		return f, nil
	}
	if f := q.fields(h); f != nil {
		return f, nil
	}
	j.e.Req.Length = int64(len(q.ask.Body))
	return h.Finish(), nil
}

func (q *question) fields(h *gate.Head) *gate.Fault {
	names := make([]string, 0, len(q.ask.Headers))
	for name := range q.ask.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if policy.Static(name).Fold("Host") || policy.Static(name).Fold("Content-Length") {
			continue
		}
		for _, v := range q.ask.Headers[name] {
			if f := gate.CheckField(name, v); f != nil {
				return f
			}
			if f := h.Field(name, v, gate.Odd(name)); f != nil {
				return f
			}
		}
	}
	return nil
}

func (q *question) read(*job) ([]byte, bool, error) {
	if q.taken {
		return nil, true, nil
	}
	q.taken = true
	return q.ask.Body, true, nil
}

func (q *question) begin(*job, int64, bool)          {}
func (q *question) write(*job, []byte, bool) error   { return nil }
func (q *question) abort(*job)                       {}
func (q *question) ahead(*job) ([]byte, bool, error) { return nil, false, nil }
func (q *question) continues(*job) error             { return nil }
func (q *question) stopReading()                     {}
func (*question) interim(*job) error                 { return nil }
func (*question) open(*job) (peer, error)            { return nil, errClientGone }
func (q *question) protocol() protocol               { return protocolHTTP1 }
