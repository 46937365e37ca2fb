package meter

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/services/contract"
)

// request is all that one served request costs here.
func request(m *Meter, h *Hot, r *Route, id *contract.CounterID) {
	m.Admit(h, id)
	m.Commit(h, r, id, 200, true)
	target := 1<<40 + id.Key%3
	m.Answered(r, target, 200)
	m.Done(h, r, id, 300, 1200, 80, 1500)
	m.AnsweredDone(r, target, 300, 1200, 1500)
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	m := open(t, testConfig(t, newClock(noon)))
	h, r := &Hot{}, NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 4}
	request(m, h, r, &id)
	if n := alloctest.PerRun(1000, func() {
		request(m, h, r, &id)
		m.Credit(m.Admit(h, &id))
		m.Refuse(h, r, &id, contract.CodeRateLimited, 429)
	}); n != 0 {
		t.Errorf("%v allocations a request, want 0", n)
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, keys := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			m := open(b, testConfig(b, newClock(noon)))
			r := NewRoute(1, 2, 3, false)
			hots := make([]Hot, keys)
			order := make([]int, 1<<16)
			for i := range order {
				order[i] = rand.IntN(keys)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				k := order[i&0xffff]
				id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: uint64(k + 1)}
				request(m, &hots[k], r, &id)
			}
		})
	}
	b.Run("one key, all cores", func(b *testing.B) {
		m := open(b, testConfig(b, newClock(noon)))
		h, r := &Hot{}, NewRoute(1, 2, 3, false)
		b.RunParallel(func(p *testing.PB) {
			id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 1}
			for p.Next() {
				request(m, h, r, &id)
			}
		})
	})
}

func BenchmarkCommit(b *testing.B) {
	m := open(b, testConfig(b, newClock(noon)))
	h, r := &Hot{}, NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 4}
	b.ReportAllocs()
	for b.Loop() {
		m.Commit(h, r, &id, 200, true)
	}
}
