package usage_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/usage"
)

const (
	million     = 1_000_000
	millionDays = 4
	callers     = 30
	byways      = 5 // routes
)

// traffic is one request of a million, as it was: nothing is summed up.
type traffic struct {
	at             int64 // Unix seconds
	bytes          uint32
	status         uint16
	code           contract.Code
	edge, route    uint8
	caller, target int8 // -1: public; none
	own, backend   uint8
}

// names are the numbers and ids of what a million requests go through.
type names struct {
	routes, keys, consumers []uint64
	routeIDs, keyIDs        []string
}

func (w *world) names() *names {
	n := &names{}
	for i := range byways {
		num, id := uint64(9000+i), strconv.Itoa(9000+i) // deleted since
		if i < 2 {
			name := []string{"open", "orders"}[i]
			num, id = w.routes[name], w.routeIDs[name]
		}
		n.routes, n.routeIDs = append(n.routes, num), append(n.routeIDs, id)
	}
	for i := range callers {
		kid, consumer, id := uint64(70_000+i), uint64(80_000+i/2), strconv.Itoa(70_000+i)
		if i < len(w.keys) {
			kid, consumer, id = w.keys[i], w.consumers[i], "key_"+contract.FormatKID(w.keys[i])
		}
		n.keys, n.consumers, n.keyIDs = append(n.keys, kid), append(n.consumers, consumer), append(n.keyIDs, id)
	}
	return n
}

// drawn makes so many requests, the earliest first.
func drawn(rng *rand.Rand, until time.Time, count int) []traffic {
	out := make([]traffic, count)
	span := int64(millionDays * 86400)
	for i := range out {
		r := &out[i]
		*r = traffic{
			at: until.Unix() - span + int64(i)*span/int64(count), bytes: rng.Uint32N(5000), edge: uint8(rng.IntN(2)), route: uint8(min(rng.IntN(byways), rng.IntN(byways))),
			caller: int8(rng.IntN(callers+1) - 1), target: int8(rng.IntN(targets)), own: uint8(rng.IntN(20)), backend: uint8(20 + rng.IntN(30)),
			status: []uint16{200, 200, 200, 200, 201, 304, 404, 422, 500, 503}[rng.IntN(10)],
		}
		if rng.IntN(6) == 0 {
			r.code = []contract.Code{contract.CodeRateLimited, contract.CodeQuotaExceeded, contract.CodeKeyMissing, contract.CodeUpstreamTimeout}[rng.IntN(4)]
			r.status, r.target = uint16(r.code.Info().Status), -1
		}
	}
	return out
}

// reporter is one edge: totals of what it counted, and which have moved.
type reporter struct {
	w        *world
	n        *names
	edge     string
	seq      uint64
	counters map[contract.CounterID]*contract.Counts
	statuses map[contract.StatusCount]uint64 // by identity: Count 0
	latency  map[[2]uint64]*contract.Latency
	splits   map[contract.SplitID]*contract.Split
	moved    struct {
		counters map[contract.CounterID]bool
		statuses map[contract.StatusCount]bool
		latency  map[[2]uint64]bool
		splits   map[contract.SplitID]bool
	}
}

func (e *reporter) rest() {
	e.moved.counters, e.moved.statuses = map[contract.CounterID]bool{}, map[contract.StatusCount]bool{}
	e.moved.latency, e.moved.splits = map[[2]uint64]bool{}, map[contract.SplitID]bool{}
}

func entryOf[K comparable, V any](m map[K]*V, moved map[K]bool, k K) *V {
	moved[k] = true
	if m[k] == nil {
		m[k] = new(V)
	}
	return m[k]
}

