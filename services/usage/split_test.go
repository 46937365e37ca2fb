package usage_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/usage"
)

// request is one answered request, as a plain row to count by hand.
type request struct {
	at            time.Time
	route         string
	key           int // index; -1: public
	status        int
	code          contract.Code
	target        int // index; -1: none
	bytes, micros int64
}

const targets = 3

func targetURL(i int) string { return fmt.Sprintf("http://10.0.0.%d:8080", i+1) }

// drive makes n requests over some days and puts them into the ledger as the
// totals of two edges.
func (w *world) drive(t *testing.T, rng *rand.Rand, n int, days int) []request {
	t.Helper()
	type counterKey struct {
		edge int
		id   contract.CounterID
	}
	type splitKey struct {
		edge int
		id   contract.SplitID
	}
	type routeKey struct {
		edge  int
		route uint64
		hour  uint32
	}
	counters, splits, lat, statuses := map[counterKey]contract.Counts{}, map[splitKey]contract.Split{}, map[routeKey]contract.Latency{}, map[routeKey]map[uint16]uint64{}
	out := make([]request, n)
	for i := range out {
		r := request{
			at: now.Add(-time.Duration(rng.Int64N(int64(days) * int64(24*time.Hour)))), route: []string{"open", "orders"}[rng.IntN(2)], key: rng.IntN(len(w.keys)+1) - 1,
			status: []int{200, 200, 200, 204, 301, 404, 500, 503}[rng.IntN(8)], target: rng.IntN(targets), bytes: rng.Int64N(1000), micros: rng.Int64N(1_000_000),
		}
		if rng.IntN(5) == 0 {
			r.code = []contract.Code{contract.CodeRateLimited, contract.CodeKeyMissing, contract.CodeUpstreamTimeout}[rng.IntN(3)]
			r.status, r.target = r.code.Info().Status, -1
		}
		out[i] = r
		edge, hour := rng.IntN(2), uint32(r.at.Unix()/3600)
		id := contract.CounterID{Organization: w.orgNum, Gateway: w.num, Route: w.routes[r.route], Hour: hour, Plan: 1}
		if r.key >= 0 {
			id.Key, id.Consumer = w.keys[r.key], w.consumers[r.key]
		}
		c := counters[counterKey{edge, id}]
		count(&c, &r)
		counters[counterKey{edge, id}] = c
		rk := routeKey{edge, id.Route, hour}
		if statuses[rk] == nil {
			statuses[rk] = map[uint16]uint64{}
		}
		statuses[rk][uint16(r.status)]++
		l := lat[rk]
		l.Organization, l.Gateway, l.Route, l.Hour = w.orgNum, w.num, id.Route, hour
		l.Edge[3]++
		l.Upstream[20+rng.IntN(5)]++
		lat[rk] = l
		sid := contract.SplitID{Organization: w.orgNum, Gateway: w.num, Route: id.Route, Hour: hour, Dim: contract.SplitCode, Value: contract.CodeID(r.code)}
		if r.target >= 0 {
			sid.Dim, sid.Value = contract.SplitTarget, w.targets[r.target]
		}
		s := splits[splitKey{edge, sid}]
		s.ID = sid
		full := contract.Counts{}
		count(&full, &r)
		s.Counts.C2xx, s.Counts.C3xx, s.Counts.C4xx, s.Counts.C5xx = s.Counts.C2xx+full.C2xx, s.Counts.C3xx+full.C3xx, s.Counts.C4xx+full.C4xx, s.Counts.C5xx+full.C5xx
		if r.target >= 0 {
			s.Counts.BytesOut += full.BytesOut
			s.Upstream[20]++
		}
		splits[splitKey{edge, sid}] = s
	}
	for edge := range 2 {
		b := usage.Batch{Arrived: now.UnixMilli(), Batch: contract.Batch{Edge: fmt.Sprint("edge-", edge), Epoch: 9, Seq: 1}}
		for k, c := range counters {
			if k.edge == edge {
				b.Counters = append(b.Counters, contract.Counter{ID: k.id, Counts: c})
			}
		}
		for k, s := range splits {
			if k.edge == edge {
				b.Splits = append(b.Splits, s)
			}
		}
		for k, l := range lat {
			if k.edge == edge {
				b.Latency = append(b.Latency, l)
				for status, count := range statuses[k] {
					b.Statuses = append(b.Statuses, contract.StatusCount{Organization: w.orgNum, Gateway: w.num, Route: k.route, Hour: k.hour, Status: status, Count: count})
				}
			}
		}
		if _, err := w.ledger.Apply(t.Context(), []usage.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func count(c *contract.Counts, r *request) {
	switch r.status / 100 {
	case 2:
		c.C2xx++
	case 3:
		c.C3xx++
	case 4:
		c.C4xx++
	default:
		c.C5xx++
	}
	c.Admitted++
	if r.code != 0 {
		c.Refused++
	} else {
		c.Billed++
	}
	c.BytesOut += uint64(r.bytes)
}

// codeOf is the group of a request that was refused or failed.
func codeOf(r *request) string {
	switch {
	case r.code != 0:
		return r.code.String()
	case r.status < 500:
		return "backend_4xx"
	}
	return "backend_5xx"
}

// expect counts by hand what an answer must hold.
func expect(requests []request, in *usage.SeriesInput, match func(*request) bool) (p usage.Point) {
	for i := range requests {
		r := &requests[i]
		if r.at.Before(in.From) || !r.at.Before(in.To) || !match(r) {
			continue
		}
		p.Requests++
		if r.code != 0 {
			p.Refused++
		}
		if r.status >= 400 {
			p.Errors++
		}
	}
	return p
}

// TestEveryGroupingEqualsTheRequests drives random requests and holds the answer
// of every grouping, filter and width against the requests themselves: totals,
// groups, points and the period before.
func TestEveryGroupingEqualsTheRequests(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db, nil)
		requests := w.drive(t, rand.New(rand.NewPCG(7, 7)), 6000, 9)
		any := func(*request) bool { return true }
		id := func(i int) string { return "key_" + contract.FormatKID(w.keys[i]) }
		cases := map[string]struct {
			in    usage.SeriesInput
			match func(*request) bool
			group func(*request) string // the id of a request's group
		}{
			"all":    {usage.SeriesInput{}, any, nil},
			"route":  {usage.SeriesInput{GroupBy: usage.GroupRoute}, any, func(r *request) string { return w.routeIDs[r.route] }},
			"status": {usage.SeriesInput{GroupBy: usage.GroupStatus}, any, func(r *request) string { return fmt.Sprint(r.status) }},
			"target": {usage.SeriesInput{GroupBy: usage.GroupTarget}, any, func(r *request) string {
				if r.target < 0 {
					return ""
				}
				return w.targetIDs[r.target]
			}},
			"code": {usage.SeriesInput{GroupBy: usage.GroupCode}, func(r *request) bool { return r.status >= 400 }, codeOf},
			"key": {usage.SeriesInput{GroupBy: usage.GroupKey}, any, func(r *request) string {
				if r.key < 0 {
					return ""
				}
				return id(r.key)
			}},
			"keys of a route":       {usage.SeriesInput{GroupBy: usage.GroupKey, Route: "orders"}, func(r *request) bool { return r.route == "orders" }, nil},
			"routes of a consumer":  {usage.SeriesInput{GroupBy: usage.GroupRoute, Consumer: "consumer-1"}, func(r *request) bool { return r.key == 1 }, func(r *request) string { return w.routeIDs[r.route] }},
			"one key and route":     {usage.SeriesInput{Key: id(2), Route: "open"}, func(r *request) bool { return r.key == 2 && r.route == "open" }, nil},
			"4xx of a consumer":     {usage.SeriesInput{Status: "4xx", Consumer: "consumer-0"}, func(r *request) bool { return r.key == 0 && r.status/100 == 4 }, nil},
			"5xx by key":            {usage.SeriesInput{Status: "5xx", GroupBy: usage.GroupKey}, func(r *request) bool { return r.status/100 == 5 }, nil},
			"404 of a route":        {usage.SeriesInput{Status: "404", Route: "open"}, func(r *request) bool { return r.status == 404 && r.route == "open" }, nil},
			"one target":            {usage.SeriesInput{Target: targetURL(1)}, func(r *request) bool { return r.target == 1 }, nil},
			"5xx of targets":        {usage.SeriesInput{GroupBy: usage.GroupTarget, Status: "5xx", Route: "orders"}, func(r *request) bool { return r.status/100 == 5 && r.route == "orders" }, nil},
			"4xx by code":           {usage.SeriesInput{GroupBy: usage.GroupCode, Status: "4xx"}, func(r *request) bool { return r.status/100 == 4 }, codeOf},
			"5xx by code":           {usage.SeriesInput{GroupBy: usage.GroupCode, Status: "5xx", Route: "open"}, func(r *request) bool { return r.status/100 == 5 && r.route == "open" }, codeOf},
			"one code of one route": {usage.SeriesInput{Code: "rate_limited", Route: "open"}, func(r *request) bool { return r.code == contract.CodeRateLimited && r.route == "open" }, nil},
		}
		ranges := []usage.SeriesInput{
			{From: now.Add(-4 * 24 * time.Hour), To: now.Add(time.Hour).Truncate(time.Hour), Interval: usage.IntervalHour},
			{From: now.Add(-5 * 24 * time.Hour).Truncate(24 * time.Hour), To: now.Truncate(24 * time.Hour), Interval: usage.IntervalDay},
			{From: now.Add(-100 * time.Hour).Truncate(time.Hour), To: now.Add(-3 * time.Hour).Truncate(time.Hour), Interval: usage.IntervalTotal},
			{From: now.Add(-5 * time.Hour).Truncate(time.Hour), To: now.Truncate(time.Hour), Interval: usage.IntervalTotal},
		}
		for name, c := range cases {
			for _, span := range ranges {
				in := c.in
				in.Gateway, in.From, in.To, in.Interval, in.Compare = "shop", span.From.Truncate(time.Hour), span.To, span.Interval, true
				w.check(t, fmt.Sprintf("%s by %s", name, in.Interval), in, requests, c.match, c.group)
			}
		}
	})
}

