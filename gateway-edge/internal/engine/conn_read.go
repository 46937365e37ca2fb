package engine

import (
	"errors"
	"io"
	"syscall"

	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/services/contract"
)

// await waits for the first bytes of a request. On plain TCP the job and its
// buffers are taken when there is something to read and given back when not.
func (c *conn) await() bool {
	if c.raw == nil {
		return c.awaitTLS()
	}
	c.readErr = nil
	if err := c.raw.Read(c.readFn); err != nil {
		return false
	}
	return c.readErr == nil && c.w > 0
}

// awaitTLS waits with room for one byte only: TLS keeps what came with it, and the
// job is taken when there is something.
func (c *conn) awaitTLS() bool {
	if c.j != nil {
		c.drop()
	}
	n, err := c.nc.Read(c.one[:])
	if n == 0 || err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	c.take().buf[0] = c.one[0]
	c.w = 1
	return true
}

// readReady reads what is there. It is called by the poller's wrapper, first
// without knowing that there is something. A request that needs no more reading is
// served here and then, and the next one is waited for without a read that would
// find nothing: the poller was told to wait before this one was read, so whatever
// came since makes it call again.
func (c *conn) readReady(fd uintptr) bool {
	if c.j == nil {
		c.take()
	}
	for {
		n, err := sysRead(fd, c.j.buf)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			c.drop()
			return false
		case err != nil:
			c.readErr = err
		case n == 0:
			c.readErr = io.EOF
		default:
			c.r, c.w = 0, n
			if c.quick() {
				c.drop()
				return false
			}
		}
		return true
	}
}

// quick serves a request that is there to its last byte and asks for nothing but
// an answer. It must not read from the connection, whose read lock it holds. It
// reports false when something is left for next: a request that is not for here,
// the end of the connection, or requests behind this one.
func (c *conn) quick() bool {
	if c.first {
		return false
	}
	j := c.j
	n, f := j.head.ParseRequest(j.e, j.buf[:c.w])
	if n == 0 && f == nil {
		return false
	}
	c.r, c.parsed, c.fault = n, true, f
	if f != nil || j.head.Close || j.head.WebSocket || c.eng.draining.Load() {
		return false
	}
	j.body.start(j, j.buf[c.r:c.w])
	if !j.body.done {
		return false
	}
	c.parsed, c.begun, c.told, c.close, c.broken = false, false, false, false, false
	if !c.timers.client.clear() {
		c.readErr = errClientGone
		return false
	}
	j.serve(c.ctx)
	if c.close || c.broken || !j.body.done || j.shed {
		c.served = true
		return false
	}
	if c.refusals = 0; !c.finish() || !c.armIdle() {
		c.readErr = errClientGone
		return false
	}
	return c.w == c.r
}

// requestBody is how far the reading of a request's body has come.
type requestBody struct {
	left    int64 // of Content-Length
	chunked bool
	dec     gate.Chunked
	done    bool
	wait100 bool // 100 (Continue) is awaited and was not sent

	// What was read and not used: over the head's buffer at first, then own.
	buf  []byte
	r, w int
	own  *[streamBuf]byte

	head  []byte // decoded before and not yet read
	spent int64  // ns waited for the client
}

// start prepares for the body behind a head; ahead is what came with it.
func (b *requestBody) start(j *job, ahead []byte) {
	b.buf, b.r, b.w = ahead, 0, len(ahead)
	b.chunked, b.left = j.head.Chunked, j.e.Req.Length
	b.wait100 = j.head.Continue
	if b.chunked {
		b.dec.Reset(contract.CodeRequestInvalid)
	}
	b.done = !b.chunked && b.left == 0
}

// rest is what follows the body: the next request's first bytes.
func (b *requestBody) rest(head []byte) []byte {
	if b.buf == nil {
		return head
	}
	return b.buf[b.r:b.w]
}

// read is client.read.
func (c *conn) read(j *job) (p []byte, last bool, err error) {
	b := &j.body
	if p := b.head; len(p) > 0 {
		b.head = nil
		return p, b.done, nil
	}
	for {
		if b.done {
			return nil, true, nil
		}
		if b.w > b.r {
			if p, last, ok, err := b.take(j); ok || err != nil {
				return p, last, err
			}
		}
		if b.wait100 {
			if err := c.continues(j); err != nil {
				return nil, false, err
			}
		}
		if err := c.fill(j); err != nil {
			return nil, false, err
		}
	}
}

