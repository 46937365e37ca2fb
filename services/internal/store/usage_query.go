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

// Gateway resolves an id or a name.
func (u *Usage) Gateway(ctx context.Context, org core.OrganizationID, ref string) (usage.Gateway, error) {
	var g usage.Gateway
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		err := db.Table("gateways").Select("id, num").
			Where("organization_id = ? AND (id = ? OR name = ?) AND deleted_at = 0", string(org), ref, ref).
			Limit(1).Scan(&g).Error
		if err == nil && g.Num == 0 {
			return core.NotFound("gateway", ref)
		}
		return err
	})
	return g, err
}

// ours is the condition that a gateway's number belongs to the organization.
const ours = "gateway = ? AND EXISTS (SELECT 1 FROM gateways g WHERE g.num = ? AND g.organization_id = ?)"

// groupColumn is the column of the ledger that a query is split by.
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

// span returns the tables of a query's interval: minutes for minutes, the ledger
// for everything else, with the column of time and the expression of a point's
// start in Unix seconds.
func span(db *gorm.DB, org core.OrganizationID, q *usage.SeriesQuery, hourly, minutely string) (from *gorm.DB, point string) {
	table, column, unit := hourly, "hour", int64(3600)
	switch q.Interval {
	case usage.IntervalMinute:
		table, column, unit = minutely, "minute", 60
		point = "minute * 60"
	case usage.IntervalHour:
		point = "hour * 3600"
	case usage.IntervalDay:
		point = "(hour - hour % 24) * 3600"
	default:
		point = "0"
	}
	from = db.Table(table).Where(ours, int64(q.Gateway), int64(q.Gateway), string(org)).
		Where(column+" >= ? AND "+column+" < ?", q.From.Unix()/unit, q.To.Unix()/unit)
	if q.Route != 0 {
		from = from.Where("route = ?", int64(q.Route))
	}
	return from, point
}

// narrowed adds the parts of a query that only counters know.
func narrowed(db *gorm.DB, q *usage.SeriesQuery) *gorm.DB {
	if q.Consumer != 0 {
		db = db.Where("consumer = ?", int64(q.Consumer))
	}
	if q.Key != 0 {
		db = db.Where("kid = ?", int64(q.Key))
	}
	return db
}

// Top returns the groups with the most requests, the largest first.
func (u *Usage) Top(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery, limit int) ([]uint64, error) {
	var rows []struct{ Grp uint64 }
	group := groupColumn(q.GroupBy)
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		from, _ := span(db, org, &q, "usage_counters", "usage_minutes")
		return narrowed(from, &q).Select(group + " AS grp, SUM(c2xx + c3xx + c4xx + c5xx) AS requests").
			Group(group).Order("requests DESC, grp").Limit(limit).Scan(&rows).Error
	})
	out := make([]uint64, len(rows))
	for i := range rows {
		out[i] = rows[i].Grp
	}
	return out, err
}

// countsRow is a sum of counters.
type countsRow struct {
	At, Grp           int64
	Billed, Refused   int64
	C2xx, C3xx        int64
	C4xx, C5xx        int64
	BytesIn, BytesOut int64
}

// Counters sums counters.
func (u *Usage) Counters(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) ([]usage.CounterSum, error) {
	var rows []countsRow
	group := groupColumn(q.GroupBy)
	sums := make([]string, len(counterRising))
	for i, c := range counterRising {
		sums[i] = fmt.Sprintf("CAST(SUM(%[1]s) AS bigint) AS %[1]s", c)
	}
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		from, point := span(db, org, &q, "usage_counters", "usage_minutes")
		if q.Only != nil {
			from = from.Where(group+" IN ?", signed(q.Only))
		}
		return narrowed(from, &q).Select(point + " AS at, " + group + " AS grp, " + list(sums)).
			Group("1, 2").Order("1, 2").Scan(&rows).Error
	})
	out := make([]usage.CounterSum, len(rows))
	for i, r := range rows {
		out[i] = usage.CounterSum{Time: r.At, Group: uint64(r.Grp), Counts: contract.Counts{
			Billed: uint64(r.Billed), Refused: uint64(r.Refused), C2xx: uint64(r.C2xx), C3xx: uint64(r.C3xx),
			C4xx: uint64(r.C4xx), C5xx: uint64(r.C5xx), BytesIn: uint64(r.BytesIn), BytesOut: uint64(r.BytesOut),
		}}
	}
	return out, err
}

