package usage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Series answers a usage query.
func (s *Service) Series(ctx context.Context, org core.OrganizationID, in SeriesInput) (Series, error) {
	if err := in.check(s.cfg.Clock()); err != nil {
		return Series{}, err
	}
	page, err := in.groups()
	if err != nil {
		return Series{}, err
	}
	a, err := s.question(ctx, org, &in)
	if err != nil {
		return Series{}, err
	}
	out := Series{From: in.From, To: in.To, Interval: in.Interval, GroupBy: in.GroupBy, Measures: a.measures()}
	b := builder{q: a.q}
	if err := s.total(ctx, a, &b, &out.Total, &out.Points); err != nil {
		return Series{}, err
	}
	if in.GroupBy == GroupNone {
		out.Groups = []GroupSeries{{Total: out.Total, Points: out.Points}}
	} else if err := s.split(ctx, a, &b, page, &out); err != nil {
		return Series{}, err
	}
	if in.Compare {
		err = s.compare(ctx, a, &out)
	}
	return out, err
}

// question resolves the names of an input.
func (s *Service) question(ctx context.Context, org core.OrganizationID, in *SeriesInput) (*question, error) {
	gateway, err := s.gatewayOf(ctx, org, in.Gateway)
	if err != nil {
		return nil, err
	}
	a := &question{org: org, gateway: gateway, in: in, q: SeriesQuery{
		Gateway: gateway.Num, From: in.From, To: in.To, Interval: in.Interval, GroupBy: in.GroupBy,
	}}
	for _, narrow := range []struct {
		by  Group
		ref string
		to  *uint64
	}{{GroupRoute, in.Route, &a.q.Route}, {GroupConsumer, in.Consumer, &a.q.Consumer}, {GroupKey, in.Key, &a.q.Key}} {
		if narrow.ref == "" {
			continue
		}
		*narrow.to, err = s.cfg.Store.Resolve(ctx, org, gateway, narrow.by, narrow.ref)
		if narrow.by == GroupConsumer && narrow.ref == IDUnmatched && core.CodeOf(err) == core.CodeNotFound {
			*narrow.to, err = contract.ConsumerUnmatched, nil
		}
		if err != nil {
			return nil, err
		}
	}
	a.statusFrom, a.statusTo, _ = statusRange(in.Status)
	switch {
	case in.exactStatus() || in.GroupBy == GroupStatus:
		a.source = sourceStatuses
	case in.Target != "" || in.GroupBy == GroupTarget:
		a.source = sourceTargets
		a.value, err = s.target(ctx, a)
	case in.Code != "" || in.GroupBy == GroupCode:
		a.source = sourceCodes
		if in.Code != "" {
			code, ok := contract.CodeByName(in.Code)
			if !ok {
				return nil, core.Invalid(contract.FieldErrors{{Pointer: "/code", Detail: "is not an error code of the edge"}})
			}
			a.value = contract.CodeID(code)
		}
	}
	return a, err
}

// target finds the target that a question is narrowed to: by its id, or by its
// URL where only one of the gateway's has it.
func (s *Service) target(ctx context.Context, a *question) (uint64, error) {
	ref := a.in.Target
	if ref == "" {
		return 0, nil
	}
	names, err := s.cfg.Store.Targets(ctx, a.org, a.gateway)
	if err != nil {
		return 0, err
	}
	found := uint64(0)
	for num, n := range names {
		if targetID(num) == ref {
			return num, nil
		}
		if n.URL == ref {
			if found != 0 {
				return 0, core.Invalid(contract.FieldErrors{{Pointer: "/target", Detail: "stands in more than one upstream: name it by its id"}})
			}
			found = num
		}
	}
	if found == 0 {
		return 0, core.NotFound("target", ref)
	}
	return found, nil
}

// total fills the sum over all groups.
func (s *Service) total(ctx context.Context, a *question, b *builder, total *Point, points *[]Point) error {
	q := b.q
	q.GroupBy, q.Only = GroupNone, nil
	var err error
	if a.source == sourceCounters {
		b.cells, err = s.counters(ctx, a, q)
	} else {
		err = s.gather(ctx, a, b)
	}
	if err != nil {
		return err
	}
	*total, *points = Point{Time: q.From}, b.points()
	for i := range b.cells {
		c := &b.cells[i]
		if n, ok := b.index(c.time); ok {
			(*points)[n].plus(&c.Point)
			total.plus(&c.Point)
		}
	}
	if !a.timed() {
		return nil
	}
	var sums []LatencySum
	if a.source == sourceTargets {
		q.GroupBy = GroupTarget
		if a.value != 0 {
			q.Only = []uint64{a.value}
		}
		sums, err = s.cfg.Store.TargetLatencies(ctx, a.org, q)
		b.times = sums
	} else {
		sums, err = s.cfg.Store.Latencies(ctx, a.org, q)
	}
	b.time(total, *points, sums)
	return err
}

