package balance

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// tick lets time pass as the sweep sees it.
func tick(r *Registry, c *clock, n int) {
	for range n {
		c.advance(SweepEvery)
		r.Sweep()
	}
}

// TestBreaker: half of the answers bad open it within a second; then nothing is
// sent, then one probe at a time; a bad probe opens it again, a good one closes it.
func TestBreaker(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	d := doc("", 1)
	d.Breaker = &contract.CircuitBreaker{}
	d.Outlier = &contract.OutlierDetection{Disabled: true}
	u := compile(t, r, d)
	target := u.Targets()[0]
	for range 20 { // two good seconds
		fail(target, ResultOK, 10)
		tick(r, clock, 1)
	}
	opened := 0
	for opened = 0; opened < 30 && target.inService(); opened++ {
		fail(target, ResultOK, 5)
		fail(target, ResultServerError, 5)
		tick(r, clock, 1)
	}
	if opened > 10 {
		t.Fatalf("open after %d ms", opened*100)
	}
	t.Logf("open %d ms after half of the answers turned bad", opened*100)
	if c, x := send(u, 0); x != nil {
		t.Fatal("an open breaker let a request through", c)
	}
	if _, code := u.Pick(&Call{}); code != contract.CodeCircuitOpen {
		t.Error(code)
	}
	if down := r.Down(5); len(down) != 1 || !strings.Contains(down[0].Reason, "circuit breaker open: ") || down[0].Since == 0 {
		t.Errorf("%+v", down)
	}
	tick(r, clock, 50)
	probes := func() int {
		var n atomic.Int64
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, x := send(u, 0); x != nil {
					n.Add(1)
				}
			})
		}
		wg.Wait()
		return int(n.Load())
	}
	if n := probes(); n != 1 {
		t.Fatalf("%d probes at once", n)
	}
	target.end(ResultError, 1, true)
	if n := probes(); n != 0 {
		t.Fatalf("%d requests after a bad probe", n)
	}
	tick(r, clock, 51)
	c, x := send(u, 0)
	if x == nil {
		t.Fatal("no probe")
	}
	if c.End(ResultNone, 0); probes() != 1 { // the client went away: that tells nothing
		t.Fatal("no probe after one that told nothing")
	}
	target.end(ResultOK, 1, true)
	if n := probes(); n != 20 {
		t.Errorf("%d of 20 after a good probe", n)
	}
	if len(r.Down(5)) != 0 {
		t.Error("closed and down")
	}
}

// TestBreakerByConcurrency: a target that hangs is left alone.
func TestBreakerByConcurrency(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	d := doc("", 1, 1)
	d.Breaker = &contract.CircuitBreaker{MaxConcurrent: 10, Probes: 2}
	u := compile(t, r, d)
	hung := 0
	for range 100 {
		c, target := send(u, 0)
		if target == u.Targets()[0] {
			hung++ // never ends
		} else {
			c.End(ResultOK, 1)
		}
	}
	if hung != 10 {
		t.Errorf("%d requests hang", hung)
	}
	if u.Targets()[0].inService() || !u.Targets()[1].inService() {
		t.Error("the wrong breaker is open")
	}
	for range hung {
		u.Targets()[0].end(ResultNone, 0, false)
	}
	tick(r, clock, 51)
	counts := [2]int{}
	for range 40 {
		_, target := send(u, 0)
		counts[target.index]++
		target.end(ResultOK, 1, target.state.breaker.is(breakerHalf))
	}
	if counts[0] < 10 || !u.Targets()[0].inService() {
		t.Error("it did not close", counts)
	}
}

