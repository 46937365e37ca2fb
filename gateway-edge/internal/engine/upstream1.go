package engine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Errors of a backend's side.
var (
	errUpstreamSlow = errors.New("the backend was too slow")
	errUpstreamEnd  = errors.New("the backend closed the connection")
)

// max1xx bounds the interim answers before one final.
const max1xx = 16

// upstream1 is an HTTP/1.1 backend's side of an exchange. It is part of its job
// and used again.
type upstream1 struct {
	j    *job
	pool *transport.Pool
	c    *transport.Conn
	head gate.RespHead

	w, r    int    // j.rbuf holds r..w unread
	toWrite []byte // by the first step of a raw write and read
	wrote   bool
	readErr error
	step    func(fd uintptr) bool

	buf    []byte // of the body: j.rbuf's rest, then own
	br, bw int
	own    *[streamBuf]byte
	dec    gate.Chunked
	left   int64
	done   bool // the answer was read to its end
	sent   bool // the request was sent whole
	bound  bool // the connection may belong to one client now

	bbuf       []byte // a piece of the request's body with its framing
	bodyBroken bool
	timeout    int64 // ns without progress
	taking     int64 // the same while the request's body is sent; the pump's
}

func (u *upstream1) init(j *job) {
	u.j = j
	u.step = u.rawStep
}

// send is origin.send.
func (u *upstream1) send(ctx context.Context, t *balance.Target) try {
	u.pool = transport.Of(t)
	var err error
	c := u.pool.Idle(u.j.sent)
	if c == nil {
		c, err = u.pool.Dial(ctx, u.dialDeadline())
	}
	for {
		if err != nil {
			return dialFailed(err)
		}
		reused := c.Reused
		got, untouched := u.exchange(c, t)
		if got.kind == tryAnswered {
			return got
		}
		u.finish(false)
		// A kept connection that broke before the first byte of an answer was
		// probably closed by a backend that did not know of the request: that
		// says nothing about the backend. The request goes out once more, on a
		// new connection, if it never left or can be repeated.
		if !reused || got.kind != tryReset || !untouched || !u.j.payload.memory || !u.unsent() && !u.j.repeatable() {
			return got
		}
		c, err = u.pool.Dial(ctx, u.dialDeadline())
	}
}

// unsent reports whether not one byte of the request was taken.
func (u *upstream1) unsent() bool { return !u.wrote }

// dialDeadline bounds a dial by what is left for all tries; the pool has the
// connect timeout.
func (u *upstream1) dialDeadline() time.Time {
	left := u.j.deadline - u.j.eng.clock.Boot()
	if left > int64(u.j.upstream().Timeouts.Connect) {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(max(left, 1)))
}

// dialFailed is a try for which there was no connection.
func dialFailed(err error) try {
	got := try{kind: tryConnect, code: transport.CodeOf(err), result: balance.ResultConnect, err: err}
	var te *transport.Error
	if errors.As(err, &te) {
		got.result = te.Result()
	}
	return got
}

// exchange writes the request to c and reads the head of the answer. untouched
// says that not one byte of an answer came.
func (u *upstream1) exchange(c *transport.Conn, t *balance.Target) (got try, untouched bool) {
	j := u.j
	u.c, u.r, u.w, u.wrote, u.readErr = c, 0, 0, false, nil
	u.done, u.sent, u.bodyBroken = false, false, false
	u.timeout, u.head.Asked = int64(j.upstream().Timeouts.PerTry), j.shake != nil
	if j.timers != nil {
		j.timers.upConn.Store(c)
		limit := min(j.eng.clock.Coarse()+u.timeout, j.deadline)
		j.timers.up.arm(phaseUpstream, limit)
	}
	err := u.write(t)
	if j.payload.memory || err != nil {
		u.sent = err == nil
	} else {
		u.taking = int64(max(j.upstream().Timeouts.PerTry, j.upstream().Timeouts.Idle))
		j.watch() // it may take long until the answer begins
		j.pump.start(u)
	}
	if f := u.readHead(err); f != nil {
		return u.failed(f)
	}
	u.startBody()
	return try{kind: tryAnswered}, false
}

// write sends the head and a body that is in memory. On a raw connection the
// last of it is left to the first step of the read.
func (u *upstream1) write(t *balance.Target) error {
	j := u.j
	u.toWrite = nil
	credential, _ := j.e.Req.Header.Get(policy.Authorization)
	u.bound = transport.Binds(credential)
	out := j.appendRequest(j.wbuf[:0], t, j.payload.length)
	j.wbuf = out
	if !j.payload.memory {
		return u.put(out)
	}
	if j.payload.length < 0 {
		j.payload.length = 0
	}
	if j.payload.length > smallBody {
		if err := u.put(out); err != nil {
			return err
		}
		for _, p := range j.payload.parts {
			if err := u.put(p); err != nil {
				return err
			}
		}
		return nil
	}
	for _, p := range j.payload.parts {
		out = append(out, p...)
	}
	j.wbuf = out
	if u.c.Raw != nil {
		u.toWrite = out
		return nil
	}
	return u.put(out)
}