// take takes the next piece from what was read; ok is false when more is needed.
func (b *requestBody) take(j *job) (p []byte, last, ok bool, err error) {
	if b.chunked {
		data, n, f := b.dec.Next(b.buf[b.r:b.w], &j.e.ReqTrailer)
		b.r += n
		if f != nil {
			return nil, false, false, f
		}
		b.done = b.dec.Done()
		p, ok = data, len(data) > 0 || b.done
	} else {
		p = b.buf[b.r:min(b.w, b.r+int(min(b.left, streamBuf)))]
		b.r += len(p)
		b.left -= int64(len(p))
		b.done, ok = b.left == 0, true
	}
	b.wait100 = b.wait100 && !b.done
	if j.bodyIn += int64(len(p)); j.maxBody > 0 && j.bodyIn > j.maxBody {
		return nil, false, false, errBodyOver
	}
	return p, b.done, ok, nil
}

// fill reads more of the body into a buffer of its own.
func (c *conn) fill(j *job) error {
	b := &j.body
	if b.own == nil {
		b.own = c.eng.streams.Get().(*[streamBuf]byte)
		b.w = copy(b.own[:], b.buf[b.r:b.w])
		b.buf, b.r = b.own[:], 0
	} else if b.r > 0 {
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
	}
	if b.w == len(b.buf) {
		return &gate.Fault{Code: contract.CodeRequestInvalid, At: -1, Detail: "a piece of the body's framing is too long"}
	}
	l := &c.eng.cfg.Limits
	now := c.eng.clock.Coarse()
	if !c.timers.body.arm(phaseBody, now+int64(l.BodyGrace)+j.bodyIn*1_000_000_000/l.BodyRate-b.spent) {
		return errClientSlow
	}
	n, err := c.nc.Read(b.buf[b.w:])
	b.spent += c.eng.clock.Coarse() - now
	if n > 0 {
		b.w += n
		if !c.timers.body.clear() {
			return errClientSlow
		}
		return nil
	}
	if c.timers.body.expired() {
		return errClientSlow
	}
	return c.ioError(err)
}

// continues sends 100 (Continue) if the client waits for it, and never behind the
// beginning of the answer, which may be written by another goroutine than the one
// that sends the body on.
func (c *conn) continues(j *job) error {
	if !j.body.wait100 {
		return nil
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.told {
		return nil
	}
	j.body.wait100 = false
	const line = "HTTP/1.1 100 Continue\r\n\r\n"
	if _, err := c.nc.Write([]byte(line)); err != nil {
		c.broken = true
		return errClientGone
	}
	return nil
}

// tell sees to it that no 100 (Continue) comes any more.
func (c *conn) tell() {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.told = true
}

// stopReading makes a read in another goroutine return.
func (c *conn) stopReading() { _ = c.nc.SetReadDeadline(past) }

// maxDiscard is how much of an unwanted body is read to keep a connection.
const maxDiscard = 64 << 10

// keeps reports whether the connection can go on when the body is not wanted: it
// is decided before the answer's head, which must say if not.
func (c *conn) keeps(j *job) bool {
	b := &j.body
	if b.done {
		return true
	}
	if b.wait100 {
		return false // it may come or not: nobody can tell which
	}
	return b.chunked || b.left <= maxDiscard
}

// discard reads what is left of the body, up to maxDiscard.
func (c *conn) discard() bool {
	j := c.j
	j.maxBody = j.bodyIn + maxDiscard
	for !j.body.done {
		if _, _, err := c.read(j); err != nil {
			return false
		}
	}
	return true
}

// ahead is client.ahead. A chunked body is put together in place.
func (c *conn) ahead(j *job) ([]byte, bool, error) {
	b := &j.body
	if !b.chunked {
		if int64(b.w-b.r) < b.left {
			return nil, false, nil
		}
		p, _, _, err := b.take(j)
		return p, true, err
	}
	if !chunksComplete(b.buf[b.r:b.w]) {
		return nil, false, nil
	}
	from := b.r
	to := from
	for !b.done {
		p, _, ok, err := b.take(j)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			// It only looked complete: what was taken is sent first, then the
			// rest as it comes.
			b.head = b.buf[from:to]
			return nil, false, nil
		}
		to += copy(b.buf[to:], p)
	}
	return b.buf[from:to], true, nil
}

// chunksComplete guesses whether a chunked body ends in p, from its last bytes.
func chunksComplete(p []byte) bool {
	return len(p) >= 5 && string(p[len(p)-5:]) == "0\r\n\r\n"
}
