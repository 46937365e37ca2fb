package limit

import (
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// alone is an edge without Redis whose clocks the test moves.
type alone struct {
	*Limits
	now  int64
	wall time.Time
}

func newAlone(t testing.TB, dir string, epoch uint64) *alone {
	t.Helper()
	a := &alone{now: int64(time.Hour), wall: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	l, err := New(Config{
		Dir: dir, Edge: "edge-a", Epoch: epoch, Now: func() int64 { return a.now }, Wall: func() time.Time { return a.wall },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Limits = l
	return a
}

func (a *alone) family(t testing.TB, s policy.CounterSpec) *family {
	t.Helper()
	f, err := a.Family(s)
	if err != nil {
		t.Fatal(err)
	}
	return f.(*family)
}

func spec(by policy.By, limit int64) policy.CounterSpec {
	return policy.CounterSpec{
		Kind: policy.CountQuota, Name: "quota", By: by, Limit: limit, Period: "day", Local: true,
		Scope: policy.Scope{OrganizationNum: 1, GatewayNum: 1},
	}
}

// spend takes until the cell refuses.
func spend(c policy.Cell, now int64) (n int) {
	for n < 10_000 && c.Take(now) == policy.Took {
		n++
	}
	return n
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	alice := &policy.Principal{Kind: policy.KindAPIKey, Key: 1, Consumer: 10}
	other := &policy.Principal{Kind: policy.KindAPIKey, Key: 2, Consumer: 10}
	bob := &policy.Principal{Kind: policy.KindAPIKey, Key: 3, Consumer: 11}
	tokenA := &policy.Principal{Kind: policy.KindToken, ConsumerName: "a"}
	tokenB := &policy.Principal{Kind: policy.KindToken, ConsumerName: "b"}
	home, shop := &policy.Route{Num: 1}, &policy.Route{Num: 2}
	for _, c := range []struct {
		name     string
		by       policy.By
		p, q     *policy.Principal
		r, s     *policy.Route
		together bool
	}{
		{"keys of one consumer", policy.ByKey, alice, other, home, home, false},
		{"consumers' keys", policy.ByConsumer, alice, other, home, home, true},
		{"two consumers", policy.ByConsumer, alice, bob, home, home, false},
		{"nobody and nobody", policy.ByKey, nil, nil, home, shop, true},
		{"nobody and a key", policy.ByKey, nil, alice, home, home, false},
		{"routes", policy.ByRoute, alice, alice, home, shop, false},
		{"one route", policy.ByRoute, alice, bob, home, home, true},
		{"everybody", policy.ByOrganization, alice, nil, home, shop, true},
		{"two tokens by key", policy.ByKey, tokenA, tokenB, home, home, false},
		{"two tokens by consumer", policy.ByConsumer, tokenA, tokenB, home, home, false},
		{"a token and a key", policy.ByConsumer, tokenA, alice, home, home, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAlone(t, t.TempDir(), 1)
			f := a.family(t, spec(c.by, 5))
			if n := spend(f.of(c.p, c.r, a.now), a.now); n != 5 {
				t.Fatalf("the first spent %d", n)
			}
			want := 5
			if c.together {
				want = 0
			}
			if n := spend(f.of(c.q, c.s, a.now), a.now); n != want {
				t.Errorf("the second spent %d, want %d", n, want)
			}
		})
	}
}

// TestVersions: counters outlive versions of the configuration, the newest limit
// holds, and a request of the version before does not bring the old one back.
func TestVersions(t *testing.T) {
	t.Parallel()
	a := newAlone(t, t.TempDir(), 1)
	p := testKey()
	v1 := a.family(t, spec(policy.ByKey, 10))
	if n := spend(v1.of(p, nil, a.now), a.now); n != 10 {
		t.Fatalf("spent %d", n)
	}
	v2 := a.family(t, spec(policy.ByKey, 15))
	if n := spend(v2.of(p, nil, a.now), a.now); n != 5 {
		t.Errorf("after raising by five: %d", n)
	}
	a.family(t, spec(policy.ByKey, 1000)) // compiled, never used
	if n := spend(v1.of(p, nil, a.now), a.now); n != 0 {
		t.Errorf("a request of the first version spent %d", n)
	}
	if got := v2.of(p, nil, a.now).State(a.now).Limit; got != 15 {
		t.Errorf("limit %d", got)
	}
	week := spec(policy.ByKey, 15)
	week.Period = "week"
	if n := spend(a.family(t, week).of(p, nil, a.now), a.now); n != 15 {
		t.Errorf("another period begins anew: %d", n)
	}
}

// TestLocalQuotaSurvivesARestart: the mapped file knows what was spent.
func TestLocalQuotaSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := newAlone(t, dir, 1)
	p := testKey()
	f := a.family(t, spec(policy.ByKey, 10))
	for range 6 {
		f.of(p, nil, a.now).Take(a.now)
	}
	f.of(p, nil, a.now).Credit()
	b := newAlone(t, dir, 2)
	if n := spend(b.family(t, spec(policy.ByKey, 10)).of(testKey(), nil, b.now), b.now); n != 5 {
		t.Errorf("after the restart %d of 5", n)
	}
}

func TestLocalPeriodEnds(t *testing.T) {
	t.Parallel()
	a := newAlone(t, t.TempDir(), 1)
	p := testKey()
	f := a.family(t, spec(policy.ByKey, 3))
	c := f.of(p, nil, a.now)
	if n := spend(c, a.now); n != 3 {
		t.Fatalf("spent %d", n)
	}
	if got := c.RetryAfter(a.now); got != 12*time.Hour {
		t.Errorf("retry after %v at noon", got)
	}
	a.now += int64(12*time.Hour) - 1
	if n := spend(f.of(p, nil, a.now), a.now); n != 0 {
		t.Errorf("%d in the last nanosecond of the day", n)
	}
	a.now++
	if n := spend(f.of(p, nil, a.now), a.now); n != 3 {
		t.Errorf("%d at midnight", n)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	a := newAlone(t, t.TempDir(), 1)
	f := a.family(t, policy.CounterSpec{
		Kind: policy.CountConcurrency, Name: "concurrency", By: policy.ByIP, Limit: 2, Scope: policy.Scope{GatewayNum: 1},
	})
	at := func(s string) policy.Cell { return f.kin.addrs.cell(f, netip.MustParseAddr(s), a.now) }
	if n := spend(at("2001:db8::1"), a.now); n != 2 {
		t.Fatalf("took %d", n)
	}
	for addr, want := range map[string]int{"2001:db8::ffff:1": 0, "2001:db8::2%eth0": 0, "2001:db8:0:1::1": 2, "::ffff:192.0.2.1": 2, "192.0.2.1": 0} {
		if addr == "192.0.2.1" {
			continue // after its mapped form: order of a map
		}
		if n := spend(at(addr), a.now); n != want {
			t.Errorf("%s took %d, want %d", addr, n, want)
		}
	}
	if n := spend(at("192.0.2.1"), a.now); n != 0 {
		t.Errorf("the unmapped form took %d", n)
	}
	// A flood of addresses stays within bounds and does not push out clients that
	// have requests open.
	for i := range 4 * maxAddrs {
		var b [16]byte
		b[0], b[5], b[6], b[7] = 0x20, byte(i>>16), byte(i>>8), byte(i)
		f.kin.addrs.cell(f, netip.AddrFrom16(b), a.now)
	}
	if n := a.addrs.Load(); n > maxAddrs {
		t.Errorf("%d addresses are kept", n)
	}
	if n := spend(at("2001:db8::1"), a.now); n != 0 {
		t.Errorf("a client with two open requests took %d more", n)
	}
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	a := newAlone(t, t.TempDir(), 1)
	start := a.wall.Add(-24 * time.Hour).Unix()
	doc := contract.Organization{
		Num: 9, RequestsPerPeriod: 20, PeriodStart: start, PeriodEnd: start + 30*86400, RequestsPerDay: 7,
		Rate: &contract.Rate{Rate: 100, Burst: 1000}, Concurrency: 50,
	}
	o := a.Organization(&doc)
	if again := a.Organization(&doc); again != o {
		t.Error("another document version is another organization")
	}
	names := ""
	for _, m := range o.Limits(false) {
		names += m.Name + " "
	}
	if names != "rate quota_day quota concurrency " {
		t.Errorf("limits: %s", names)
	}
	take := func(test bool, i int) int {
		return spend(o.Limits(test)[i].Family.(*family).of(nil, nil, a.now), a.now)
	}
	if n := take(false, 1); n != 7 {
		t.Errorf("a day: %d", n)
	}
	if n := take(true, 1); n != 7 {
		t.Errorf("a day of test gateways: %d", n)
	}
	if n := take(false, 2); n != 20 {
		t.Errorf("the period: %d", n)
	}
	doc.Overage = true
	o.Update(&doc)
	if c := o.Limits(false)[2].Family.(*family).of(nil, nil, a.now); c.Take(a.now) != policy.Took {
		t.Error("an overage plan refuses")
	}
	if !o.Limits(false)[2].Soft || o.Limits(true)[2].Soft {
		t.Error("overage is for what is billed")
	}
	o.Update(&contract.Organization{Num: 9})
	if n := len(o.Limits(false)); n != 0 {
		t.Errorf("%d limits without any", n)
	}
}

// TestSweep: a counter that nobody used for long is dropped and found again.
func TestSweep(t *testing.T) {
	t.Parallel()
	a := newAlone(t, t.TempDir(), 1)
	f := a.family(t, policy.CounterSpec{
		Kind: policy.CountRate, Name: "rate_limit", By: policy.ByKey, Local: true,
		Rate: contract.Rate{Rate: 1, Burst: 3}, Scope: policy.Scope{GatewayNum: 1},
	})
	p := testKey()
	spend(f.of(p, nil, a.now), a.now)
	first := f.find(p, nil)
	a.now += int64(9 * time.Minute)
	a.sweep(a.now)
	if f.find(p, nil) != first {
		t.Error("dropped after nine minutes")
	}
	a.now += int64(2 * time.Minute)
	a.sweep(a.now)
	if !first.gone.Load() || f.find(p, nil) == first || len(f.kin.many) != 1 {
		t.Error("kept after eleven minutes")
	}
	if n := spend(f.of(p, nil, a.now), a.now); n != 3 {
		t.Errorf("the counter made anew gave %d", n)
	}
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ length, at, name, start, end string }{
		{"hour", "2026-11-22T12:59:59Z", "h2026112212", "2026-11-22T12:00:00Z", "2026-11-22T13:00:00Z"},
		{"day", "2026-11-22T23:59:59Z", "d20261122", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"},
		{"day", "2026-11-23T01:30:00+02:00", "d20261122", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"},
		{"week", "2026-11-22T12:00:00Z", "w20261116", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"},
		{"week", "2026-11-23T00:00:00Z", "w20261123", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"},
		{"week", "2027-01-01T00:00:00Z", "w20261228", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"},
		{"month", "2028-02-29T12:00:00Z", "m202802", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		{"month", "2026-12-31T23:59:59Z", "m202612", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
	} {
		got := contract.CalendarPeriod(c.length, at(c.at))
		if want := (contract.Period{Name: c.name, Start: at(c.start).Unix(), End: at(c.end).Unix()}); got != want {
			t.Errorf("%s at %s: %+v, want %+v", c.length, c.at, got, want)
		}
	}
	sub := fixedPeriod(at("2026-11-05T00:00:00Z").Unix(), at("2026-12-05T00:00:00Z").Unix())
	if got := subscriptionAt(sub, at("2026-12-04T23:59:59Z").Unix()); got != sub {
		t.Errorf("inside: %+v", got)
	}
	if got := subscriptionAt(sub, at("2027-01-06T00:00:00Z").Unix()); got.Start != at("2027-01-05T00:00:00Z").Unix() || got.Name == sub.Name {
		t.Errorf("two months on: %+v", got)
	}
}

func TestSpecsRefused(t *testing.T) {
	t.Parallel()
	a := newAlone(t, t.TempDir(), 1)
	for name, s := range map[string]policy.CounterSpec{
		"nothing":      {},
		"no by":        {Kind: policy.CountQuota, Limit: 1, Period: "day"},
		"no period":    {Kind: policy.CountQuota, By: policy.ByKey, Limit: 1},
		"no limit":     {Kind: policy.CountQuota, By: policy.ByKey, Period: "day"},
		"past 2^50":    {Kind: policy.CountQuota, By: policy.ByKey, Period: "day", Limit: maxLimit + 1},
		"no rate":      {Kind: policy.CountRate, By: policy.ByKey},
		"a day's rate": {Kind: policy.CountRate, By: policy.ByKey, Rate: contract.Rate{Rate: 1, Per: "day"}},
		"no slots":     {Kind: policy.CountConcurrency, By: policy.ByKey},
	} {
		if _, err := a.Family(s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