// check holds one answer against the requests.
func (w *world) check(t *testing.T, name string, in usage.SeriesInput, requests []request, match func(*request) bool, group func(*request) string) {
	t.Helper()
	s, err := w.svc.Series(t.Context(), w.org, in)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	want := expect(requests, &in, match)
	if s.Total.Requests != want.Requests || s.Total.Errors != want.Errors || want.Requests == 0 {
		t.Errorf("%s: total %d with %d errors, want %d with %d", name, s.Total.Requests, s.Total.Errors, want.Requests, want.Errors)
	}
	before := in
	before.From, before.To = in.From.Add(in.From.Sub(in.To)), in.From
	if p := s.Previous; p == nil || p.Total.Requests != expect(requests, &before, match).Requests || !p.From.Equal(before.From) || len(p.Points) != len(s.Points) {
		t.Errorf("%s: the period before is %+v", name, p)
	}
	var points, groups, earlier int64
	for _, p := range s.Points {
		points += p.Requests
	}
	for _, g := range s.Groups {
		groups += g.Total.Requests
		earlier += g.Previous.Requests
		if group != nil {
			if want := expect(requests, &in, func(r *request) bool { return match(r) && group(r) == g.ID }).Requests; g.Total.Requests != want {
				t.Errorf("%s: group %q has %d, want %d", name, g.ID, g.Total.Requests, want)
			}
		}
	}
	if points != want.Requests || groups != want.Requests || s.Other != nil || earlier != s.Previous.Total.Requests {
		t.Errorf("%s: points sum to %d, groups to %d (other %v), their past to %d", name, points, groups, s.Other, earlier)
	}
}

