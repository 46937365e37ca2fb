package engine

import (
	"errors"
	"net/http"
	"strconv"
	"syscall"

	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// errShort says that a body ended before the length that its head announced.
var errShort = errors.New("the answer is shorter than announced")

// begin is client.begin.
func (c *conn) begin(j *job, length int64, body bool) {
	c.length, c.left, c.bodied, c.chunked = length, length, body, false
	if body && length < 0 {
		if j.head.Minor == 1 {
			c.chunked = true
		} else {
			c.close = true
		}
	}
	// What follows a handshake that failed may be frames.
	if !c.close && (j.alone || j.pump.busy() || !c.keeps(j) || c.eng.draining.Load() || j.head.WebSocket) {
		c.close = true
	}
}

// write is client.write.
func (c *conn) write(j *job, p []byte, last bool) error {
	out := j.out[:0]
	if !c.begun {
		if j.head.Continue {
			c.tell()
		}
		out = c.appendHead(j, out)
	}
	if !c.bodied {
		p = nil
	} else if err := c.count(len(p), last); err != nil {
		return err
	}
	tail := ""
	if c.chunked && len(p) > 0 {
		out = gate.AppendChunk(out, len(p))
		tail = "\r\n"
	}
	var err error
	if len(p) <= smallBody {
		out = append(append(out, p...), tail...)
		if c.chunked && last {
			out = gate.AppendLast(out, &j.e.RespTrailer)
		}
		j.out = out
		err = c.send(j, out)
	} else {
		n := len(out)
		out = append(out, tail...)
		if c.chunked && last {
			out = gate.AppendLast(out, &j.e.RespTrailer)
		}
		j.out = out
		err = c.sendParts(j, out[:n], p, out[n:])
	}
	if err == nil {
		j.bodyOut += int64(len(p))
	}
	return err
}

// count holds the body to the announced length.
func (c *conn) count(n int, last bool) error {
	if c.length < 0 {
		return nil
	}
	if c.left -= int64(n); c.left < 0 || last && c.left > 0 {
		return errShort
	}
	return nil
}

// send writes b. The exchange is committed when the socket took its first byte.
func (c *conn) send(j *job, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if c.broken || !c.armWrite() {
		return errClientGone
	}
	if c.raw != nil {
		return c.sendRaw(j, b)
	}
	n, err := c.nc.Write(b)
	return c.wrote(j, n, err)
}

// sendRaw writes b to a plain socket.
func (c *conn) sendRaw(j *job, b []byte) error {
	c.toWrite, c.written, c.writeErr = b, 0, nil
	err := c.raw.Write(c.writeFn)
	if err == nil {
		err = c.writeErr
	}
	c.toWrite = nil
	return c.wrote(j, c.written, err)
}

// writeReady is one step of sendRaw: it writes what the socket takes, and asks to
// be called again when something is left.
func (c *conn) writeReady(fd uintptr) bool {
	for {
		n, err := sysWrite(fd, c.toWrite[c.written:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			c.writeErr = err
			return true
		}
		if c.written += n; c.written == len(c.toWrite) {
			return true
		}
	}
}

// sendParts writes several pieces with one system call where there is one.
func (c *conn) sendParts(j *job, a, b, z []byte) error {
	if c.broken || !c.armWrite() {
		return errClientGone
	}
	c.vecArray = [3][]byte{a, b, z}
	c.vec = c.vecArray[:]
	n, err := c.vec.WriteTo(c.nc)
	c.vecArray = [3][]byte{}
	return c.wrote(j, int(n), err)
}

func (c *conn) armWrite() bool {
	return c.timers.client.arm(phaseWrite, c.eng.clock.Coarse()+int64(c.eng.cfg.Limits.Write))
}

func (c *conn) wrote(j *job, n int, err error) error {
	if n > 0 && !c.begun {
		c.begun = true
		j.commit()
	}
	if err != nil {
		c.broken = true
		if c.timers.client.expired() {
			return errClientSlow
		}
		return errClientGone
	}
	if !c.timers.client.clear() {
		c.broken = true
		return errClientSlow
	}
	return nil
}

// abort is client.abort: the connection ends without the body's end.
func (c *conn) abort(*job) { c.close, c.broken = true, true }

// appendHead appends the answer's head.
func (c *conn) appendHead(j *job, out []byte) []byte {
	from := len(out)
	r := &j.e.Resp
	out = appendStatus(out, r.Status)
	fields := j.e.RespHeader.Fields()
	for i := range fields {
		if f := &fields[i]; !f.Dead && !ownResponse[f.ID] {
			out = gate.AppendField(out, f.Name, f.Value)
		}
	}
	out = gate.AppendField(out, "X-Request-Id", policy.EngineString(j.idText))
	if !r.Header.Has(policy.Date) {
		out = gate.AppendField(out, "Date", *c.eng.date.Load())
	}
	if a := c.eng.alternative(j); a != nil {
		out = append(out, a.line...)
	}
	switch {
	case r.Status == http.StatusSwitchingProtocols:
		out = append(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	case c.chunked:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	case c.length >= 0 && r.Status >= 200 && r.Status != http.StatusNoContent:
		out = append(out, "Content-Length: "...)
		out = strconv.AppendInt(out, c.length, 10)
		out = append(out, "\r\n"...)
	}
	if r.Status == http.StatusUpgradeRequired && j.refused {
		out = append(out, "Upgrade: websocket\r\nConnection: Upgrade\r\n"...) // RFC 9110, 15.5.22
	}
	if c.close {
		out = append(out, "Connection: close\r\n"...)
	}
	out = append(out, "\r\n"...)
	j.headOut = int64(len(out) - from)
	return out
}

// statusLines are the status lines of every status that has a name.
var statusLines = func() (t [600]string) {
	for s := 100; s < len(t); s++ {
		if text := http.StatusText(s); text != "" {
			t[s] = "HTTP/1.1 " + strconv.Itoa(s) + " " + text + "\r\n"
		}
	}
	return
}()

func appendStatus(out []byte, status int) []byte {
	if status < len(statusLines) && statusLines[status] != "" {
		return append(out, statusLines[status]...)
	}
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(status), 10)
	return append(out, " \r\n"...)
}
