package limit

import (
	"context"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

func rateFamily(t testing.TB, l *Limits, r contract.Rate) policy.Family {
	t.Helper()
	f, err := l.Family(policy.CounterSpec{
		Kind: policy.CountRate, Name: "rate_limit", By: policy.ByKey, Rate: r,
		Scope: policy.Scope{OrganizationNum: 1, GatewayNum: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// times collects when requests came and which were admitted.
type times struct {
	mu   sync.Mutex
	all  []try // guarded by mu
	took int   // guarded by mu
}

// try is a request: between from and to it was decided whether it is admitted.
type try struct {
	from, to time.Time
	took     bool
}

// serve sends a request and notes what became of it.
func (ts *times) serve(l *Limits, f policy.Family, p *policy.Principal) {
	from := time.Now()
	v, _ := serve(l, f, p)
	r := try{from, time.Now(), v == policy.Took}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.all = append(ts.all, r)
	if r.took {
		ts.took++
	}
}

// since counts what was admitted of the requests that came after a time.
func (ts *times) since(from time.Time) (n int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, r := range ts.all {
		if r.took && r.from.After(from) {
			n++
		}
	}
	return n
}

// ideal is how many of the requests one bucket for all of them would have admitted,
// full when the first came. On a machine that stalls it is less than rate * t: nobody
// can spend what the bucket could not hold.
func (ts *times) ideal(rate, burst float64) float64 {
	slices.SortFunc(ts.all, func(a, b try) int { return a.from.Compare(b.from) })
	n, tokens := 0.0, burst
	for i, r := range ts.all {
		if i > 0 {
			tokens = min(burst, tokens+rate*r.from.Sub(ts.all[i-1].from).Seconds())
		}
		if tokens >= 1 {
			n, tokens = n+1, tokens-1
		}
	}
	return n
}

// offer sends requests to an edge at a pace until stop is closed.
func (ts *times) offer(wg *sync.WaitGroup, l *Limits, f policy.Family, every time.Duration, stop <-chan struct{}) {
	wg.Go(func() {
		p := testKey()
		began := time.Now()
		for sent := 0; ; {
			select {
			case <-stop:
				return
			default:
			}
			for ; sent < int(time.Since(began)/every); sent++ {
				ts.serve(l, f, p)
			}
			time.Sleep(every)
		}
	})
}

// check asserts that no window of any length holds more than burst + rate * t. What
// had ended at b less what had begun before a was decided between a and b, however long
// this process was kept from looking at its clock.
func (ts *times) check(t *testing.T, rate, burst float64) {
	t.Helper()
	var from, to []time.Time
	for _, r := range ts.all {
		if r.took {
			from, to = append(from, r.from), append(to, r.to)
		}
	}
	slices.SortFunc(from, time.Time.Compare)
	slices.SortFunc(to, time.Time.Compare)
	// With the start that violates the bound most kept as a running minimum, one pass
	// looks at every window.
	worst, least, begun := 0.0, math.Inf(1), 0
	for ended, b := range to {
		for ; begun < len(from) && !from[begun].After(b); begun++ {
			least = min(least, float64(begun)-rate*from[begun].Sub(from[0]).Seconds())
		}
		worst = max(worst, float64(ended+1)-rate*b.Sub(from[0]).Seconds()-least-burst)
	}
	// Edges agree on shares in messages that count whole milliseconds.
	if slack := max(2, rate*0.005); worst > slack {
		t.Errorf("some window holds %.1f more than burst + rate * t", worst)
	}
}

func TestRateThreeEdges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		rate  contract.Rate
		pace  []time.Duration
		while time.Duration
	}{
		{"skewed", contract.Rate{Rate: 100, Burst: 100}, []time.Duration{time.Millisecond, 2 * time.Millisecond, 8 * time.Millisecond}, 3 * time.Second},
		{"even", contract.Rate{Rate: 100, Burst: 100}, []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}, 3 * time.Second},
		{"fast", contract.Rate{Rate: 5000, Burst: 500}, []time.Duration{200 * time.Microsecond, 200 * time.Microsecond, 400 * time.Microsecond}, 2 * time.Second},
		{"small burst", contract.Rate{Rate: 50, Burst: 10}, []time.Duration{5 * time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond}, 2 * time.Second},
		{"a minute's", contract.Rate{Rate: 1200, Per: "minute", Burst: 30}, []time.Duration{5 * time.Millisecond, 5 * time.Millisecond}, 2 * time.Second},
		{"slow", contract.Rate{Rate: 5, Burst: 5}, []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond}, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startRedis(t)
			var ts times
			var wg sync.WaitGroup
			stop := make(chan struct{})
			began := time.Now()
			var edges []*edge
			for i, every := range c.pace {
				e := s.edge("edge-"+strconv.Itoa(i), 1)
				edges = append(edges, e)
				ts.offer(&wg, e.Limits, rateFamily(t, e.Limits, c.rate), every, stop)
			}
			time.Sleep(c.while)
			close(stop)
			wg.Wait()
			took := time.Since(began).Seconds()
			b := bucketOf(c.rate)
			bound := b.rate*took + float64(b.burst)
			n, ideal := float64(ts.took), ts.ideal(b.rate, float64(b.burst))
			calls, trips := uint64(0), uint64(0)
			for _, e := range edges {
				st := e.Stats()
				calls, trips = calls+st.Calls, trips+st.Trips
			}
			t.Logf("admitted %.0f of %.0f (%.1f %% of one bucket's), %d tried, %d calls", n, bound, 100*n/ideal, len(ts.all), calls)
			// On a busy machine edges renew their shares late, and what ran out is lost.
			if n > bound+1 || n < ideal/2 {
				t.Errorf("admitted %.0f, want %.0f to %.0f", n, ideal/2, bound)
			}
			ts.check(t, b.rate, float64(b.burst))
		})
	}
}

