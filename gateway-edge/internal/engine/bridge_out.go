package engine

import (
	"context"
	"io"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/gateway-edge/internal/ws"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// outgoing is a frame that waits to be written. done gets the outcome; nil: nobody
// waits for it.
type outgoing struct {
	raw  []byte
	done chan error
}

// Read is what waits for the client. That it is called again says that what it
// returned before was written.
func (b *bridge) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.read {
		o.tell(nil)
	}
	b.read = b.read[:0]
	for n == 0 {
		if b.ended {
			return 0, io.EOF
		}
		if b.pong != nil && !b.mid { // p is as large as any pong here

			n = copy(p, b.pong)
			b.pong = nil
			return n, nil
		}
		for n < len(p) && len(b.out) > 0 {
			o := b.out[0]
			m := copy(p[n:], o.raw)
			n += m
			b.outBytes -= int64(m)
			o.raw = o.raw[m:]
			if b.mid = len(o.raw) > 0; b.mid {
				break
			}
			b.read = append(b.read, o)
			b.out[0] = nil
			b.out = b.out[1:]
		}
		if n == 0 {
			b.mu.Unlock()
			<-b.wake
			b.mu.Lock()
		}
	}
	return n, nil
}

func (o *outgoing) tell(err error) {
	if o.done != nil {
		o.done <- err
	}
}

// Send is policy.Socket's.
func (b *bridge) Send(ctx context.Context, m policy.Message) error {
	op := byte(ws.OpText)
	if m.Binary || !utf8.Valid(m.Data) {
		op = ws.OpBinary
	}
	o := &outgoing{raw: ws.AppendFrame(nil, op, m.Data, false, [4]byte{}), done: make(chan error, 1)}
	b.mu.Lock()
	switch {
	case b.ended || b.last:
		b.mu.Unlock()
		return policy.ErrSocketClosed
	case len(b.out) >= maxOutgoing || b.outBytes > 0 && b.outBytes+int64(len(o.raw)) > b.max:
		b.mu.Unlock()
		return policy.ErrSocketSlow
	}
	b.sent++
	b.push(o)
	b.mu.Unlock()
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// push queues a frame; mu is held.
func (b *bridge) push(o *outgoing) {
	b.out = append(b.out, o)
	b.outBytes += int64(len(o.raw))
	signal(b.wake)
}

// Close is policy.Socket's.
func (b *bridge) Close(code uint16, reason string) {
	if !ws.ValidCode(code) {
		code = ws.CodeNormal
	}
	b.closing(ws.AppendClose(nil, code, reason, false, [4]byte{}), code, reason)
}

// closing queues a Close frame, if it is the first.
func (b *bridge) closing(frame []byte, code uint16, reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || b.last {
		return
	}
	b.last, b.said, b.saidWhy = true, code, reason
	b.push(&outgoing{raw: frame})
}

// silentPings is how many pings a client may leave without a sign of life.
const silentPings = 2

// ping is the sweeper's: it must not wait.
func (b *bridge) ping(now int64) {
	if b.opt.Ping <= 0 || now-b.pinged < int64(b.opt.Ping) {
		return
	}
	if now-b.heard.Load() > (silentPings+1)*int64(b.opt.Ping) {
		b.t.stop(endIdle)
		return
	}
	b.pinged = now
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended && !b.last && len(b.out) == 0 {
		b.push(&outgoing{raw: ws.AppendFrame(nil, ws.OpPing, nil, false, [4]byte{})})
	}
}

// stopReading ends what the client gets, and lets nobody wait any more.
func (b *bridge) stopReading() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.ended = true
	close(b.gone)
	signal(b.wake)
	for _, o := range append(b.read, b.out...) {
		o.tell(policy.ErrSocketClosed)
	}
	b.read, b.out, b.pong = nil, nil, nil
}

// closeWrite and drain are farPeer's: there is nobody behind the bridge.
func (b *bridge) closeWrite() {}

func (b *bridge) drain(time.Duration) {}
