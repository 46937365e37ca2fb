package store

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/usage"
)

// stretch is a part of a query's range that is read from sums of one span.
type stretch struct {
	span     int64
	from, to int64  // in spans since 1970
	point    string // expression of a point's start in Unix seconds; %s is the column of time
}

const (
	hourSeconds = 3600
	daySeconds  = 86400
)

// stretches divide a query's range. One point over all is read from whole days,
// and from hours where the range ends within a day.
func stretches(q *usage.SeriesQuery) []stretch {
	from, to := q.From.Unix(), q.To.Unix()
	switch q.Interval {
	case usage.IntervalMinute:
		return []stretch{{spanMinute, from / 60, to / 60, "%s * 60"}}
	case usage.IntervalHour:
		return []stretch{{spanHour, from / hourSeconds, to / hourSeconds, "%s * 3600"}}
	case usage.IntervalDay:
		return []stretch{{spanDay, from / daySeconds, to / daySeconds, "%s * 86400"}}
	}
	return whole(from, to)
}

// whole divides a range that begins and ends at full hours.
func whole(from, to int64) (out []stretch) {
	first, last := (from+daySeconds-1)/daySeconds, to/daySeconds
	if first >= last {
		return []stretch{{spanHour, from / hourSeconds, to / hourSeconds, "0"}}
	}
	out = []stretch{{spanDay, first, last, "0"}}
	if first*daySeconds > from {
		out = append(out, stretch{spanHour, from / hourSeconds, first * 24, "0"})
	}
	if last*daySeconds < to {
		out = append(out, stretch{spanHour, last * 24, to / hourSeconds, "0"})
	}
	return out
}

// reading is a SELECT over the stretches of a query, with its arguments.
type reading struct {
	org  core.OrganizationID
	q    *usage.SeriesQuery
	sql  strings.Builder
	args []any
}

func newReading(org core.OrganizationID, q *usage.SeriesQuery) *reading {
	return &reading{org: org, q: q}
}

// add selects columns of one stretch from a table; where holds more conditions.
func (r *reading) add(s *stretch, table, at, group, columns, where string, args ...any) {
	if r.sql.Len() > 0 {
		r.sql.WriteString(" UNION ALL ")
	}
	point := s.point
	if strings.Contains(point, "%s") {
		point = fmt.Sprintf(point, at)
	}
	fmt.Fprintf(&r.sql, "SELECT %s AS at, %s AS grp, %s FROM %s WHERE %s AND %s >= ? AND %s < ?%s", point, group, columns, table, ours, at, at, where)
	r.args = append(r.args, int64(r.q.Gateway), int64(r.q.Gateway), string(r.org), s.from, s.to)
	r.args = append(r.args, args...)
}

// sums selects from a table of sums that are kept for gateways and routes.
func (r *reading) sums(table, group, columns, where string, list []stretch, args ...any) {
	part, narrow := int64(partGateway), ""
	if r.q.Route != 0 || r.q.GroupBy == usage.GroupRoute {
		part = partRoute
	}
	if r.q.Route != 0 {
		narrow = " AND route = ?"
	}
	if r.q.Only != nil {
		where += " AND " + group + " IN ?"
		args = append(args, signed(r.q.Only))
	}
	for i := range list {
		more := []any{list[i].span, part}
		if r.q.Route != 0 {
			more = append(more, int64(r.q.Route))
		}
		r.add(&list[i], table, "at", group, columns, " AND span = ? AND part = ?"+narrow+where, append(more, args...)...)
	}
}

func signed(nums []uint64) []int64 {
	out := make([]int64, len(nums))
	for i, n := range nums {
		out[i] = int64(n)
	}
	return out
}

// groupColumn is the column that counters are split by.
func groupColumn(by usage.Group) string {
	switch by {
	case usage.GroupRoute:
		return "route"
	case usage.GroupKey:
		return "kid"
	case usage.GroupConsumer:
		return "consumer"
	}
	return "0"
}

