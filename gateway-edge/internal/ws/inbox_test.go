package ws

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// take reads everything out of b and tells what it was.
func take(b *Inbox, out []string) ([]string, *Fault) {
	for {
		f, ok, fault := b.Next(0)
		if fault != nil || !ok {
			return out, fault
		}
		out = append(out, fmt.Sprintf("%x:%d:%.20s", f.Op, len(f.Payload), f.Payload))
	}
}

// TestInbox: messages in any number of frames, cut anywhere, with control frames
// between them, come out whole.
func TestInbox(t *testing.T) {
	long := bytes.Repeat([]byte("ä"), 50_000)
	var raw []byte
	add := func(first byte, p []byte) { raw = append(raw, make1(first, false, p)...) }
	add(0x80|OpText, []byte("hello"))
	add(OpText, []byte("he"))
	add(0x80|OpPing, []byte("are you there"))
	add(OpContinuation, []byte("ll"))
	add(0x80|OpContinuation, []byte("o"))
	add(0x80|OpBinary, nil)
	add(0x80|OpText, long)
	add(OpBinary, long[:70_000])
	add(0x80|OpContinuation, long[70_000:])
	add(0x80|OpClose, []byte{3, 232})
	want := []string{
		"1:5:hello", "9:13:are you there", "1:5:hello", "2:0:", "1:100000:" + strings.Repeat("ä", 20), "2:100000:" + strings.Repeat("ä", 10), "8:2:\x03\xe8",
	}
	want[4] = "1:100000:" + string(long[:40])
	want[5] = fmt.Sprintf("2:100000:%.20s", long)
	for _, most := range []int{1, 7, 4096, 1 << 20} {
		b, rest := &Inbox{Stream: Stream{MaxMessage: 100_000}}, raw
		var got []string
		for len(rest) > 0 {
			n := copy(b.Space(), rest[:min(len(rest), 1+rand.IntN(most))])
			if n == 0 {
				t.Fatal("there is no space, and nothing comes")
			}
			b.Add(n)
			rest = rest[n:]
			var fault *Fault
			if got, fault = take(b, got); fault != nil {
				t.Fatal(fault)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("in pieces of up to %d: %.400q", most, got)
		}
	}
}

// TestInboxFaults: what breaks a rule is told, and nothing comes behind it.
func TestInboxFaults(t *testing.T) {
	for name, c := range map[string]struct {
		raw  []byte
		code uint16
	}{
		"masked":      {make1(0x80|OpText, true, []byte("x")), CodeProtocol},
		"not UTF-8":   {make1(0x80|OpText, false, []byte("\xff")), CodeData},
		"too long":    {make1(0x80|OpText, false, bytes.Repeat([]byte("x"), 11)), CodeTooBig},
		"in pieces":   {append(make1(OpText, false, []byte("123456")), make1(OpContinuation, false, []byte("78901"))...), CodeTooBig},
		"compressed":  {make1(0xc0|OpText, false, []byte("x")), CodeProtocol},
		"no such op":  {make1(0x83, false, nil), CodeProtocol},
		"from nobody": {make1(0x80|OpContinuation, false, []byte("x")), CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			b := &Inbox{Stream: Stream{MaxMessage: 10}}
			b.Add(copy(b.Space(), c.raw))
			got, fault := take(b, nil)
			var f *Fault
			if len(got) > 0 || !errors.As(error(fault), &f) || f.Code != c.code {
				t.Errorf("%q, %v", got, fault)
			}
		})
	}
}