func (e *reporter) count(r *traffic) {
	hour, route := uint32(r.at/3600), e.n.routes[r.route]
	id := contract.CounterID{Organization: e.w.orgNum, Gateway: e.w.num, Route: route, Plan: 1, Hour: hour}
	if r.caller >= 0 {
		id.Key, id.Consumer = e.n.keys[r.caller], e.n.consumers[r.caller]
	}
	c := entryOf(e.counters, e.moved.counters, id)
	s := contract.SplitID{Organization: e.w.orgNum, Gateway: e.w.num, Route: route, Hour: hour, Dim: contract.SplitCode, Value: contract.CodeID(r.code)}
	if r.target >= 0 {
		s.Dim, s.Value = contract.SplitTarget, e.w.targets[r.target]
	}
	split := entryOf(e.splits, e.moved.splits, s)
	split.ID = s
	for class, to := range map[uint16][2]*uint64{2: {&c.C2xx, &split.Counts.C2xx}, 3: {&c.C3xx, &split.Counts.C3xx}, 4: {&c.C4xx, &split.Counts.C4xx}, 5: {&c.C5xx, &split.Counts.C5xx}} {
		if r.status/100 == class {
			*to[0]++
			*to[1]++
		}
	}
	c.Admitted++
	c.BytesOut += uint64(r.bytes)
	c.BytesIn += uint64(r.bytes / 7)
	if r.code != 0 {
		c.Refused++
	} else {
		c.Billed++
		split.Counts.BytesOut += uint64(r.bytes)
		split.Counts.BytesIn += uint64(r.bytes / 7)
		split.Upstream[r.backend]++
	}
	status := contract.StatusCount{Organization: e.w.orgNum, Gateway: e.w.num, Route: route, Hour: hour, Status: r.status}
	e.moved.statuses[status] = true
	e.statuses[status]++
	at := [2]uint64{route, uint64(hour)}
	l := entryOf(e.latency, e.moved.latency, at)
	l.Organization, l.Gateway, l.Route, l.Hour = e.w.orgNum, e.w.num, route, hour
	l.Edge[r.own]++
	if r.code == 0 {
		l.Upstream[r.backend]++
	}
}

// report is what the edge ships: the totals that moved since it shipped last, as
// the bytes that cross Redis.
func (e *reporter) report(t *testing.T, keys *contract.EdgeKeys, at int64) usage.Batch {
	t.Helper()
	e.seq++
	b := contract.Batch{Edge: e.edge, Epoch: 5, Seq: e.seq}
	for id := range e.moved.counters {
		b.Counters = append(b.Counters, contract.Counter{ID: id, Counts: *e.counters[id]})
	}
	for s := range e.moved.statuses {
		n := s
		n.Count = e.statuses[s]
		b.Statuses = append(b.Statuses, n)
	}
	for k := range e.moved.latency {
		b.Latency = append(b.Latency, *e.latency[k])
	}
	for k := range e.moved.splits {
		b.Splits = append(b.Splits, *e.splits[k])
	}
	e.rest()
	p, err := b.Encode(keys)
	if err != nil {
		t.Fatal(err)
	}
	read, err := contract.DecodeBatch(keys, p)
	if err != nil {
		t.Fatal(err)
	}
	return usage.Batch{Arrived: at * 1000, Batch: *read}
}

// deliver applies reports as a bad network and dying workers do: late, twice, and
// with transactions that are rolled back.
func (w *world) deliver(t *testing.T, rng *rand.Rand, reports []usage.Batch) {
	t.Helper()
	for at := 0; at < len(reports); at += 24 {
		part := reports[at:min(at+24, len(reports))]
		rng.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
		if again := rng.IntN(4); again == 0 && at > 0 {
			part = append([]usage.Batch{reports[rng.IntN(at)]}, part...)
		}
		if rng.IntN(3) == 0 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(200))*time.Millisecond)
			_, err := w.ledger.Apply(ctx, part)
			if err != nil && ctx.Err() == nil {
				t.Fatal(err)
			}
			cancel()
		}
		if _, err := w.ledger.Apply(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
}

// ask is one question and what of the traffic it is about.
type ask struct {
	in    usage.SeriesInput
	match func(*traffic) bool
	group func(*traffic) string
}

