package call

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/internal/ws"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of a channel.
const (
	lookEvery  = time.Second            // at whether its target is to be free by now
	closeWrite = time.Second            // for a Close frame to be taken
	closeRead  = 200 * time.Millisecond // for the backend's own, and the connection's end
	maxDrained = 1 << 20                // bytes of what still comes then
)

// channel is policy.Channel over a connection of its own.
type channel struct {
	*caller
	protocol string
	pool     *transport.Pool
	c        *transport.Conn
	target   *balance.Target
	took     int64    // the handshake, ns
	in       ws.Inbox // the receiver's

	mu     sync.Mutex // guards what follows, and is held while a frame is written
	place  balance.Place
	result balance.Result
	out    []byte
	told   bool        // our Close frame was sent
	ended  bool        // Close was called
	look   *time.Timer // at the target
	late   bool        // it had to be free
}

// errDrained: the target was taken out of service, and its time is up.
var errDrained = errors.New("the target was taken out of service")

// begin makes the channel ready for use.
func (ch *channel) begin(o *one, pool *transport.Pool, c *transport.Conn) {
	ch.caller, ch.pool, ch.c = o.caller, pool, c
	ch.target = o.place.Target()
	ch.place, ch.result = o.place.Hold(), balance.ResultOK
	ch.in.Stream = ws.Stream{MaxMessage: o.opening.limit, Bounded: true}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.look = time.AfterFunc(lookEvery, ch.overdue)
}

// overdue cuts a channel whose target must be free by now.
func (ch *channel) overdue() {
	if !ch.mu.TryLock() { // a write is under way: it is looked at again
		ch.look.Reset(lookEvery)
		return
	}
	defer ch.mu.Unlock()
	switch {
	case ch.ended:
	case ch.target.Overdue(ch.now()):
		ch.late = true
		ch.interrupt()
	default:
		ch.look.Reset(lookEvery)
	}
}

// interrupt makes reads and writes return.
func (ch *channel) interrupt() { _ = ch.c.SetDeadline(time.Unix(1, 0)) }

// Protocol is policy.Channel's.
func (ch *channel) Protocol() string { return ch.protocol }

// Send is policy.Channel's.
func (ch *channel) Send(ctx context.Context, m policy.Message) error {
	op := byte(ws.OpText)
	if m.Binary {
		op = ws.OpBinary
	}
	stop := context.AfterFunc(ctx, ch.interrupt)
	defer stop()
	return ch.write(ctx, op, m.Data)
}

// write sends a frame.
func (ch *channel) write(ctx context.Context, op byte, p []byte) error {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.ended || ch.told {
		return &policy.CallError{Code: contract.CodeUpstreamReset, Err: io.ErrClosedPipe}
	}
	ch.out = ws.AppendFrame(ch.out[:0], op, p, true, mask())
	_, err := ch.c.Write(ch.out)
	if cap(ch.out) > 64<<10 {
		ch.out = nil
	}
	if err != nil {
		return ch.failed(ctx, err)
	}
	return nil
}

// mask is a key that nobody can foretell (RFC 6455, 5.3).
func mask() (key [4]byte) {
	_, _ = rand.Read(key[:])
	return key
}

// failed says why the connection is of no more use; mu is held.
func (ch *channel) failed(ctx context.Context, err error) error {
	switch {
	case ch.late:
		return &policy.CallError{Code: contract.CodeUpstreamUnavailable, Err: errDrained}
	case ctx.Err() != nil:
		return &policy.CallError{Code: contract.CodeUpstreamTimeout, Err: ctx.Err()}
	}
	var f *ws.Fault
	code := contract.CodeUpstreamReset
	if errors.As(err, &f) {
		code = contract.CodeUpstreamProtocol
	}
	ch.result = balance.ResultError
	return &policy.CallError{Code: code, Err: err}
}

// Receive is policy.Channel's.
func (ch *channel) Receive(ctx context.Context) (policy.Message, error) {
	stop := context.AfterFunc(ctx, ch.interrupt)
	defer stop()
	for {
		f, ok, fault := ch.in.Next(ch.now())
		switch {
		case fault != nil:
			ch.say(fault.Code, fault.Reason)
			return policy.Message{}, ch.fails(ctx, fault)
		case !ok:
			if err := ch.read(); err != nil {
				return policy.Message{}, ch.fails(ctx, err)
			}
		case f.Op == ws.OpPing:
			if err := ch.write(ctx, ws.OpPong, f.Payload); err != nil {
				return policy.Message{}, err
			}
		case f.Op == ws.OpPong:
		case f.Op == ws.OpClose:
			code, reason := ws.CloseOf(f.Payload)
			if code == 0 {
				ch.say(ws.CodeNormal, "")
				code = codeNone
			} else {
				ch.say(code, "")
			}
			return policy.Message{}, &policy.ChannelClosed{Code: code, Reason: reason}
		default:
			return policy.Message{Binary: f.Op == ws.OpBinary, Data: f.Payload}, nil
		}
	}
}

// codeNone stands for a Close frame without a code (RFC 6455, 7.4.1).
const codeNone = 1005

func (ch *channel) fails(ctx context.Context, err error) error {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.failed(ctx, err)
}

func (ch *channel) read() error {
	n, err := ch.c.Read(ch.in.Space())
	if n > 0 {
		ch.in.Add(n)
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// say sends our Close frame, if it is the first.
func (ch *channel) say(code uint16, reason string) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.told || ch.ended {
		return
	}
	ch.told = true
	_ = ch.c.SetWriteDeadline(time.Now().Add(closeWrite))
	_, _ = ch.c.Write(ws.AppendClose(nil, code, reason, true, mask()))
}

// Close is policy.Channel's. What still comes is read and dropped: bytes that nobody
// reads would turn the end into a reset, which overtakes the Close frame.
func (ch *channel) Close(code uint16, reason string) {
	if !ws.ValidCode(code) {
		code = ws.CodeNormal
	}
	ch.interrupt() // whoever still waits
	ch.say(code, reason)
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.ended {
		return
	}
	ch.ended = true
	ch.look.Stop()
	if c, ok := ch.c.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	_ = ch.c.SetReadDeadline(time.Now().Add(closeRead))
	_, _ = io.CopyN(io.Discard, ch.c, maxDrained)
	ch.pool.Discard(ch.c)
	ch.place.End(ch.result, ch.took)
}

var _ policy.Opener = (*opener)(nil)
