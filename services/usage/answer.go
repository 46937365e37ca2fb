package usage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Series answers a usage query.
func (s *Service) Series(ctx context.Context, org core.OrganizationID, in SeriesInput) (Series, error) {
	if err := in.check(s.cfg.Clock()); err != nil {
		return Series{}, err
	}
	gateway, err := s.cfg.Store.Gateway(ctx, org, in.Gateway)
	if err != nil {
		return Series{}, err
	}
	q := SeriesQuery{Gateway: gateway.Num, From: in.From, To: in.To, Interval: in.Interval}
	for _, narrow := range []struct {
		by  Group
		ref string
		to  *uint64
	}{{GroupRoute, in.Route, &q.Route}, {GroupConsumer, in.Consumer, &q.Consumer}, {GroupKey, in.Key, &q.Key}} {
		if narrow.ref == "" {
			continue
		}
		if *narrow.to, err = s.cfg.Store.Resolve(ctx, org, gateway, narrow.by, narrow.ref); err != nil {
			return Series{}, err
		}
	}
	b := builder{in: &in, q: q, out: Series{From: in.From, To: in.To, Interval: in.Interval, GroupBy: in.GroupBy}}
	if err := s.total(ctx, org, &b); err != nil {
		return Series{}, err
	}
	switch in.GroupBy {
	case GroupNone:
	case GroupStatus:
		err = s.byStatus(ctx, org, &b)
	default:
		err = s.byResource(ctx, org, gateway, &b)
	}
	return b.out, err
}

// builder puts an answer together.
type builder struct {
	in  *SeriesInput
	q   SeriesQuery
	out Series
}

// index is the place of a moment among the points.
func (b *builder) index(unix int64) (int, bool) {
	if b.in.Interval == IntervalTotal {
		return 0, true
	}
	i := time.Unix(unix, 0).Sub(b.in.From) / b.in.Interval.width(0)
	return int(i), i >= 0 && unix < b.in.To.Unix()
}

// points makes empty points for the whole range.
func (b *builder) points() []Point {
	if b.in.Interval == IntervalTotal {
		return []Point{{Time: b.in.From}}
	}
	w := b.in.Interval.width(0)
	out := make([]Point, 0, b.in.To.Sub(b.in.From)/w)
	for t := b.in.From; t.Before(b.in.To); t = t.Add(w) {
		out = append(out, Point{Time: t})
	}
	return out
}

// group adds an empty group.
func (b *builder) group(id, name string) *GroupSeries {
	b.out.Groups = append(b.out.Groups, GroupSeries{ID: id, Name: name, Total: Point{Time: b.in.From}, Points: b.points()})
	return &b.out.Groups[len(b.out.Groups)-1]
}

// timed says whether latency exists for the query: it is counted by route.
func (b *builder) timed() bool { return b.q.Consumer == 0 && b.q.Key == 0 }

// total fills the sum over all groups. Without a split it is the only group.
func (s *Service) total(ctx context.Context, org core.OrganizationID, b *builder) error {
	q := b.q
	q.GroupBy = GroupNone
	sums, err := s.cfg.Store.Counters(ctx, org, q)
	if err != nil {
		return err
	}
	var latencies []LatencySum
	if b.timed() {
		if latencies, err = s.cfg.Store.Latencies(ctx, org, q); err != nil {
			return err
		}
	}
	g := b.group("", "")
	for _, c := range sums {
		b.count(g, c)
	}
	b.time(g, latencies)
	b.out.Total = g.Total
	if b.in.GroupBy != GroupNone {
		b.out.Groups = b.out.Groups[:0]
	}
	return nil
}

func (b *builder) count(g *GroupSeries, c CounterSum) {
	if i, ok := b.index(c.Time); ok {
		g.Points[i].add(&c.Counts)
		g.Total.add(&c.Counts)
	}
}

// time fills a group's percentiles.
func (b *builder) time(g *GroupSeries, sums []LatencySum) {
	var edge, upstream Histogram
	for i := range sums {
		l := &sums[i]
		if n, ok := b.index(l.Time); ok {
			g.Points[n].Edge, g.Points[n].Upstream = l.Edge.Percentiles(), l.Upstream.Percentiles()
			edge.Add(&l.Edge)
			upstream.Add(&l.Upstream)
		}
	}
	g.Total.Edge, g.Total.Upstream = edge.Percentiles(), upstream.Percentiles()
}

