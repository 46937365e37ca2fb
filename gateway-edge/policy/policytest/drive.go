package policytest

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// driver is a way to carry an exchange through a chain.
type driver struct {
	name      string
	buffer    bool // texts lie over one buffer; else they are strings
	poison    bool // the buffer is overwritten after the last OnDone
	elsewhere bool // waits are resumed on another goroutine
	chunk     int  // bytes of a body's piece; 0: all at once
}

var drivers = []*driver{
	{name: "in place", buffer: true},
	{name: "strings"},
	{name: "hostile", buffer: true, poison: true, elsewhere: true, chunk: 1},
}

// player serves steps with one driver over one compiled chain.
type player struct {
	*driver
	chain *policy.Chain
	now   int64
	// cut, when not negative, ends the context before the n-th wait.
	cut   int
	short bool
}

// serve plays one step from its head to its last OnDone.
func (p *player) serve(t testing.TB, st *Step) *Result {
	x := policy.EngineNew(func() int64 { return p.now }, match.CanonPath)
	e := policy.EngineOf(x)
	r := &Result{Driver: p.name}
	e.Trace = &r.Trace
	mem := p.fill(e, &st.Request)
	if st.Request.Principal != nil {
		policy.EngineAuthenticate(x, st.Request.Principal)
	}
	p.request(t, x, st, r)
	if r.Forwarded {
		p.forward(t, x, st, r)
	}
	if r.Streamed {
		r.Status, r.Header, r.Body = e.Resp.Status, list(&e.RespHeader), p.filter(t, x, policy.OnTheResponse, r.Body)
	} else {
		p.response(t, x, r)
	}
	r.Principal = e.Principal()
	e.Outcome.Committed, e.Outcome.Status = true, r.Status
	e.Outcome.Billable = r.Forwarded && e.Resp.Origin != policy.FromEdge
	r.Outcome = e.Outcome
	p.chain.EngineDone(x)
	if e.Panic != nil {
		t.Fatalf("panic: %v\n%s", e.Panic, e.Stack)
	}
	if p.poison {
		for i := range mem {
			mem[i] = poison
		}
		e.EnginePoison(poison)
	}
	return r
}

// fill makes the request's head and returns the buffer under it.
func (p *player) fill(e *policy.EngineExchange, q *Request) []byte {
	size := 64
	for _, s := range append([]string{q.Method, q.Scheme, q.Host, q.Path, q.Query, q.Socket}, q.Header...) {
		size += len(s)
	}
	for _, v := range q.Params {
		size += len(v)
	}
	mem := make([]byte, 0, size)
	put := func(s, def string) policy.Text {
		if s == "" {
			s = def
		}
		if !p.buffer {
			return policy.Static(strings.Clone(s))
		}
		mem = append(mem, s...)
		return policy.EngineText(mem[len(mem)-len(s):])
	}
	e.Req.Method, e.Req.Scheme = put(q.Method, "GET"), put(q.Scheme, "https")
	e.Req.Host, e.Req.Path, e.Req.Query = put(q.Host, "api.example.com"), put(q.Path, "/"), put(q.Query, "")
	e.Req.Length = int64(len(q.Body))
	for i := 0; i+1 < len(q.Header); i += 2 {
		n, v := put(q.Header[i], ""), put(q.Header[i+1], "")
		e.ReqHeader.AppendString(policy.EngineString(n), policy.EngineString(v))
	}
	for k, v := range q.Params {
		e.Params[e.ParamCount] = policy.Param{Name: k, Value: put(v, "")}
		e.ParamCount++
	}
	e.Socket = put(q.Socket, "")
	e.ClientAddr, e.Port, e.Certificate = clientAddr(q.Client), q.Port, q.Certificate
	if e.Route = q.Route; e.Route == nil {
		e.Route = defaultRoute
	}
	return mem[:cap(mem)]
}

