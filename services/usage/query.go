package usage

import (
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Interval is the width of a series' points.
type Interval string

// Intervals. IntervalTotal gives one point over the whole range.
const (
	IntervalMinute Interval = "minute"
	IntervalHour   Interval = "hour"
	IntervalDay    Interval = "day"
	IntervalTotal  Interval = "total"
)

// Group is what a series is split by.
type Group string

// Groups. The zero Group does not split.
const (
	GroupNone     Group = ""
	GroupRoute    Group = "route"
	GroupKey      Group = "key"
	GroupConsumer Group = "consumer"
	GroupStatus   Group = "status"
	GroupTarget   Group = "target"
	GroupCode     Group = "code"
)

// Bounds of a query.
const (
	MaxPoints = 1500 // points a group
	MaxGroups = 200  // groups a page
	// MaxGroupPoints bounds the points of all groups of one answer: what is read and
	// written for them within a third of a second. A table (SeriesInput.Table) is
	// saved, not looked at, and may be larger.
	MaxGroupPoints = 15_000
	defaultGroups  = 20
	MaxRange       = 400 * 24 * time.Hour
	MinuteHistory  = 14 * 24 * time.Hour // how long minutes are kept
)

// SeriesInput asks for a gateway's usage. From is rounded down and To up to the
// interval, in UTC; a zero To is now, a zero From a day before To, an empty
// Interval the finest that gives at most 200 points.
type SeriesInput struct {
	Gateway  string // id or name
	From, To time.Time
	Interval Interval
	GroupBy  Group
	// Route, Consumer (names or ids) and Key (its id or kid) narrow the answer, and
	// so do Status ("404", "4xx"), Target (its id or URL) and Code (an error code
	// of the edge's own).
	Route, Consumer, Key, Status, Target, Code string
	// Compare asks for the range of the same length before this one, too.
	Compare bool
	// TotalsOnly leaves out the points of groups.
	TotalsOnly bool
	// Table lifts the bound of the points of all groups.
	Table bool
	Sort  Measure   // of groups; empty: MeasureRequests
	Page  core.Page // of groups
}

// Series is the answer.
type Series struct {
	From, To time.Time
	Interval Interval
	GroupBy  Group
	// Measures are the fields of points that are counted for the question; the
	// others say nothing.
	Measures []Measure
	Groups   []GroupSeries // largest first; one without ID when not split
	Total    Point         // over all groups and times; Time is From
	Points   []Point       // Total, by interval
	// Other sums the groups that are not on this page; nil when there are none.
	Other    *Point
	Next     string    // cursor of the next groups
	Previous *Previous // nil unless asked for
}

// Previous is the range of the same length before a series' own.
type Previous struct {
	From, To time.Time
	Total    Point
	Points   []Point
}

// GroupSeries is one group's part. A group whose resource was deleted keeps its
// numeric identity as its ID and has no Name. One without ID is what belongs to
// none: public traffic has no consumer, what the edge answers itself no target.
type GroupSeries struct {
	ID       string
	Name     string
	Upstream string // of a target
	Total    Point
	Previous *Point // its total in the range before; nil unless asked for
	Points   []Point
	num      uint64
}

// Point is what passed in one interval. Requests are all answers; Refused are
// those that the edge itself made as an error; Errors are those with a status
// of 400 or more, whoever made them.
type Point struct {
	Time                                       time.Time
	Requests                                   int64
	Billed                                     int64
	Refused                                    int64
	Errors                                     int64
	Status2xx, Status3xx, Status4xx, Status5xx int64
	BytesIn, BytesOut                          int64
	// Failed are tries at a target that gave no answer which was passed on. Only
	// targets have them.
	Failed int64
	// Edge is the time that the edge added, Upstream what it waited for the
	// backend. They exist for a gateway, a route and (Upstream) a target; nil
	// elsewhere, and where nothing passed.
	Edge, Upstream *Percentiles
}

// Percentiles of a time in milliseconds, from merged histogram buckets: at most
// 12 % off.
type Percentiles struct{ P50, P95, P99 float64 }

// check completes and bounds a query.
func (in *SeriesInput) check(now time.Time) error {
	var bad contract.FieldErrors
	if in.To.IsZero() {
		in.To = now
	}
	if in.From.IsZero() {
		in.From = in.To.Add(-24 * time.Hour)
	}
	in.From, in.To = in.From.UTC(), in.To.UTC()
	span := in.To.Sub(in.From)
	switch {
	case span <= 0:
		bad.Add("/from", "must be before to")
	case span > MaxRange:
		bad.Add("/from", fmt.Sprintf("is %d days before to, at most %d are allowed", int(span/(24*time.Hour)), int(MaxRange/(24*time.Hour))))
	case in.To.After(now.Add(MaxRange)) || in.From.Year() < 2000:
		bad.Add("/to", "is out of range")
	}
	switch in.Interval {
	case "":
		in.Interval = fitting(span)
	case IntervalMinute, IntervalHour, IntervalDay, IntervalTotal:
	default:
		bad.Add("/interval", "must be minute, hour, day or total")
	}
	in.checkSplit(&bad)
	if len(bad) == 0 {
		in.align(now, &bad)
	}
	return core.Invalid(bad.Err())
}

// align rounds the range to the interval and bounds the points.
func (in *SeriesInput) align(now time.Time, bad *contract.FieldErrors) {
	in.From, in.To = in.Interval.floor(in.From), in.Interval.ceil(in.To)
	span := in.To.Sub(in.From)
	if n := span / in.Interval.width(span); n > MaxPoints {
		bad.Add("/interval", fmt.Sprintf("gives %d points, at most %d are allowed: widen it or shorten the range", n, MaxPoints))
	}
	if in.Interval != IntervalMinute {
		return
	}
	switch kept := now.Add(-MinuteHistory); {
	case in.From.Before(kept):
		bad.Add("/interval", "minutes are kept for 14 days: ask for hours or days")
	case in.Compare && in.From.Add(-span).Before(kept):
		bad.Add("/compare", "minutes are kept for 14 days, which the range before this one is older than: ask for hours or days")
	}
}

// bound refuses more points of groups than one answer gives, and says what to ask
// for in their place.
func (in *SeriesInput) bound(groups, points int) error {
	if groups*points <= MaxGroupPoints || in.Table {
		return nil
	}
	instead := ""
	span := in.To.Sub(in.From)
	for _, wider := range []Interval{IntervalHour, IntervalDay} {
		if n := int(span/wider.width(span)) + 2; wider.width(span) > in.Interval.width(span) && groups*n <= MaxGroupPoints {
			instead = fmt.Sprintf("interval=%s, ", wider)
			break
		}
	}
	bad := contract.FieldErrors{{Pointer: "/interval", Detail: fmt.Sprintf(
		"gives %d points for each of %d groups, at most %d are answered at once: ask for %slimit=%d, or points=false for totals alone",
		points, groups, MaxGroupPoints, instead, MaxGroupPoints/points)}}
	return core.Invalid(bad)
}

// checkSplit refuses what is not counted together.
func (in *SeriesInput) checkSplit(bad *contract.FieldErrors) {
	switch in.GroupBy {
	case GroupNone, GroupRoute, GroupKey, GroupConsumer, GroupStatus, GroupTarget, GroupCode:
	default:
		bad.Add("/group_by", "must be route, key, consumer, status, target or code")
	}
	if _, ok := measureNames[in.Sort]; !ok && in.Sort != "" {
		bad.Add("/sort", "must be requests, errors, refused, upstream_errors, billed, bytes_in or bytes_out")
	}
	class, to, ok := statusRange(in.Status)
	if !ok {
		bad.Add("/status", `must be a status such as "404" or a class such as "4xx"`)
		return
	}
	if to-class == 1 {
		class = 0
	}
	used := make([]source, 0, 4)
	for _, u := range []struct {
		on bool
		s  source
	}{
		{in.exactStatus() || in.GroupBy == GroupStatus, sourceStatuses},
		{in.Target != "" || in.GroupBy == GroupTarget, sourceTargets},
		{in.Code != "" || in.GroupBy == GroupCode, sourceCodes},
	} {
		if u.on {
			used = append(used, u.s)
		}
	}
	people := in.Consumer != "" || in.Key != "" || in.GroupBy == GroupKey || in.GroupBy == GroupConsumer
	switch {
	case len(used) > 1:
		bad.Add("/group_by", "exact status codes, targets and error codes are counted apart: a question can hold one of them (a class such as 4xx goes with targets)")
	case len(used) == 1 && people:
		bad.Add("/group_by", "exact status codes, targets and error codes are counted by route, not by consumer or key (a class such as 4xx is)")
	case len(used) == 1 && in.GroupBy == GroupRoute:
		bad.Add("/group_by", "exact status codes, targets and error codes are not split by route: narrow the question to one route instead")
	case in.Code != "" && in.Status != "":
		bad.Add("/status", "an error code has its own status")
	case class == 100:
		bad.Add("/status", "is not counted: answers are 2xx, 3xx, 4xx or 5xx")
	case in.GroupBy == GroupCode && (class == 200 || class == 300):
		bad.Add("/status", "leaves nothing to split: error codes are of 4xx and 5xx answers")
	}
}

func (in *SeriesInput) exactStatus() bool {
	from, to, _ := statusRange(in.Status)
	return to-from == 1
}

func fitting(span time.Duration) Interval {
	switch {
	case span <= 200*time.Minute:
		return IntervalMinute
	case span <= 200*time.Hour:
		return IntervalHour
	}
	return IntervalDay
}

// width is the duration of one point; a total's is the whole span.
func (i Interval) width(span time.Duration) time.Duration {
	switch i {
	case IntervalMinute:
		return time.Minute
	case IntervalHour:
		return time.Hour
	case IntervalDay:
		return 24 * time.Hour
	}
	return span
}

// floor rounds down to the interval; a total goes by the hour, as the ledger
// does.
func (i Interval) floor(t time.Time) time.Time {
	if i == IntervalTotal {
		return t.Truncate(time.Hour)
	}
	return t.Truncate(i.width(0))
}

func (i Interval) ceil(t time.Time) time.Time {
	f := i.floor(t)
	if f.Equal(t) {
		return f
	}
	if i == IntervalTotal {
		return f.Add(time.Hour)
	}
	return f.Add(i.width(0))
}
