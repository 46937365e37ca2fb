package meter

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/edgetest"
	"github.com/tollgate/tollgate/services/contract"
)

// TestShippingIsExactWhateverHappens plays requests against shipping over a
// Redis that loses, delays, repeats and reorders what it is given, workers that
// crash between any two steps, FLUSHALL, and restarts of the edge by SIGKILL
// (its files are all that stays). At the end the ledger holds exactly what was
// counted.
func TestShippingIsExactWhateverHappens(t *testing.T) {
	t.Parallel()
	rdb := edgetest.StartRedis(t).Client()
	defer rdb.Close()
	for seed := range uint64(8) {
		if err := rdb.FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		p := &play{T: t, rng: rand.New(rand.NewPCG(seed, 7)), rdb: rdb, clock: newClock(noon), ledger: newLedger(t, rdb), want: map[contract.CounterID]uint64{}}
		p.cfg = testConfig(t, p.clock)
		p.cfg.Redis = rdb
		p.start()
		for range 400 {
			p.step()
		}
		p.settle()
		p.check(seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// play is one random run.
type play struct {
	*testing.T
	rng    *rand.Rand
	rdb    *redis.Client
	clock  *clock
	offset time.Duration // of the monotonic clock
	cfg    Config
	m      *Meter
	routes []*Route
	hots   map[uint64]*Hot
	ledger *ledger
	held   []*contract.Batch // delayed on the way
	want   map[contract.CounterID]uint64
}

// start begins a new process over the same files.
func (p *play) start() {
	p.cfg.Epoch++
	for i := range p.cfg.Incarnation {
		p.cfg.Incarnation[i] = byte(p.rng.Uint32())
	}
	p.m = open(p, p.cfg)
	p.m.now = func() time.Time { return time.Now().Add(p.offset) }
	p.routes = []*Route{NewRoute(1, 2, 1, false), NewRoute(1, 2, 2, false)}
	p.hots = map[uint64]*Hot{}
}

func (p *play) serve() {
	key := p.rng.Uint64N(20) + 1
	if p.hots[key] == nil {
		p.hots[key] = &Hot{}
	}
	r := p.routes[p.rng.IntN(2)]
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: r.route, Key: key}
	request(p.m, p.hots[key], r, &id)
	p.m.Failed(r, 1<<40+id.Key%3)
	id.Hour = p.m.hour.Load()
	p.want[id]++
}

// work is a worker that takes some of what has arrived, in any order, and now and
// then dies before it deletes it.
func (p *play) work() {
	p.held = append(p.held, p.ledger.read(p)...)
	p.rng.Shuffle(len(p.held), func(i, j int) { p.held[i], p.held[j] = p.held[j], p.held[i] })
	n := p.rng.IntN(len(p.held) + 1)
	for _, b := range p.held[:n] {
		p.ledger.apply(b)
	}
	if p.rng.IntN(3) > 0 {
		p.held = p.held[n:]
	}
}

func (p *play) step() {
	switch n := p.rng.IntN(100); {
	case n < 55:
		p.serve()
	case n < 75:
		_ = p.m.shipAll(context.Background(), p.m.sealedHour())
	case n < 85:
		p.work()
	case n < 90:
		p.ledger.acknowledge(p)
	case n < 93:
		p.offset += stallMax
	case n < 95:
		p.clock.advance(25 * time.Minute)
		p.m.tick()
		p.m.house()
	case n < 97: // batches are lost
		p.ledger.read(p)
		p.held = nil
	case n < 98:
		if err := p.rdb.FlushAll(context.Background()).Err(); err != nil {
			p.Fatal(err)
		}
	default: // SIGKILL: nothing but the files is left
		p.start()
	}
}

// settle clears the way until everything is acknowledged.
func (p *play) settle() {
	for i := 0; ; i++ {
		p.offset += time.Second
		if err := p.m.shipAll(context.Background(), p.m.sealedHour()); err != nil {
			p.Fatal(err)
		}
		for _, b := range append(p.ledger.read(p), p.held...) {
			p.ledger.apply(b)
		}
		p.held = nil
		p.ledger.acknowledge(p)
		if s := p.m.Stats(); s.Unacked == 0 && s.Old == 0 {
			return
		}
		if i > 2000 {
			p.Fatalf("not acknowledged: %+v", p.m.Stats())
		}
	}
}

func (p *play) check(seed uint64) {
	got := map[contract.CounterID]uint64{}
	for k, c := range p.ledger.totals {
		got[k.id] += c.Billed
		if c.Billed != c.C2xx || c.Billed != c.Admitted {
			p.Errorf("seed %d: %+v has %+v", seed, k.id, c)
		}
	}
	for id, n := range p.want {
		if got[id] != n {
			p.Errorf("seed %d: %+v billed %d, want %d", seed, id, got[id], n)
		}
	}
	var split contract.SplitCounts
	for _, s := range p.ledger.splits {
		split.C2xx, split.Failed, split.BytesOut = split.C2xx+s.Counts.C2xx, split.Failed+s.Counts.Failed, split.BytesOut+s.Counts.BytesOut
	}
	var served uint64
	for _, n := range p.want {
		served += n
	}
	if want := (contract.SplitCounts{C2xx: served, Failed: served, BytesOut: 1200 * served}); split != want {
		p.Errorf("seed %d: targets have %+v, want %+v", seed, split, want)
	}
	if len(got) != len(p.want) {
		p.Errorf("seed %d: %d counters, want %d", seed, len(got), len(p.want))
	}
}
