package usage

import (
	"context"
	"strconv"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// source is what a question is answered from.
type source uint8

const (
	sourceCounters source = iota // by route, consumer and key; the billed ledger
	sourceStatuses               // exact status codes by route
	sourceTargets                // what targets answered, by route
	sourceCodes                  // what the edge refused by error code, by route
)

// Groups that stand for no resource. The identities of targets and codes are odd.
const (
	groupNone     = 0 // without consumer, key, target
	groupOther    = 2 // not told apart
	groupBackend4 = 4 // errors of backends
	groupBackend5 = 6
	idOther       = "other"
	idBackend4x   = "backend_4xx"
	idBackend5x   = "backend_5xx"
)

// cell is what passed in one interval of one group.
type cell struct {
	time  int64
	group uint64
	Point
}

// question is a checked SeriesInput whose names are resolved.
type question struct {
	org     core.OrganizationID
	gateway Gateway
	in      *SeriesInput
	q       SeriesQuery
	source  source
	// statusFrom up to but without statusTo; zero statusTo is any.
	statusFrom, statusTo int
	value                uint64 // the one target or code that is asked for; 0: all
}

// classed reports whether the question is narrowed to a class of statuses.
func (a *question) classed() bool { return a.statusTo-a.statusFrom == 100 }

// timed reports whether latency is counted for what is asked.
func (a *question) timed() bool {
	switch a.source {
	case sourceCounters:
		return a.q.Consumer == 0 && a.q.Key == 0 && a.statusTo == 0 && a.q.GroupBy != GroupKey && a.q.GroupBy != GroupConsumer
	case sourceTargets:
		return a.statusTo == 0
	}
	return false
}

// measures are what points of the answer hold.
func (a *question) measures() []Measure {
	statuses := []Measure{Measure2xx, Measure3xx, Measure4xx, Measure5xx}
	out := []Measure{MeasureRequests, MeasureErrors}
	switch {
	case a.classed():
		return append(out, statuses[a.statusFrom/100-2:a.statusFrom/100-1]...)
	case a.source == sourceStatuses:
		return append(out, statuses...)
	case a.source == sourceCodes:
		return append(out, MeasureRefused, MeasureUpstreamErrors, Measure4xx, Measure5xx)
	}
	out = append(append(out, MeasureRefused, MeasureUpstreamErrors, MeasureBytesIn, MeasureBytesOut), statuses...)
	if a.source == sourceCounters {
		out = append(out, MeasureBilled)
	}
	if a.timed() && a.source == sourceCounters {
		out = append(out, measureEdge)
	}
	if a.timed() {
		out = append(out, measureUpstream)
	}
	return out
}

// keep leaves of a point what the question's status class allows.
func (a *question) keep(p *Point) {
	if !a.classed() {
		return
	}
	var kept Point
	switch a.statusFrom {
	case 200:
		kept.Status2xx = p.Status2xx
	case 300:
		kept.Status3xx = p.Status3xx
	case 400:
		kept.Status4xx = p.Status4xx
	case 500:
		kept.Status5xx = p.Status5xx
	}
	kept.Errors = kept.Status4xx + kept.Status5xx
	kept.Requests = kept.Status2xx + kept.Status3xx + kept.Errors
	*p = kept
}

// counters reads cells from the billed ledger.
func (s *Service) counters(ctx context.Context, a *question, q SeriesQuery) ([]cell, error) {
	sums, err := s.cfg.Store.Counters(ctx, a.org, q)
	out := make([]cell, len(sums))
	for i := range sums {
		out[i] = cell{time: sums[i].Time, group: sums[i].Group}
		out[i].add(&sums[i].Counts)
		a.keep(&out[i].Point)
	}
	return out, err
}

// statuses reads cells of exact status codes.
func (s *Service) statuses(ctx context.Context, a *question) ([]cell, error) {
	sums, err := s.cfg.Store.Statuses(ctx, a.org, a.q)
	out := make([]cell, 0, len(sums))
	for _, n := range sums {
		if a.statusTo != 0 && (int(n.Status) < a.statusFrom || int(n.Status) >= a.statusTo) {
			continue
		}
		c := cell{time: n.Time, group: uint64(n.Status)}
		if n.Status == 0 {
			c.group = groupOther
		}
		c.status(n.Status, int64(n.Count))
		out = append(out, c)
	}
	return out, err
}

// targets reads cells of targets, and of what no target answered: all that the
// ledger holds less what targets have.
func (s *Service) targets(ctx context.Context, a *question) ([]cell, error) {
	q := a.q
	if a.value != 0 {
		q.Only = []uint64{a.value}
	}
	sums, err := s.cfg.Store.Splits(ctx, a.org, q, contract.SplitTarget)
	if err != nil {
		return nil, err
	}
	rest := map[int64]*cell{}
	var out []cell
	if a.value == 0 {
		q.GroupBy = GroupNone
		all, err := s.counters(ctx, &question{org: a.org}, q)
		if err != nil {
			return nil, err
		}
		for i := range all {
			all[i].Billed = 0 // not told apart by target
			rest[all[i].time] = &all[i]
		}
	}
	for i := range sums {
		c := cell{time: sums[i].Time, group: sums[i].Value}
		if c.group == 0 {
			c.group = groupOther
		}
		c.split(&sums[i].Counts)
		if r := rest[c.time]; r != nil {
			r.subtract(&c.Point)
		}
		a.keep(&c.Point)
		out = append(out, c)
	}
	for _, r := range rest {
		a.keep(&r.Point)
		out = append(out, *r)
	}
	return out, nil
}

// codes reads cells of error codes, and of the errors that backends made.
func (s *Service) codes(ctx context.Context, a *question) ([]cell, error) {
	q := a.q
	if a.value != 0 {
		q.Only = []uint64{a.value}
	}
	sums, err := s.cfg.Store.Splits(ctx, a.org, q, contract.SplitCode)
	if err != nil {
		return nil, err
	}
	own := map[int64]*Point{}
	var out []cell
	for i := range sums {
		c := cell{time: sums[i].Time, group: sums[i].Value}
		if c.group == 0 {
			c.group = groupOther
		}
		c.split(&sums[i].Counts)
		c.Refused = c.Requests
		if own[c.time] == nil {
			own[c.time] = &Point{}
		}
		own[c.time].plus(&c.Point)
		if a.keep(&c.Point); c.Requests != 0 {
			out = append(out, c)
		}
	}
	if a.value != 0 {
		return out, nil
	}
	q.GroupBy = GroupNone
	all, err := s.counters(ctx, &question{org: a.org}, q)
	if err != nil {
		return nil, err
	}
	for i := range all {
		n := own[all[i].time]
		if n == nil {
			n = &Point{}
		}
		for _, c := range []cell{
			{time: all[i].time, group: groupBackend4, Point: Point{Status4xx: all[i].Status4xx - n.Status4xx}},
			{time: all[i].time, group: groupBackend5, Point: Point{Status5xx: all[i].Status5xx - n.Status5xx}},
		} {
			c.Errors = c.Status4xx + c.Status5xx
			c.Requests = c.Errors
			if a.keep(&c.Point); c.Requests != 0 {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// labels names groups that stand for something.
func (s *Service) labels(ctx context.Context, a *question, groups []GroupSeries) error {
	var targets map[uint64]TargetName
	var names map[uint64]Named
	var err error
	switch a.q.GroupBy {
	case GroupTarget:
		targets, err = s.cfg.Store.Targets(ctx, a.org, a.gateway)
	case GroupRoute, GroupConsumer, GroupKey:
		nums := make([]uint64, len(groups))
		for i := range groups {
			nums[i] = groups[i].num
		}
		if len(nums) > 0 {
			names, err = s.cfg.Store.Names(ctx, a.org, a.gateway, a.q.GroupBy, nums)
		}
	}
	if err != nil {
		return err
	}
	for i := range groups {
		g := &groups[i]
		switch a.q.GroupBy {
		case GroupTarget:
			g.label(targetID(g.num), targets[g.num].URL)
			g.Upstream = targets[g.num].Upstream
		case GroupStatus:
			g.label(strconv.FormatUint(g.num, 10), "")
		case GroupCode:
			if code, ok := contract.CodeByID(g.num); ok {
				g.label(code.String(), code.Info().Title)
			} else {
				g.label(targetID(g.num), "")
			}
		default:
			n := names[g.num]
			switch {
			case a.q.GroupBy == GroupConsumer && g.num == contract.ConsumerUnmatched:
				n = Named{ID: IDUnmatched, Name: "tokens of no consumer"}
			case n.ID == "":
				n.ID = strconv.FormatUint(g.num, 10)
			}
			if g.num != groupNone {
				g.ID, g.Name = n.ID, n.Name
			}
		}
	}
	return nil
}

// IDUnmatched is the group of requests with a good token whose identity belongs to
// no consumer; it also narrows a question to them, where no consumer has the name.
const IDUnmatched = "unmatched"

// label names a group of a dimension whose numbers 0, 2, 4 and 6 stand for no
// resource.
func (g *GroupSeries) label(id, name string) {
	switch g.num {
	case groupNone:
		return
	case groupOther:
		id, name = idOther, "not told apart"
	case groupBackend4:
		id, name = idBackend4x, "4xx of backends"
	case groupBackend5:
		id, name = idBackend5x, "5xx of backends"
	}
	g.ID, g.Name = id, name
}

// targetID is a target's identity as it is shown.
func targetID(num uint64) string { return strconv.FormatUint(num, 36) }