// TestRateFollowsDemand: a share moves to the edge that needs it.
func TestRateFollowsDemand(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	rate := contract.Rate{Rate: 500, Burst: 500}
	a, b := s.edge("edge-a", 1), s.edge("edge-b", 1)
	fa, fb := rateFamily(t, a.Limits, rate), rateFamily(t, b.Limits, rate)
	offer := func(l *Limits, f policy.Family) (ts *times, end func()) {
		var wg sync.WaitGroup
		ts, stop := &times{}, make(chan struct{})
		ts.offer(&wg, l, f, 500*time.Microsecond, stop)
		return ts, func() { close(stop); wg.Wait() }
	}
	_, end := offer(a.Limits, fa)
	time.Sleep(time.Second)
	end()
	moved, end := offer(b.Limits, fb)
	defer end()
	time.Sleep(time.Second) // what was left of the burst is spent
	until(t, "the other edge admits 400 of 500 in a second", func() bool {
		from := time.Now()
		time.Sleep(time.Second)
		return moved.since(from) >= 400
	})
}

// TestRateUnderLimitIsNeverRefused: a client that keeps to the limit sees no 429,
// through renewals and all.
func TestRateUnderLimitIsNeverRefused(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	e := s.edge("edge-a", 1)
	f := rateFamily(t, e.Limits, contract.Rate{Rate: 1000, Burst: 200})
	p := testKey()
	refused := 0
	for range 600 {
		if v, _ := serve(e.Limits, f, p); v != policy.Took {
			refused++
		}
		time.Sleep(2500 * time.Microsecond) // never made up for: that would be a burst
	}
	if refused > 0 {
		t.Errorf("%d of 600 refused at 400/s under a limit of 1000/s", refused)
	}
}

// TestRateBurst: a burst that the limit allows is admitted by an edge that has
// hardly a share yet.
func TestRateBurst(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	e := s.edge("edge-a", 1)
	f := rateFamily(t, e.Limits, contract.Rate{Rate: 50, Burst: 300})
	p := testKey()
	n, began := 0, time.Now()
	for range 400 {
		if v, _ := serve(e.Limits, f, p); v == policy.Took {
			n++
		}
	}
	if most := 301 + 50*time.Since(began).Seconds(); n < 298 || float64(n) > most {
		t.Errorf("admitted %d of a burst of 300, and at most %.0f with what came meanwhile", n, most)
	}
}

