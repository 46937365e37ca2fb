package ws

import "encoding/binary"

// Kinds of frames (RFC 6455, 5.2).
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xa
)

// Bits of a frame's first two bytes.
const (
	bitFIN  = 0x80
	bitRSV1 = 0x40
	bitRSV  = 0x30 // RSV2 and RSV3: no extension here uses them
	bitMask = 0x80
)

// MaxHead is the length of the longest frame head.
const MaxHead = 14

// maxControl is the largest payload of a control frame.
const maxControl = 125

// frame is a frame's head.
type frame struct {
	first  byte // FIN, the reserved bits and the opcode
	masked bool
	key    [4]byte
	length int64 // of the payload
	size   int   // of the head itself
}

func (f *frame) op() byte { return f.first & 0x0f }

func (f *frame) fin() bool { return f.first&bitFIN != 0 }

func (f *frame) control() bool { return f.first&0x08 != 0 }

// parse reads the head at the beginning of b; ok is false when b does not hold
// all of it yet.
func (f *frame) parse(b []byte) (ok bool, fault *Fault) {
	if len(b) < 2 {
		return false, nil
	}
	f.first, f.masked, f.length, f.size = b[0], b[1]&bitMask != 0, int64(b[1]&0x7f), 2
	switch f.length {
	case 126:
		if len(b) < 4 {
			return false, nil
		}
		f.length, f.size = int64(binary.BigEndian.Uint16(b[2:])), 4
		if f.length < 126 {
			return false, violation("a length is not in its shortest form")
		}
	case 127:
		if len(b) < 10 {
			return false, nil
		}
		n := binary.BigEndian.Uint64(b[2:])
		if n>>63 != 0 {
			return false, violation("a length has its highest bit set")
		}
		if f.length, f.size = int64(n), 10; n < 1<<16 {
			return false, violation("a length is not in its shortest form")
		}
	}
	if f.masked {
		if len(b) < f.size+4 {
			return false, nil
		}
		f.size += copy(f.key[:], b[f.size:f.size+4])
	}
	return true, nil
}

// appendHead appends a frame's head.
func appendHead(out []byte, first byte, masked bool, key [4]byte, length int) []byte {
	var m byte
	if masked {
		m = bitMask
	}
	switch {
	case length < 126:
		out = append(out, first, m|byte(length))
	case length < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, first, m|126), uint16(length))
	default:
		out = binary.BigEndian.AppendUint64(append(out, first, m|127), uint64(length))
	}
	if masked {
		out = append(out, key[:]...)
	}
	return out
}

// AppendClose appends a Close frame; a reason that is too long is cut. Frames to
// a backend are masked, with a key of the caller's (RFC 6455, 5.3).
func AppendClose(out []byte, code uint16, reason string, masked bool, key [4]byte) []byte {
	reason = reason[:min(len(reason), maxControl-2)]
	out = appendHead(out, bitFIN|OpClose, masked, key, 2+len(reason))
	from := len(out)
	out = append(binary.BigEndian.AppendUint16(out, code), reason...)
	if masked {
		xor(out[from:], key)
	}
	return out
}

// xor masks or unmasks p, which begins at a multiple of 4 of its frame's payload.
func xor(p []byte, key [4]byte) {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= key[i&3]
	}
}
