package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// upstream2 is an HTTP/2 backend's side of an exchange (gRPC above all): it goes
// through net/http's client, which keeps and shares the connections.
type upstream2 struct {
	j      *job
	ctx    context.Context
	cancel context.CancelCauseFunc
	body   *pulledBody
	resp   *http.Response
	own    *[streamBuf]byte
	done   bool
	rpc    bool   // the call may be a stream both ways, for as long as it likes
	until  int64  // the call's own deadline, 0 for none
	taking int64  // ns without progress before the answer's head; 0: until holds
	hints  *hints // nil for calls
}

// newUpstream2 prepares to send j's request. A call has the time that its client
// gives it; one without a deadline may take as long as it moves.
func newUpstream2(j *job) *upstream2 {
	u := &upstream2{j: j}
	t := &j.upstream().Timeouts
	u.taking = int64(t.PerTry)
	if ct, ok := j.e.Req.Header.Get(policy.ContentType); !ok || !rpc(ct) {
		return u
	}
	u.rpc, u.taking = true, int64(max(t.PerTry, t.Idle))
	deadline := int64(1 << 62)
	if d := j.callTimeout(); d > 0 {
		u.until, u.taking = j.began+int64(d), 0
		deadline = u.until
	}
	if j.rt.Doc.Timeout > 0 {
		deadline = min(deadline, j.deadline)
	}
	j.deadline = deadline
	return u
}

// send is origin.send.
func (u *upstream2) send(ctx context.Context, t *balance.Target) try {
	j := u.j
	u.begin(ctx)
	now := j.eng.clock.Boot()
	r := u.request(t)
	if u.body != nil {
		j.watch() // it may take long until the answer begins
		context.AfterFunc(u.ctx, u.body.interrupt)
	}
	if u.until != 0 {
		u.arm(j.deadline)
	} else {
		u.arm(min(now+u.taking, j.deadline))
	}
	resp, err := transport.Of(t).RoundTrip(r)
	if u.hints != nil {
		u.hints.wait()
	}
	if j.timers != nil && !j.timers.up.clear() && err == nil {
		_ = resp.Body.Close()
		err = errUpstreamSlow
	}
	if err != nil {
		got := u.failed(err)
		u.finish(false)
		return got
	}
	u.resp = resp
	if !u.take(resp) {
		u.finish(false)
		return failedTry(tryProtocol, errUpstreamEnd)
	}
	return try{kind: tryAnswered}
}

// begin begins a try. What the sweeper is given to end it is never changed: the
// sweeper may be about to call it when the try is over.
func (u *upstream2) begin(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	u.ctx, u.cancel = ctx, cancel
	u.done, u.resp, u.body = false, nil, nil
	if t := u.j.timers; t != nil {
		t.cancel.Store(&cancel)
	}
}

// request makes the request that net/http sends. Its strings are copies: the
// client may hold them for longer than the exchange lives.
func (u *upstream2) request(t *balance.Target) *http.Request {
	j := u.j
	q := &j.e.Req
	r := &http.Request{
		Method: q.Method.Clone(), ProtoMajor: 2, Host: strings.Clone(j.hostFor(t)), Header: make(http.Header, 16),
		URL: &url.URL{Path: "/"},
	}
	target := q.Path.Clone()
	r.URL.Opaque = target
	r.URL.RawQuery = q.Query.Clone()
	fields := j.e.ReqHeader.Fields()
	for i := range fields {
		if f := &fields[i]; !f.Dead && !ownFields[f.ID] {
			r.Header.Add(f.Name, strings.Clone(f.Value))
		}
	}
	u.forwarding(r.Header)
	if j.head.Trailers || u.rpc { // servers of gRPC refuse calls without it
		r.Header.Set("Te", "trailers")
	}
	ctx := u.ctx
	if !u.rpc {
		u.hints = &hints{j: j}
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: u.hints.got})
	} else if u.until != 0 {
		// What was used of the call's time is gone: a backend must not work for a
		// caller that has given up.
		r.Header[grpcTimeout] = []string{formatTimeout(time.Duration(j.deadline - j.eng.clock.Boot()))}
	}
	u.setBody(r)
	return r.WithContext(ctx)
}