// TestMillionRequests reports a million requests as edges do and holds every kind
// of question, every group and every point of the answers against sums made from
// the requests themselves. `make test` does the same with ten thousand.
func TestMillionRequests(t *testing.T) {
	t.Parallel()
	count := 10_000
	if os.Getenv("TOLLGATE_LONG") != "" {
		count = million
	}
	w := newWorld(t, storetest.Open(t, migrationstest.Postgres(t), nil), nil)
	n, rng := w.names(), rand.New(rand.NewPCG(1, 1_000_000))
	keys := &storetest.Root(t).Edge
	all := drawn(rng, now.Truncate(time.Hour), count)
	edges := make([]*reporter, 2)
	for i := range edges {
		edges[i] = &reporter{w: w, n: n, edge: fmt.Sprint("edge-", i), counters: map[contract.CounterID]*contract.Counts{}, statuses: map[contract.StatusCount]uint64{}, latency: map[[2]uint64]*contract.Latency{}, splits: map[contract.SplitID]*contract.Split{}}
		edges[i].rest()
	}
	began := time.Now()
	var reports []usage.Batch
	for i := range all {
		r := &all[i]
		edges[r.edge].count(r)
		if last := i == len(all)-1; last || all[i+1].at/3600 != r.at/3600 || r.at/600 != all[i+1].at/600 && rng.IntN(12) == 0 {
			for _, e := range edges {
				reports = append(reports, e.report(t, keys, r.at))
			}
		}
	}
	w.deliver(t, rng, reports)
	applied := time.Since(began)
	questions, different := 0, 0
	for _, a := range w.asks(n) {
		for _, span := range []usage.SeriesInput{
			{From: now.Add(-15 * time.Hour), To: now.Truncate(time.Hour), Interval: usage.IntervalMinute},
			{From: now.Add(-50 * time.Hour), To: now, Interval: usage.IntervalHour},
			{From: now.AddDate(0, 0, -2), To: now, Interval: usage.IntervalDay},
			{From: now.Add(-41 * time.Hour), To: now.Add(-3 * time.Hour), Interval: usage.IntervalTotal},
			{From: now.AddDate(0, 0, -20), To: now, Interval: usage.IntervalTotal},
		} {
			in := a.in
			in.Gateway, in.From, in.To, in.Interval, in.Compare = "shop", span.From.Truncate(time.Hour), span.To, span.Interval, true
			in.Page, in.Table = core.Page{Limit: usage.MaxGroups}, true
			questions++
			different += w.differences(t, all, in, &a)
		}
	}
	t.Logf("%d requests in %d reports applied in %s; %d questions with the period before each, %d differences, in %s",
		len(all), len(reports), applied.Round(time.Second), questions, different, time.Since(began).Round(time.Second))
	if different != 0 || questions < 100 {
		t.Errorf("%d differences in %d questions", different, questions)
	}
}

func (w *world) asks(n *names) []ask {
	any := func(*traffic) bool { return true }
	bad := func(r *traffic) bool { return r.status >= 400 }
	open := func(r *traffic) bool { return r.route == 0 }
	caller := func(i int8) func(*traffic) bool { return func(r *traffic) bool { return r.caller == i } }
	class := func(c uint16) func(*traffic) bool { return func(r *traffic) bool { return r.status/100 == c } }
	both := func(a, b func(*traffic) bool) func(*traffic) bool {
		return func(r *traffic) bool { return a(r) && b(r) }
	}
	groups := map[usage.Group]func(*traffic) string{
		usage.GroupNone:  func(*traffic) string { return "" },
		usage.GroupRoute: func(r *traffic) string { return n.routeIDs[r.route] },
		usage.GroupKey: func(r *traffic) string {
			if r.caller < 0 {
				return ""
			}
			return n.keyIDs[r.caller]
		},
		usage.GroupConsumer: func(r *traffic) string { return w.consumerID(n, r.caller) },
		usage.GroupStatus:   func(r *traffic) string { return strconv.Itoa(int(r.status)) },
		usage.GroupTarget: func(r *traffic) string {
			if r.target < 0 {
				return ""
			}
			return w.targetIDs[r.target]
		},
		usage.GroupCode: func(r *traffic) string { return codeOf(&request{code: r.code, status: int(r.status)}) },
	}
	var out []ask
	add := func(in usage.SeriesInput, match func(*traffic) bool) {
		if in.GroupBy == usage.GroupCode {
			match = both(match, bad)
		}
		out = append(out, ask{in, match, groups[in.GroupBy]})
	}
	for by := range groups {
		add(usage.SeriesInput{GroupBy: by}, any)
		if by != usage.GroupRoute {
			add(usage.SeriesInput{GroupBy: by, Route: "open"}, open)
		}
		switch by {
		case usage.GroupNone, usage.GroupRoute, usage.GroupKey, usage.GroupConsumer:
			add(usage.SeriesInput{GroupBy: by, Consumer: "consumer-1"}, caller(1))
			add(usage.SeriesInput{GroupBy: by, Key: n.keyIDs[2]}, caller(2))
			add(usage.SeriesInput{GroupBy: by, Key: n.keyIDs[2], Route: "open"}, both(caller(2), open))
			add(usage.SeriesInput{GroupBy: by, Status: "2xx"}, class(2))
			add(usage.SeriesInput{GroupBy: by, Status: "5xx", Consumer: "consumer-0"}, both(class(5), caller(0)))
		case usage.GroupTarget, usage.GroupCode:
			add(usage.SeriesInput{GroupBy: by, Status: "4xx"}, class(4))
		}
	}
	add(usage.SeriesInput{Status: "404"}, func(r *traffic) bool { return r.status == 404 })
	add(usage.SeriesInput{Target: targetURL(1)}, func(r *traffic) bool { return r.target == 1 })
	add(usage.SeriesInput{Code: "rate_limited"}, func(r *traffic) bool { return r.code == contract.CodeRateLimited })
	return out
}

