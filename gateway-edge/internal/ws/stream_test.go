package ws

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

var key = [4]byte{0xa1, 0xb2, 0xc3, 0xd4}

// make1 makes one frame.
func make1(first byte, masked bool, p []byte) []byte {
	out := appendHead(nil, first, masked, key, len(p))
	from := len(out)
	out = append(out, p...)
	if masked {
		xor(out[from:], key)
	}
	return out
}

// feed sends raw through s in pieces of n bytes, in a buffer of s.Room bytes, and
// returns what went on.
func feed(t *testing.T, s *Stream, raw []byte, n int) ([]byte, *Fault) {
	t.Helper()
	var all []byte
	buf, w := make([]byte, s.Room), 0
	for len(raw) > 0 {
		m := copy(buf[w:min(len(buf), w+n)], raw)
		if m == 0 {
			t.Fatalf("the buffer of %d bytes is full and nothing goes on", len(buf))
		}
		raw = raw[m:]
		w += m
		out, used, f := s.Append(nil, buf[:w], 0)
		all = append(all, out...)
		if f != nil {
			return all, f
		}
		if _, closed := s.Closed(); closed {
			return all, nil
		}
		w = copy(buf, buf[used:w])
	}
	return all, nil
}

// messages puts a stream of frames together again.
func messages(t *testing.T, raw []byte) (out []string) {
	t.Helper()
	var open []byte
	var kind byte
	for len(raw) > 0 {
		var h frame
		ok, f := h.parse(raw)
		if f != nil || !ok || int64(len(raw)-h.size) < h.length {
			t.Fatalf("what went on is no frame: %x %v", raw[:min(len(raw), 20)], f)
		}
		p := bytes.Clone(raw[h.size : h.size+int(h.length)])
		if h.masked {
			xor(p, h.key)
		}
		raw = raw[h.size+int(h.length):]
		switch {
		case h.control():
			out = append(out, string(rune('0'+h.op()))+string(p))
			continue
		case h.op() != OpContinuation:
			kind, open = h.first&^bitFIN, nil
		}
		if open = append(open, p...); h.fin() {
			out = append(out, string(rune('0'+kind))+string(open))
		}
	}
	return out
}

func TestFramesGoOn(t *testing.T) {
	for _, masked := range []bool{true, false} {
		for _, size := range []int{0, 1, 124, 125, 126, 127, 4095, 4096, 8000, 8192, 65535, 65536, 200_000} {
			for _, step := range []int{1, 7, 1000, 1 << 20} {
				text := strings.Repeat("日本", size/6) + strings.Repeat("x", size%6)
				raw := make1(bitFIN|OpText, masked, []byte(text))
				raw = append(raw, make1(bitFIN|OpPing, masked, []byte("p"))...)
				s := &Stream{Masked: masked, Room: 8 << 10}
				got, f := feed(t, s, bytes.Clone(raw), step)
				if f != nil {
					t.Fatalf("%d bytes by %d: %v", size, step, f)
				}
				if len(raw) <= s.Room && !bytes.Equal(got, raw) {
					t.Errorf("%d bytes by %d did not go on as they came", size, step)
				}
				if m := messages(t, got); len(m) != 2 || m[0] != "1"+text || m[1] != "9p" {
					t.Errorf("%d bytes by %d became %d messages", size, step, len(m))
				}
				if s.Partial() {
					t.Error("something is left")
				}
			}
		}
	}
}

