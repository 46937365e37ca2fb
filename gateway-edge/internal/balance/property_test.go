package balance

import (
	"container/heap"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// TestSmooth: weights of 5:1:1 never give five in a row, nor do any others give a
// target more in a row than it must have.
func TestSmooth(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	u := compile(t, r, doc("", 5, 1, 1))
	run, last := 0, -1
	counts := [3]int{}
	for range 7000 {
		i := visit(u, 0).index
		counts[i]++
		if run++; i != last {
			run, last = 1, i
		}
		if run >= 5 {
			t.Fatalf("target %d came %d times in a row", i, run)
		}
	}
	if counts != [3]int{5000, 1000, 1000} {
		t.Error(counts)
	}
}

// TestRingProperties: of N targets of any addresses, taking one away moves at most
// 1/N and 2 % of the keys, all of them its own, and the hottest has at most 1.25
// times the mean.
func TestRingProperties(t *testing.T) {
	t.Parallel()
	const keys = 20_000
	sizes, seeds := []int{2, 3, 5, 10, 16, 40}, 4
	if testing.Short() { // one goroutine: the race detector finds nothing in it
		sizes, seeds = []int{2, 16}, 1
	}
	for _, n := range sizes {
		for seed := range seeds {
			d := doc(contract.ConsistentHash)
			for i := range n {
				d.Targets = append(d.Targets, contract.Target{URL: fmt.Sprintf("http://10.%d.0.%d:8080", seed, i+1)})
			}
			r, _ := newRegistry(t)
			all := compile(t, r, d)
			counts := make([]int, n)
			where := make([]int, keys)
			for k := range keys {
				where[k] = visit(all, HashString(fmt.Sprint("key-", k))).index
				counts[where[k]]++
			}
			if hot := slices.Max(counts); hot*n*4 > keys*5 {
				t.Errorf("%d targets, seed %d: the hottest has %.2f of the mean", n, seed, float64(hot*n)/keys)
			}
			d.Targets = d.Targets[:n-1]
			less := compile(t, r, d)
			moved := 0
			for k := range keys {
				if i := visit(less, HashString(fmt.Sprint("key-", k))).index; i != where[k] {
					moved++
					if where[k] != n-1 {
						t.Fatalf("%d targets: a key of target %d moved to %d", n, where[k], i)
					}
				}
			}
			if float64(moved)/keys > 1/float64(n)+0.02 {
				t.Errorf("%d targets, seed %d: %.3f of the keys moved", n, seed, float64(moved)/keys)
			}
		}
	}
}

// TestRingKeepsWeights: a target that goes moves only its own keys whatever the
// weights, as long as the greatest stays.
func TestRingKeepsWeights(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	four := compile(t, r, doc(contract.ConsistentHash, 100, 70, 30, 55))
	where := map[Hash]int{}
	for k := range 5000 {
		h := HashString(fmt.Sprint(k))
		where[h] = visit(four, h).index
	}
	three := compile(t, r, doc(contract.ConsistentHash, 100, 70, 30))
	for h, was := range where {
		if is := visit(three, h).index; is != was && was != 3 {
			t.Fatalf("a key of target %d moved to %d", was, is)
		}
	}
}

// run is one request that is under way in a simulation.
type run struct {
	ends int64
	call *Call
	took int64
}

type runs []run

func (q runs) Len() int           { return len(q) }
func (q runs) Less(i, j int) bool { return q[i].ends < q[j].ends }
func (q runs) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *runs) Push(x any)        { *q = append(*q, x.(run)) }
func (q *runs) Pop() any {
	x := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return x
}

// simulate keeps n requests in flight until total have ended, on targets that take
// these times, and returns how many each got and the 99th percentile of the time.
func simulate(u *Upstream, c *clock, n, total int, service []time.Duration, result func(*Target) Result) (counts []int, p99 time.Duration) {
	var q runs
	start := func() {
		call, t := send(u, 0)
		took := int64(service[t.index])
		heap.Push(&q, run{c.now() + took, call, took})
	}
	for range n {
		start()
	}
	counts = make([]int, len(service))
	var times []int64
	for range total {
		r := heap.Pop(&q).(run)
		c.ns.Store(r.ends)
		t := r.call.Target()
		counts[t.index]++
		times = append(times, r.took)
		r.call.End(result(t), r.took)
		start()
	}
	slices.Sort(times)
	return counts, time.Duration(times[len(times)*99/100])
}

func allWell(*Target) Result { return ResultOK }