// consumerID is how an answer names a caller's consumer: by its name where it is
// there still.
func (w *world) consumerID(n *names, caller int8) string {
	switch {
	case caller < 0:
		return ""
	case int(caller) < len(w.keys):
		return fmt.Sprint("consumer-", caller)
	}
	return strconv.FormatUint(n.consumers[caller], 10)
}

// tally is what requests sum up to.
type tally struct {
	point         usage.Point
	own, backends usage.Histogram
}

func (s *tally) add(r *traffic) {
	p := &s.point
	p.Requests++
	p.BytesOut += int64(r.bytes)
	p.BytesIn += int64(r.bytes / 7)
	switch r.status / 100 {
	case 2:
		p.Status2xx++
	case 3:
		p.Status3xx++
	case 4:
		p.Status4xx++
	case 5:
		p.Status5xx++
	}
	if r.status >= 400 {
		p.Errors++
	}
	s.own[r.own]++
	if r.code != 0 {
		p.Refused++
		return
	}
	p.Billed++
	s.backends[r.backend]++
}

// figures are the measures of points that are numbers of something.
var figures = map[usage.Measure]func(*usage.Point) int64{
	usage.MeasureRequests: func(p *usage.Point) int64 { return p.Requests }, usage.MeasureErrors: func(p *usage.Point) int64 { return p.Errors },
	usage.MeasureRefused: func(p *usage.Point) int64 { return p.Refused }, usage.MeasureUpstreamErrors: func(p *usage.Point) int64 { return p.Errors - p.Refused },
	usage.MeasureBilled: func(p *usage.Point) int64 { return p.Billed }, usage.MeasureBytesIn: func(p *usage.Point) int64 { return p.BytesIn },
	usage.MeasureBytesOut: func(p *usage.Point) int64 { return p.BytesOut },
	usage.Measure2xx:      func(p *usage.Point) int64 { return p.Status2xx }, usage.Measure3xx: func(p *usage.Point) int64 { return p.Status3xx },
	usage.Measure4xx: func(p *usage.Point) int64 { return p.Status4xx }, usage.Measure5xx: func(p *usage.Point) int64 { return p.Status5xx },
}

// place is a group, empty for all, at a point; -1 is the whole range, -2 the range
// before it.
type place struct {
	group string
	all   bool
	point int64
}

