package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// wsMax is the route's bound on messages.
const wsMax = 256 << 10

// wsCase is what a caller sends behind the handshake, and what it must see: the
// messages that come back, then a Close frame with this code. Kind and text of a
// message stand together: "1hello" is text, "2.." binary, "a.." a pong.
type wsCase struct {
	id    string
	send  [][]byte
	back  []string
	code  uint16 // 0: a Close frame without one
	path  string // default: /ws/echo
	raw   []byte // what /ws/raw sends
	fault bool   // of the caller: the backend must be told 1001
}

func masked(first byte, p string) []byte { return wsFrame{first, []byte(p)}.bytes(true) }

func unmasked(first byte, p string) []byte { return wsFrame{first, []byte(p)}.bytes(false) }

func closing(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// goodbye ends a case in which nothing went wrong.
var goodbye = masked(0x88, closing(1000, ""))

// wsCases are the cases of RFC 6455 that are the same over both protocols.
func wsCases() (out []wsCase) {
	good := func(id string, back []string, send ...[]byte) {
		out = append(out, wsCase{id: id, send: append(send, goodbye), back: back, code: 1000})
	}
	bad := func(id string, code uint16, send ...[]byte) {
		out = append(out, wsCase{id: id, send: send, code: code, fault: true})
	}
	lengthCases(good, bad)
	fragmentCases(good, bad)
	controlCases(good, bad)
	headCases(bad)
	textCases(good, bad)
	out = append(out, closeCases()...)
	return append(out, backendCases()...)
}

type (
	goodCase = func(id string, back []string, send ...[]byte)
	badCase  = func(id string, code uint16, send ...[]byte)
)

// lengthCases: 5.2, the three forms of a length, and the bound on messages.
func lengthCases(good goodCase, bad badCase) {
	for _, n := range []int{0, 1, 125, 126, 127, 128, 1000, 1024, 4096, 32768, 65535, 65536, 100_000, wsMax - 1, wsMax} {
		text, binary := strings.Repeat("t", n), strings.Repeat("\x00\xff", n/2)+strings.Repeat("b", n%2)
		good(fmt.Sprintf("length text %d", n), []string{"1" + text}, masked(0x81, text))
		good(fmt.Sprintf("length binary %d", n), []string{"2" + binary}, masked(0x82, binary))
	}
	long := func(first byte, form byte, n uint64) []byte {
		if form == 126 {
			return append(binary.BigEndian.AppendUint16([]byte{first, 0x80 | form}, uint16(n)), 1, 2, 3, 4)
		}
		return append(binary.BigEndian.AppendUint64([]byte{first, 0x80 | form}, n), 1, 2, 3, 4)
	}
	for _, n := range []uint64{0, 1, 125} {
		bad(fmt.Sprintf("length %d in 16 bits", n), 1002, long(0x82, 126, n))
		bad(fmt.Sprintf("length %d in 64 bits", n), 1002, long(0x82, 127, n))
	}
	bad("length 126 in 64 bits", 1002, long(0x82, 127, 126))
	bad("length 65535 in 64 bits", 1002, long(0x82, 127, 65535))
	bad("length with the highest bit", 1002, long(0x82, 127, 1<<63))
	bad("limit one byte over", 1009, long(0x82, 127, wsMax+1))
	bad("limit 100 MiB", 1009, long(0x82, 127, 100<<20))
	bad("limit 2^62", 1009, long(0x81, 127, 1<<62))
	half := strings.Repeat("h", wsMax/2)
	good("limit in two fragments", []string{"1" + half + half}, masked(0x01, half), masked(0x80, half))
	bad("limit over in two fragments", 1009, masked(0x01, half), masked(0x80, half+"!"))
	bad("limit over in the third fragment", 1009, masked(0x01, half), masked(0x00, half), masked(0x80, "!"))
	good("limit is of each message", []string{"1" + half, "1" + half, "1" + half}, masked(0x81, half), masked(0x81, half), masked(0x81, half))
	good("frames split at every byte", []string{"1split"}, split(masked(0x81, "split"))...)
	good("frames in one write", []string{"1a", "2b", "1c"}, bytes.Join([][]byte{masked(0x81, "a"), masked(0x82, "b"), masked(0x81, "c")}, nil))
}

func split(p []byte) (out [][]byte) {
	for i := range p {
		out = append(out, p[i:i+1])
	}
	return out
}

// fragmentCases: 5.4.
func fragmentCases(good goodCase, bad badCase) {
	good("fragments two", []string{"1ab"}, masked(0x01, "a"), masked(0x80, "b"))
	good("fragments two of binary", []string{"2ab"}, masked(0x02, "a"), masked(0x80, "b"))
	good("fragments empty first", []string{"1b"}, masked(0x01, ""), masked(0x80, "b"))
	good("fragments empty last", []string{"1a"}, masked(0x01, "a"), masked(0x80, ""))
	good("fragments all empty", []string{"1"}, masked(0x01, ""), masked(0x00, ""), masked(0x80, ""))
	many := [][]byte{masked(0x01, "0")}
	text := "10"
	for i := range 300 {
		many = append(many, masked(0x00, fmt.Sprint(i%10)))
		text += fmt.Sprint(i % 10)
	}
	good("fragments 302", []string{text}, append(many, masked(0x80, ""))...)
	good("fragments with a ping inside", []string{"ap", "1ab"}, masked(0x01, "a"), masked(0x89, "p"), masked(0x80, "b"))
	good("fragments with two pings inside", []string{"ap", "aq", "1abc"}, masked(0x01, "a"), masked(0x89, "p"), masked(0x00, "b"), masked(0x89, "q"), masked(0x80, "c"))
	good("fragments two messages", []string{"1ab", "2cd"}, masked(0x01, "a"), masked(0x80, "b"), masked(0x02, "c"), masked(0x80, "d"))
	good("fragments large", []string{"2" + strings.Repeat("x", 200_000)}, masked(0x02, strings.Repeat("x", 100_000)), masked(0x80, strings.Repeat("x", 100_000)))
	bad("fragments continuation of nothing", 1002, masked(0x80, "x"))
	bad("fragments open continuation of nothing", 1002, masked(0x00, "x"))
	bad("fragments continuation after the end", 1002, masked(0x01, "a"), masked(0x80, "b"), masked(0x80, "c"))
	bad("fragments continuation after a whole message", 1002, masked(0x81, "a"), masked(0x80, "c"))
	bad("fragments text inside text", 1002, masked(0x01, "a"), masked(0x81, "b"))
	bad("fragments binary inside text", 1002, masked(0x01, "a"), masked(0x82, "b"))
	bad("fragments text inside binary", 1002, masked(0x02, "a"), masked(0x01, "b"))
	out := [][]byte{masked(0x02, "")}
	for range 3000 {
		out = append(out, masked(0x00, ""))
	}
	bad("fragments flood", 1008, bytes.Join(out, nil))
}

// controlCases: 5.5.
func controlCases(good goodCase, bad badCase) {
	good("ping empty", []string{"a"}, masked(0x89, ""))
	good("ping 125", []string{"a" + strings.Repeat("p", 125)}, masked(0x89, strings.Repeat("p", 125)))
	good("ping binary", []string{"a\x00\xff\xfe"}, masked(0x89, "\x00\xff\xfe"))
	good("ping ten", []string{"a0", "a1", "a2", "a3", "a4"}, masked(0x89, "0"), masked(0x89, "1"), masked(0x89, "2"), masked(0x89, "3"), masked(0x89, "4"))
	good("pong unasked", []string{"apong", "1x"}, masked(0x8a, "pong"), masked(0x81, "x"))
	good("pong empty", []string{"a"}, masked(0x8a, ""))
	bad("ping 126", 1002, masked(0x89, strings.Repeat("p", 126)))
	bad("pong 126", 1002, masked(0x8a, strings.Repeat("p", 126)))
	bad("ping 65536", 1002, masked(0x89, strings.Repeat("p", 65536)))
	bad("close 126", 1002, masked(0x88, closing(1000, strings.Repeat("c", 124))))
	bad("ping fragmented", 1002, masked(0x09, "p"))
	bad("pong fragmented", 1002, masked(0x0a, "p"))
	bad("close fragmented", 1002, masked(0x08, closing(1000, "")))
	bad("ping flood", 1008, bytes.Repeat(masked(0x89, ""), 3000))
	bad("pong flood", 1008, bytes.Repeat(masked(0x8a, "x"), 3000))
}

// headCases: reserved bits, opcodes and masks, 5.1 and 5.2.
func headCases(bad badCase) {
	for _, bits := range []byte{0x40, 0x20, 0x10, 0x70} {
		for _, op := range []byte{0x81, 0x82, 0x89, 0x88} {
			bad(fmt.Sprintf("reserved bits %02x of %x", bits, op&0xf), 1002, masked(op|bits, ""))
		}
		bad(fmt.Sprintf("reserved bits %02x of a continuation", bits), 1002, masked(0x01, "a"), masked(0x80|bits, ""))
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		bad(fmt.Sprintf("opcode %x", op), 1002, masked(0x80|op, ""))
		bad(fmt.Sprintf("opcode %x with data", op), 1002, masked(0x80|op, "data"))
	}
	for _, op := range []byte{0x81, 0x82, 0x88, 0x89, 0x8a} {
		bad(fmt.Sprintf("mask missing on %x", op&0xf), 1002, unmasked(op, closing(1000, "")))
	}
	bad("mask missing on a continuation", 1002, masked(0x01, "a"), unmasked(0x80, "b"))
	bad("mask missing on a large frame", 1002, unmasked(0x82, strings.Repeat("x", 70_000)))
}

// textCases: 5.6 and 8.1.
func textCases(good goodCase, bad badCase) {
	for i, s := range []string{"κόσμε", "\u0080", "\u0800", "\U00010000", "\u007f", "\u07ff", "\uffff", "\U0010ffff", "\ud7ff", "\ue000", "\ufffd", "\x00", "日本語 text, 𝄞 and é"} {
		good(fmt.Sprintf("text valid %d", i), []string{"1" + s}, masked(0x81, s))
		cut := len(s) / 2
		good(fmt.Sprintf("text valid %d cut", i), []string{"1" + s}, masked(0x01, s[:cut]), masked(0x80, s[cut:]))
	}
	for i, s := range []string{
		"\xff", "\xfe", "\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
		"\xc2", "\xe1\xbd", "\xf0\x90\x80", "abc\xe2\x28\xa1",
	} {
		bad(fmt.Sprintf("text invalid %d", i), 1007, masked(0x81, s))
		cut := (len(s) + 1) / 2
		bad(fmt.Sprintf("text invalid %d cut", i), 1007, masked(0x01, s[:cut]), masked(0x80, s[cut:]))
	}
	bad("text invalid behind 100,000 bytes", 1007, masked(0x81, strings.Repeat("x", 100_000)+"\xff"))
	good("binary is no text", []string{"2\xff\xfe"}, masked(0x82, "\xff\xfe"))
}

// closeCases: 5.5.1 and 7.4. The backend sends a Close frame back as it came.
func closeCases() (out []wsCase) {
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		out = append(out, wsCase{id: fmt.Sprintf("close %d", code), send: [][]byte{masked(0x88, closing(code, "why"))}, code: code})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		out = append(out, wsCase{id: fmt.Sprintf("close %d may not be sent", code), send: [][]byte{masked(0x88, closing(code, ""))}, code: 1002, fault: true})
	}
	return append(out,
		wsCase{id: "close empty", send: [][]byte{masked(0x88, "")}},
		wsCase{id: "close of one byte", send: [][]byte{masked(0x88, "\x03")}, code: 1002, fault: true},
		wsCase{id: "close with 123 bytes of reason", send: [][]byte{masked(0x88, closing(1000, strings.Repeat("r", 123)))}, code: 1000},
		wsCase{id: "close with a reason in UTF-8", send: [][]byte{masked(0x88, closing(1000, "größer"))}, code: 1000},
		wsCase{id: "close with a bad reason", send: [][]byte{masked(0x88, closing(1000, "\xff"))}, code: 1007, fault: true},
		wsCase{id: "close and data behind it", send: [][]byte{append(masked(0x88, closing(1000, "")), masked(0x81, "late")...)}, code: 1000},
		wsCase{id: "close and nonsense behind it", send: [][]byte{append(masked(0x88, closing(1000, "")), "\xff\xff\xff"...)}, code: 1000},
		wsCase{id: "close inside a fragmented message", send: [][]byte{masked(0x01, "a"), masked(0x88, closing(1000, ""))}, code: 1000},
		wsCase{id: "close behind messages", send: [][]byte{masked(0x81, "a"), masked(0x82, "b"), masked(0x88, closing(4000, "done"))}, back: []string{"1a", "2b"}, code: 4000},
	)
}

