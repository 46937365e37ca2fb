package listen

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
)

// h3conn is what is known of a connection of HTTP/3, and what it may cost. quic-go
// bounds streams and windows; it starts a handler for each request as it comes,
// waits for heads without a limit of time, and does not tell of streams that end
// before they are a request. The rules here hold for those (reliability.md, 3.6).
type h3conn struct {
	quic   *quic.Conn
	server *http3.Server // whose it is
	info   engine.Info   // as of the handshake

	running atomic.Int64  // requests
	begun   atomic.Uint64 // requests
	useful  atomic.Uint64 // bytes of heads and bodies of requests
	since   time.Time     // the handshake's end

	mu      sync.Mutex // guards all below
	next    quic.StreamID
	late    map[quic.StreamID]time.Time // streams below next that are no request yet
	last    time.Time                   // a request's end; zero: none was yet
	aborts  float64                     // requests given up by the client, less what time forgives
	aborted time.Time

	// The watch's own.
	missing int64   // streams that were opened and are no request, at the last look
	junk    float64 // bytes that no request accounts for, less what time forgives
	wasted  uint64  // all of them at the last look
	looked  time.Time
}

// Allowances of a connection.
const (
	// h3Running requests may be under way: those that the client gave up are until
	// their handlers have noticed.
	h3Running = 2 * h3Streams
	// abortBurst requests may be given up at once, before their head was read or
	// after, and abortRate each second from then on: the same as resets of HTTP/2
	// (CVE-2023-44487).
	abortBurst, abortRate = cheapBurst, cheapRate
	// junkBurst bytes may come at once that belong to no request, and junkRate each
	// second: heads that are not whole, streams reset before they were, frames of
	// kinds that nobody knows, pings.
	junkBurst, junkRate = 2 << 20, 128 << 10
	// lateStreams may be no request for longer than the head's time: some are, that
	// the client gave up as it sent them.
	lateStreams = 64
	h3Watch     = time.Second
)

// begin counts a request; false: there are more than the client could want.
func (h *h3conn) begin(r *http.Request) bool {
	n := len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + h3FieldOverhead
		}
	}
	h.useful.Add(uint64(n))
	h.begun.Add(1)
	if s, ok := r.Body.(interface{ StreamID() quic.StreamID }); ok {
		h.came(s.StreamID())
	}
	if h.running.Add(1) > h3Running {
		h.running.Add(-1)
		return false
	}
	return true
}

// came notes that a stream has become a request. Those before it that are none yet
// are waited for: QUIC opens streams in order.
func (h *h3conn) came(id quic.StreamID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id < h.next {
		delete(h.late, id)
		return
	}
	if h.next < id {
		if h.late == nil {
			h.late = map[quic.StreamID]time.Time{}
		}
		now := time.Now()
		for ; h.next < id && len(h.late) < h3Running; h.next += 4 {
			h.late[h.next] = now
		}
	}
	h.next = id + 4
}

// done counts a request's end.
func (h *h3conn) done(ctx context.Context, b *countedBody) {
	if !b.ended { // what was on its way is not the client's fault
		h.useful.Add(h3ConnWindow / 2)
	}
	now := time.Now()
	h.mu.Lock()
	h.last = now
	flood := false
	if ctx.Err() != nil {
		flood = h.abort(1, now)
	}
	h.mu.Unlock()
	h.running.Add(-1)
	if flood {
		h.end(http3.ErrCodeExcessiveLoad)
	}
}

// abort counts requests that were given up; true: they are too many. h.mu is held.
func (h *h3conn) abort(n int64, now time.Time) bool {
	h.aborts = max(0, h.aborts-abortRate*now.Sub(h.aborted).Seconds()) + float64(n)
	h.aborted = now
	return h.aborts > abortBurst
}

// end closes the connection.
func (h *h3conn) end(code http3.ErrCode) {
	_ = h.quic.CloseWithError(quic.ApplicationErrorCode(code), "")
}

// infoNow is what is known of the connection. A client may have moved to another
// address since its handshake (RFC 9000, 9).
func (h *h3conn) infoNow(trusts func(netip.Addr) bool) engine.Info {
	info := h.info
	if peer, ok := udpPeer(h.quic.RemoteAddr()); ok && peer != info.Peer {
		if peer.Addr() != info.Peer.Addr() {
			info.Trusted = trusts(peer.Addr())
		}
		info.Peer = peer
	}
	return info
}

// quiet is for how long nothing has been under way, at most since told; 0:
// something is.
func (h *h3conn) quiet(told time.Time) time.Duration {
	if h.running.Load() > 0 {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last.After(told) {
		told = h.last
	}
	return time.Since(told)
}

// countedBody counts what is read of a request's body.
type countedBody struct {
	io.ReadCloser
	conn  *h3conn
	ended bool // nothing of it is left
}

// Read reads and counts.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.conn.useful.Add(uint64(n))
	b.ended = b.ended || err == io.EOF
	return n, err
}

// watch ends connections that break the rules, until stop is closed.
func (q *http3Server) watch(stop <-chan struct{}) {
	l := q.cfg.Engine.Limits()
	t := time.NewTicker(h3Watch)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-t.C:
			for _, h := range q.all() {
				switch h.judge(now, h.quic.ConnectionStats(), l.Head, l.Idle) {
				case fine:
				case idle:
					h.end(http3.ErrCodeNoError)
				case flood:
					q.stats.floods.Add(1)
					h.end(http3.ErrCodeExcessiveLoad)
				}
			}
		}
	}
}

// verdict is what becomes of a connection.
type verdict int

const (
	fine verdict = iota
	idle
	flood
)

// judge holds a connection to its allowances. head is the time for a request's
// head, for the first request too; rest that between two.
func (h *h3conn) judge(now time.Time, s quic.ConnectionStats, head, rest time.Duration) verdict {
	useful := h.useful.Load()
	// What each packet has around it, acknowledgements of what we sent, and what was
	// sent twice is not the client's to account for.
	fair := useful + useful/4 + h.begun.Load()*128 + s.BytesSent/8
	if s.BytesReceived > fair && s.BytesReceived-fair > h.wasted {
		h.junk += float64(s.BytesReceived - fair - h.wasted)
		h.wasted = s.BytesReceived - fair
	}
	if !h.looked.IsZero() {
		h.junk = max(0, h.junk-junkRate*now.Sub(h.looked).Seconds())
	}
	h.looked = now
	if h.junk > junkBurst {
		return flood
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	missing := int64(h.next/4) - int64(h.begun.Load())
	gone := missing - h.missing
	if h.missing = missing; gone > 0 && h.abort(gone, now) {
		return flood
	}
	late := 0
	for id, at := range h.late {
		if age := now.Sub(at); age > rest {
			delete(h.late, id) // given up or malformed, most likely: long over
		} else if age > head {
			late++
		}
	}
	if late > lateStreams {
		return flood
	}
	if h.running.Load() > 0 {
		return fine
	}
	if h.last.IsZero() && now.Sub(h.since) > head || !h.last.IsZero() && now.Sub(h.last) > rest {
		return idle
	}
	return fine
}