// TestRateRedisAway: the last share holds while Redis is frozen, nothing waits.
func TestRateRedisAway(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	rate := contract.Rate{Rate: 200, Burst: 20}
	e := s.edge("edge-a", 1, asShipped)
	cold := s.edge("edge-cold", 1, asShipped)
	cold.SetEdges(2)
	f := rateFamily(t, e.Limits, rate)
	fc := rateFamily(t, cold.Limits, rate)
	slow, err := cold.Family(policy.CounterSpec{Kind: policy.CountRate, Name: "slow", By: policy.ByKey, Rate: contract.Rate{Rate: 4, Burst: 4}, Scope: policy.Scope{GatewayNum: 1}})
	if err != nil {
		t.Fatal(err)
	}
	p := testKey()
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		serve(e.Limits, f, p)
	}
	s.freeze(true)
	defer s.freeze(false)
	for _, x := range []struct {
		l *Limits
		f policy.Family
	}{{e.Limits, f}, {cold.Limits, fc}} {
		until(t, "Redis counts as away", func() bool {
			serve(x.l, x.f, p)
			return x.l.link.down()
		})
	}
	for _, c := range []struct {
		name        string
		l           *Limits
		f           policy.Family
		rate, burst float64
		least       float64 // of what a bucket of that size would admit
	}{
		{"with its last share", e.Limits, f, 200, 20, 0.5},
		{"without a share, as one of two", cold.Limits, fc, 100, 10, 0.6},
		{"of 4/s, as one of two", cold.Limits, slow, 2, 2, 0.5},
	} {
		var ts times
		began := time.Now()
		for time.Since(began) < time.Second {
			ts.serve(c.l, c.f, p)
			time.Sleep(time.Millisecond)
		}
		least, most := c.least*ts.ideal(c.rate, c.burst), c.rate*time.Since(began).Seconds()+c.burst+1
		if n := float64(ts.took); n < least || n > most {
			t.Errorf("%s: the edge admitted %.0f of %d, want %.0f to %.0f", c.name, n, len(ts.all), least, most)
		}
	}
}

// TestRateSlowRedis: a Redis that stalls again and again, for longer than anyone
// waits for it, refuses hardly anybody who keeps to the limit and admits nothing
// beyond it. It does not run beside other tests: they would make it stall, too.
func TestRateSlowRedis(t *testing.T) {
	for _, c := range []struct {
		name    string
		clients int
		under   bool
	}{{"under the limit", 32, true}, {"at the limit's double", 160, false}} {
		t.Run(c.name, func(t *testing.T) {
			s := startRedis(t)
			e := s.edge("edge-a", 1, asShipped)
			f := rateFamily(t, e.Limits, contract.Rate{Rate: 1000, Burst: 500})
			var ts times
			var wg sync.WaitGroup
			stop := make(chan struct{})
			for range c.clients {
				ts.offer(&wg, e.Limits, f, 80*time.Millisecond, stop)
			}
			_, cell := serve(e.Limits, f, testKey())
			until(t, "the share follows the demand", func() bool { return cell.(*rate).now.Load().part > 0.7 })
			for range 3 {
				time.Sleep(300 * time.Millisecond)
				s.freeze(true)
				time.Sleep(350 * time.Millisecond)
				s.freeze(false)
			}
			close(stop)
			wg.Wait()
			// Redis stands still for half of the time.
			if ideal := ts.ideal(1000, 500); c.under && float64(ts.took) < 0.8*ideal {
				t.Errorf("%d of %d admitted at 400/s under a limit of 1000/s, one bucket would have admitted %.0f", ts.took, len(ts.all), ideal)
			}
			ts.check(t, 1000, 500)
		})
	}
}

// TestRateRenewal: what happens between a renewal and its answer, step by step,
// whether requests wait or the edge goes on alone. Tokens are neither lost nor made.
func TestRateRenewal(t *testing.T) {
	t.Parallel()
	answer := func(part, tokens int64) *call {
		return &call{reply: []any{int64(1), part * 1e7, tokens * 1e3, int64(10_000), int64(0), int64(0), int64(1), int64(0), int64(0)}}
	}
	const sent, heard = int64(time.Hour), int64(time.Hour + 100*time.Millisecond)
	// An edge with 200 tokens of a share of 80 % keeps 2 and hands back 198; 100 ms
	// later the answer comes.
	for _, c := range []struct {
		name           string
		answer         *call
		waiting, alone float64 // the tokens afterwards, of which 2 or 150 were spent
	}{
		{"the same share", answer(80, 198), 2 + 198 + 80 - 2, 2 + 198 + 80 - 150},
		{"a smaller share", answer(20, 40), 2 + 40 + 20 - 2, 2 + 40 + 20 - 150},
		{"an answer is lost", &call{err: context.DeadlineExceeded}, 2 + 80 - 2, 2 + 80 - 150},
		{"not done", &call{reply: []any{int64(0), "seq", "1"}}, 2 + 198 + 80 - 2, 2 + 198 + 80 - 150},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, alone := range []bool{false, true} {
				r := heldShare(t, sent)
				if r.ask(sent) == nil {
					t.Fatal("no renewal was sent")
				}
				want := c.waiting
				if alone {
					want = c.alone
					r.slow.Store(heard + 1)
				}
				took := 0
				for took < 150 {
					if v := r.Take(heard); v == policy.Took {
						took++
					} else if v == policy.Denied {
						t.Fatalf("alone %v: denied after %d, though 280 are due", alone, took)
					} else if !alone {
						break // it waits
					}
				}
				if !alone && took != 2 {
					t.Errorf("%d were taken without an answer, 2 were kept", took)
				}
				r.hear(c.answer, heard)
				if got := r.now.Load().hold(r.now.Load().tat.Load(), heard); math.Abs(got-want) > 1 {
					t.Errorf("alone %v: %.1f tokens afterwards, want %.0f", alone, got, want)
				}
			}
		})
	}
}

