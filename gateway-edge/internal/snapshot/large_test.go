package snapshot

import (
	"fmt"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

// BenchmarkLargeGateway measures what an edge does with the next version of a
// gateway of 1,000 and of 10,000 routes: verify, decode, save, compile, swap.
func BenchmarkLargeGateway(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bed := newBed(b)
			bed.org()
			g := doc(1, 0, `{}`)
			g.Routes = make([]contract.Route, n)
			for i := range g.Routes {
				g.Routes[i] = contract.Route{
					ID: fmt.Sprintf("rt_%d", i), Num: uint64(i + 1), Name: fmt.Sprintf("route-%05d", i), Public: true,
					Match: contract.Match{Path: fmt.Sprintf("/area-%d/{id}/item-%d", i%100, i)},
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				g.Version++
				raw := bed.sign(g)
				b.StartTimer()
				if _, err := bed.Gateway(b.Context(), raw, Apply{ID: g.ID, Compile: true}); err != nil {
					b.Fatal(err)
				}
			}
			if v := bed.version(g.Hosts[0]); v != g.Version {
				b.Errorf("version %d serves, want %d", v, g.Version)
			}
		})
	}
}
