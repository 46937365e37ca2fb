package balance

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// directory is what names lead to in a test.
type directory struct {
	mu    sync.Mutex
	names map[string][]Endpoint
}

// set gives a name addresses "address:port", or "address:port priority weight".
func (d *directory) set(name string, list ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := []Endpoint{}
	for _, text := range list {
		var e Endpoint
		var at string
		_, _ = fmt.Sscan(text, &at, &e.Priority, &e.Weight)
		e.Addr = netip.MustParseAddrPort(at)
		out = append(out, e)
	}
	d.names[name] = out
}

func (d *directory) find(_ uint64, u *match.URL) ([]Endpoint, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list, ok := d.names[u.Host]
	return list, ok
}

// backends are the connections of addresses: they note what was closed.
type backends struct {
	mu     sync.Mutex
	closed []string
}

type backend struct {
	all  *backends
	addr string
}

func (b *backend) Close() {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	b.all.closed = append(b.all.closed, b.addr)
}

func (b *backends) open(s Spec) (Backend, error) { return &backend{b, s.Addr.String()}, nil }

func newDirectory(t *testing.T) (*Registry, *clock, *directory, *backends) {
	r, c := newRegistry(t)
	d, b := &directory{names: map[string][]Endpoint{}}, &backends{}
	r.cfg.Endpoints, r.cfg.Open = d.find, b.open
	return r, c, d, b
}

// named is an upstream with targets of these hosts, or addresses.
func named(algorithm string, hosts ...string) *contract.Upstream {
	u := doc(algorithm)
	for _, h := range hosts {
		u.Targets = append(u.Targets, contract.Target{URL: "http://" + h})
	}
	return u
}

// by counts n picks by address, by URL where there is none.
func by(u *Upstream, n int) map[string]int {
	out := map[string]int{}
	for k := range n {
		t := visit(u, HashString(fmt.Sprint("key-", k)))
		if at := t.Address(); at != "" {
			out[at]++
		} else {
			out[t.Text]++
		}
	}
	return out
}