func TestUTF8InPieces(t *testing.T) {
	good := "aé日𝄞\uFFFDz"
	for i := range good {
		for j := i; j <= len(good); j++ {
			raw := append(make1(OpText, true, []byte(good[:i])), make1(OpContinuation, true, []byte(good[i:j]))...)
			raw = append(raw, make1(bitFIN|OpContinuation, true, []byte(good[j:]))...)
			if _, f := feed(t, &Stream{Masked: true, Room: 8 << 10}, raw, 1<<20); f != nil {
				t.Fatalf("cut at %d and %d: %v", i, j, f)
			}
		}
	}
	for _, bad := range []string{"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80", "\xe6\x97", "\xf0\x9d\x84", "\xe6\x97z"} {
		for i := range len(bad) + 1 {
			raw := append(make1(OpText, true, []byte(bad[:i])), make1(bitFIN|OpContinuation, true, []byte(bad[i:]))...)
			if _, f := feed(t, &Stream{Masked: true, Room: 8 << 10}, raw, 1<<20); f == nil || f.Code != CodeData {
				t.Errorf("%x cut at %d: %v", bad, i, f)
			}
		}
	}
	var u utf8State
	if u.valid([]byte{0xe6, 0x28}, false) {
		t.Error("a rune that can't be one any more is waited for")
	}
}

func TestLimits(t *testing.T) {
	big := make1(bitFIN|OpBinary, true, make([]byte, 101))
	for name, row := range map[string]struct {
		raw  []byte
		code uint16
	}{
		"one frame":              {big, CodeTooBig},
		"only its head":          {big[:8], CodeTooBig},
		"fragments":              {append(make1(OpBinary, true, make([]byte, 60)), make1(OpContinuation, true, make([]byte, 41))...), CodeTooBig},
		"at the limit":           {append(make1(OpBinary, true, make([]byte, 60)), make1(bitFIN|OpContinuation, true, make([]byte, 40))...), 0},
		"two messages":           {append(make1(bitFIN|OpBinary, true, make([]byte, 60)), make1(bitFIN|OpBinary, true, make([]byte, 60))...), 0},
		"a control frame inside": {append(append(make1(OpBinary, true, make([]byte, 60)), make1(bitFIN|OpPing, true, make([]byte, 60))...), make1(bitFIN|OpContinuation, true, make([]byte, 40))...), 0},
	} {
		_, f := feed(t, &Stream{Masked: true, Room: 8 << 10, MaxMessage: 100}, bytes.Clone(row.raw), 1<<20)
		if row.code == 0 && f != nil || row.code != 0 && (f == nil || f.Code != row.code) {
			t.Errorf("%s: %v", name, f)
		}
	}
}

func TestFloods(t *testing.T) {
	for name, one := range map[string][]byte{
		"pings": make1(bitFIN|OpPing, true, nil), "pongs": make1(bitFIN|OpPong, true, nil),
	} {
		s := &Stream{Masked: true, Room: 8 << 10, Bounded: true}
		now := int64(1)
		for i := range 5000 {
			_, _, f := s.Append(nil, bytes.Clone(one), now)
			if f == nil {
				continue
			}
			if i != cheapBurst || f.Code != CodePolicy {
				t.Errorf("%s: number %d: %v", name, i, f)
			}
			break
		}
		s = &Stream{Masked: true, Room: 8 << 10, Bounded: true}
		for i := range 5000 { // ten a second are nobody's flood
			if _, _, f := s.Append(nil, bytes.Clone(one), now); f != nil {
				t.Fatalf("%s: number %d: %v", name, i, f)
			}
			now += 1e8
		}
	}
	s := &Stream{Masked: true, Room: 8 << 10, Bounded: true}
	raw := make1(OpBinary, true, nil)
	for range 2 * cheapBurst {
		raw = append(raw, make1(OpContinuation, true, nil)...)
	}
	if _, f := feed(t, s, raw, 1000); f == nil || f.Code != CodePolicy {
		t.Errorf("fragments of nothing: %v", f)
	}
}

