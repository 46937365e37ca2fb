package engine

import (
	"errors"
	"net/http"
	"net/textproto"
	"strings"
	"sync"

	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// errInterim ends an exchange whose backend sends interim answers without end.
var errInterim = errors.New("too many interim answers")

// interim passes a backend's answer below 200 on (RFC 9110, 15.2). 100 is the
// edge's own to send: it never asked for one. Of the fields only those go on that
// make a hint (RFC 8297): no policy sees an interim answer, so that it must not
// hold what one would take out of the final one.
func (j *job) interim() error {
	if j.e.Resp.Status == http.StatusContinue {
		return nil
	}
	fields := j.e.RespHeader.Fields()
	for i := range fields {
		if f := &fields[i]; !f.Dead && !hint(f.Name) {
			j.e.RespHeader.Kill(i)
		}
	}
	return j.cl.interim(j)
}

// hint reports whether a field may stand in an interim answer.
func hint(name string) bool {
	n := policy.Static(name)
	return n.Fold("Link") || n.Fold("Content-Security-Policy")
}

// interim is client.interim. HTTP/1.0 knows none.
func (c *conn) interim(j *job) error {
	if j.head.Minor == 0 || c.begun {
		return nil
	}
	if c.broken || !c.armWrite() {
		return errClientGone
	}
	out := appendStatus(j.out[:0], j.e.Resp.Status)
	fields := j.e.RespHeader.Fields()
	for i := range fields {
		if f := &fields[i]; !f.Dead {
			out = gate.AppendField(out, f.Name, f.Value)
		}
	}
	out = append(out, "\r\n"...)
	j.out = out
	_, err := c.nc.Write(out)
	if c.broken = !c.timers.client.clear() || err != nil; c.broken {
		return errClientGone
	}
	return nil
}

// interim is client.interim.
func (s *stream) interim(j *job) error {
	h := s.w.Header()
	fields := j.e.RespHeader.Fields()
	for i := range fields {
		if f := &fields[i]; !f.Dead {
			h.Add(f.Name, strings.Clone(f.Value))
		}
	}
	s.w.WriteHeader(j.e.Resp.Status)
	clear(h)
	return nil
}

// hints passes interim answers on that come while net/http's client waits for the
// final one. It tells of them on the goroutine that reads the connection for all
// its requests, which must not wait for one client: they are written on another.
// The job's own goroutine waits for its end before it goes on.
type hints struct {
	j       *job
	mu      sync.Mutex // guards all below
	seen    int
	queue   []hinted
	running bool
	over    bool
	wg      sync.WaitGroup
}

type hinted struct {
	status int
	header textproto.MIMEHeader
}

// got is httptrace's Got1xxResponse. An error ends the request.
func (h *hints) got(status int, header textproto.MIMEHeader) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen++; h.seen > max1xx {
		return errInterim
	}
	if h.over || status == http.StatusContinue {
		return nil
	}
	h.queue = append(h.queue, hinted{status, header})
	if !h.running {
		h.running = true
		h.wg.Go(h.write)
	}
	return nil
}

// write writes what is queued.
func (h *hints) write() {
	for {
		h.mu.Lock()
		if len(h.queue) == 0 {
			h.running = false
			h.mu.Unlock()
			return
		}
		next := h.queue[0]
		h.queue = h.queue[1:]
		h.mu.Unlock()
		e := h.j.e
		e.RespHeader.Reset()
		e.Resp.Status = next.status
		for name, values := range next.header {
			for _, v := range values {
				e.RespHeader.AppendString(name, v)
			}
		}
		if h.j.interim() != nil {
			return // the client is gone: whatever comes next notices
		}
	}
}

// wait ends the passing on when all that came is written.
func (h *hints) wait() {
	h.mu.Lock()
	h.over = true
	h.mu.Unlock()
	h.wg.Wait()
}
