package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/migrations"
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

// points divide a query's range at its points. One point over all is covered by
// the spans that there are sums of.
func points(q *usage.SeriesQuery, spans []int64) []stretch {
	from, to := q.From.Unix(), q.To.Unix()
	switch q.Interval {
	case usage.IntervalMinute:
		return []stretch{{spanMinute, from / 60, to / 60, "%s * 60"}}
	case usage.IntervalHour:
		return []stretch{{spanHour, from / hourSeconds, to / hourSeconds, "%s * 3600"}}
	case usage.IntervalDay:
		return []stretch{{spanDay, from / daySeconds, to / daySeconds, "%s * 86400"}}
	}
	return cover(from, to, spans)
}

// Spans that sums are kept of, the longest first.
var (
	spansToWeek = []int64{spanWeek, spanDay, spanHour, spanMinute}
	spansToDay  = spansToWeek[1:]
)

// cover divides a range that begins and ends at full minutes into the longest
// spans that fit, and the shorter ones at its ends.
func cover(from, to int64, spans []int64) []stretch {
	if from >= to || len(spans) == 0 {
		return nil
	}
	w := spans[0] * 60
	first, last := (from+w-1)/w, to/w
	if first >= last {
		return cover(from, to, spans[1:])
	}
	out := append(cover(from, first*w, spans[1:]), stretch{spans[0], first, last, "0"})
	return append(out, cover(last*w, to, spans[1:])...)
}

// reading is a SELECT over the stretches of a query, with its arguments.
type reading struct {
	org  core.OrganizationID
	q    *usage.SeriesQuery
	sql  strings.Builder
	args []any
}