func TestClose(t *testing.T) {
	payload := func(code uint16, reason string) []byte {
		return append(binary.BigEndian.AppendUint16(nil, code), reason...)
	}
	for code := range uint16(5001) {
		s := &Stream{Masked: true, Room: 8 << 10}
		out, n, f := s.Append(nil, make1(bitFIN|OpClose, true, payload(code, "x")), 0)
		if ValidCode(code) != (f == nil) || f == nil && (n == 0 || len(out) == 0) || f != nil && len(out) != 0 {
			t.Fatalf("%d: %v", code, f)
		}
	}
	for _, c := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535} {
		if ValidCode(c) {
			t.Errorf("%d may be sent", c)
		}
	}
	s := &Stream{Room: 8 << 10}
	out, f := feed(t, s, append(make1(bitFIN|OpClose, false, nil), make1(bitFIN|OpText, false, []byte("late"))...), 1<<20)
	if code, closed := s.Closed(); f != nil || !closed || code != 0 || len(messages(t, out)) != 1 {
		t.Errorf("behind a Close frame: %x %v", out, f)
	}
	long := AppendClose(nil, CodePolicy, strings.Repeat("r", 300), true, key)
	if m := messages(t, long); len(m) != 1 || len(m[0]) != 1+maxControl {
		t.Errorf("a long reason makes %q", m)
	}
}

func TestHandshake(t *testing.T) {
	if got := Accept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455, 1.3
		t.Error(got)
	}
	for s, want := range map[string]bool{
		"dGhlIHNhbXBsZSBub25jZQ==": true, NewKey(): true, "": false, "dGhlIHNhbXBsZSBub25jZQ": false, "dGhlIHNhbXBsZSBub25jZR==": false,
		"dGhlIHNhbXBsZSBub25jZQ=?": false, "AAAAAAAAAAAAAAAAAAAAAAAA": false,
	} {
		if ValidKey(s) != want {
			t.Errorf("%q", s)
		}
	}
	if !Offered([]string{"a, b", "c"}, "c") || Offered([]string{"a,b"}, "a,b") || Offered(nil, "a") || Offered([]string{""}, "") {
		t.Error("subprotocols")
	}
	if !Deflate("permessage-deflate; client_max_window_bits, PERMESSAGE-DEFLATE") || Deflate("x-webkit-deflate-frame") || Deflate("permessage-deflate, foo") || Deflate("") {
		t.Error("extensions")
	}
}

// FuzzStream: whatever comes, what goes on is whole frames that the other side
// would take, and however it is cut, the verdict is the same.
func FuzzStream(f *testing.F) {
	f.Add(make1(bitFIN|OpText, true, []byte("hello")), true, uint64(1))
	f.Add(make1(bitFIN|OpBinary, false, make([]byte, 9000)), false, uint64(2))
	f.Add(append(make1(OpText, true, []byte("a")), make1(bitFIN|OpContinuation, true, []byte("b"))...), true, uint64(3))
	f.Add(make1(bitFIN|OpClose, true, []byte("\x03\xe8")), true, uint64(4))
	f.Fuzz(func(t *testing.T, raw []byte, masked bool, seed uint64) {
		whole := &Stream{Masked: masked, Room: 6 << 10, MaxMessage: 1 << 20}
		out, fault := feed(t, whole, bytes.Clone(raw), 1<<20)
		for _, m := range messages(t, out) {
			if m[0] == '1' && !utf8.ValidString(m[1:]) {
				t.Fatalf("text that is not UTF-8 went on")
			}
		}
		again := &Stream{Masked: masked, Room: 6 << 10, MaxMessage: 1 << 20}
		_, other := feed(t, again, bytes.Clone(raw), 1+rand.New(rand.NewPCG(seed, 0)).IntN(100))
		if (fault == nil) != (other == nil) || fault != nil && fault.Code != other.Code {
			t.Fatalf("in one piece %v, in many %v", fault, other)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	raw := bytes.Repeat(make1(bitFIN|OpText, true, []byte(strings.Repeat("x", 200))), 100)
	in, out := make([]byte, len(raw)), make([]byte, 0, len(raw)+64)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		s := Stream{Masked: true, Room: 32 << 10, MaxMessage: 1 << 20, Bounded: true}
		copy(in, raw)
		if _, n, f := s.Append(out, in, 0); f != nil || n != len(in) {
			b.Fatal(n, f)
		}
	}
}
