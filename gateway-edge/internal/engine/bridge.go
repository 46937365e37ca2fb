package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/ws"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of what one bridged WebSocket holds in memory, beside the message that is
// being read and those that are being handled: messages that wait to be handled,
// and what waits to be written to its client.
const (
	maxPending  = 16
	maxOutgoing = 64
)

// bridge is a WebSocket whose messages an integration takes: the backend's side of
// a tunnel, in memory. The tunnel's goroutines read and write it like a backend's
// connection; workers that exist only while there is something to do handle the
// messages.
type bridge struct {
	eng     *Engine
	id      string
	h       policy.SocketHandler
	opt     policy.SocketOptions
	max     int64 // bytes of a message, and of what waits for the client
	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup
	facts   SocketFacts

	// Of the goroutine that carries what the client sends.
	kind   byte // of the message that is being read; 0: none
	text   []byte
	tokens int64 // of the message rate, in ns
	since  int64
	code   uint16 // of the client's Close frame
	reason string

	pinged int64        // the sweeper's
	heard  atomic.Int64 // when the client said something last, coarse

	wake chan struct{} // something waits for the client, or the end has come
	room chan struct{} // a message went to be handled
	gone chan struct{} // closed at the tunnel's end

	mu       sync.Mutex // guards what follows
	t        *tunnel    // nil before it runs; then it stays
	ended    bool       // gone is closed
	last     bool       // a Close frame waits, or was read: nothing may follow
	dropped  bool       // what waits to be handled is not wanted any more
	said     uint16     // the code of our own Close frame; 0: none, or an answer to the client's
	saidWhy  string
	out      []*outgoing
	outBytes int64
	mid      bool        // the first of out was read in part
	read     []*outgoing // handed to the tunnel whole: written once it reads again
	pong     []byte      // the newest that is owed; nil: none
	pending  []policy.Message
	waiting  int64 // bytes of pending
	active   int
	in, sent uint64 // messages
}

// accept goes on behind an integration that takes the WebSocket: the response side
// of the chain runs, the client gets its half of the handshake, then messages flow.
func (j *job) accept(ctx context.Context) {
	e := j.e
	status := 101
	if j.shake.client == "" {
		status = 200 // over HTTP/2 and HTTP/3 there is nothing to switch
	}
	if !j.choose() {
		j.refuse(contract.CodeUpstreamProtocol, "the integration chose a subprotocol that was not offered")
		j.answer(ctx)
		return
	}
	e.Resp.Status, e.Resp.Origin, e.Resp.Length = status, policy.FromIntegration, 0
	j.answered = j.eng.clock.Boot()
	j.foreign(policy.FromIntegration)
	body, ok := j.respond(ctx, nil)
	switch {
	case !ok:
		j.cl.abort(j)
		return
	case e.Resp.Status != status: // a policy answered in its place
		j.send(body)
		return
	}
	if j.shake.client != "" {
		e.RespHeader.AppendString(wsAccept, ws.Accept(j.shake.client))
	}
	b := j.eng.newBridge(ctx, j)
	j.eng.sockets.Store(b.id, b)
	j.tunnel(b, false)
	j.eng.sockets.Delete(b.id)
	end := b.end()
	j.eng.open.Add(1)
	go b.finish(end)
}

// choose takes what an integration may not say from the answer to a handshake. It
// reports false for a subprotocol that the client did not offer.
func (j *job) choose() bool {
	fields := j.e.RespHeader.Fields()
	for i := range fields {
		f := &fields[i]
		if f.Dead || f.ID != 0 {
			continue
		}
		switch name := policy.Static(f.Name); {
		case name.Fold(wsProtocol):
			if !ws.Offered(j.shake.offered, f.Value) {
				return false
			}
		case name.Fold(wsAccept), name.Fold(wsExtensions):
			j.e.RespHeader.Kill(i)
		}
	}
	return true
}