// TestOneSlow: one of three targets takes ten times as long. Least time leaves it
// out but for less than one request in a hundred; least request and random of two
// give it at most twice what equal numbers in flight would.
func TestOneSlow(t *testing.T) {
	t.Parallel()
	service := []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 5 * time.Millisecond}
	for _, c := range []struct {
		algorithm string
		inflight  int
		most      float64
	}{
		{contract.LeastTime, 4, 0.01},
		{contract.LeastTime, 64, 0.01},
		{contract.LeastRequest, 64, 2 * 0.1 / (3 - 0.9)},
		{contract.RandomOfTwo, 64, 2 * 0.1 / (3 - 0.9)},
	} {
		r, clock := newRegistry(t)
		u := compile(t, r, doc(c.algorithm, 1, 1, 1))
		counts, p99 := simulate(u, clock, c.inflight, 50_000, service, allWell)
		share := float64(counts[1]) / 50_000
		t.Logf("%s, %d in flight: the slow target got %.4f (at most %.4f), p99 %v", c.algorithm, c.inflight, share, c.most, p99)
		if share > c.most {
			t.Errorf("%s: %v", c.algorithm, counts)
		}
		if c.algorithm == contract.LeastTime && float64(p99) > 1.3*float64(service[0]) {
			t.Errorf("p99 %v", p99)
		}
	}
}

// TestErrorsDoNotFlatter: a target that fails at once is not taken for a fast one.
func TestErrorsDoNotFlatter(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	d := doc(contract.LeastTime, 1, 1, 1)
	d.Outlier = &contract.OutlierDetection{Disabled: true}
	u := compile(t, r, d)
	service := []time.Duration{20 * time.Millisecond, time.Millisecond, 20 * time.Millisecond}
	counts, _ := simulate(u, clock, 16, 20_000, service, func(t *Target) Result {
		if t.index == 1 {
			return ResultServerError
		}
		return ResultOK
	})
	if counts[1]*4 > counts[0] {
		t.Errorf("%v", counts)
	}
	t.Logf("of 20,000 the failing target got %d", counts[1])
}

// TestSlowOnceIsAskedAgain: a time that was long once fades.
func TestSlowOnceIsAskedAgain(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	u := compile(t, r, doc(contract.LeastTime, 1, 1))
	service := []time.Duration{5 * time.Millisecond, 50 * time.Millisecond}
	simulate(u, clock, 2, 2000, service, allWell)
	clock.advance(time.Minute)
	service[1] = 5 * time.Millisecond
	counts, _ := simulate(u, clock, 2, 2000, service, allWell)
	if counts[1] < 500 {
		t.Errorf("%v", counts)
	}
}

// TestCap: under any load a target with max_requests 5 never has 6, nothing is
// refused, and who came first goes first.
func TestCap(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		r, _ := newRegistry(t)
		d := doc(algorithm, 1, 1)
		d.MaxRequests, d.Queue = 5, &contract.Queue{Length: 100, Timeout: contract.Duration(time.Minute)}
		u := compile(t, r, d)
		var most, refused atomic.Int64
		var wg sync.WaitGroup
		for k := range 40 {
			wg.Go(func() {
				for range 50 {
					c := &Call{Hash: Hash(k) << 50}
					target, code := u.Pick(c)
					if code == contract.CodeUpstreamBusy {
						target, code = u.Wait(t.Context(), c)
					}
					if target == nil {
						refused.Add(1)
						t.Error(code)
						return
					}
					if n := target.Inflight(); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(10 * time.Microsecond)
					c.End(ResultOK, 1)
				}
			})
		}
		wg.Wait()
		if most.Load() > 5 || refused.Load() > 0 || u.Targets()[0].Inflight() != 0 || u.Targets()[1].Inflight() != 0 || u.Waiting() != 0 {
			t.Errorf("%s: %d at once, %d refused, %d wait", algorithm, most.Load(), refused.Load(), u.Waiting())
		}
	}
}