func signed(nums []uint64) []int64 {
	out := make([]int64, len(nums))
	for i, n := range nums {
		out[i] = int64(n)
	}
	return out
}

// Statuses sums exact status codes.
func (u *Usage) Statuses(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) ([]usage.StatusSum, error) {
	var rows []struct{ At, Status, N int64 }
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		from, point := span(db, org, &q, "usage_statuses", "usage_status_minutes")
		return from.Select(point + " AS at, status, CAST(SUM(count) AS bigint) AS n").
			Group("1, 2").Order("1, 2").Scan(&rows).Error
	})
	out := make([]usage.StatusSum, len(rows))
	for i, r := range rows {
		out[i] = usage.StatusSum{Time: r.At, Status: uint16(r.Status), Count: uint64(r.N)}
	}
	return out, err
}

// Latencies merges histograms.
func (u *Usage) Latencies(ctx context.Context, org core.OrganizationID, q usage.SeriesQuery) ([]usage.LatencySum, error) {
	type key struct{ at, group int64 }
	index := map[key]int{}
	var out []usage.LatencySum
	group := "0"
	if q.GroupBy == usage.GroupRoute {
		group = "route"
	}
	err := u.DB.View(ctx, func(db *gorm.DB) error {
		from, point := span(db, org, &q, "usage_latencies", "usage_latency_minutes")
		if q.Only != nil && q.GroupBy == usage.GroupRoute {
			from = from.Where("route IN ?", signed(q.Only))
		}
		rows, err := from.Select(point + " AS at, " + group + " AS grp, edge, upstream").Order("1, 2").Rows()
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

// named says where the resources of a group are.
func named(by usage.Group) (table, num string, err error) {
	switch by {
	case usage.GroupRoute:
		return "routes", "num", nil
	case usage.GroupConsumer:
		return "consumers", "num", nil
	case usage.GroupKey:
		return "api_keys", "kid", nil
	}
	return "", "", fmt.Errorf("group %q has no resources", by)
}

// Names returns id and name by number.
func (u *Usage) Names(ctx context.Context, org core.OrganizationID, gateway usage.Gateway, by usage.Group, nums []uint64) (map[uint64]usage.Named, error) {
	table, num, err := named(by)
	if err != nil {
		return nil, err
	}
	id := "id"
	if by == usage.GroupKey {
		id = "'' AS id" // made of the number
	}
	var rows []struct {
		N        uint64
		ID, Name string
	}
	err = u.DB.View(ctx, func(db *gorm.DB) error {
		return db.Table(table).Select(num+" AS n, "+id+", name").
			Where("organization_id = ? AND gateway_id = ? AND "+num+" IN ?", string(org), gateway.ID, signed(nums)).
			Scan(&rows).Error
	})
	out := make(map[uint64]usage.Named, len(rows))
	for _, r := range rows {
		if by == usage.GroupKey {
			r.ID = keyID(r.N)
		}
		out[r.N] = usage.Named{ID: r.ID, Name: r.Name}
	}
	return out, err
}

const keyPrefix = "key_"

func keyID(kid uint64) string { return keyPrefix + contract.FormatKID(kid) }

// Resolve returns a number by id or name.
func (u *Usage) Resolve(ctx context.Context, org core.OrganizationID, gateway usage.Gateway, by usage.Group, ref string) (uint64, error) {
	table, num, err := named(by)
	if err != nil {
		return 0, err
	}
	var n []uint64
	err = u.DB.View(ctx, func(db *gorm.DB) error {
		db = db.Table(table).Where("organization_id = ? AND gateway_id = ?", string(org), gateway.ID)
		if by == usage.GroupKey {
			kid, ok := contract.ParseKID(strings.TrimPrefix(ref, keyPrefix))
			if !ok {
				return core.NotFound(string(by), ref)
			}
			db = db.Where("kid = ?", int64(kid))
		} else {
			db = db.Where("(id = ? OR name = ?)", ref, ref)
		}
		return db.Limit(1).Pluck(num, &n).Error
	})
	if err == nil && len(n) == 0 {
		err = core.NotFound(string(by), ref)
	}
	if err != nil {
		return 0, err
	}
	return n[0], nil
}