// arm sets the deadline of what is awaited from the backend; the sweeper cancels
// the request when it has passed.
func (u *upstream2) arm(deadline int64) {
	if t := u.j.timers; t != nil {
		t.up.arm(phaseUpstream, deadline)
	}
}

// forwarding adds what the edge tells a backend, from the bytes that an HTTP/1.1
// backend gets.
func (u *upstream2) forwarding(h http.Header) {
	lines := u.j.appendForwarding(u.j.wbuf[:0])
	u.j.wbuf = lines
	for len(lines) > 0 {
		line, rest, _ := bytes.Cut(lines, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(": "))
		h.Add(string(name), string(value))
		lines = rest
	}
}

func (u *upstream2) setBody(r *http.Request) {
	j := u.j
	p := &j.payload
	switch {
	case p.memory && p.length == 0:
		r.Body = http.NoBody
	case p.memory:
		all := bytes.Join(p.parts, nil)
		r.ContentLength = int64(len(all))
		r.Body = io.NopCloser(bytes.NewReader(all))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(all)), nil }
	default:
		r.ContentLength = p.length
		u.body = &pulledBody{r: bodyReader{j: j}, j: j, taking: u.taking, trailer: make(http.Header)}
		r.Trailer = u.body.trailer
		r.Body = u.body
	}
}

// pulledBody gives the client's body to net/http, which reads it on a goroutine
// of its own.
type pulledBody struct {
	mu       sync.Mutex // held while reading
	r        bodyReader
	j        *job
	trailer  http.Header
	taking   int64
	started  bool
	finished bool

	ending sync.Mutex // guards over: the client is not the exchange's any more
	over   bool
}

// Read reads the next piece.
func (b *pulledBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.finished {
		return 0, io.ErrClosedPipe
	}
	if !b.started {
		b.started = true
		if err := b.j.cl.continues(b.j); err != nil {
			b.r.err = err
			return 0, err
		}
	}
	if filtered, _ := b.j.e.Filtered(policy.OnTheRequest); filtered && len(b.r.rest) == 0 {
		if err := b.filtered(); err != nil {
			b.r.err = err
			return 0, err
		}
	}
	n, err := b.r.Read(p)
	if t := b.j.timers; t != nil && n > 0 && b.taking != 0 {
		t.up.extend(b.j.eng.clock.Coarse() + b.taking)
	}
	if err == io.EOF {
		fields := b.j.e.ReqTrailer.Fields()
		for i := range fields {
			b.trailer.Add(fields[i].Name, strings.Clone(fields[i].Value))
		}
	}
	return n, err
}

// filtered reads and filters the next piece.
func (b *pulledBody) filtered() error {
	for len(b.r.rest) == 0 && !b.r.last && b.r.err == nil {
		p, last, err := b.j.cl.read(b.j)
		if err != nil {
			return err
		}
		b.j.pump.lock()
		p, err = b.j.e.Push(b.j.x, policy.OnTheRequest, p, last, maxFiltered)
		b.j.pump.unlock()
		if err != nil {
			return err
		}
		b.r.rest, b.r.last = p, last
	}
	return nil
}

// Close is net/http's: it wants no more.
func (b *pulledBody) Close() error { return nil }

// interrupt ends a read under way when the request is given up: net/http looks at
// the request's context only between two reads of its body, and a call on which
// nothing moves would never end.
func (b *pulledBody) interrupt() {
	b.ending.Lock()
	defer b.ending.Unlock()
	if b.over {
		return
	}
	if b.mu.TryLock() {
		b.mu.Unlock()
		return
	}
	b.j.cl.stopReading()
}

