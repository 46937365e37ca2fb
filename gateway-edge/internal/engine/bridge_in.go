package engine

import (
	"io"
	"runtime/debug"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/ws"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// write takes what the client sends: whole frames that were checked.
func (b *bridge) write(p []byte) error {
	b.heard.Store(b.eng.clock.Coarse())
	for len(p) > 0 {
		f, n := ws.Next(p)
		if n == 0 {
			return io.ErrUnexpectedEOF // a Stream gives whole frames
		}
		p = p[n:]
		b.frame(&f)
	}
	return nil
}

func (b *bridge) frame(f *ws.Frame) {
	switch f.Op {
	case ws.OpPing:
		b.mu.Lock()
		if !b.ended && !b.last {
			b.pong = ws.AppendFrame(nil, ws.OpPong, f.Payload, false, [4]byte{})
			signal(b.wake)
		}
		b.mu.Unlock()
	case ws.OpPong:
	case ws.OpClose:
		b.code, b.reason = ws.CloseOf(f.Payload)
		b.closing(ws.AppendFrame(nil, ws.OpClose, f.Payload[:min(2, len(f.Payload))], false, [4]byte{}), 0, "")
	default:
		b.data(f)
	}
}

// data takes a piece of a message, and the message with its last.
func (b *bridge) data(f *ws.Frame) {
	if f.Op != ws.OpContinuation {
		b.kind = f.Op
		if !b.affords() {
			b.t.stop(endRated)
			return
		}
	}
	n := int64(len(f.Payload))
	if b.eng.collected.Add(n) > b.eng.cfg.Limits.Collected {
		b.eng.collected.Add(-n)
		b.t.stop(endBusy)
		return
	}
	b.text = append(b.text, f.Payload...)
	if !f.Fin {
		return
	}
	m := policy.Message{Binary: b.kind == ws.OpBinary, Data: b.text}
	b.kind, b.text = 0, nil
	b.hand(m)
}

// affords takes a message from the connection's rate.
func (b *bridge) affords() bool {
	if b.opt.Rate <= 0 {
		return true
	}
	now := b.eng.clock.Coarse()
	each := int64(time.Second) / int64(b.opt.Rate)
	b.tokens = max(0, b.tokens-(now-b.since)) + each
	b.since = now
	return b.tokens <= int64(b.opt.Burst)*each
}

// hand puts a message where workers find it, and waits while too many are there:
// then the client is not read.
func (b *bridge) hand(m policy.Message) {
	n := int64(len(m.Data))
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.ended && len(b.pending) > 0 && (len(b.pending) >= maxPending || b.waiting+n > b.max) {
		b.mu.Unlock()
		select {
		case <-b.room:
		case <-b.gone:
		}
		b.mu.Lock()
	}
	if b.dropped {
		b.eng.collected.Add(-n)
		return
	}
	b.in++
	b.pending = append(b.pending, m)
	b.waiting += n
	if b.active < b.opt.Concurrency {
		b.active++
		b.workers.Add(1)
		go b.work()
	}
}

// work handles messages until none is left.
func (b *bridge) work() {
	defer b.workers.Done()
	for {
		b.mu.Lock()
		if len(b.pending) == 0 {
			b.active--
			b.pending = nil
			b.mu.Unlock()
			return
		}
		m := b.pending[0]
		b.pending[0] = policy.Message{}
		b.pending = b.pending[1:]
		b.waiting -= int64(len(m.Data))
		b.mu.Unlock()
		signal(b.room)
		b.handle(m)
	}
}

func (b *bridge) handle(m policy.Message) {
	defer b.eng.collected.Add(-int64(len(m.Data)))
	defer b.guard("handling a message", true)
	b.eng.cfg.Guard.Charge(&b.t.gw.Org.Share, costOfRequest)
	b.t.moved.Store(b.eng.clock.Coarse())
	b.h.Message(b.ctx, b, m)
}

// guard holds a panic of the handler's back.
func (b *bridge) guard(doing string, stop bool) {
	if v := recover(); v != nil {
		b.eng.cfg.Logger.Error("integration panicked", "doing", doing, "gateway", b.facts.gateway, "panic", v, "stack", string(debug.Stack()))
		if stop {
			b.t.stop(endPanicked)
		}
	}
}