// gather reads the cells of a source whose groups are few.
func (s *Service) gather(ctx context.Context, a *question, b *builder) (err error) {
	at := *a
	at.q = b.q
	switch a.source {
	case sourceStatuses:
		b.cells, err = s.statuses(ctx, &at)
	case sourceTargets:
		b.cells, err = s.targets(ctx, &at)
	default:
		b.cells, err = s.codes(ctx, &at)
	}
	return err
}

// split fills a page of groups.
func (s *Service) split(ctx context.Context, a *question, b *builder, page groupPage, out *Series) error {
	by := a.in.measure()
	var top []TopGroup
	var err error
	if a.source == sourceCounters {
		top, err = s.cfg.Store.Top(ctx, a.org, b.q, by, page.after, page.limit+1)
	} else {
		top = b.top(by, page.after, page.limit+1)
	}
	if err != nil || len(top) == 0 {
		return err
	}
	if len(top) > page.limit {
		top = top[:page.limit]
		out.Next = page.cursor(top[page.limit-1])
	}
	whole := *b
	if a.in.TotalsOnly {
		whole.q.Interval = IntervalTotal
	} else if err := a.in.bound(len(top), len(out.Points)); err != nil {
		return err
	}
	nums := make([]uint64, len(top))
	for i := range top {
		nums[i] = top[i].Group
		out.Groups = append(out.Groups, GroupSeries{num: nums[i], Total: Point{Time: a.in.From}, Points: whole.points()})
	}
	if err := s.fill(ctx, a, &whole, nums, out.Groups); err != nil {
		return err
	}
	if a.in.TotalsOnly && a.in.Interval != IntervalTotal {
		for i := range out.Groups {
			out.Groups[i].Points = nil
		}
	}
	if err := s.labels(ctx, a, out.Groups); err != nil {
		return err
	}
	rest := out.Total
	rest.Edge, rest.Upstream = nil, nil
	for i := range out.Groups {
		rest.subtract(&out.Groups[i].Total)
	}
	if rest.Requests != 0 {
		out.Other = &rest
	}
	return nil
}

// fill puts the cells and times of a builder's range into groups.
func (s *Service) fill(ctx context.Context, a *question, b *builder, nums []uint64, groups []GroupSeries) error {
	q := b.q
	q.Only = nums
	cells, times := b.cells, b.times
	var err error
	if a.source == sourceCounters {
		if cells, err = s.counters(ctx, a, q); err != nil {
			return err
		}
		if a.timed() && q.GroupBy == GroupRoute {
			times, err = s.cfg.Store.Latencies(ctx, a.org, q)
		}
	}
	place := make(map[uint64]*GroupSeries, len(nums))
	for i, n := range nums {
		place[n] = &groups[i]
	}
	for i := range cells {
		c := &cells[i]
		if g := place[c.group]; g != nil {
			if n, ok := b.index(c.time); ok {
				g.Points[n].plus(&c.Point)
				g.Total.plus(&c.Point)
			}
		}
	}
	by := map[uint64][]LatencySum{}
	for _, l := range times {
		by[l.Group] = append(by[l.Group], l)
	}
	for n, sums := range by {
		if g := place[n]; g != nil {
			b.time(&g.Total, g.Points, sums)
		}
	}
	return err
}

// compare adds the range before a series' own.
func (s *Service) compare(ctx context.Context, a *question, out *Series) error {
	b := builder{q: a.q}
	b.q.From, b.q.To = a.q.From.Add(a.q.From.Sub(a.q.To)), a.q.From
	p := &Previous{From: b.q.From, To: b.q.To}
	if err := s.total(ctx, a, &b, &p.Total, &p.Points); err != nil {
		return err
	}
	out.Previous = p
	if a.q.GroupBy == GroupNone || len(out.Groups) == 0 {
		for i := range out.Groups {
			out.Groups[i].Previous = &p.Total
		}
		return nil
	}
	// Of the groups only the totals are told, which take far fewer rows.
	b.q.Interval = IntervalTotal
	nums, before := make([]uint64, len(out.Groups)), make([]GroupSeries, len(out.Groups))
	for i := range out.Groups {
		nums[i] = out.Groups[i].num
		before[i] = GroupSeries{Total: Point{Time: b.q.From}, Points: b.points()}
	}
	if err := s.fill(ctx, a, &b, nums, before); err != nil {
		return err
	}
	for i := range before {
		out.Groups[i].Previous = &before[i].Total
	}
	return nil
}