// heldShare is a rate whose edge has 200 tokens of a share of 80 %.
func heldShare(t *testing.T, now int64) *rate {
	t.Helper()
	nobody := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = nobody.Close() })
	l, err := New(Config{Dir: t.TempDir(), Edge: "edge-a", Epoch: 1, Redis: nobody, Now: func() int64 { return now }})
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{}
	c.plan.Store(&plan{rate: bucketOf(contract.Rate{Rate: 1000, Burst: 500})})
	r := newRate(l, c, "r").(*rate)
	r.now.Store(&share{gcra: newGCRA(now, 800, 400, 201), part: 0.8, until: now + int64(10*time.Second)})
	if r.Take(now) != policy.Took {
		t.Fatal("nothing to take")
	}
	return r
}

func TestRateMiniredis(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	client := func() *redis.Client {
		return redis.NewClient(&redis.Options{Addr: m.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1})
	}
	s := &store{t: t, rdb: client()}
	t.Cleanup(func() { _ = s.rdb.Close() })
	s.seed("fresh", 0)
	for name, rate := range map[string]contract.Rate{"shared": {Rate: 200, Burst: 50}, "direct": {Rate: 8, Burst: 8}} {
		t.Run(name, func(t *testing.T) {
			var ts times
			var wg sync.WaitGroup
			stop := make(chan struct{})
			began := time.Now()
			for i := range 2 {
				e := boot(t, client(), name+strconv.Itoa(i), t.TempDir(), 1)
				f, err := e.Family(policy.CounterSpec{Kind: policy.CountRate, Name: name, By: policy.ByKey, Rate: rate, Scope: policy.Scope{GatewayNum: 1}})
				if err != nil {
					t.Fatal(err)
				}
				ts.offer(&wg, e.Limits, f, 2*time.Millisecond, stop)
			}
			time.Sleep(1500 * time.Millisecond)
			close(stop)
			wg.Wait()
			bound := float64(rate.Rate)*time.Since(began).Seconds() + float64(rate.Burst)
			least := 0.8 * ts.ideal(float64(rate.Rate), float64(rate.Burst))
			if n := float64(ts.took); n > bound+1 || n < least {
				t.Errorf("admitted %.0f, want %.0f to %.0f", n, least, bound)
			}
		})
	}
}

func TestGCRA(t *testing.T) {
	t.Parallel()
	const now = int64(time.Hour)
	g := newGCRA(now, 10, 5, 5)
	for i := range 5 {
		if !g.take(now) {
			t.Fatalf("token %d refused", i)
		}
	}
	if g.take(now) || g.wait(now) != 100*time.Millisecond || g.refill(now) != 500*time.Millisecond {
		t.Errorf("empty: wait %v, full in %v", g.wait(now), g.refill(now))
	}
	if !g.take(now+1e8) || g.take(now+1e8) {
		t.Error("one token comes each 100 ms")
	}
	g.credit()
	if got := g.tokens(now + 1e8); got != 1 {
		t.Errorf("%v tokens after a credit", got)
	}
	if got := g.tokens(now + 1e12); got != 5 {
		t.Errorf("%v tokens after long", got)
	}
	if got := g.freeze(now + 3e8); got != 3 {
		t.Errorf("froze %v", got)
	}
	if g.take(now+1e15) || g.tokens(now) != 0 {
		t.Error("a frozen bucket gives nothing")
	}
	f := newGCRA(now, 0, 1000, 1000)
	n := 0
	for f.take(now + 1e9) {
		n++
	}
	if n != 1000 {
		t.Errorf("a fixed number of 1000 gave %d", n)
	}
}

func BenchmarkRateTake(b *testing.B) {
	s := startRedis(b)
	e := s.edge("edge-a", 1)
	f := rateFamily(b, e.Limits, contract.Rate{Rate: maxRateTest, Burst: 100_000_000})
	p := testKey()
	serve(e.Limits, f, p)
	for b.Loop() {
		f.(*family).of(p, nil, e.now()).Take(e.now())
	}
}

const maxRateTest = policy.MaxRate
