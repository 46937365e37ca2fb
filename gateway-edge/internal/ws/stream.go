package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// Codes that a connection is closed with (RFC 6455, 7.4.1).
const (
	CodeNormal    = 1000
	CodeGoingAway = 1001
	CodeProtocol  = 1002
	CodeData      = 1007 // text that is not UTF-8
	CodePolicy    = 1008
	CodeTooBig    = 1009
	CodeInternal  = 1011
	CodeTryAgain  = 1013
)

// Fault is what a peer did wrong, as it is told in the Close frame.
type Fault struct {
	Code   uint16
	Reason string
}

// Error makes a Fault an error.
func (f *Fault) Error() string { return f.Reason }

func violation(reason string) *Fault { return &Fault{CodeProtocol, reason} }

// Allowance of frames that carry next to nothing (pings, pongs, small fragments):
// so many at once and so many each second from then on.
const (
	cheapBurst = 1000
	cheapRate  = 100
	cheapSize  = 64 // a fragment below it is cheap, but for a message's last
)

// minPiece is how much of a large frame there must be to be sent on as a
// fragment of its own.
const minPiece = 4 << 10

// Stream is one direction of a connection. Its fields are set before its first
// use.
type Stream struct {
	Masked     bool  // the sender masks its frames: it is a client
	Compressed bool  // permessage-deflate was agreed on: RSV1 marks compressed messages
	MaxMessage int64 // payload bytes of a message, all fragments together; 0: no bound
	// Room is the size of the caller's buffer: a frame that fits goes on in one
	// piece. It is at least MaxHead + minPiece bytes.
	Room    int
	Bounded bool // the sender's cheap frames are counted
	// Messages is how many have begun to go on.
	Messages int64

	opened  bool  // inside a fragmented message
	text    bool  // whose payload must be UTF-8
	message int64 // its payload bytes so far
	utf8    utf8State

	// Of a frame that goes on in pieces: what is left of it.
	left  int64
	key   [4]byte
	first byte // of the next piece
	fin   bool // of the frame

	code   uint16
	closed bool
	spent  int64 // of the allowance, in ns
	since  int64
}

// Closed reports whether the sender's Close frame has gone on, and with which
// code: 0 for none.
func (s *Stream) Closed() (code uint16, closed bool) { return s.code, s.closed }

// Partial reports whether a frame is being sent on in pieces.
func (s *Stream) Partial() bool { return s.left > 0 }

// Append checks the frames at the beginning of in and appends what goes on to
// the other side. n is how much of in was used; the rest must come again, with
// more behind it. in is changed. now is any clock in ns. After a Fault or the
// sender's Close frame no more is taken.
func (s *Stream) Append(out, in []byte, now int64) (_ []byte, n int, f *Fault) {
	for !s.closed && n < len(in) {
		var used int
		if s.left > 0 {
			out, used = s.piece(out, in[n:], &f)
		} else {
			out, used = s.frame(out, in[n:], now, &f)
		}
		if f != nil {
			return out, n, f
		}
		if used == 0 {
			break
		}
		n += used
	}
	return out, n, nil
}

// frame takes a whole frame, or begins to take one in pieces.
func (s *Stream) frame(out, in []byte, now int64, fault **Fault) (_ []byte, n int) {
	var h frame
	ok, f := h.parse(in)
	if f == nil && len(in) >= 2 {
		f = s.check(&h, in)
	}
	if f == nil && ok {
		if f = s.size(&h); f == nil && s.Bounded && s.flood(&h, len(in), now) {
			f = &Fault{CodePolicy, "too many frames that carry next to nothing"}
		}
	}
	if *fault = f; f != nil || !ok {
		return out, 0
	}
	if int64(len(in)-h.size) >= h.length {
		return s.whole(out, &h, in[:h.size+int(h.length)], fault)
	}
	if int64(h.size)+h.length <= int64(s.Room) || len(in) < h.size+minPiece {
		return out, 0
	}
	s.begin(&h)
	s.left, s.key, s.fin = h.length, h.key, h.fin()
	s.first = h.first &^ bitFIN
	out, n = s.piece(out, in[h.size:], fault)
	return out, h.size + n
}

// check holds a head's first two bytes to the rules.
func (s *Stream) check(h *frame, in []byte) *Fault {
	first, op := in[0], in[0]&0x0f
	data := op == OpText || op == OpBinary
	switch {
	case first&bitRSV != 0:
		return violation("a reserved bit is set")
	case first&bitRSV1 != 0 && (!s.Compressed || !data):
		return violation("a reserved bit is set")
	case op > OpBinary && op < OpClose || op > OpPong:
		return violation("an opcode that is not defined")
	case op >= OpClose && first&bitFIN == 0:
		return violation("a fragmented control frame")
	case op >= OpClose && in[1]&0x7f > maxControl:
		return violation("a control frame longer than 125 bytes")
	case op == OpContinuation && !s.opened:
		return violation("a continuation of nothing")
	case data && s.opened:
		return violation("a message begins inside another")
	case s.Masked && in[1]&bitMask == 0:
		return violation("a client's frame is not masked")
	case !s.Masked && in[1]&bitMask != 0:
		return violation("a server's frame is masked")
	}
	return nil
}