// TestGroupsArePaged walks through all groups two at a time: each comes once, in
// order, and each page's rest is what it does not show.
func TestGroupsArePaged(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db, nil)
		w.drive(t, rand.New(rand.NewPCG(3, 3)), 900, 2)
		for _, in := range []usage.SeriesInput{{GroupBy: usage.GroupKey, Sort: usage.MeasureErrors}, {GroupBy: usage.GroupStatus}, {GroupBy: usage.GroupKey, Status: "2xx"}, {GroupBy: usage.GroupTarget, Sort: usage.MeasureBytesOut}} {
			in.Gateway, in.From, in.Page = "shop", now.Add(-48*time.Hour), core.Page{Limit: 2}
			seen, sum, total := map[string]bool{}, int64(0), int64(0)
			for {
				s, err := w.svc.Series(t.Context(), w.org, in)
				if err != nil {
					t.Fatal(err)
				}
				total = s.Total.Requests
				rest := total
				for _, g := range s.Groups {
					if seen[g.ID] {
						t.Errorf("%s: %q comes twice", in.GroupBy, g.ID)
					}
					seen[g.ID], sum, rest = true, sum+g.Total.Requests, rest-g.Total.Requests
				}
				if s.Other == nil && rest != 0 || s.Other != nil && s.Other.Requests != rest {
					t.Errorf("%s: other is %+v, want %d", in.GroupBy, s.Other, rest)
				}
				if in.Page.Cursor = s.Next; s.Next == "" {
					break
				}
			}
			if sum != total || len(seen) < 3 {
				t.Errorf("%s: %d groups sum to %d of %d", in.GroupBy, len(seen), sum, total)
			}
		}
	})
}