func (e *Engine) newBridge(ctx context.Context, j *job) *bridge {
	limit := j.shake.spec.MaxMessageBytes
	if limit == 0 || limit > contract.MaxBridgedMessage {
		limit = contract.MaxBridgedMessage
	}
	a := j.e.Accepted
	b := &bridge{
		eng: e, id: j.e.Socket.Clone(), h: a.Handler, opt: a.Options, max: limit,
		wake: make(chan struct{}, 1), room: make(chan struct{}, 1), gone: make(chan struct{}),
		since: e.clock.Coarse(), pinged: e.clock.Boot(),
	}
	b.heard.Store(b.since)
	b.opt.Concurrency = max(b.opt.Concurrency, 1)
	b.opt.Burst = max(b.opt.Burst, b.opt.Rate)
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx)) // what was sent is handled, whoever has gone
	b.facts = SocketFacts{
		gateway: j.gw.ID, Route: j.rt.Policy.Name, Client: j.e.ClientAddr, Since: e.clock.Milli(e.clock.Coarse()), Protocol: protocols[j.cl.protocol()].name,
	}
	if p := j.e.Principal(); p != nil {
		b.facts.Consumer = p.ConsumerName
	}
	return b
}

// endBusy is for messages that the edge has no memory for.
var (
	endBusy  = &ending{ws.CodeTryAgain, ws.CodeTryAgain, "the gateway has too much to do, please connect again later", policy.EndedByEdge}
	endRated = &ending{ws.CodePolicy, ws.CodePolicy, "too many messages in a short time", policy.EndedByEdge}
)

// ID is policy.Socket's.
func (b *bridge) ID() string { return b.id }

// begin gives the bridge its tunnel, before any of its goroutines runs.
func (b *bridge) begin(t *tunnel) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t = t
}

// end tells how the connection ended, behind the tunnel. Where the edge itself has
// cut it off, what waits to be handled is dropped.
func (b *bridge) end() policy.SocketEnd {
	b.stopReading()
	b.eng.collected.Add(-int64(len(b.text)))
	b.text = nil
	b.mu.Lock()
	defer b.mu.Unlock()
	end := policy.SocketEnd{Code: codeAbnormal, By: policy.EndedByClient}
	if b.t == nil { // the client was gone before it was answered
		return end
	}
	switch e := b.t.end.Load(); {
	case e != nil && e != endClosed:
		end = policy.SocketEnd{Code: e.client, Reason: e.reason, By: e.ended}
		if e.client == 0 {
			end.Code = codeAbnormal
		}
		if e == endRevoked || e == endRemoved || e == endSuspends {
			b.drop()
		}
	case b.said != 0:
		end = policy.SocketEnd{Code: b.said, Reason: b.saidWhy}
	default:
		end = policy.SocketEnd{Code: b.code, Reason: b.reason}
		if b.code == 0 {
			end.Code = codeNone
		}
	}
	return end
}

// Codes that stand for the lack of one (RFC 6455, 7.4.1).
const (
	codeNone     = 1005
	codeAbnormal = 1006
)

// drop forgets what waits to be handled and cuts what is; mu is held.
func (b *bridge) drop() {
	for _, m := range b.pending {
		b.eng.collected.Add(-int64(len(m.Data)))
	}
	b.pending, b.waiting, b.dropped = nil, 0, true
	b.cancel()
}

// Bounds of what follows a connection's end: until its messages are handled, and
// how long, and how many at once, the handlers may take to note it.
const (
	lateMessages = 30 * time.Second
	farewellTime = 15 * time.Second
	maxFarewells = 256
)

// finish lets the messages end that are under way, then tells the handler.
func (b *bridge) finish(end policy.SocketEnd) {
	defer b.eng.open.Add(-1)
	defer b.cancel()
	defer b.guard("ending a connection", false)
	late := time.AfterFunc(lateMessages, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.drop()
	})
	b.workers.Wait()
	late.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), farewellTime)
	defer cancel()
	select {
	case b.eng.farewells <- struct{}{}:
		defer func() { <-b.eng.farewells }()
	case <-ctx.Done():
		return
	}
	b.h.Closed(ctx, b.id, end)
}

// signal wakes who waits on c; one signal is enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
