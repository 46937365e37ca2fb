package ws

import (
	"bytes"
	"testing"
)

func TestNext(t *testing.T) {
	for _, masked := range []bool{true, false} {
		for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
			p := bytes.Repeat([]byte{0x5a}, n)
			raw := AppendFrame(nil, OpBinary, p, masked, key)
			for _, short := range [][]byte{nil, raw[:1], raw[:len(raw)-1]} {
				if _, m := Next(short); m != 0 {
					t.Fatalf("%d bytes of %d are a frame of %d", len(short), len(raw), m)
				}
			}
			f, m := Next(append(bytes.Clone(raw), 0x81))
			if m != len(raw) || f.Op != OpBinary || !f.Fin || !bytes.Equal(f.Payload, p) {
				t.Errorf("masked %v, %d bytes: op %x fin %v %d bytes of %d", masked, n, f.Op, f.Fin, m, len(raw))
			}
		}
	}
	f, _ := Next(AppendClose(nil, CodePolicy, "why", true, key))
	if code, reason := CloseOf(f.Payload); f.Op != OpClose || code != CodePolicy || reason != "why" {
		t.Errorf("%x %d %q", f.Op, code, reason)
	}
	if code, reason := CloseOf(nil); code != 0 || reason != "" {
		t.Errorf("an empty Close frame says %d %q", code, reason)
	}
}