var defaultRoute = &policy.Route{
	ID: "rt_test", Name: "test", Num: 3, Gateway: 2, Organization: 1,
	GatewayID: "gw_test", GatewayName: "test", OrganizationID: "org_test", Version: 1,
}

// request runs the request side until it is decided.
func (p *player) request(t testing.TB, x *policy.Exchange, st *Step, r *Result) {
	e := policy.EngineOf(x)
	status := p.chain.EngineRun(x)
	for {
		switch status {
		case policy.EngineGo:
			r.Forwarded = true
			return
		case policy.EngineNeedBody:
			if int64(len(st.Request.Body)) > e.EngineBodyMax() {
				r.Status, r.Rejected = 413, true
				return
			}
			e.ReqBody = p.collect(st.Request.Body)
			status = p.chain.EngineRun(x)
		case policy.EngineSuspended:
			status = p.resume(x, r)
		case policy.EngineTurned, policy.EngineFailed:
			p.reply(e, r)
			return
		case policy.EngineStreamed:
			return
		case policy.EngineAccept:
			r.Accepted, e.Resp.Status, e.Resp.Origin = e.Accepted, 101, policy.FromIntegration
			return
		default:
			t.Fatalf("chain status %d", status)
		}
	}
}

// resume calls the waiting policy, on another goroutine when the driver is
// hostile.
func (p *player) resume(x *policy.Exchange, r *Result) (status policy.EngineStatus) {
	r.Waited++
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if p.short && r.Waited > p.cut {
		cancel()
	}
	b := policy.EngineMayBlock(blocking{ctx, p.chain, x, r})
	if !p.elsewhere {
		return p.chain.EngineResume(b, x)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		status = p.chain.EngineResume(b, x)
	}()
	<-done
	return status
}

func (p *player) collect(body string) *policy.EngineBody {
	b := &policy.EngineBody{}
	for _, c := range p.split(body) {
		b.Add([]byte(c))
	}
	return b
}

// split cuts a body as the driver does; an empty one gives one empty piece.
func (p *player) split(body string) (out []string) {
	if p.chunk == 0 || body == "" {
		return []string{body}
	}
	for len(body) > 0 {
		n := min(p.chunk, len(body))
		out, body = append(out, body[:n]), body[n:]
	}
	return out
}

// reply puts the policy's own answer in the response's place.
func (p *player) reply(e *policy.EngineExchange, r *Result) {
	r.Reply = e.Reply
	e.Resp.Origin = policy.FromEdge
	if e.Reply.Status != 0 {
		e.Resp.Status, r.Body, r.Rejected = e.Reply.Status, string(e.Reply.Body), false
		if e.Reply.ContentType != "" {
			e.Resp.Header.Set(policy.ContentType, e.Reply.ContentType)
		}
	} else {
		e.Resp.Status, r.Body, r.Rejected = e.Reply.Code.Info().Status, "", true
	}
	e.Forget()
	e.Resp.Length = int64(len(r.Body))
}

// forward records what the backend would get and takes its answer.
func (p *player) forward(t testing.TB, x *policy.Exchange, st *Step, r *Result) {
	e := policy.EngineOf(x)
	body := st.Request.Body
	if e.ReqBody != nil { // perhaps another one by now
		body = string(slices.Concat(e.ReqBody.Chunks()...))
	}
	r.Sent = SentRequest{
		Method: e.Req.Method.Clone(), Host: e.Req.Host.Clone(), Path: e.Req.Path.Clone(), Query: e.Req.Query.Clone(),
		Header: list(&e.ReqHeader), Body: p.filter(t, x, policy.OnTheRequest, body),
	}
	e.RespHeader.Reset()
	b := &st.Backend
	e.Resp.Status, e.Resp.Origin, e.Resp.Length = b.Status, policy.FromBackend, int64(len(b.Body))
	if b.Status == 0 {
		e.Resp.Status = 200
	}
	for i := 0; i+1 < len(b.Header); i += 2 {
		e.RespHeader.AppendString(b.Header[i], b.Header[i+1])
	}
	for i := 0; i+1 < len(b.Trailer); i += 2 {
		e.RespTrailer.AppendString(b.Trailer[i], b.Trailer[i+1])
	}
	r.Body = b.Body
}