// TestQueueBounds: a full queue and one that took too long refuse, as does one who
// goes away; a target of its own limit has that one.
func TestQueueBounds(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	d := doc("", 1)
	d.Targets[0].MaxRequests, d.MaxRequests = 1, 7
	d.Queue = &contract.Queue{Length: 1, Timeout: contract.Duration(20 * time.Millisecond)}
	u := compile(t, r, d)
	busy, _ := send(u, 0)
	begin := time.Now()
	var wg sync.WaitGroup
	codes := make([]contract.Code, 2)
	for i := range codes {
		wg.Go(func() {
			c := &Call{}
			if _, codes[i] = u.Pick(c); codes[i] == contract.CodeUpstreamBusy {
				_, codes[i] = u.Wait(t.Context(), c)
			}
		})
	}
	wg.Wait()
	if codes[0] != contract.CodeUpstreamBusy || codes[1] != contract.CodeUpstreamBusy || time.Since(begin) < 20*time.Millisecond {
		t.Error(codes, time.Since(begin))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := &Call{}
	if _, code := u.Wait(ctx, c); code != contract.CodeUpstreamBusy || u.Waiting() != 0 {
		t.Error(code)
	}
	busy.End(ResultOK, 1)
	if target, _ := u.Pick(c); target == nil {
		t.Error("the target is free")
	}
	c.End(ResultOK, 1)
	d.Queue = &contract.Queue{Disabled: true}
	u = compile(t, r, d)
	send(u, 0)
	if _, code := u.Wait(t.Context(), &Call{}); code != contract.CodeUpstreamBusy {
		t.Error(code)
	}
}

// TestSlowStart: a target that comes into service gets a tenth of its share, then
// more and more, and after the time the whole; a first version has none.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{contract.RoundRobin, contract.Random, contract.RandomOfTwo, contract.LeastRequest} {
		r, clock := newRegistry(t)
		d := doc(algorithm, 1, 1)
		d.SlowStart = contract.Duration(10 * time.Second)
		u := compile(t, r, d)
		share := func() float64 { return float64(picks(u, 4000)[0]) / 4000 }
		if s := share(); s < 0.45 || s > 0.55 {
			t.Errorf("%s: the first version gives %.3f", algorithm, s)
		}
		fail(u.Targets()[0], ResultConnect, 1)
		clock.advance(defaultEjection)
		r.Sweep()
		want := []float64{0.1 / 1.1, 0.25 / 1.25, 0.5 / 1.5, 0.75 / 1.75, 0.5}
		for i, w := range want {
			if s := share(); s < w-0.03 || s > w+0.03 {
				t.Errorf("%s: after %v it has %.3f, want %.3f", algorithm, time.Duration(i)*2500*time.Millisecond, s, w)
			}
			clock.advance(2500 * time.Millisecond)
			r.Sweep()
		}
	}
	// One that is added.
	r, clock := newRegistry(t)
	d := doc("", 1, 1)
	d.SlowStart = contract.Duration(10 * time.Second)
	compile(t, r, d)
	d = doc("", 1, 1, 1)
	d.SlowStart = contract.Duration(10 * time.Second)
	u := compile(t, r, d)
	if n := picks(u, 2100)[2]; n != 100 {
		t.Errorf("a new target got %d of 2100", n)
	}
	clock.advance(11 * time.Second)
	r.Sweep()
	if n := picks(u, 2100)[2]; n != 700 {
		t.Errorf("a target of 11 s got %d of 2100", n)
	}
}