func wantCounts(t *testing.T, what string, got map[string]int, want map[string]int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// second lets a second pass: names are looked at.
func second(r *Registry, c *clock) {
	c.advance(time.Second)
	r.Sweep()
}

// TestNamesAreSpread: the addresses of a name stand beside each other and beside
// other targets, those that come and go too, and what is known of one that stays is
// kept.
func TestNamesAreSpread(t *testing.T) {
	t.Parallel()
	r, clock, names, opened := newDirectory(t)
	u := compile(t, r, named("", "a.example:8080", "10.0.0.9:80"))
	wantCounts(t, "nothing is known", by(u, 100), map[string]int{"http://a.example:8080": 50, "http://10.0.0.9:80": 50})
	names.set("a.example", "10.0.0.1:8080", "10.0.0.2:8080")
	clock.advance(SweepEvery)
	r.Sweep() // at once: nothing was known
	wantCounts(t, "two addresses", by(u, 300), map[string]int{"10.0.0.1:8080": 100, "10.0.0.2:8080": 100, "http://10.0.0.9:80": 100})
	if len(opened.closed) != 1 {
		t.Error("connections that were made by name stay", opened.closed)
	}
	select {
	case <-r.Changed():
	default:
		t.Error("nobody was told")
	}
	busy := u.Targets()[0].begin()
	names.set("a.example", "10.0.0.1:8080", "10.0.0.3:8080")
	second(r, clock)
	wantCounts(t, "one goes, one comes", by(u, 300), map[string]int{"10.0.0.1:8080": 100, "10.0.0.3:8080": 100, "http://10.0.0.9:80": 100})
	if !slices.Equal(opened.closed[1:], []string{"10.0.0.2:8080"}) {
		t.Error("closed", opened.closed)
	}
	if n := u.Targets()[0].Inflight(); n != 1 {
		t.Errorf("%d in flight at the one that stayed", n)
	}
	busy.End(ResultOK, 1)
	names.set("a.example")
	second(r, clock)
	wantCounts(t, "no answer any more", by(u, 100), map[string]int{"http://a.example:8080": 50, "http://10.0.0.9:80": 50})
	if got := r.Resolved(10); got != nil {
		t.Error(got)
	}
	again := compile(t, r, named("", "a.example:8080"))
	names.set("a.example", "10.0.0.1:8080")
	second(r, clock)
	wantCounts(t, "a new version", by(again, 10), map[string]int{"10.0.0.1:8080": 10})
	if got := r.Resolved(10); len(got) != 1 || got[0].Gateway != "gw" || got[0].Target != "http://a.example:8080" || !slices.Equal(got[0].Addresses, []string{"10.0.0.1:8080"}) {
		t.Error(got)
	}
}

// TestAddressesAreJudgedAlone: one address of a name is ejected, shown and brought
// back without the others; those that are gone drain.
func TestAddressesAreJudgedAlone(t *testing.T) {
	t.Parallel()
	r, clock, names, _ := newDirectory(t)
	names.set("a.example", "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
	d := named("", "a.example")
	d.Health = &contract.HealthCheck{Type: "tcp"}
	u := compile(t, r, d)
	bad := u.Targets()[1]
	fail(bad, ResultConnect, 1)
	wantCounts(t, "one failed", by(u, 100), map[string]int{"10.0.0.1:80": 50, "10.0.0.3:80": 50})
	if down := r.Down(10); len(down) != 1 || down[0].Target != "http://a.example" || down[0].Address != "10.0.0.2:80" || down[0].Reason != "ejected: no connection" {
		t.Errorf("%+v", down)
	}
	// The others change: what is known of this one stays.
	names.set("a.example", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80")
	gone := u.Targets()[0]
	second(r, clock)
	wantCounts(t, "it is still out", by(u, 100), map[string]int{"10.0.0.3:80": 50, "10.0.0.4:80": 50})
	if gone.Overdue(clock.now()) || !gone.Overdue(clock.now()+int64(defaultDrain)+1) {
		t.Error("the address that is gone does not drain")
	}
	u.Targets()[0].Checked(true, "")
	wantCounts(t, "a check connects", by(u, 99), map[string]int{"10.0.0.2:80": 33, "10.0.0.3:80": 33, "10.0.0.4:80": 33})
	// A further try goes to another address.
	c, first := send(u, 0)
	c.End(ResultConnect, 0)
	if next, _ := u.Pick(c); next == nil || next.Address() == first.Address() {
		t.Error("the failed address was tried again")
	}
}

// TestSRV is RFC 2782: the smallest priority first, records by weight, one of
// weight 0 beside others next to nothing, and each target has its own weight
// whatever its records say.
func TestSRV(t *testing.T) {
	t.Parallel()
	r, clock, names, _ := newDirectory(t)
	names.set("a.example", "10.0.0.1:81 1 512", "10.0.0.2:82 1 256", "10.0.0.3:83 1 1", "10.0.0.4:84 2 256")
	d := named("", "_web._tcp.a.example", "10.0.0.9")
	d.Targets[0].SRV = true
	d.Outlier = &contract.OutlierDetection{MaxEjectedPercent: 100}
	u := compile(t, r, d)
	got := by(u, 8000)
	near := func(at string, want int) {
		t.Helper()
		if n := got[at]; n < want-want/20-2 || n > want+want/20+2 {
			t.Errorf("%s got %d of 8000, want about %d: %v", at, n, want, got)
		}
	}
	// The three records of priority 1 have three times the weight 1 together.
	near("10.0.0.1:81", 3996)
	near("10.0.0.2:82", 1998)
	near("http://10.0.0.9", 2000)
	if n := got["10.0.0.3:83"]; n < 1 || n > 20 || got["10.0.0.4:84"] != 0 {
		t.Errorf("weight 0 got %d, the second priority %d", n, got["10.0.0.4:84"])
	}
	for _, target := range u.Targets() {
		if target.Address() != "10.0.0.4:84" {
			fail(target, ResultConnect, 1)
		}
	}
	wantCounts(t, "the first priority is down", by(u, 10), map[string]int{"10.0.0.4:84": 10})
	names.set("a.example", "10.0.0.5:85 0 1")
	second(r, clock)
	wantCounts(t, "new records", by(u, 10), map[string]int{"10.0.0.5:85": 10})
}

// TestAddressesOnTheRing: a name's addresses hash and hold sessions as targets do,
// the same on every edge: one that goes moves only what was its own.
func TestAddressesOnTheRing(t *testing.T) {
	t.Parallel()
	r, clock, names, _ := newDirectory(t)
	list := []string{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"}
	names.set("a.example", list...)
	u := compile(t, r, named(contract.ConsistentHash, "a.example"))
	const keys = 4000
	at := func() []string {
		out := make([]string, keys)
		for k := range out {
			out[k] = visit(u, HashString(fmt.Sprint("key-", k))).Address()
		}
		return out
	}
	before := at()
	names.set("a.example", list[:3]...)
	second(r, clock)
	for k, is := range at() {
		if before[k] != is && before[k] != list[3] {
			t.Fatalf("key %d moved from %s to %s", k, before[k], is)
		}
	}
	other, _, more, _ := newDirectory(t)
	more.set("a.example", list...)
	names.set("a.example", list...)
	second(r, clock)
	twin := compile(t, other, named(contract.ConsistentHash, "a.example"))
	for k, is := range at() {
		if is != before[k] || visit(twin, HashString(fmt.Sprint("key-", k))).Address() != is {
			t.Fatalf("key %d is not at %s everywhere", k, before[k])
		}
	}
}

// TestNamesUnderLoad: picks go on while names change, and always get a target that
// was one.
func TestNamesUnderLoad(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		r, clock, names, _ := newDirectory(t)
		d := named(algorithm, "a.example", "b.example")
		if algorithm == contract.LeastRequest {
			d.Sessions = &contract.Sessions{By: "cookie"}
		}
		names.set("b.example", "10.0.1.1:80")
		u := compile(t, r, d)
		done := make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for k := 0; ; k++ {
					select {
					case <-done:
						return
					default:
					}
					c, target := send(u, Hash(k)<<40)
					if target == nil {
						t.Error("no target")
						return
					}
					c.End(ResultOK, 1)
				}
			})
		}
		for i := range 100 {
			var list []string
			for k := range i % 5 {
				list = append(list, fmt.Sprintf("10.0.0.%d:80", k+1))
			}
			names.set("a.example", list...)
			second(r, clock)
		}
		close(done)
		wg.Wait()
		for _, target := range u.Targets() {
			if target.Inflight() != 0 {
				t.Errorf("%s: %d in flight", algorithm, target.Inflight())
			}
		}
	}
}

// TestManyAddresses: an upstream's addresses are bounded.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	r, _, names, _ := newDirectory(t)
	var hosts []string
	for h := range 20 {
		var list []string
		for k := range 64 {
			list = append(list, fmt.Sprintf("10.0.%d.%d:80", h, k+1))
		}
		hosts = append(hosts, fmt.Sprintf("h%d.example", h))
		names.set(hosts[h], list...)
	}
	u := compile(t, r, named("", hosts...))
	if n := len(u.Targets()); n != MaxEndpoints+12 {
		t.Errorf("%d targets", n)
	}
}