// response runs the response side.
func (p *player) response(t testing.TB, x *policy.Exchange, r *Result) {
	e := policy.EngineOf(x)
	status := p.chain.EngineRespond(x)
	for status != policy.EngineGo {
		switch status {
		case policy.EngineNeedBody:
			r.Body = p.filter(t, x, policy.OnTheResponse, r.Body)
			e.Unfilter(policy.OnTheResponse)
			e.RespBody = p.collect(r.Body)
			status = p.chain.EngineRespond(x)
		case policy.EngineSuspended:
			status = p.resume(x, r)
		case policy.EngineTurned, policy.EngineFailed:
			p.reply(e, r)
			status = p.chain.EngineRespond(x)
		default:
			t.Fatalf("chain status %d on the response", status)
		}
	}
	if b, ok := e.Replacement(); ok {
		r.Body = string(b)
	}
	r.Status, r.Header = e.Resp.Status, list(&e.RespHeader)
	r.Body = p.filter(t, x, policy.OnTheResponse, r.Body)
	r.Trailer = list(&e.RespTrailer)
}

// filter pushes a body through a side's filters.
func (p *player) filter(t testing.TB, x *policy.Exchange, s policy.Side, body string) string {
	e := policy.EngineOf(x)
	if on, _ := e.Filtered(s); !on {
		return body
	}
	var out []byte
	pieces := p.split(body)
	for i, c := range pieces {
		mem := []byte(c)
		got, err := e.Push(x, s, mem, i == len(pieces)-1, 1<<20)
		if err != nil {
			t.Fatalf("filter: %v", err)
		}
		out = append(out, got...)
		for j := range mem {
			mem[j] = poison
		}
	}
	return string(out)
}

func list(h *policy.EngineHeaders) (out Fields) {
	for _, f := range h.Fields() {
		if !f.Dead {
			out = append(out, strings.Clone(f.Name), strings.Clone(f.Value))
		}
	}
	return out
}

// blocking is the right to wait in tests. The request's body is not to be streamed;
// what is streamed of an answer stands in the result.
type blocking struct {
	ctx   context.Context
	chain *policy.Chain
	x     *policy.Exchange
	r     *Result
}

func (b blocking) Context() context.Context     { return b.ctx }
func (b blocking) Reader(policy.Side) io.Reader { return strings.NewReader("") }

func (b blocking) Writer(o policy.Origin, status int) (io.WriteCloser, error) {
	e := policy.EngineOf(b.x)
	e.Resp.Status, e.Resp.Origin, e.Resp.Length = status, o, -1
	if b.chain.EngineRespond(b.x) != policy.EngineGo {
		return nil, io.ErrClosedPipe
	}
	b.r.Streamed = true
	return b, nil
}

// Write takes what is streamed, as long as the client is there.
func (b blocking) Write(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, io.ErrClosedPipe
	}
	b.r.Body += string(p)
	return len(p), nil
}

// Close ends the answer.
func (b blocking) Close() error {
	b.r.Whole = b.ctx.Err() == nil
	return nil
}

// cutShort plays every step again with its waits cut off at each point: it must
// neither hang nor panic.
func cutShort(t *testing.T, d *policy.Descriptor, c *Case) {
	for cut := range 3 {
		ch, _, _ := compile(t, d, c)
		p := &player{driver: drivers[2], chain: ch, now: 1_000_000_000_000, cut: cut, short: true}
		waited := 0
		for i := range c.Steps {
			p.now += int64(c.Steps[i].Wait)
			waited += p.serve(t, &c.Steps[i]).Waited
		}
		if waited == 0 {
			return
		}
	}
}
