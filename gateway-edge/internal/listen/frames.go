package listen

import (
	"errors"
	"net"
	"time"
)

// frames reads an HTTP/2 connection for the server behind it and counts the
// frames that cost their sender nothing: SETTINGS, PING, PRIORITY, RST_STREAM,
// CONTINUATION, DATA without data, and kinds that nobody knows. The server answers
// or drops each of them for as long as they come; a client that sends more than
// any honest one does is cut off (CVE-2019-9512, -9515, -9518, CVE-2023-44487,
// CVE-2023-45288). Window updates are not counted: each belongs to data that we
// sent.
//
// It implements net.Conn. Only the server's reading goroutine uses its state.
type frames struct {
	net.Conn
	h *handed // what is known of the connection

	skip   int // bytes to come that are no frame's head: the preface, then payloads
	head   [frameHead]byte
	have   int // bytes of head
	spent  float64
	since  time.Time
	broken bool
}

const (
	frameHead = 9
	preface   = 24 // bytes of the client's connection preface

	// cheapBurst frames may come at once, and cheapRate each second from then on:
	// some times what a client does that cancels hundreds of calls a second.
	cheapBurst = 2000
	cheapRate  = 1000
)

// errFlood ends a connection.
var errFlood = errors.New("too many frames that carry nothing")

func newFrames(c net.Conn, h *handed) *frames {
	return &frames{Conn: c, h: h, skip: preface, since: time.Now()}
}

// Read reads and counts.
func (f *frames) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if cheap := f.scan(p[:n]); cheap > 0 && f.over(cheap) || f.broken {
		f.broken = true
		_ = f.Conn.Close()
		return 0, errFlood
	}
	return n, err
}

// scan counts the cheap frames whose heads end in p.
func (f *frames) scan(p []byte) (cheap int) {
	for len(p) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(p))
			f.skip -= n
			p = p[n:]
			continue
		}
		n := copy(f.head[f.have:], p)
		f.have += n
		p = p[n:]
		if f.have < frameHead {
			return cheap
		}
		f.have = 0
		f.skip = int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2])
		if f.cheap() {
			cheap++
		}
	}
	return cheap
}

// Kinds of frames (RFC 9113, 6).
const (
	frameData         = 0
	frameHeaders      = 1
	framePushPromise  = 5
	frameGoAway       = 7
	frameWindowUpdate = 8

	flagEndStream = 1
)

// cheap judges the head that was just read.
func (f *frames) cheap() bool {
	switch kind, flags := f.head[3], f.head[4]; kind {
	case frameData:
		return f.skip == 0 && flags&flagEndStream == 0
	case frameHeaders, framePushPromise, frameGoAway, frameWindowUpdate:
		return false
	}
	return true
}

// over takes frames out of the allowance and reports whether it is used up.
func (f *frames) over(n int) bool {
	now := time.Now()
	f.spent = max(0, f.spent-cheapRate*now.Sub(f.since).Seconds()) + float64(n)
	f.since = now
	return f.spent > cheapBurst
}

// CloseWrite ends our half of the connection.
func (f *frames) CloseWrite() error {
	if t, ok := f.Conn.(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn is the connection underneath.
func (f *frames) NetConn() net.Conn { return f.Conn }