// size holds a message to the bound, before anything of the frame goes on.
func (s *Stream) size(h *frame) *Fault {
	if h.control() || s.MaxMessage == 0 {
		return nil
	}
	before := int64(0)
	if h.op() == OpContinuation {
		before = s.message
	}
	if h.length > s.MaxMessage-before {
		return &Fault{CodeTooBig, "a message is larger than allowed here"}
	}
	return nil
}

// flood counts a cheap frame once: when it is there whole.
func (s *Stream) flood(h *frame, have int, now int64) bool {
	cheap := h.control() || !h.fin() && h.length < cheapSize
	if !cheap || int64(have-h.size) < h.length {
		return false
	}
	const each = int64(1e9) / cheapRate
	s.spent = max(0, s.spent-(now-s.since)) + each
	s.since = now
	return s.spent > cheapBurst*each
}

// begin notes that a data frame goes on.
func (s *Stream) begin(h *frame) {
	if h.op() != OpContinuation {
		s.text = h.op() == OpText && h.first&bitRSV1 == 0
		s.message, s.utf8 = 0, utf8State{}
		s.Messages++
	}
	s.message += h.length
	s.opened = !h.fin()
}

// whole sends a whole frame on as it came.
func (s *Stream) whole(out []byte, h *frame, raw []byte, fault **Fault) (_ []byte, n int) {
	from := len(out)
	out = append(out, raw...)
	payload := raw[h.size:]
	if h.op() == OpClose {
		s.unmask(payload, h.key)
		if *fault = s.close(payload); *fault != nil {
			return out[:from], 0
		}
		return out, len(raw)
	}
	if h.control() {
		return out, len(raw)
	}
	s.begin(h)
	if s.text {
		s.unmask(payload, h.key)
		if !s.utf8.valid(payload, h.fin()) {
			*fault = &Fault{CodeData, "text that is not UTF-8"}
			return out[:from], 0
		}
	}
	return out, len(raw)
}

// piece sends a piece of a large frame on as a fragment.
func (s *Stream) piece(out, in []byte, fault **Fault) (_ []byte, n int) {
	n = int(min(s.left, int64(len(in))))
	last := int64(n) == s.left
	if !last {
		if n < minPiece {
			return out, 0
		}
		n &^= 3 // the next piece begins where the key does
	}
	first := s.first
	if last && s.fin {
		first |= bitFIN
	}
	from := len(out)
	out = appendHead(out, first, s.Masked, s.key, n)
	out = append(out, in[:n]...)
	if s.text {
		s.unmask(in[:n], s.key)
		if !s.utf8.valid(in[:n], last && s.fin) {
			*fault = &Fault{CodeData, "text that is not UTF-8"}
			return out[:from], 0
		}
	}
	s.left -= int64(n)
	s.first = OpContinuation
	return out, n
}

func (s *Stream) unmask(p []byte, key [4]byte) {
	if s.Masked {
		xor(p, key)
	}
}

// close holds a Close frame's payload to the rules (RFC 6455, 5.5.1, 7.4).
func (s *Stream) close(p []byte) *Fault {
	s.closed = true
	if len(p) == 0 {
		return nil
	}
	if len(p) == 1 {
		return violation("a close code of one byte")
	}
	s.code = binary.BigEndian.Uint16(p)
	if !ValidCode(s.code) {
		s.code = 0
		return violation("a close code that may not be sent")
	}
	if !utf8.Valid(p[2:]) {
		return &Fault{CodeData, "a close reason that is not UTF-8"}
	}
	return nil
}

// ValidCode reports whether a code may stand in a Close frame: those of the
// protocol and of IANA's registry, and those for libraries and applications.
func ValidCode(c uint16) bool {
	return c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999
}

// utf8State checks text that comes in pieces.
type utf8State struct {
	rest [utf8.UTFMax]byte // an incomplete rune
	n    int
}

// valid reports whether p goes on as UTF-8; last says that the text ends with it.
func (u *utf8State) valid(p []byte, last bool) bool {
	for u.n > 0 && len(p) > 0 {
		u.rest[u.n] = p[0]
		u.n++
		p = p[1:]
		if utf8.FullRune(u.rest[:u.n]) {
			if r, _ := utf8.DecodeRune(u.rest[:u.n]); r == utf8.RuneError && !isReplacement(u.rest[:u.n]) {
				return false
			}
			u.n = 0
		}
	}
	cut := len(p)
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if c := p[len(p)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(p[len(p)-i:]) {
				cut = len(p) - i
			}
			break
		}
	}
	if !utf8.Valid(p[:cut]) {
		return false
	}
	if u.n == 0 {
		u.n = copy(u.rest[:], p[cut:])
	}
	return !last || u.n == 0
}

// isReplacement reports whether b is U+FFFD itself, which is what invalid bytes
// decode to as well.
func isReplacement(b []byte) bool { return string(b) == "\uFFFD" }
