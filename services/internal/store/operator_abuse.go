package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/operator"
)

// signalRow is one organization that stands out.
type signalRow struct {
	Num       uint64
	ID        string
	Name      string
	Plan      string
	Suspended bool
	A, B, C   int64 // numbers, as each kind names them
}

func (r *signalRow) signal(kind string, names ...string) operator.Signal {
	s := operator.Signal{Kind: kind, Organization: core.OrganizationID(r.ID), Name: r.Name, Plan: r.Plan, Suspended: r.Suspended}
	for i, name := range names {
		s.Numbers = append(s.Numbers, operator.Number{Name: name, Value: []int64{r.A, r.B, r.C}[i]})
	}
	return s
}

// signalHead is what every statement of a kind selects of the organization.
const signalHead = `SELECT o.num, o.id, o.name, o.plan, o.suspended, `

// signalTail groups and bounds it; its one parameter is the least number.
const signalTail = ` AND o.deleted_at = 0 GROUP BY o.num, o.id, o.name, o.plan, o.suspended`

// Abuse returns what stands out in the traffic and the accounts.
func (s Operators) Abuse(ctx context.Context, now time.Time) ([]operator.Signal, error) {
	var out []operator.Signal
	hour, minute := now.Unix()/3600, now.Unix()/60
	day := core.Millis(now.Add(-24 * time.Hour))
	const traffic = `CAST(SUM(s.billed) AS bigint) AS a FROM organizations o JOIN gateways g ON g.organization_id = o.id
		JOIN usage_sums s ON s.gateway = g.num AND s.span = ? AND s.part = ? AND s.at > ? WHERE `
	kinds := []struct {
		kind  string
		names []string
		query string
		args  []any
	}{
		{
			operator.SignalUnverified,
			[]string{"requests_24h"},
			signalHead + traffic + `NOT o.verified` + signalTail + ` HAVING SUM(s.billed) >= ? ORDER BY a DESC LIMIT ?`,
			[]any{spanHour, partGateway, hour - 24, operator.UnverifiedFrom, operator.SignalsAKind},
		},
		{
			operator.SignalNew,
			[]string{"requests_24h", "created_at"},
			signalHead + `MIN(o.created_at) AS b, ` + traffic + `o.created_at >= ?` + signalTail + ` HAVING SUM(s.billed) >= ? ORDER BY a DESC LIMIT ?`,
			[]any{spanHour, partGateway, hour - 24, core.Millis(now.AddDate(0, 0, -operator.NewDays)), operator.NewRequests, operator.SignalsAKind},
		},
		{
			operator.SignalFlood,
			[]string{"answers_401", "answers_404", "answers_429"},
			signalHead + `CAST(SUM(CASE WHEN s.status = 401 THEN s.count ELSE 0 END) AS bigint) AS a, CAST(SUM(CASE WHEN s.status = 404 THEN s.count ELSE 0 END) AS bigint) AS b,
				CAST(SUM(CASE WHEN s.status = 429 THEN s.count ELSE 0 END) AS bigint) AS c
				FROM usage_status_sums s JOIN gateways g ON g.num = s.gateway JOIN organizations o ON o.id = g.organization_id
				WHERE s.span = 1 AND s.part = ? AND s.at >= ? AND s.at < ? AND s.status IN (401, 404, 429)` + signalTail + ` HAVING SUM(s.count) >= ? ORDER BY SUM(s.count) DESC LIMIT ?`,
			[]any{partGateway, minute - operator.FloodMinutes, minute, operator.FloodPerMinute * operator.FloodMinutes, operator.SignalsAKind},
		},
		{
			operator.SignalKeys,
			[]string{"keys_24h"},
			signalHead + `COUNT(*) AS a FROM api_keys k JOIN organizations o ON o.id = k.organization_id WHERE k.created_at >= ?` + signalTail + ` HAVING COUNT(*) >= ? ORDER BY a DESC LIMIT ?`,
			[]any{day, operator.KeysADay, operator.SignalsAKind},
		},
	}
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		for _, k := range kinds {
			var rows []signalRow
			if err := db.Raw(k.query, k.args...).Scan(&rows).Error; err != nil {
				return err
			}
			for i := range rows {
				out = append(out, rows[i].signal(k.kind, k.names...))
			}
		}
		spend, err := unusualSpend(db, now)
		out = append(out, spend...)
		return err
	})
	slices.SortStableFunc(out, func(a, b operator.Signal) int { return strings.Compare(a.Kind, b.Kind) })
	return out, err
}

// unusualSpend compares today with the median of each organization's own last days.
func unusualSpend(db *gorm.DB, now time.Time) ([]operator.Signal, error) {
	today := now.Unix() / daySeconds
	var rows []signalRow
	err := db.Raw(signalHead+`CAST(SUM(s.billed) AS bigint) AS a FROM organizations o JOIN gateways g ON g.organization_id = o.id
		JOIN usage_sums s ON s.gateway = g.num AND s.span = ? AND s.part = ? AND s.at = ? WHERE o.created_at < ?`+signalTail+` HAVING SUM(s.billed) >= ? ORDER BY a DESC LIMIT ?`,
		spanDay, partGateway, today, core.Millis(now.AddDate(0, 0, -operator.SpendDays)), operator.SpendLeast, operator.SpendLooks).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	var days []struct {
		ID     string
		At     int64
		Billed int64
	}
	err = db.Raw(`SELECT g.organization_id AS id, s.at, CAST(SUM(s.billed) AS bigint) AS billed FROM gateways g
		JOIN usage_sums s ON s.gateway = g.num AND s.span = ? AND s.part = ? AND s.at >= ? AND s.at < ? WHERE g.organization_id IN ? GROUP BY g.organization_id, s.at`,
		spanDay, partGateway, today-operator.SpendDays, today, ids).Scan(&days).Error
	if err != nil {
		return nil, err
	}
	before := map[string][]int64{}
	for _, d := range days {
		before[d.ID] = append(before[d.ID], d.Billed)
	}
	var out []operator.Signal
	for i := range rows {
		r := &rows[i]
		r.B = median(before[r.ID])
		if r.A >= operator.SpendTimes*max(r.B, 1) && len(out) < operator.SignalsAKind {
			out = append(out, r.signal(operator.SignalSpend, "requests_today", "median_7_days"))
		}
	}
	return out, nil
}

// median is that of SpendDays days; days that are missing had no traffic.
func median(days []int64) int64 {
	all := make([]int64, operator.SpendDays)
	copy(all, days)
	slices.Sort(all)
	return all[len(all)/2]
}