// byResource splits by route, key or consumer.
func (s *Service) byResource(ctx context.Context, org core.OrganizationID, gateway Gateway, b *builder) error {
	q := b.q
	q.GroupBy = b.in.GroupBy
	top, err := s.cfg.Store.Top(ctx, org, q, MaxGroups)
	if err != nil || len(top) == 0 {
		return err
	}
	q.Only = top
	sums, err := s.cfg.Store.Counters(ctx, org, q)
	if err != nil {
		return err
	}
	names, err := s.cfg.Store.Names(ctx, org, gateway, q.GroupBy, top)
	if err != nil {
		return err
	}
	var latencies []LatencySum
	if q.GroupBy == GroupRoute && b.timed() {
		if latencies, err = s.cfg.Store.Latencies(ctx, org, q); err != nil {
			return err
		}
	}
	place := make(map[uint64]int, len(top))
	for i, n := range top {
		place[n] = i
		r := names[n]
		if r.ID == "" && n != 0 {
			r.ID = strconv.FormatUint(n, 10)
		}
		b.group(r.ID, r.Name)
	}
	for _, c := range sums {
		if i, ok := place[c.Group]; ok {
			b.count(&b.out.Groups[i], c)
		}
	}
	slices.SortFunc(latencies, func(x, y LatencySum) int { return cmp.Compare(x.Group, y.Group) })
	for from := 0; from < len(latencies); {
		to := from + 1
		for to < len(latencies) && latencies[to].Group == latencies[from].Group {
			to++
		}
		if i, ok := place[latencies[from].Group]; ok {
			b.time(&b.out.Groups[i], latencies[from:to])
		}
		from = to
	}
	b.other()
	return nil
}

// other is what the groups shown leave over of the total.
func (b *builder) other() {
	rest := b.out.Total
	rest.Edge, rest.Upstream = nil, nil
	for i := range b.out.Groups {
		rest.subtract(&b.out.Groups[i].Total)
	}
	if rest.Requests != 0 {
		b.out.Other = &rest
	}
}

// byStatus splits by exact status code.
func (s *Service) byStatus(ctx context.Context, org core.OrganizationID, b *builder) error {
	sums, err := s.cfg.Store.Statuses(ctx, org, b.q)
	if err != nil {
		return err
	}
	place := map[uint16]int{}
	for _, c := range sums {
		i, ok := place[c.Status]
		if !ok {
			i = len(b.out.Groups)
			place[c.Status] = i
			name := ""
			id := strconv.Itoa(int(c.Status))
			if c.Status == 0 {
				id, name = "other", "other status codes"
			}
			b.group(id, name)
		}
		g := &b.out.Groups[i]
		if n, ok := b.index(c.Time); ok {
			g.Points[n].status(c.Status, int64(c.Count))
			g.Total.status(c.Status, int64(c.Count))
		}
	}
	slices.SortStableFunc(b.out.Groups, func(x, y GroupSeries) int { return cmp.Compare(y.Total.Requests, x.Total.Requests) })
	return nil
}

func (p *Point) add(c *contract.Counts) {
	p.Status2xx += int64(c.C2xx)
	p.Status3xx += int64(c.C3xx)
	p.Status4xx += int64(c.C4xx)
	p.Status5xx += int64(c.C5xx)
	p.Requests += int64(c.C2xx + c.C3xx + c.C4xx + c.C5xx)
	p.Errors += int64(c.C4xx + c.C5xx)
	p.Billed += int64(c.Billed)
	p.Refused += int64(c.Refused)
	p.BytesIn += int64(c.BytesIn)
	p.BytesOut += int64(c.BytesOut)
}

func (p *Point) subtract(q *Point) {
	p.Requests -= q.Requests
	p.Billed -= q.Billed
	p.Refused -= q.Refused
	p.Errors -= q.Errors
	p.Status2xx -= q.Status2xx
	p.Status3xx -= q.Status3xx
	p.Status4xx -= q.Status4xx
	p.Status5xx -= q.Status5xx
	p.BytesIn -= q.BytesIn
	p.BytesOut -= q.BytesOut
}

// status counts answers of one code. Code 0 stands for codes that were not told
// apart: they have no class.
func (p *Point) status(code uint16, n int64) {
	p.Requests += n
	switch {
	case code == 0:
	case code < 300:
		p.Status2xx += n
	case code < 400:
		p.Status3xx += n
	case code < 500:
		p.Status4xx += n
		p.Errors += n
	default:
		p.Status5xx += n
		p.Errors += n
	}
}

// gatewayOf resolves a reference, which must not be empty.
func (s *Service) gatewayOf(ctx context.Context, org core.OrganizationID, ref string) (Gateway, error) {
	if ref == "" {
		return Gateway{}, core.Invalid(fmt.Errorf("a gateway is needed"))
	}
	return s.cfg.Store.Gateway(ctx, org, ref)
}
