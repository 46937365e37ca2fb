package balance

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// picks returns how many of n picks each target got.
func picks(u *Upstream, n int) []int {
	out := make([]int, len(u.Targets()))
	for range n {
		if t := visit(u, 0); t != nil {
			out[t.index]++
		}
	}
	return out
}

func fail(t *Target, r Result, n int) {
	for range n {
		t.begin().End(r, 0)
	}
}

// TestEjection: five errors in a row eject, for 5 s, then 10; a success in
// between clears; a returned target goes at its first error.
func TestEjection(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	u := compile(t, r, doc("", 1, 1, 1))
	bad := u.Targets()[1]
	fail(bad, ResultError, 4)
	fail(bad, ResultOK, 1)
	fail(bad, ResultError, 4)
	fail(bad, ResultNone, 100)
	if !bad.Usable() || picks(u, 30)[1] != 10 {
		t.Fatal("four errors in a row ejected")
	}
	fail(bad, ResultError, 1)
	if bad.Usable() || picks(u, 30)[1] != 0 {
		t.Fatal("five errors in a row did not eject")
	}
	down := r.Down(10)
	if len(down) != 1 || down[0].Gateway != "gw" || down[0].Upstream != "u" || down[0].Target != "http://127.0.0.1:9002" || down[0].Since == 0 || !strings.Contains(down[0].Reason, "errors in a row") {
		t.Errorf("%+v", down)
	}
	clock.advance(4900 * time.Millisecond)
	if r.Sweep(); bad.Usable() {
		t.Fatal("it came back early")
	}
	clock.advance(200 * time.Millisecond)
	if r.Sweep(); !bad.Usable() || picks(u, 30)[1] != 10 {
		t.Fatal("it did not come back after 5 s")
	}
	if fail(bad, ResultError, 1); bad.Usable() {
		t.Fatal("its first error after the return did not eject")
	}
	clock.advance(9 * time.Second)
	if r.Sweep(); bad.Usable() {
		t.Fatal("the second ejection is not longer")
	}
	clock.advance(2 * time.Second)
	r.Sweep()
	fail(bad, ResultOK, 1)
	if fail(bad, ResultError, 4); !bad.Usable() {
		t.Fatal("a success did not clear what it came back with")
	}
	// In service long enough, both ejections are forgotten.
	for range 4 {
		clock.advance(easeAfter)
		r.Sweep()
	}
	fail(bad, ResultError, 1)
	clock.advance(defaultEjection)
	if r.Sweep(); !bad.Usable() {
		t.Fatal("old ejections were not forgotten")
	}
}

// TestEjectionStaysBounded: never more than half of the targets, never the only
// one (B13).
func TestEjectionStaysBounded(t *testing.T) {
	t.Parallel()
	for n, most := range map[int]int{1: 0, 2: 1, 3: 1, 4: 2, 5: 2} {
		r, _ := newRegistry(t)
		u := compile(t, r, doc("", make1(n)...))
		for _, target := range u.Targets() {
			fail(target, ResultConnect, 10)
		}
		if out := len(r.Down(10)); out != most {
			t.Errorf("%d of %d ejected, want %d", out, n, most)
		}
	}
	r, _ := newRegistry(t)
	d := doc("", 1, 1)
	d.Outlier = &contract.OutlierDetection{Disabled: true}
	u := compile(t, r, d)
	if fail(u.Targets()[0], ResultConnect, 10); !u.Targets()[0].Usable() {
		t.Error("ejected although disabled")
	}
}

func make1(n int) []int {
	w := make([]int, n)
	for i := range w {
		w[i] = 1
	}
	return w
}

// TestConnectEjectsAtOnce is R2's half: one failed connect, and a check that
// connects again brings it back.
func TestConnectEjectsAtOnce(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	d := doc("", 1, 1)
	d.Health = &contract.HealthCheck{Type: "tcp"}
	u := compile(t, r, d)
	bad := u.Targets()[0]
	if fail(bad, ResultConnect, 1); bad.Usable() {
		t.Fatal("not ejected")
	}
	if bad.Checked(true, ""); !bad.Usable() {
		t.Error("a good check did not bring it back")
	}
	fail(bad, ResultError, 5)
	if bad.Checked(true, ""); bad.Usable() {
		t.Error("a good check brought back what fails real requests")
	}
}