// TestPriorities: a group is used while none before it has a usable target; a
// backup after all.
func TestPriorities(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	d := doc("", 1, 1, 1, 1)
	d.Targets[1].Priority, d.Targets[2].Priority, d.Targets[3].Backup = 1, 1, true
	d.Outlier = &contract.OutlierDetection{MaxEjectedPercent: 100}
	u := compile(t, r, d)
	expect := func(want string) {
		t.Helper()
		if got := fmt.Sprint(picks(u, 10)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	expect("[10 0 0 0]")
	fail(u.Targets()[0], ResultConnect, 1)
	expect("[0 5 5 0]")
	if why := u.Why(u.Targets()[1]); !strings.Contains(why, "lower priority are down") {
		t.Error(why)
	}
	fail(u.Targets()[1], ResultConnect, 1)
	expect("[0 0 10 0]")
	fail(u.Targets()[2], ResultConnect, 1)
	expect("[0 0 0 10]")
	clock.advance(defaultEjection)
	r.Sweep()
	expect("[10 0 0 0]")
}

// request has these header fields.
func request(fields ...string) *policy.Request {
	h := &policy.EngineHeaders{}
	for i := 0; i < len(fields); i += 2 {
		h.AppendString(fields[i], fields[i+1])
	}
	return &policy.Request{Header: h.Handle()}
}

// TestSessions: 1,000 sessions by cookie over two edges never flip; when a target
// dies only its own move, once, and a cookie that nobody made is none.
func TestSessions(t *testing.T) {
	t.Parallel()
	edges := make([]*Upstream, 2)
	registries := make([]*Registry, 2)
	d := doc(contract.LeastRequest, 1, 1, 1, 1, 1)
	d.Sessions = &contract.Sessions{By: "cookie"}
	for i := range edges {
		registries[i], _ = newRegistry(t)
		registries[i].cfg.SessionKey = []byte("one key for all edges")
		edges[i] = compile(t, registries[i], d)
	}
	client := netip.MustParseAddr("192.0.2.1")
	jar, at := make([]string, 1000), make([]string, 1000)
	visit := func(k, edge int) (moved bool) {
		var c Call
		edges[edge].Call(&c, request("Cookie", "a=b; "+jar[k]), client, nil)
		target, _ := edges[edge].Pick(&c)
		if set := c.Cookie(); set != "" {
			jar[k], _, _ = strings.Cut(set, ";")
		}
		c.End(ResultOK, 1)
		moved = at[k] != target.Text
		at[k] = target.Text
		return moved
	}
	for round := range 4 {
		for k := range jar {
			if moved := visit(k, (k+round)%2); moved && round > 0 {
				t.Fatalf("session %d flipped", k)
			}
		}
	}
	dead := edges[0].Targets()[2].Text
	was := slices.Clone(at)
	for _, e := range edges {
		fail(e.Targets()[2], ResultConnect, 1)
	}
	for round := range 4 {
		for k := range jar {
			if moved := visit(k, (k+round)%2); moved != (round == 0 && was[k] == dead) {
				t.Fatalf("round %d: session %d of %s is at %s", round, k, was[k], at[k])
			}
		}
	}
	var c Call
	edges[0].Call(&c, request("Cookie", "tollgate_session=AAAAAAAAAAAAAAAAAAAAAA"), client, nil)
	edges[0].Pick(&c)
	if set := c.Cookie(); !strings.HasPrefix(set, "tollgate_session=") || !strings.HasSuffix(set, "; Path=/; Secure; HttpOnly; SameSite=Lax") || strings.Contains(set, "127.0.0.1") {
		t.Error(set)
	}
}

// TestSessionCookieIsConfigured: its attributes.
func TestSessionCookieIsConfigured(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	d := doc("", 1)
	d.Sessions = &contract.Sessions{By: "cookie", Cookie: &contract.SessionCookie{Name: "s", Path: "/a", Domain: ".example.com", MaxAge: contract.Duration(time.Hour), SameSite: "strict", Insecure: true, Readable: true}}
	u := compile(t, r, d)
	var c Call
	u.Call(&c, request(), netip.Addr{}, nil)
	u.Pick(&c)
	if _, tail, _ := strings.Cut(c.Cookie(), "; "); tail != "Path=/a; Domain=example.com; Max-Age=3600; SameSite=Strict" {
		t.Error(c.Cookie())
	}
}

// TestSessionsWithoutState: by header and by address, and none without the header.
func TestSessionsWithoutState(t *testing.T) {
	t.Parallel()
	for by, fields := range map[string]func(int) *policy.Request{
		"header": func(k int) *policy.Request { return request("X-User", fmt.Sprint(k)) },
		"ip":     func(int) *policy.Request { return request() },
	} {
		r, _ := newRegistry(t)
		d := doc(contract.LeastRequest, 1, 1, 1)
		if d.Sessions = (&contract.Sessions{By: by}); by == "header" {
			d.Sessions.Header = "X-User"
		}
		u := compile(t, r, d)
		seen := map[*Target]bool{}
		for k := range 200 {
			var first *Target
			for range 5 {
				var c Call
				u.Call(&c, fields(k), netip.AddrFrom4([4]byte{10, 0, 0, byte(k)}), nil)
				target, _ := u.Pick(&c) // goes on: the load must not move a session
				if first == nil {
					first = target
				}
				if seen[target] = true; target != first || c.Cookie() != "" {
					t.Fatalf("%s: session %d flipped", by, k)
				}
			}
		}
		if len(seen) != 3 {
			t.Errorf("%s: %d targets used", by, len(seen))
		}
	}
}

// TestSessionWaits: a session whose target is full waits for it, and goes nowhere
// else.
func TestSessionWaits(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	d := doc("", 1, 1)
	d.MaxRequests = 1
	d.Sessions = &contract.Sessions{By: "cookie"}
	u := compile(t, r, d)
	home := &Call{session: u.Targets()[0]}
	u.Pick(home)
	c := &Call{session: u.Targets()[0]}
	if _, code := u.Pick(c); code != contract.CodeUpstreamBusy {
		t.Fatal(code)
	}
	got := make(chan *Target)
	go func() {
		target, _ := u.Wait(t.Context(), c)
		got <- target
	}()
	for u.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	home.End(ResultOK, 1)
	if target := <-got; target != u.Targets()[0] || c.Cookie() != "" {
		t.Error("the session moved")
	}
}