// TestBreakerTripsForWhoWaits: while a session waits for its own target, others are
// served from the queue, and the one that is too many for a breaker trips it there.
func TestBreakerTripsForWhoWaits(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	d := doc("", 1, 1)
	d.Targets[0].MaxRequests, d.Targets[1].MaxRequests = 1, 10
	d.Breaker = &contract.CircuitBreaker{MaxConcurrent: 2}
	d.Sessions = &contract.Sessions{By: "cookie"}
	u := compile(t, r, d)
	home := &Call{session: u.Targets()[0]}
	u.Pick(home)
	wait := func(c *Call, got chan<- *Target) {
		if _, code := u.Pick(c); code != contract.CodeUpstreamBusy {
			t.Error(code)
		}
		target, _ := u.Wait(t.Context(), c)
		got <- target
	}
	session, others := make(chan *Target, 1), make(chan *Target, 3)
	go wait(&Call{session: u.Targets()[0]}, session)
	for u.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 3 {
		go wait(&Call{}, others)
	}
	for range 2 {
		if x := <-others; x != u.Targets()[1] {
			t.Error("sent to the wrong target")
		}
	}
	for u.Targets()[1].inService() {
		time.Sleep(time.Millisecond)
	}
	if n := u.Targets()[1].Inflight(); n != 2 {
		t.Errorf("%d in flight", n)
	}
	home.End(ResultOK, 1)
	if x := <-session; x != u.Targets()[0] {
		t.Error("the session moved")
	}
}

// TestBreakerGoes: a version without a breaker closes it, and with a backup nobody
// waits for it.
func TestBreakerGoes(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	d := doc("", 1, 1)
	d.Breaker = &contract.CircuitBreaker{MinRequests: 2}
	d.Targets[1].Backup = true
	u := compile(t, r, d)
	tick(r, clock, 2)
	fail(u.Targets()[0], ResultServerError, 5)
	tick(r, clock, 1)
	if got := picks(u, 10); got[1] != 10 {
		t.Error(got)
	}
	u = compile(t, r, doc("", 1, 1))
	tick(r, clock, 1)
	if got := picks(u, 10); got[0] != 5 {
		t.Error(got)
	}
}

// TestSuccessRate: a target of which too few requests succeed is ejected, one with
// few requests is not judged, and 5xx in a row eject where that is asked for.
func TestSuccessRate(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	d := doc("", 1, 1, 1, 1)
	d.Outlier = &contract.OutlierDetection{MinSuccessPercent: 90, MinRequests: 100}
	u := compile(t, r, d)
	tick(r, clock, 1)
	for range 10 {
		for i, bad := range []int{0, 1, 2} { // of 10
			fail(u.Targets()[i], ResultServerError, bad)
			fail(u.Targets()[i], ResultOK, 10-bad)
		}
		fail(u.Targets()[3], ResultServerError, 1)
		tick(r, clock, 5)
	}
	for i, want := range []bool{true, true, false, true} {
		if u.Targets()[i].Usable() != want {
			t.Errorf("target %d: usable %v", i, !want)
		}
	}
	if down := r.Down(9); len(down) != 1 || down[0].Reason != "ejected: too few requests succeed" {
		t.Errorf("%+v", down)
	}
	d = doc("", 1, 1)
	d.Outlier = &contract.OutlierDetection{Consecutive5xx: 3}
	u, err := r.Upstream(Key{1, 2}, d)
	if err != nil {
		t.Fatal(err)
	}
	fail(u.Targets()[0], ResultServerError, 2)
	fail(u.Targets()[0], ResultOK, 1)
	fail(u.Targets()[0], ResultServerError, 2)
	if !u.Targets()[0].Usable() {
		t.Error("ejected after two in a row")
	}
	if fail(u.Targets()[0], ResultServerError, 1); u.Targets()[0].Usable() {
		t.Error("not ejected after three in a row")
	}
	if fail(u.Targets()[1], ResultServerError, 2); !u.Targets()[1].Usable() {
		t.Error("ejected")
	}
}

// TestDrain: what a target that was removed, or has no weight any more, still does
// is overdue after the time; back in service it is not.
func TestDrain(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	with := func(weights ...int) *contract.Upstream {
		d := doc("", weights...)
		d.DrainTimeout = contract.Duration(10 * time.Second)
		return d
	}
	v1 := compile(t, r, with(1, 1, 1))
	v2 := compile(t, r, with(1, 0))
	overdue := func(want string) {
		t.Helper()
		got := ""
		for _, x := range v1.Targets() {
			got += map[bool]string{true: "x", false: "."}[x.Overdue(clock.now())]
		}
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	overdue("...")
	clock.advance(9 * time.Second)
	overdue("...")
	clock.advance(2 * time.Second)
	overdue(".xx")
	compile(t, r, with(1, 1))
	overdue("..x")
	r.Apply("gw", nil)
	clock.advance(11 * time.Second)
	overdue("xxx")
	if v2.Targets()[0].state != v1.Targets()[0].state {
		t.Error("a version has a state of its own")
	}
}