// TestSplitsThatMeanNothing: what leaves nothing to count is refused and says why.
func TestSplitsThatMeanNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db, nil)
		for _, in := range []usage.SeriesInput{
			{Status: "1xx"},
			{Status: "1XX", GroupBy: usage.GroupKey},
			{Status: "2xx", GroupBy: usage.GroupCode},
			{Status: "3xx", GroupBy: usage.GroupCode},
			{Status: "404", GroupBy: usage.GroupCode},
		} {
			in.Gateway = "shop"
			if _, err := w.svc.Series(t.Context(), w.org, in); core.CodeOf(err) != core.CodeInvalid {
				t.Errorf("status %s by %q: %v", in.Status, in.GroupBy, err)
			}
		}
	})
}

// TestLargeAnswersAreRefused: more points of groups than one answer gives are
// refused with what to ask for, which is then answered; totals alone and tables
// are answered as they are.
func TestLargeAnswersAreRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db, nil)
		b := usage.Batch{Arrived: now.UnixMilli(), Batch: contract.Batch{Edge: "edge-a", Epoch: 1, Seq: 1}}
		for i := range uint64(20) {
			b.Counters = append(b.Counters, contract.Counter{
				ID:     contract.CounterID{Organization: w.orgNum, Gateway: w.num, Route: 100 + i, Hour: uint32(now.Unix()/3600) - uint32(i)},
				Counts: contract.Counts{Billed: i + 1, C2xx: i + 1},
			})
		}
		if _, err := w.ledger.Apply(t.Context(), []usage.Batch{b}); err != nil {
			t.Fatal(err)
		}
		in := usage.SeriesInput{Gateway: "shop", From: now.AddDate(0, 0, -60), To: now, Interval: usage.IntervalHour, GroupBy: usage.GroupRoute, Compare: true}
		ask := func(change func(*usage.SeriesInput)) (usage.Series, error) {
			c := in
			change(&c)
			return w.svc.Series(t.Context(), w.org, c)
		}
		_, err := ask(func(*usage.SeriesInput) {})
		if core.CodeOf(err) != core.CodeInvalid || !strings.Contains(fmt.Sprint(err), "interval=day, limit=10, or points=false") {
			t.Errorf("20 groups of 1,441 points: %v", err)
		}
		for name, change := range map[string]func(*usage.SeriesInput){
			"days": func(c *usage.SeriesInput) { c.Interval = usage.IntervalDay }, "a smaller page": func(c *usage.SeriesInput) { c.Page.Limit = 10 },
			"totals": func(c *usage.SeriesInput) { c.TotalsOnly = true }, "a table": func(c *usage.SeriesInput) { c.Table = true },
		} {
			s, err := ask(change)
			if err != nil || s.Total.Requests != 210 || s.Groups[0].Total.Requests != 20 || s.Groups[0].Previous == nil {
				t.Errorf("%s: %+v, %v", name, s.Total, err)
				continue
			}
			if name == "totals" && (s.Groups[0].Points != nil || len(s.Points) != 1441) {
				t.Errorf("totals alone: %d points of a group, %d of all", len(s.Groups[0].Points), len(s.Points))
			}
		}
	})
}