func TestActiveChecks(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	d := doc("", 1, 1)
	d.Health = &contract.HealthCheck{Type: "http", Unhealthy: 3, Healthy: 2}
	u := compile(t, r, d)
	a, b := u.Targets()[0], u.Targets()[1]
	if !a.Usable() {
		t.Fatal("unknown is not usable")
	}
	if a.Checked(false, "status 500"); a.Usable() {
		t.Fatal("the first check of all decides at once")
	}
	b.Checked(true, "")
	if got := picks(u, 10); got[0] != 0 || got[1] != 10 {
		t.Fatal(got)
	}
	if down := r.Down(10); len(down) != 1 || down[0].Reason != "status 500" {
		t.Error(down)
	}
	a.Checked(true, "")
	a.Checked(false, "x")
	a.Checked(true, "")
	if a.Usable() {
		t.Error("good checks that are not in a row were added up")
	}
	if a.Checked(true, ""); !a.Usable() {
		t.Error("two good checks in a row are not enough")
	}
	a.Checked(false, "x")
	a.Checked(false, "x")
	if !a.Usable() {
		t.Error("two bad checks were enough")
	}
	if a.Checked(false, "x"); a.Usable() {
		t.Error("three bad checks were not enough")
	}
}

// TestAllDown is B12: all are used, unless the upstream says refuse or none was
// ever healthy.
func TestAllDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		refuse, ever bool
		served       bool
	}{{"try_all", false, true, true}, {"never healthy", false, false, false}, {"refuse", true, true, false}} {
		r, _ := newRegistry(t)
		d := doc("", 1, 1)
		d.Health = &contract.HealthCheck{Type: "tcp", Unhealthy: 1}
		if c.refuse {
			d.WhenAllDown = "refuse"
		}
		u := compile(t, r, d)
		for _, target := range u.Targets() {
			if c.ever {
				target.Checked(true, "")
			}
			target.Checked(false, "connection refused")
		}
		target, code := u.Pick(&Call{})
		if (target != nil) != c.served || target == nil && code != contract.CodeUpstreamUnavailable {
			t.Errorf("%s: %v, %v", c.name, target, code)
		}
		// Somebody comes back.
		if u.Targets()[1].Checked(true, ""); !u.Targets()[1].Usable() {
			u.Targets()[1].Checked(true, "")
		}
		if got := picks(u, 10); got[1] != 10 {
			t.Errorf("%s: %v after one came back", c.name, got)
		}
	}
}

// TestFailoverFallsBackOnTheEjected: with every usable target tried, one that is
// held for ill is tried before giving up.
func TestFailoverFallsBackOnTheEjected(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	u := compile(t, r, doc("", 1, 1))
	fail(u.Targets()[0], ResultConnect, 1)
	c := u.Targets()[1].begin()
	c.End(ResultConnect, 0)
	if target, _ := u.Pick(c); target != u.Targets()[0] {
		t.Error("gave up with a target left")
	}
}

// TestStateOutlivesVersions: a new version keeps what was learnt of the targets
// that stay, forgets the others, and an old one in use sees the changes.
func TestStateOutlivesVersions(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	v1 := compile(t, r, doc("", 1, 1, 1))
	fail(v1.Targets()[0], ResultConnect, 1)
	under := v1.Targets()[1].begin()
	v2 := compile(t, r, doc(contract.LeastRequest, 7, 1))
	if v2.Targets()[0].Usable() || v2.Targets()[1].Inflight() != 1 {
		t.Error("the new version forgot")
	}
	fail(v2.Targets()[1], ResultNone, 1)
	under.End(ResultOK, 0)
	if n := v2.Targets()[1].Inflight(); n != 0 {
		t.Errorf("%d in flight", n)
	}
	if len(v2.group.states) != 2 {
		t.Errorf("%d targets remembered of 2", len(v2.group.states))
	}
	r.Apply("gw", nil)
	if len(r.groups) != 0 || len(r.Live()) != 0 {
		t.Error("the gateway is gone, its state is not")
	}
	fresh := compile(t, r, doc("", 1, 1))
	if !fresh.Targets()[0].Usable() {
		t.Error("state came back from the dead")
	}
}

