package iprange

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestMergedRangesMeanTheSame compares the merged ranges with a look at every
// network, over random networks of a small space.
func TestMergedRangesMeanTheSame(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	addr := func(n uint32) netip.Addr {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], n)
		return netip.AddrFrom4(b)
	}
	for range 300 {
		var plain, merged Ranges
		for range rnd.IntN(12) {
			p := netip.PrefixFrom(addr(0xffffff00+rnd.Uint32N(256)), 24+rnd.IntN(9)).Masked()
			r, err := parse(p.String())
			if err != nil {
				t.Fatal(err)
			}
			plain, merged = append(plain, r), append(merged, r)
		}
		merged = merged.merge()
		for n := range uint32(256) {
			a := addr(0xffffff00 + n)
			want := false
			for _, r := range plain {
				want = want || r.first.Compare(a) <= 0 && a.Compare(r.last) <= 0
			}
			if got := merged.Contains(a); got != want {
				t.Fatalf("%v: Contains(%s) = %v", plain, a, got)
			}
		}
		for i := 1; i < len(merged); i++ {
			if merged[i-1].last.Next().Compare(merged[i].first) >= 0 {
				t.Fatalf("%v touch or overlap", merged)
			}
		}
	}
}
