package sql

import (
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
)

// Bounds of what a server sends. It is a tenant's, and its library believes every
// length that it says.
const (
	maxMessage = maxAnswer + 64<<10 // bytes of one message
	maxRead    = 64 << 20           // bytes of all messages of one statement
)

var errLong = errors.New("the server sends more than is read")

// bounded reads a server's messages (PostgreSQL 55.7: a byte of type, four of
// length) and ends before the head of one that is too long is given to anybody.
type bounded struct {
	r    io.Reader
	head [5]byte
	n    int   // bytes of the head that have come
	body int64 // bytes of the message that are to come
	// The library may read on another goroutine.
	left atomic.Int64 // bytes that may come
	over atomic.Bool  // too much came: it stays so
}

// begin lets another statement's answer come.
func (b *bounded) begin() { b.left.Store(maxRead) }

// Read is io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.over.Load() {
		return 0, errLong
	}
	n, err := b.r.Read(p)
	if b.left.Add(int64(-n)) < 0 || !b.follow(p[:n]) {
		b.over.Store(true)
		return 0, errLong
	}
	return n, err
}

// follow keeps track of the messages; false: one is too long.
func (b *bounded) follow(p []byte) bool {
	for len(p) > 0 {
		if b.body > 0 {
			n := min(b.body, int64(len(p)))
			b.body -= n
			p = p[n:]
			continue
		}
		n := copy(b.head[b.n:], p)
		p = p[n:]
		if b.n += n; b.n == len(b.head) {
			b.n, b.body = 0, int64(binary.BigEndian.Uint32(b.head[1:]))-4
			if b.body > maxMessage {
				return false
			}
		}
	}
	return true
}