// read runs reads of sums. PostgreSQL plans each for its own range: a plan for any
// range takes a month for an hour, and every group for a few.
func (u *Usage) read(ctx context.Context, fn func(*gorm.DB) error) error {
	return u.DB.View(ctx, func(db *gorm.DB) error {
		if u.DB.dialect == migrations.SQLite {
			return fn(db)
		}
		return db.Transaction(func(db *gorm.DB) error {
			if err := db.Exec("SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off").Error; err != nil {
				return err
			}
			return fn(db)
		}, &sql.TxOptions{ReadOnly: true})
	})
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

// byCaller reports whether a query speaks of keys or consumers.
func byCaller(q *usage.SeriesQuery) bool {
	return q.Consumer != 0 || q.Key != 0 || q.GroupBy == usage.GroupKey || q.GroupBy == usage.GroupConsumer
}

// byRoute reports whether a query tells routes apart.
func byRoute(q *usage.SeriesQuery) bool { return q.Route != 0 || q.GroupBy == usage.GroupRoute }

// counterSpans are the spans that counters are summed up by, for a query: seven
// days by route or by caller, but not for the whole gateway nor by both.
func counterSpans(q *usage.SeriesQuery) []int64 {
	if byCaller(q) != byRoute(q) {
		return spansToWeek
	}
	return spansToDay
}

// counters selects counters: from sums where the query speaks of routes alone,
// else from what is kept by key and consumer.
func (r *reading) counters(columns string, list []stretch) {
	q := r.q
	group := groupColumn(q.GroupBy)
	if !byCaller(q) {
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
	for _, only := range onlyOf(q, group) {
		for i := range list {
			table, at, span := callerTable(&list[i], byRoute(q))
			r.add(&list[i], table, at, group, columns, span+where.String()+only.where, slices.Concat(args, only.args)...)
		}
	}
}

// callerTable is where counters of keys and consumers are kept, by the length of
// a stretch.
func callerTable(s *stretch, routes bool) (table, at, where string) {
	switch {
	case s.span == spanMinute:
		return "usage_minutes", "minute", ""
	case s.span == spanHour:
		return "usage_counters", "hour", ""
	case routes:
		return "usage_days", "day", ""
	}
	return "usage_callers", "at", fmt.Sprintf(" AND span = %d", s.span)
}

// condition is a part of a WHERE clause.
type condition struct {
	where string
	args  []any
}

// onlyOf are the conditions that choose a query's groups, each of which an index
// of its own knows: those without key or consumer stand apart from the others.
func onlyOf(q *usage.SeriesQuery, group string) (out []condition) {
	if q.Only == nil {
		return []condition{{}}
	}
	some := slices.DeleteFunc(signed(q.Only), func(n int64) bool { return n == 0 })
	without := len(some) < len(q.Only)
	if q.GroupBy == usage.GroupRoute {
		return []condition{{" AND route IN ?", []any{signed(q.Only)}}}
	}
	if len(some) > 0 {
		out = append(out, condition{" AND " + group + " <> 0 AND " + group + " IN ?", []any{some}})
	}
	if without {
		out = append(out, condition{where: " AND " + group + " = 0"})
	}
	return out
}

// measures are the expressions of what groups are ordered by.
var measures = map[usage.Measure]string{
	usage.MeasureRequests: "c2xx + c3xx + c4xx + c5xx", usage.MeasureErrors: "c4xx + c5xx", usage.MeasureRefused: "refused",
	usage.MeasureUpstreamErrors: "c4xx + c5xx - refused", usage.MeasureBilled: "billed", usage.MeasureBytesIn: "bytes_in",
	usage.MeasureBytesOut: "bytes_out", usage.Measure2xx: "c2xx", usage.Measure3xx: "c3xx", usage.Measure4xx: "c4xx", usage.Measure5xx: "c5xx",
}

// Top returns the groups with the most of a measure, the greatest first.
func (u *Usage) Top(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery, by usage.Measure, after *usage.TopGroup, limit int) ([]usage.TopGroup, error) {
	r := newReading(org, &q)
	r.counters(measures[by]+" AS amount", cover(q.From.Unix(), q.To.Unix(), counterSpans(&q)))
	query := "SELECT grp, CAST(SUM(amount) AS bigint) AS amount FROM (" + r.sql.String() + ") AS x GROUP BY grp"
	if after != nil {
		query += " HAVING SUM(amount) < ? OR SUM(amount) = ? AND grp > ?"
		r.args = append(r.args, after.Amount, after.Amount, int64(after.Group))
	}
	var rows []struct{ Grp, Amount int64 }
	err := u.read(ctx, func(db *gorm.DB) error {
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

// summed calls each with every point and group of a reading, and the sums of the
// columns.
func (u *Usage) summed(ctx context.Context, r *reading, columns []string, each func(at int64, group uint64, n *rowAdd)) error {
	query := "SELECT at, grp, " + sumOf(columns) + " FROM (" + r.sql.String() + ") AS x GROUP BY 1, 2 ORDER BY 1, 2"
	return u.read(ctx, func(db *gorm.DB) error {
		rows, err := db.Raw(query, r.args...).Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		var at int64
		var group uint64
		var n rowAdd
		into := []any{&at, &group}
		for i := range columns {
			into = append(into, &n[i])
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return err
			}
			each(at, group, &n)
		}
		return rows.Err()
	})
}

// Counters sums counters.
func (u *Usage) Counters(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) (out []usage.CounterSum, err error) {
	r := newReading(org, &q)
	r.counters(list(counterRising), points(&q, counterSpans(&q)))
	err = u.summed(ctx, r, counterRising, func(at int64, group uint64, n *rowAdd) {
		out = append(out, usage.CounterSum{Time: at, Group: group, Counts: contract.Counts{
			Billed: n[0], C2xx: n[1], C3xx: n[2], C4xx: n[3], C5xx: n[4], Refused: n[5], BytesIn: n[6], BytesOut: n[7],
		}})
	})
	return out, err
}

// Statuses sums exact status codes.
func (u *Usage) Statuses(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) (out []usage.StatusSum, err error) {
	r := newReading(org, &q)
	r.sums("usage_status_sums", "status", "count", "", points(&q, spansToDay))
	err = u.summed(ctx, r, []string{"count"}, func(at int64, group uint64, n *rowAdd) {
		out = append(out, usage.StatusSum{Time: at, Status: uint16(group), Count: n[0]})
	})
	return out, err
}

// Splits sums what targets answered or codes refused.
func (u *Usage) Splits(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery, dim uint32) (out []usage.SplitSum, err error) {
	r := newReading(org, &q)
	r.sums("usage_split_sums", "value", list(splitRising), " AND dim = ?", points(&q, spansToDay), int64(dim))
	err = u.summed(ctx, r, splitRising, func(at int64, group uint64, n *rowAdd) {
		out = append(out, usage.SplitSum{Time: at, Value: group, Counts: contract.SplitCounts{
			C2xx: n[0], C3xx: n[1], C4xx: n[2], C5xx: n[3], Failed: n[4], BytesIn: n[5], BytesOut: n[6],
		}})
	})
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
	r.sums("usage_latency_sums", group, "edge, upstream", "", points(&q, spansToDay))
	return u.histograms(ctx, r)
}

// TargetLatencies merges the histograms of targets.
func (u *Usage) TargetLatencies(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) ([]usage.LatencySum, error) {
	r := newReading(org, &q)
	r.sums("usage_target_latencies", "value", "edge, upstream", "", points(&q, spansToDay))
	return u.histograms(ctx, r)
}

// histograms merges what a reading selects.
func (u *Usage) histograms(ctx context.Context, r *reading) ([]usage.LatencySum, error) {
	type key struct{ at, group int64 }
	index := map[key]int{}
	var out []usage.LatencySum
	err := u.read(ctx, func(db *gorm.DB) error {
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