// stop ends reading and waits for a read under way.
func (b *pulledBody) stop() (err error, whole bool) {
	b.ending.Lock()
	b.over = true
	b.ending.Unlock()
	if !b.mu.TryLock() {
		b.j.cl.stopReading()
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	b.finished = true
	return b.r.err, b.r.last && len(b.r.rest) == 0
}

// failed says how a try ended.
func (u *upstream2) failed(err error) try {
	if u.body != nil {
		if berr, _ := u.body.stop(); berr != nil {
			return try{kind: tryClient, err: berr}
		}
	}
	switch context.Cause(u.ctx) {
	case nil:
	case errUpstreamSlow:
		return failedTry(tryTimeout, err)
	default:
		return try{kind: tryClient, err: errClientGone}
	}
	var te *transport.Error
	if errors.As(err, &te) {
		return dialFailed(err)
	}
	if u.until != 0 && u.j.overdue() {
		return failedTry(tryTimeout, err)
	}
	if errors.Is(err, errInterim) {
		return failedTry(tryProtocol, err)
	}
	switch transport.CodeOf(err) {
	case contract.CodeUpstreamTimeout:
		return failedTry(tryTimeout, err)
	case contract.CodeUpstreamProtocol:
		return failedTry(tryProtocol, err)
	}
	return failedTry(tryReset, err)
}

// take fills the exchange's response.
func (u *upstream2) take(resp *http.Response) bool {
	e := u.j.e
	e.RespHeader.Reset()
	if resp.StatusCode < 200 || resp.StatusCode > 599 {
		return false
	}
	e.Resp.Status, e.Resp.Length = resp.StatusCode, resp.ContentLength
	if len(resp.Trailer) > 0 {
		e.Resp.Length = -1 // HTTP/1.1 has trailers behind chunks only
	}
	n := 0
	for name, values := range resp.Header {
		for _, v := range values {
			if n++; n > gate.MaxResponseFields {
				return false
			}
			if gate.ResponseField(name) {
				e.RespHeader.AppendString(name, v)
			}
		}
	}
	return true
}

// ready is origin.ready: net/http does not tell, but an answer that announces no
// body is at its end, or its trailers are about to come. The head must go on with
// them: an error of gRPC without a body is one frame, or it is none.
func (u *upstream2) ready() bool { return u.resp.ContentLength == 0 }

// next is origin.next.
func (u *upstream2) next() (p []byte, last bool, err error) {
	if u.done {
		return nil, true, nil
	}
	if u.own == nil {
		u.own = u.j.eng.streams.Get().(*[streamBuf]byte)
	}
	until := u.j.eng.clock.Coarse() + int64(u.j.upstream().Timeouts.Idle)
	if u.until != 0 {
		until = u.until
	}
	u.arm(until)
	n, err := u.resp.Body.Read(u.own[:])
	slow := u.j.timers != nil && !u.j.timers.up.clear()
	if err == io.EOF {
		u.done = true
		u.trailers()
		return u.own[:n], true, nil
	}
	if err != nil || slow {
		switch context.Cause(u.ctx) {
		case nil:
			if slow {
				return nil, false, errUpstreamSlow
			}
			return nil, false, errUpstreamEnd
		case errUpstreamSlow:
			return nil, false, errUpstreamSlow
		}
		return nil, false, errClientGone
	}
	return u.own[:n], false, nil
}

func (u *upstream2) trailers() {
	for name, values := range u.resp.Trailer {
		for _, v := range values {
			if gate.TrailerField(name) {
				u.j.e.RespTrailer.AppendString(name, v)
			}
		}
	}
}

// finish is origin.finish.
func (u *upstream2) finish(whole bool) {
	j := u.j
	if u.cancel == nil {
		return
	}
	if !whole || !u.done {
		u.cancel(errUpstreamEnd)
	}
	if u.body != nil { // first: net/http's Close waits for a read of it
		_, _ = u.body.stop()
	}
	if u.resp != nil {
		_ = u.resp.Body.Close()
	}
	u.cancel(nil)
	j.unwatch()
	if j.timers != nil {
		j.timers.up.clear()
		j.timers.cancel.Store(nil)
	}
	u.cancel = nil
	if u.own != nil {
		j.eng.streams.Put(u.own)
		u.own = nil
	}
}