// groupPage is which groups an answer shows.
type groupPage struct {
	limit int
	after *TopGroup
	sort  Measure
}

// groups checks the page of groups.
func (in *SeriesInput) groups() (groupPage, error) {
	if in.Page.Limit == 0 {
		in.Page.Limit = defaultGroups
	}
	limit, after, err := in.Page.After()
	p := groupPage{limit: limit, sort: in.measure()}
	if err != nil || after == "" {
		return p, err
	}
	steps := strings.Split(after, " ")
	if len(steps) == 3 && steps[0] == string(p.sort) {
		amount, err1 := strconv.ParseInt(steps[1], 10, 64)
		group, err2 := strconv.ParseUint(steps[2], 10, 63)
		if err1 == nil && err2 == nil {
			p.after = &TopGroup{Group: group, Amount: amount}
			return p, nil
		}
	}
	return p, core.Invalid(contract.FieldErrors{{Pointer: "/cursor", Detail: "is not a cursor of these groups in this order"}})
}

func (p *groupPage) cursor(last TopGroup) string {
	return core.Cursor(fmt.Sprint(p.sort, " ", last.Amount, " ", last.Group))
}

// measure is what groups are ordered by: of a class of statuses only its own
// count exists.
func (in *SeriesInput) measure() Measure {
	if from, to, _ := statusRange(in.Status); to-from == 100 && from >= 200 {
		return []Measure{Measure2xx, Measure3xx, Measure4xx, Measure5xx}[from/100-2]
	}
	if in.Sort == "" {
		return MeasureRequests
	}
	return in.Sort
}

// builder puts the cells of one range together.
type builder struct {
	q     SeriesQuery // of the range
	cells []cell
	times []LatencySum // of targets
}

// index is the place of a moment among the points.
func (b *builder) index(unix int64) (int, bool) {
	if b.q.Interval == IntervalTotal {
		return 0, true
	}
	i := time.Unix(unix, 0).Sub(b.q.From) / b.q.Interval.width(0)
	return int(i), unix >= b.q.From.Unix() && unix < b.q.To.Unix()
}

// points makes empty points for the whole range.
func (b *builder) points() []Point {
	if b.q.Interval == IntervalTotal {
		return []Point{{Time: b.q.From}}
	}
	w := b.q.Interval.width(0)
	out := make([]Point, 0, b.q.To.Sub(b.q.From)/w)
	for t := b.q.From; t.Before(b.q.To); t = t.Add(w) {
		out = append(out, Point{Time: t})
	}
	return out
}

// time fills percentiles. Histograms of one interval are merged.
func (b *builder) time(total *Point, points []Point, sums []LatencySum) {
	var edge, upstream Histogram
	each := map[int]*[2]Histogram{}
	for i := range sums {
		l := &sums[i]
		n, ok := b.index(l.Time)
		if !ok {
			continue
		}
		if each[n] == nil {
			each[n] = &[2]Histogram{}
		}
		each[n][0].Add(&l.Edge)
		each[n][1].Add(&l.Upstream)
		edge.Add(&l.Edge)
		upstream.Add(&l.Upstream)
	}
	for n, h := range each {
		points[n].Edge, points[n].Upstream = h[0].Percentiles(), h[1].Percentiles()
	}
	total.Edge, total.Upstream = edge.Percentiles(), upstream.Percentiles()
}

// top orders the groups of the builder's cells.
func (b *builder) top(by Measure, after *TopGroup, limit int) []TopGroup {
	sums := map[uint64]*Point{}
	for i := range b.cells {
		c := &b.cells[i]
		if sums[c.group] == nil {
			sums[c.group] = &Point{}
		}
		sums[c.group].plus(&c.Point)
	}
	var all []TopGroup
	for n, p := range sums {
		g := TopGroup{Group: n, Amount: by.of(p)}
		if *p != (Point{}) && (after == nil || compareTop(g, *after) > 0) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, compareTop)
	return all[:min(len(all), limit)]
}

// compareTop puts the greater amount first, then the smaller number.
func compareTop(a, b TopGroup) int {
	if c := cmp.Compare(b.Amount, a.Amount); c != 0 {
		return c
	}
	return cmp.Compare(a.Group, b.Group)
}

// gatewayOf resolves a reference, which must not be empty.
func (s *Service) gatewayOf(ctx context.Context, org core.OrganizationID, ref string) (Gateway, error) {
	if ref == "" {
		return Gateway{}, core.Invalid(fmt.Errorf("a gateway is needed"))
	}
	return s.cfg.Store.Gateway(ctx, org, ref)
}
