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
)

// Bounds of a query.
const (
	MaxPoints     = 1500 // points a group
	MaxGroups     = 200  // groups an answer; the rest is summed in Other
	MaxRange      = 400 * 24 * time.Hour
	MinuteHistory = 14 * 24 * time.Hour // how long minutes are kept
)

// SeriesInput asks for a gateway's usage. From is rounded down and To up to the
// interval, in UTC; a zero To is now, a zero From a day before To, an empty
// Interval the finest that gives at most 200 points.
type SeriesInput struct {
	Gateway  string // id or name
	From, To time.Time
	Interval Interval
	GroupBy  Group
	// Route, Consumer (names or ids) and Key (its id or kid) narrow the answer.
	Route, Consumer, Key string
}

// Series is the answer.
type Series struct {
	From, To time.Time
	Interval Interval
	GroupBy  Group
	Groups   []GroupSeries // largest first; one without ID when not split
	Total    Point         // over all groups and times; Time is From
	// Other sums the groups beyond MaxGroups; nil when there are none.
	Other *Point
}

// GroupSeries is one group's part. A group whose resource was deleted keeps its
// numeric identity as its ID and has no Name.
type GroupSeries struct {
	ID     string // route, key or consumer id; the status code
	Name   string
	Total  Point
	Points []Point // one for each interval, empty ones included
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
	// Edge is the time that the edge added, Upstream what it waited for the
	// backend. They exist for a gateway and by route; nil elsewhere, and where
	// nothing passed.
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
	switch in.GroupBy {
	case GroupNone, GroupRoute, GroupKey, GroupConsumer, GroupStatus:
	case "target":
		bad.Add("/group_by", "usage is not counted by target; the access log and the health page show targets")
	default:
		bad.Add("/group_by", "must be route, key, consumer or status")
	}
	if in.GroupBy == GroupStatus && (in.Key != "" || in.Consumer != "") {
		bad.Add("/group_by", "status codes are counted by route: they can't be narrowed to a key or consumer")
	}
	if len(bad) == 0 {
		in.From, in.To = in.Interval.floor(in.From), in.Interval.ceil(in.To)
		if n := in.To.Sub(in.From) / in.Interval.width(in.To.Sub(in.From)); n > MaxPoints {
			bad.Add("/interval", fmt.Sprintf("gives %d points, at most %d are allowed: widen it or shorten the range", n, MaxPoints))
		}
		if in.Interval == IntervalMinute && in.From.Before(now.Add(-MinuteHistory)) {
			bad.Add("/interval", "minutes are kept for 14 days: ask for hours or days")
		}
	}
	return core.Invalid(bad.Err())
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

// floor rounds down to the interval; totals go by the minute near now, and by
// the hour otherwise, as the ledger does.
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