func (u *upstream1) put(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := u.c.Write(p)
	u.wrote = u.wrote || n > 0
	return err
}

// readHead reads until the head of the final answer is complete. A failed write
// is not the last word: the backend may have answered before it stopped reading.
func (u *upstream1) readHead(writeErr error) error {
	j := u.j
	head := j.e.Req.Method.Is("HEAD")
	for interim := 0; ; {
		if err := u.more(); err != nil {
			if writeErr != nil && u.w == 0 {
				return writeErr
			}
			return err
		}
		for {
			n, f := u.head.ParseResponse(j.e, j.rbuf[u.r:u.w], head)
			if f != nil {
				return f
			}
			if n == 0 {
				break
			}
			u.r += n
			if j.e.Resp.Status >= 200 || j.e.Resp.Status == http.StatusSwitchingProtocols {
				return nil
			}
			if interim++; interim > max1xx {
				return &gate.Fault{Code: contract.CodeUpstreamProtocol, At: -1, Detail: "too many interim answers"}
			}
			if err := j.interim(); err != nil {
				return err
			}
		}
	}
}

// more reads more of the head.
func (u *upstream1) more() error {
	j := u.j
	if u.w == len(j.rbuf) {
		b := make([]byte, min(2*len(j.rbuf), gate.MaxHead+answerBuf)+answerBuf)
		u.w = copy(b, j.rbuf[u.r:u.w])
		u.r, j.rbuf = 0, b
	}
	if u.c.Raw != nil {
		return u.rawMore()
	}
	n, err := u.c.Read(j.rbuf[u.w:])
	if n > 0 {
		u.w += n
		return nil
	}
	if err == nil || err == io.EOF {
		return errUpstreamEnd
	}
	return err
}

// now is the time at which an answer that was read whole ended, as far as it was
// looked at: reading the clock again would cost more than it tells.
func (j *job) now() int64 { return max(j.sent, j.answered, j.committed) }

// failed says how a try ended that gave no answer.
func (u *upstream1) failed(err error) (got try, untouched bool) {
	j := u.j
	untouched = u.w == 0
	if j.pump.state.Load() != pumpNone {
		j.pump.stop(u)
		if j.pump.err != nil && (j.timers == nil || !j.timers.up.expired()) {
			return try{kind: tryClient, err: j.pump.err}, untouched
		}
	}
	var f *gate.Fault
	switch {
	case err == errClientGone, j.timers != nil && j.timers.gone.Load():
		return try{kind: tryClient, err: errClientGone}, untouched
	case errors.As(err, &f):
		return failedTry(tryProtocol, err), untouched
	case j.timers != nil && j.timers.up.expired():
		return failedTry(tryTimeout, err), untouched
	}
	return failedTry(tryReset, err), untouched
}

// extend moves the deadline of a backend that takes the request's body. It is the
// pump's.
func (u *upstream1) extend() {
	if t := u.j.timers; t != nil {
		t.up.extend(u.j.eng.clock.Coarse() + u.taking)
	}
}

// mayBeUnread reports whether the request had a body though its method needs none:
// many backends leave it on the connection then, where the next request begins with
// it.
func (u *upstream1) mayBeUnread() bool {
	return u.j.payload.length != 0 && bodiless(u.j.e.Req.Method)
}

// finish is origin.finish: the connection is kept when nothing of this exchange
// is left on it.
func (u *upstream1) finish(whole bool) {
	j, c := u.j, u.c
	if c == nil {
		return
	}
	ok := whole && u.done && u.sent && !u.head.Close && u.br == u.bw
	if j.pump.state.Load() != pumpNone {
		clean := j.pump.stop(u)
		ok = whole && u.done && !u.head.Close && u.br == u.bw && clean && j.pump.sent
		j.pump.state.Store(pumpNone)
		j.unwatch()
	}
	if j.timers != nil {
		ok = j.timers.up.clear() && ok
		j.timers.upConn.Store(nil)
	}
	ok = ok && !u.mayBeUnread() && !u.bound
	u.c = nil
	if u.own != nil {
		j.eng.streams.Put(u.own)
		u.own = nil
	}
	u.buf = nil
	if ok {
		u.pool.Put(c, j.now())
	} else {
		u.pool.Discard(c)
	}
}