// differences counts the figures in which an answer is not what the requests sum
// up to.
func (w *world) differences(t *testing.T, requests []traffic, in usage.SeriesInput, a *ask) (off int) {
	t.Helper()
	s, err := w.svc.Series(t.Context(), w.org, in)
	if err != nil {
		t.Errorf("%+v: %v", in, err)
		return 1
	}
	from, to, width := s.From.Unix(), s.To.Unix(), s.To.Unix()-s.From.Unix()
	switch in.Interval {
	case usage.IntervalMinute, usage.IntervalHour: // growth counts to the minute in which it is reported, and to its own hour
		width = 3600
	case usage.IntervalDay:
		width = 86400
	}
	type line struct {
		before, whole *tally
		points        []*tally
	}
	lines := map[string]*line{}
	lineOf := func(name string) *line {
		l := lines[name]
		if l == nil {
			l = &line{points: make([]*tally, (to-from)/width+1)}
			lines[name] = l
		}
		return l
	}
	note := func(to **tally, r *traffic) {
		if *to == nil {
			*to = &tally{}
		}
		(*to).add(r)
	}
	all := lineOf("\x00all")
	for i := range requests {
		r := &requests[i]
		if r.at < from-(to-from) || r.at >= to || !a.match(r) {
			continue
		}
		for _, l := range []*line{all, lineOf(a.group(r))} {
			if r.at < from {
				note(&l.before, r)
				continue
			}
			note(&l.whole, r)
			note(&l.points[(r.at-from)/width], r)
		}
	}
	want := map[place]*tally{}
	for name, l := range lines {
		p := place{group: name}
		if l == all {
			p = place{all: true}
		}
		for at, x := range map[int64]*tally{-2: l.before, -1: l.whole} {
			if p.point = at; x != nil {
				want[p] = x
			}
		}
		for i, x := range l.points {
			if p.point = int64(i); x != nil {
				want[p] = x
			}
		}
	}
	got := map[place]*usage.Point{}
	put := func(p place, total *usage.Point, previous *usage.Point, points []usage.Point) {
		p.point = -1
		got[p] = total
		p.point = -2
		got[p] = previous
		for i := range points {
			q := &points[i]
			p.point = (q.Time.Unix() - from) / width
			if got[p] == nil {
				got[p] = &usage.Point{Edge: q.Edge, Upstream: q.Upstream}
			}
			for m := range figures {
				addTo(got[p], q, m)
			}
		}
	}
	put(place{all: true}, &s.Total, &s.Previous.Total, s.Points)
	for i := range s.Groups {
		g := &s.Groups[i]
		id := g.ID
		if in.GroupBy == usage.GroupConsumer && g.Name != "" {
			id = g.Name
		}
		put(place{group: id}, &g.Total, g.Previous, g.Points)
	}
	timed := map[usage.Measure]bool{}
	for _, m := range s.Measures {
		timed[m] = true
	}
	for p, x := range want {
		if y := got[p]; y == nil {
			if p.point == -2 && got[place{p.group, p.all, -1}] == nil {
				continue // a group of the range before alone is not asked for
			}
			off++
			t.Errorf("%+v: nothing at %+v, want %+v", in, p, x.point)
		}
	}
	for p, y := range got {
		x := want[p]
		if x == nil {
			x = &tally{}
		}
		for _, m := range s.Measures {
			if of := figures[m]; of != nil && of(y) != of(&x.point) {
				off++
				t.Errorf("%+v: at %+v %s is %d, want %d", in, p, m, of(y), of(&x.point))
			}
		}
		if in.Interval == usage.IntervalMinute && p.point >= 0 || p.point == -2 && !p.all || in.GroupBy == usage.GroupTarget {
			continue // of the points an hour is made of no percentile follows
		}
		if timed["edge_ms"] && (!same(y.Edge, x.own.Percentiles()) || !same(y.Upstream, x.backends.Percentiles())) {
			off++
			t.Errorf("%+v: at %+v the times are %v and %v, want %v and %v", in, p, y.Edge, y.Upstream, x.own.Percentiles(), x.backends.Percentiles())
		}
	}
	return off
}

func same(a, b *usage.Percentiles) bool { return a == b || a != nil && b != nil && *a == *b }

// addTo adds one of q's figures to p's; upstream errors are made of two others.
func addTo(p, q *usage.Point, m usage.Measure) {
	switch m {
	case usage.MeasureRequests:
		p.Requests += q.Requests
	case usage.MeasureErrors:
		p.Errors += q.Errors
	case usage.MeasureRefused:
		p.Refused += q.Refused
	case usage.MeasureBilled:
		p.Billed += q.Billed
	case usage.MeasureBytesIn:
		p.BytesIn += q.BytesIn
	case usage.MeasureBytesOut:
		p.BytesOut += q.BytesOut
	case usage.Measure2xx:
		p.Status2xx += q.Status2xx
	case usage.Measure3xx:
		p.Status3xx += q.Status3xx
	case usage.Measure4xx:
		p.Status4xx += q.Status4xx
	case usage.Measure5xx:
		p.Status5xx += q.Status5xx
	}
}
