package listen

import (
	"encoding/binary"
	"errors"
	"net"
	"slices"
)

// settings reads an HTTP/2 connection for the server behind it and sees to it that
// no SETTINGS frame names a setting twice: the server ends the connection of who
// sends one, though a setting's values count in their order (RFC 9113, 6.5.3), so
// that the last is in force. The earlier ones become settings that nobody knows.
//
// A payload that comes in pieces is held back until it is whole; everything else
// passes where it is.
type settings struct {
	net.Conn
	skip int // bytes to come that are no frame's head: the preface, then payloads
	head [frameHead]byte
	have int    // bytes of head
	need int    // bytes to come of the payload of a SETTINGS frame
	held []byte // those that have come, of one that comes in pieces
	out  []byte // to be read before the connection is
}

const (
	frameSettings = 4
	flagAck       = 1
	settingSize   = 6
	maxSettings   = 100 // of a frame; the server refuses more
	unknown       = 0xff00
)

// Read is of net.Conn.
func (s *settings) Read(p []byte) (int, error) {
	for {
		if len(s.out) > 0 {
			n := copy(p, s.out)
			s.out = s.out[n:]
			return n, nil
		}
		n, err := s.Conn.Read(p)
		if n = s.pass(p[:n]); n > 0 || err != nil {
			return n, err
		}
		if len(s.out) == 0 && len(p) == 0 {
			return 0, nil
		}
	}
}

// pass looks at what came and returns how much of it goes on; what follows that
// is in out, or held.
func (s *settings) pass(p []byte) int {
	for at := 0; at < len(p); {
		switch {
		case s.skip > 0:
			n := min(s.skip, len(p)-at)
			s.skip -= n
			at += n
		case s.need > 0:
			n := min(s.need, len(p)-at)
			if s.need -= n; s.need == 0 && len(s.held) == 0 {
				lastWins(p[at : at+n])
				at += n
				continue
			}
			s.held = append(s.held, p[at:at+n]...)
			if s.need > 0 {
				return at
			}
			lastWins(s.held)
			whole, rest := s.held, slices.Clone(p[at+n:])
			s.held, s.out = nil, nil
			n = s.pass(rest)
			s.out = slices.Concat(whole, rest[:n], s.out)
			return at
		default:
			n := copy(s.head[s.have:], p[at:])
			s.have += n
			at += n
			if s.have == frameHead {
				s.begin()
			}
		}
	}
	return len(p)
}

// begin begins the payload of the frame whose head is complete.
func (s *settings) begin() {
	s.have = 0
	n := int(s.head[0])<<16 | int(s.head[1])<<8 | int(s.head[2])
	if s.head[3] == frameSettings && s.head[4]&flagAck == 0 && n > settingSize && n%settingSize == 0 && n <= maxSettings*settingSize {
		s.need = n
		return
	}
	s.skip = n
}

// lastWins takes settings out of force that come again in the same payload. One of a
// value that it may not have is left for the server to refuse.
func lastWins(p []byte) {
	for at := 0; at < len(p); at += settingSize {
		id := binary.BigEndian.Uint16(p[at:])
		if !validSetting(id, binary.BigEndian.Uint32(p[at+2:])) {
			continue
		}
		for later := at + settingSize; later < len(p); later += settingSize {
			if binary.BigEndian.Uint16(p[later:]) == id {
				binary.BigEndian.PutUint16(p[at:], uint16(unknown+at/settingSize))
				break
			}
		}
	}
}

// validSetting reports whether a setting may have a value (RFC 9113, 6.5.2).
func validSetting(id uint16, value uint32) bool {
	switch id {
	case 2: // ENABLE_PUSH
		return value <= 1
	case 4: // INITIAL_WINDOW_SIZE
		return value < 1<<31
	case 5: // MAX_FRAME_SIZE
		return value >= 1<<14 && value < 1<<24
	}
	return true
}

// CloseWrite ends our half of the connection.
func (s *settings) CloseWrite() error {
	if t, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return errors.ErrUnsupported
}