// TestUnappliedIsForgotten: compiled but never in force.
func TestUnappliedIsForgotten(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	compile(t, r, doc("", 1))
	if _, err := r.Upstream(Key{1, 2}, doc("", 1)); err != nil {
		t.Fatal(err)
	}
	clock.advance(unappliedAfter + time.Second)
	if r.Sweep(); len(r.groups) != 1 {
		t.Errorf("%d groups", len(r.groups))
	}
}

// TestRetryBudget: 20 % of the requests of ten seconds, and a few (B15).
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	r, clock := newRegistry(t)
	u := compile(t, r, doc("", 1, 1))
	take := func() (n int) {
		for u.AllowRetry() {
			n++
		}
		return n
	}
	if n := take(); n != minRetries {
		t.Errorf("%d retries without a request", n)
	}
	picks(u, 1000)
	if n := take(); n != 200-minRetries {
		t.Errorf("%d retries for 1000 requests", n)
	}
	for range budgetSlots {
		clock.advance(time.Second)
		r.Sweep()
	}
	if n := take(); n != minRetries {
		t.Errorf("%d retries in a new window", n)
	}
	picks(u, 1000)
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for range 4 {
		wg.Go(func() {
			n := take()
			mu.Lock()
			sum += n
			mu.Unlock()
		})
	}
	if wg.Wait(); sum != 200-minRetries {
		t.Errorf("%d retries taken by four", sum)
	}
}

// TestChangesUnderLoad: picks go on while targets come and go, and never give a
// target that has no weight.
func TestChangesUnderLoad(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	u := compile(t, r, doc("", 2, 1, 0, 1))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				c, target := send(u, 0)
				if target == nil || target.Weight == 0 {
					t.Error("no target")
					return
				}
				c.End(ResultOK, 1)
			}
		})
	}
	for i := range 300 {
		fail(u.Targets()[i%2], ResultConnect, 1)
		if i%10 == 9 {
			compile(t, r, doc("", 2, 1, 0, 1))
		}
		r.Sweep()
	}
	close(done)
	wg.Wait()
}

func TestUpstreamNamesEveryMistake(t *testing.T) {
	t.Parallel()
	r, _ := newRegistry(t)
	w := -1
	_, err := r.Upstream(Key{1, 1}, &contract.Upstream{
		Algorithm: "round_robbin", WhenAllDown: "x", Protocol: "h3",
		Targets:   []contract.Target{{URL: "http://127.0.0.1:9001"}, {URL: "http://127.0.0.1:9001/", Weight: &w}, {URL: "http://169.254.169.254"}},
		Health:    &contract.HealthCheck{Type: "http", Path: "x\r\ny", Host: "a b", Statuses: []int{99}, Interval: contract.Duration(time.Millisecond)},
		Outlier:   &contract.OutlierDetection{MaxEjectedPercent: 101},
		Retries:   &contract.Retries{Attempts: 8, On: []string{"501"}},
		Keepalive: &contract.Keepalive{MaxIdle: -1},
		Timeouts:  &contract.Timeouts{Connect: -1},
		TLS:       &contract.UpstreamTLS{CAPEM: "x"},
	})
	errs, ok := err.(contract.FieldErrors)
	if !ok {
		t.Fatal(err)
	}
	var got []string
	for _, e := range errs {
		got = append(got, e.Pointer)
	}
	want := "/algorithm /when_all_down /protocol /targets/1/weight /targets/1/url /targets/2/url /health/path /health/host /health/statuses/0 /health/interval " +
		"/outlier_detection/max_ejected_percent /keepalive/max_idle /timeouts/connect /retries/attempts /retries/on/0 /tls/ca_pem"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	if !strings.Contains(errs[0].Detail, "did you mean round_robin?") {
		t.Error(errs[0].Detail)
	}
}