// counters selects counters: from sums where the query speaks of routes alone,
// else from what is kept by key and consumer.
func (r *reading) counters(columns string, list []stretch) {
	q := r.q
	group := groupColumn(q.GroupBy)
	if q.Consumer == 0 && q.Key == 0 && q.GroupBy != usage.GroupKey && q.GroupBy != usage.GroupConsumer {
		r.sums("usage_sums", group, columns, "", list)
		return
	}
	var where strings.Builder
	var args []any
	for _, c := range []struct {
		column string
		value  uint64
		some   string // a partial index knows
	}{{"route", q.Route, ""}, {"consumer", q.Consumer, " AND consumer <> 0"}, {"kid", q.Key, " AND kid <> 0"}} {
		if c.value != 0 {
			where.WriteString(" AND " + c.column + " = ?" + c.some)
			args = append(args, int64(c.value))
		}
	}
	if q.Only != nil {
		where.WriteString(" AND " + group + " IN ?")
		args = append(args, signed(q.Only))
	}
	for i := range list {
		table, at := "usage_days", "day"
		switch list[i].span {
		case spanMinute:
			table, at = "usage_minutes", "minute"
		case spanHour:
			table, at = "usage_counters", "hour"
		}
		r.add(&list[i], table, at, group, columns, where.String(), args...)
	}
}

// measures are the expressions of what groups are ordered by.
var measures = map[usage.Measure]string{
	usage.MeasureRequests: "c2xx + c3xx + c4xx + c5xx", usage.MeasureErrors: "c4xx + c5xx", usage.MeasureRefused: "refused",
	usage.MeasureUpstreamErrors: "c4xx + c5xx - refused", usage.MeasureBilled: "billed", usage.MeasureBytesIn: "bytes_in",
	usage.MeasureBytesOut: "bytes_out", usage.Measure2xx: "c2xx", usage.Measure3xx: "c3xx", usage.Measure4xx: "c4xx", usage.Measure5xx: "c5xx",
}

// Top returns the groups with the most of a measure, the greatest first.
func (u *Usage) Top(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery, by usage.Measure, after *usage.TopGroup, limit int) ([]usage.TopGroup, error) {
	list := stretches(&q)
	if q.Interval == usage.IntervalHour {
		list = whole(q.From.Unix(), q.To.Unix())
	}
	r := newReading(org, &q)
	r.counters(measures[by]+" AS amount", list)
	query := "SELECT grp, CAST(SUM(amount) AS bigint) AS amount FROM (" + r.sql.String() + ") AS x GROUP BY grp"
	if after != nil {
		query += " HAVING SUM(amount) < ? OR SUM(amount) = ? AND grp > ?"
		r.args = append(r.args, after.Amount, after.Amount, int64(after.Group))
	}
	var rows []struct{ Grp, Amount int64 }
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw(query+" ORDER BY 2 DESC, 1 LIMIT ?", append(r.args, limit)...).Scan(&rows).Error
	})
	out := make([]usage.TopGroup, len(rows))
	for i := range rows {
		out[i] = usage.TopGroup{Group: uint64(rows[i].Grp), Amount: rows[i].Amount}
	}
	return out, err
}

// sumOf are SUM expressions of columns, as 64-bit integers.
func sumOf(columns []string) string {
	sums := make([]string, len(columns))
	for i, c := range columns {
		sums[i] = fmt.Sprintf("CAST(SUM(%[1]s) AS bigint) AS %[1]s", c)
	}
	return list(sums)
}

// countsRow is a sum of counters.
type countsRow struct {
	At, Grp           int64
	Billed, Refused   int64
	C2xx, C3xx        int64
	C4xx, C5xx        int64
	BytesIn, BytesOut int64
	Failed            int64
}

// summed reads a reading's sums by point and group.
func (u *Usage) summed(ctx context.Context, r *reading, columns []string) (rows []countsRow, err error) {
	query := "SELECT at, grp, " + sumOf(columns) + " FROM (" + r.sql.String() + ") AS x GROUP BY 1, 2 ORDER BY 1, 2"
	err = u.DB.View(ctx, func(db *gorm.DB) error { return db.Raw(query, r.args...).Scan(&rows).Error })
	return rows, err
}

// Counters sums counters.
func (u *Usage) Counters(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) ([]usage.CounterSum, error) {
	r := newReading(org, &q)
	r.counters(list(counterRising), stretches(&q))
	rows, err := u.summed(ctx, r, counterRising)
	out := make([]usage.CounterSum, len(rows))
	for i, c := range rows {
		out[i] = usage.CounterSum{Time: c.At, Group: uint64(c.Grp), Counts: contract.Counts{
			Billed: uint64(c.Billed), Refused: uint64(c.Refused), C2xx: uint64(c.C2xx), C3xx: uint64(c.C3xx),
			C4xx: uint64(c.C4xx), C5xx: uint64(c.C5xx), BytesIn: uint64(c.BytesIn), BytesOut: uint64(c.BytesOut),
		}}
	}
	return out, err
}

