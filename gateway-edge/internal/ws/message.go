package ws

import "encoding/binary"

// Frame is a whole frame, its payload in the clear.
type Frame struct {
	Op      byte
	Fin     bool
	Payload []byte
}

// Next takes the frame at the beginning of b, which holds whole frames as a Stream
// lets them go on. The payload is b's own memory, unmasked in place. n is the
// frame's length; 0: b holds no whole frame.
func Next(b []byte) (f Frame, n int) {
	var h frame
	ok, fault := h.parse(b)
	if !ok || fault != nil || int64(len(b)-h.size) < h.length {
		return f, 0
	}
	n = h.size + int(h.length)
	f = Frame{Op: h.op(), Fin: h.fin(), Payload: b[h.size:n]}
	if h.masked {
		xor(f.Payload, h.key)
	}
	return f, n
}

// AppendFrame appends a whole frame. A client's frames are masked, with a key of the
// caller's (RFC 6455, 5.3).
func AppendFrame(out []byte, op byte, p []byte, masked bool, key [4]byte) []byte {
	out = appendHead(out, bitFIN|op, masked, key, len(p))
	from := len(out)
	out = append(out, p...)
	if masked {
		xor(out[from:], key)
	}
	return out
}

// CloseOf reads a Close frame's payload, which a Stream has let through; code 0:
// it holds none.
func CloseOf(p []byte) (code uint16, reason string) {
	if len(p) < 2 {
		return 0, ""
	}
	return binary.BigEndian.Uint16(p), string(p[2:])
}