// backendCases: the other direction. What a backend does wrong is no caller's
// fault: it sees 1011.
func backendCases() (out []wsCase) {
	add := func(id string, code uint16, back []string, raw ...[]byte) {
		out = append(out, wsCase{id: "backend " + id, path: "/ws/raw", raw: bytes.Join(raw, nil), back: back, code: code})
	}
	bye := unmasked(0x88, closing(1000, ""))
	add("text", 1000, []string{"1hello"}, unmasked(0x81, "hello"), bye)
	add("fragments", 1000, []string{"1hello"}, unmasked(0x01, "hel"), unmasked(0x80, "lo"), bye)
	add("large", 1000, []string{"2" + strings.Repeat("x", 200_000)}, unmasked(0x82, strings.Repeat("x", 200_000)), bye)
	add("ping", 1000, []string{"9up"}, unmasked(0x89, "up"), bye)
	add("at the limit", 1000, []string{"2" + strings.Repeat("x", wsMax)}, unmasked(0x82, strings.Repeat("x", wsMax)), bye)
	add("close 3001", 3001, nil, unmasked(0x88, closing(3001, "")))
	add("close empty", 0, nil, unmasked(0x88, ""))
	add("masks", 1011, []string{"1a"}, unmasked(0x81, "a"), masked(0x81, "x"))
	add("reserved bit", 1011, nil, unmasked(0xc1, "x"))
	add("opcode", 1011, nil, unmasked(0x83, "x"))
	add("not UTF-8", 1011, nil, unmasked(0x81, "\xff"))
	add("over the limit", 1011, nil, unmasked(0x82, strings.Repeat("x", wsMax+1)))
	add("close code", 1011, nil, unmasked(0x88, closing(1005, "")))
	add("continuation of nothing", 1011, nil, unmasked(0x80, "x"))
	add("ping 126", 1011, nil, unmasked(0x89, strings.Repeat("x", 126)))
	return out
}