// Statuses sums exact status codes.
func (u *Usage) Statuses(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) ([]usage.StatusSum, error) {
	r := newReading(org, &q)
	r.sums("usage_status_sums", "status", "count AS c2xx", "", stretches(&q))
	rows, err := u.summed(ctx, r, []string{"c2xx"})
	out := make([]usage.StatusSum, len(rows))
	for i, c := range rows {
		out[i] = usage.StatusSum{Time: c.At, Status: uint16(c.Grp), Count: uint64(c.C2xx)}
	}
	return out, err
}

// Splits sums what targets answered or codes refused.
func (u *Usage) Splits(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery, dim uint32) ([]usage.SplitSum, error) {
	r := newReading(org, &q)
	r.sums("usage_split_sums", "value", list(splitRising), " AND dim = ?", stretches(&q), int64(dim))
	rows, err := u.summed(ctx, r, splitRising)
	out := make([]usage.SplitSum, len(rows))
	for i, c := range rows {
		out[i] = usage.SplitSum{Time: c.At, Value: uint64(c.Grp), Counts: contract.SplitCounts{
			C2xx: uint64(c.C2xx), C3xx: uint64(c.C3xx), C4xx: uint64(c.C4xx), C5xx: uint64(c.C5xx),
			Failed: uint64(c.Failed), BytesIn: uint64(c.BytesIn), BytesOut: uint64(c.BytesOut),
		}}
	}
	return out, err
}

// Latencies merges the histograms of a gateway or of routes.
func (u *Usage) Latencies(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) ([]usage.LatencySum, error) {
	group := "0"
	if q.GroupBy == usage.GroupRoute {
		group = "route"
	} else {
		q.Only = nil
	}
	r := newReading(org, &q)
	r.sums("usage_latency_sums", group, "edge, upstream", "", stretches(&q))
	return u.histograms(ctx, r)
}

// TargetLatencies merges the histograms of targets.
func (u *Usage) TargetLatencies(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) ([]usage.LatencySum, error) {
	r := newReading(org, &q)
	r.sums("usage_target_latencies", "value", "edge, upstream", "", stretches(&q))
	return u.histograms(ctx, r)
}

// histograms merges what a reading selects.
func (u *Usage) histograms(ctx context.Context, r *reading) ([]usage.LatencySum, error) {
	type key struct{ at, group int64 }
	index := map[key]int{}
	var out []usage.LatencySum
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		rows, err := db.Raw(r.sql.String()+" ORDER BY 1, 2", r.args...).Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k key
			var edge, upstream string
			if err := rows.Scan(&k.at, &k.group, &edge, &upstream); err != nil {
				return err
			}
			i, ok := index[k]
			if !ok {
				i = len(out)
				index[k] = i
				out = append(out, usage.LatencySum{Time: k.at, Group: uint64(k.group)})
			}
			if err := parseBuckets(edge, &out[i].Edge); err != nil {
				return err
			}
			if err := parseBuckets(upstream, &out[i].Upstream); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return out, err
}

// Targets names all targets that a gateway has or had: those that were
// configured before names were kept, from its upstreams.
func (u *Usage) Targets(ctx context.Context, org core.OrganizationID, gateway usage.Gateway) (map[uint64]usage.TargetName, error) {
	out := map[uint64]usage.TargetName{}
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		var rows []struct {
			Target        uint64
			Upstream, URL string
		}
		if err := db.Table("usage_targets").Where(ours, int64(gateway.Num), int64(gateway.Num), string(org)).Scan(&rows).Error; err != nil {
			return err
		}
		for _, r := range rows {
			out[r.Target] = usage.TargetName{Upstream: r.Upstream, URL: r.URL}
		}
		var upstreams []entryRow
		err := db.Table("upstreams").Where("organization_id = ? AND gateway_id = ?", string(org), gateway.ID).Find(&upstreams).Error
		if err != nil {
			return err
		}
		for i := range upstreams {
			if err := targetsOf(&upstreams[i], out); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}
