package listen

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/combine"
)

// frames reads an HTTP/2 connection for the server behind it and counts the
// frames that cost their sender nothing: SETTINGS, PING, PRIORITY, RST_STREAM,
// CONTINUATION, DATA without data, and kinds that nobody knows. The server answers
// or drops each of them for as long as they come; a client that sends more than
// any honest one does is cut off (CVE-2019-9512, -9515, -9518, CVE-2023-44487,
// CVE-2023-45288). Window updates are counted only if they are of
// nothing, which ends a stream: others belong to data that we sent.
//
// So is one that makes the server reset streams as fast (CVE-2025-8671): those
// frames are counted on their way out.
//
// It implements net.Conn.
type frames struct {
	net.Conn
	h  *handed // what is known of the connection
	in scanner // of the server's reading goroutine

	write  sync.Mutex // guards what follows: the server's writer, and whoever says goAway
	out    scanner
	begun  bool // the server's first frame is written
	away   bool // goAway was said
	leaves bool // it is to be said as soon as a frame has ended
}

// scanner finds frames' heads in a stream of bytes and counts some of them.
type scanner struct {
	counts func(kind, flags byte, length int) bool
	skip   int // bytes to come that are no frame's head: the preface, then payloads
	head   [frameHead]byte
	have   int  // bytes of head
	window bool // inside a window update
	grows  bool // which is of more than nothing
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

	// writeStall is how long a client may take none of what waits for it.
	writeStall = 30 * time.Second
)

// errFlood ends a connection.
var errFlood = errors.New("too many frames that carry nothing")

func newFrames(c net.Conn, h *handed) *frames {
	now := time.Now()
	return &frames{
		Conn: combine.New(&settings{Conn: c, skip: preface}, writeStall), h: h,
		in:  scanner{counts: cheap, skip: preface, since: now},
		out: scanner{counts: reset, since: now},
	}
}

// Read reads and counts.
func (f *frames) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if f.in.over(p[:n]) {
		_ = f.Conn.Close()
		return 0, errFlood
	}
	return n, err
}

// Write counts and writes.
func (f *frames) Write(p []byte) (int, error) {
	f.write.Lock()
	defer f.write.Unlock()
	if f.out.over(p) {
		_ = f.Conn.Close()
		return 0, errFlood
	}
	n, err := f.Conn.Write(p)
	f.begun = true
	if err == nil && f.leaves {
		f.say()
	}
	return n, err
}

// goAwayFrame says that no more requests are taken than those on their way: the
// last stream is the highest there is (RFC 9113, 6.8).
var goAwayFrame = []byte{0, 0, 8, frameGoAway, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// goAway tells the client to open its next stream on another connection.
func (f *frames) goAway() {
	f.write.Lock()
	defer f.write.Unlock()
	if !f.away {
		f.leaves = true
		f.say()
	}
}

// say writes goAwayFrame if it can stand here: between two frames, behind the
// server's first. The lock is held.
func (f *frames) say() {
	if !f.begun || f.out.skip > 0 || f.out.have > 0 {
		return
	}
	f.leaves, f.away = false, true
	_, _ = f.Conn.Write(goAwayFrame) // it breaks: then there is nobody to tell
}

// over counts the frames whose heads end in p and reports whether the allowance
// is used up: for good then.
func (f *scanner) over(p []byte) bool {
	n := f.scan(p)
	if n == 0 || f.broken {
		return f.broken
	}
	now := time.Now()
	f.spent = max(0, f.spent-cheapRate*now.Sub(f.since).Seconds()) + float64(n)
	f.since = now
	f.broken = f.spent > cheapBurst
	return f.broken
}

// scan counts the frames whose heads end in p.
func (f *scanner) scan(p []byte) (counted int) {
	for len(p) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(p))
			for i := 0; f.window && i < n; i++ {
				f.grows = f.grows || p[i]&0x7f != 0 || p[i] != 0 && f.skip-i < 4 // but for the reserved bit
			}
			f.skip -= n
			p = p[n:]
			if f.skip == 0 && f.window {
				if f.window = false; !f.grows {
					counted++
				}
			}
			continue
		}
		n := copy(f.head[f.have:], p)
		f.have += n
		p = p[n:]
		if f.have < frameHead {
			return counted
		}
		f.have = 0
		f.skip = int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2])
		f.window, f.grows = f.head[3] == frameWindowUpdate && f.skip > 0, false
		if f.counts(f.head[3], f.head[4], f.skip) {
			counted++
		}
	}
	return counted
}

// Kinds of frames (RFC 9113, 6).
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	framePushPromise  = 5
	frameGoAway       = 7
	frameWindowUpdate = 8

	flagEndStream = 1
)

// reset counts what ends a stream.
func reset(kind, _ byte, _ int) bool { return kind == frameReset }

// cheap counts what costs its sender nothing.
func cheap(kind, flags byte, length int) bool {
	switch kind {
	case frameData:
		return length == 0 && flags&flagEndStream == 0
	case frameHeaders, framePushPromise, frameGoAway, frameWindowUpdate:
		return false
	}
	return true
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
