package compress

import (
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// half is a body that compresses to about half.
func half(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = "0123456789abcdef"[b[i]&15]
	}
	return b
}

// BenchmarkHeld measures what an encoder at work takes, in KiB, after 2 MiB of a body:
// maker's figures come from here.
func BenchmarkHeld(b *testing.B) {
	body := half(b, 2<<20)
	for name, m := range makers {
		for level, word := range levels {
			b.Run(name+"/"+word, func(b *testing.B) {
				const n = 4
				var held [n]encoder
				for b.Loop() {
					var before, after runtime.MemStats
					clear(held[:])
					runtime.GC()
					runtime.ReadMemStats(&before)
					for i := range held {
						held[i] = m.make(level)
						held[i].Reset(io.Discard)
						if _, err := held[i].Write(body); err != nil {
							b.Fatal(err)
						}
					}
					runtime.GC()
					runtime.ReadMemStats(&after)
					b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n/1024, "KiB/encoder")
				}
				runtime.KeepAlive(held)
				b.ReportMetric(float64(m.bytes[level])/1024, "KiB/assumed")
			})
		}
	}
}

// TestRoom: no more encoders are at work than there is room for, and one is given back
// as soon as its body is compressed, however slowly that is read.
func TestRoom(t *testing.T) {
	t.Parallel()
	size := makers["gzip"].bytes[1]
	r := &room{most: 3 * size}
	c := newCoding("gzip", 1, r)
	var held []*filter
	for f := c.take(false); f != nil; f = c.take(false) {
		held = append(held, f)
	}
	if len(held) != 3 {
		t.Fatalf("%d encoders at work, there is room for 3", len(held))
	}
	var out policy.Out // without room of its own: giving back does not depend on how it ends
	if err := held[0].Filter(nil, []byte("hello"), true, &out); !errors.Is(err, policy.ErrBodyBudget) || r.used.Load() != 2*size {
		t.Errorf("%v; with one body compressed, %d of %d are used", err, r.used.Load(), r.most)
	}
	again := c.take(false)
	if again == nil {
		t.Fatal("its room is not free")
	}
	for _, f := range append(held, again) {
		f.release()
	}
	if r.used.Load() != 0 {
		t.Errorf("%d are used in the end", r.used.Load())
	}
}
