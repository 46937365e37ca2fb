package store

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/services/core"
)

// BillingHours keeps the ledger of billed hours.
type BillingHours struct{ DB *DB }

var _ billing.HourStore = BillingHours{}

// orgHour is an hour of an organization.
type orgHour struct {
	Organization int64 `json:"organization"`
	Hour         int64 `json:"hour"`
}

// note adds notes of hours to a table of them. Rows are only added: two
// transactions never wait for each other here, and one that has not committed yet
// keeps its notes from whoever takes them meanwhile.
func (t *Txn) note(table string, hours map[orgHour]bool) error {
	if len(hours) == 0 {
		return nil
	}
	rows := make([]orgHour, 0, len(hours))
	for h := range hours {
		rows = append(rows, h)
	}
	columns := []string{"organization", "hour"}
	err := eachChunk(rows, func(js string) error {
		return t.Exec(t.input(columns, nil)+"INSERT INTO "+table+" ("+list(columns)+") SELECT "+list(columns)+" FROM input WHERE true", js).Error
	})
	if err != nil {
		return fmt.Errorf("note billed hours: %w", err)
	}
	return nil
}

// billedHour is a row of a statement's input and answer.
type billedHour struct {
	Organization int64 `json:"organization"`
	Hour         int64 `json:"hour"`
	Plan         int64 `json:"plan"`
	Total        int64 `json:"total"`
	SealedAt     int64 `json:"-"`
}

// Fold brings the hours that moved to what the usage counters hold.
func (b BillingHours) Fold(ctx context.Context, limit int, plans map[string]uint32) (n int, err error) {
	err = b.DB.Tx(ctx, func(t *Txn) error {
		hours, taken, err := t.takeNotes("billing_dirty", limit)
		if n = taken; err != nil || taken == 0 {
			return err
		}
		return t.foldHours(hours, plans)
	})
	return n, err
}

// takeNotes deletes notes and returns their hours. What was counted by whoever
// wrote a note that is seen here is seen by the statements after it.
func (t *Txn) takeNotes(table string, limit int) (hours []orgHour, taken int, err error) {
	lock := " FOR UPDATE SKIP LOCKED"
	if t.d.dialect == migrations.SQLite {
		lock = ""
	}
	var rows []orgHour
	err = t.Raw("DELETE FROM "+table+" WHERE id IN (SELECT id FROM "+table+" ORDER BY id LIMIT ?"+lock+") RETURNING organization, hour", limit).Scan(&rows).Error
	if err != nil {
		return nil, 0, fmt.Errorf("take notes of billed hours: %w", err)
	}
	seen := make(map[orgHour]bool, len(rows))
	for _, r := range rows {
		if !seen[r] {
			seen[r] = true
			hours = append(hours, r)
		}
	}
	return hours, len(rows), nil
}

// foldHours raises totals to what the counters sum to, and notes in the chains what
// rose after it was closed. All totals come before all chains, as in Seal: whoever
// holds a chain waits for no hour.
func (t *Txn) foldHours(hours []orgHour, plans map[string]uint32) error {
	var all, risen []billedHour
	late := map[orgHour]bool{}
	err := eachChunk(hours, func(js string) error {
		sums, err := t.sumHours(js)
		if err != nil {
			return err
		}
		return eachChunk(sums, func(js string) error {
			var raised []billedHour
			err := t.Raw(t.input([]string{"organization", "hour", "plan", "total"}, nil)+`INSERT INTO billing_hours (organization, hour, plan, total)
				SELECT organization, hour, plan, total FROM input WHERE true ORDER BY organization, hour, plan
				ON CONFLICT (organization, hour, plan) DO UPDATE SET total = excluded.total WHERE excluded.total > billing_hours.total
				RETURNING organization, hour, plan, total, sealed_at`, js).Scan(&raised).Error
			all = append(all, raised...)
			for i := range raised {
				if raised[i].SealedAt != 0 {
					risen = append(risen, raised[i])
				}
				if h := raised[i].Hour; h < t.Now/3600_000 {
					late[orgHour{raised[i].Organization, h}] = true
				}
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("raise billed hours: %w", err)
	}
	failpoint.Hit(failpoint.RollupMid)
	if err := t.note("billing_late", late); err != nil {
		return err
	}
	if err := t.chain(risen); err != nil {
		return err
	}
	return t.tellOtherPlans(all, plans)
}

// tellOtherPlans has edges told of organizations anew whose use of another plan than
// their present one rose in the present period: it comes on top of what the present
// one includes.
func (t *Txn) tellOtherPlans(raised []billedHour, plans map[string]uint32) error {
	return eachChunk(raised, func(js string) error {
		var rows []struct {
			ID, Plan  string
			Revision  uint64
			RaisedNum uint32
		}
		err := t.Raw(t.input([]string{"organization", "hour", "plan"}, nil)+`SELECT DISTINCT o.id, o.plan, o.revision, i.plan AS raised_num FROM input i
			JOIN organizations o ON o.num = i.organization AND i.hour >= o.period_start / 3600000 AND i.hour < o.period_end / 3600000 ORDER BY o.id`, js).Scan(&rows).Error
		if err != nil {
			return fmt.Errorf("find plans of organizations: %w", err)
		}
		told := map[string]bool{}
		var out []outboxRow
		for _, r := range rows {
			if num, known := plans[r.Plan]; !known || num == r.RaisedNum || told[r.ID] {
				continue
			}
			told[r.ID] = true
			if err := t.Exec("UPDATE organizations SET revision = revision + 1 WHERE id = ?", r.ID).Error; err != nil {
				return err
			}
			out = append(out, outboxRow{Kind: core.PublishOrganization, Ref: r.ID, OrganizationID: r.ID, Version: r.Revision + 1, CreatedAt: t.Now})
		}
		return t.enqueue(out)
	})
}

// sumHours sums the counters of hours. A sum that an int64 can't hold is the
// greatest that it can: halves are summed apart, which no database wraps.
func (t *Txn) sumHours(js string) ([]billedHour, error) {
	var rows []struct {
		Organization, Hour, Plan int64
		High, Low                int64
	}
	err := t.Raw(t.input([]string{"organization", "hour"}, nil)+`SELECT c.organization, c.hour, c.plan,
			CAST(SUM(c.billed >> 32) AS bigint) AS high, CAST(SUM(c.billed & 4294967295) AS bigint) AS low
		FROM input i JOIN usage_counters c ON c.organization = i.organization AND c.hour = i.hour
		WHERE c.billed > 0 GROUP BY c.organization, c.hour, c.plan`, js).Scan(&rows).Error
	out := make([]billedHour, len(rows))
	for i, r := range rows {
		out[i] = billedHour{Organization: r.Organization, Hour: r.Hour, Plan: r.Plan, Total: joined(uint64(r.High), uint64(r.Low))}
	}
	return out, err
}

// joined is high × 2^32 + low, at most what an int64 holds.
func joined(high, low uint64) int64 {
	upper, shifted := bits.Mul64(high, 1<<32)
	sum, carry := bits.Add64(shifted, low, 0)
	if upper != 0 || carry != 0 || sum > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(sum)
}

// Seal closes hours and notes each in its organization's chain. An hour is ready
// when every edge that wrote in it said that it is done with it, or is late.
func (b BillingHours) Seal(ctx context.Context, now time.Time, limit int) (n int, err error) {
	hour := billing.HourOf(now)
	late := billing.HourOf(now.Add(-billing.SealAfter)) // the first hour that is not late
	err = b.DB.Tx(ctx, func(t *Txn) error {
		lock := " FOR UPDATE SKIP LOCKED"
		if t.d.dialect == migrations.SQLite {
			lock = ""
		}
		var rows []billedHour
		err := t.Raw(`SELECT h.organization, h.hour, h.plan, h.total FROM billing_hours h
			WHERE h.sealed_at = 0 AND h.hour < ? AND (h.hour < ? OR NOT EXISTS (
				SELECT 1 FROM usage_counters c JOIN usage_sources s ON s.id = c.source_id
				WHERE c.organization = h.organization AND c.hour = h.hour AND s.sealed <= h.hour))
			ORDER BY h.hour, h.organization, h.plan LIMIT ?`+lock, hour, late, limit).Scan(&rows).Error
		if n = len(rows); err != nil || n == 0 {
			return err
		}
		columns := []string{"organization", "hour", "plan"}
		err = eachChunk(rows, func(js string) error {
			return t.Exec(t.input(columns, nil)+`UPDATE billing_hours SET sealed_at = ?
				WHERE (organization, hour, plan) IN (SELECT organization, hour, plan FROM input)`, js, core.Millis(now)).Error
		})
		if err != nil {
			return fmt.Errorf("close hours: %w", err)
		}
		return t.chain(rows)
	})
	return n, err
}

// organizationNum is a subquery for the number of an organization.
const organizationNum = "(SELECT num FROM organizations WHERE id = ?)"

// Period finds the billing period that holds an hour.
func (b BillingHours) Period(ctx context.Context, org core.OrganizationID, hour int64) (p billing.Period, err error) {
	var row struct{ StartHour, EndHour int64 }
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		return take(db.Table("billing_periods").Where("organization = "+organizationNum+" AND start_hour <= ? AND end_hour > ?", string(org), hour, hour),
			&row, "billing period", billing.TimeOf(hour).Format(time.RFC3339))
	})
	return billing.Period{Start: row.StartHour, End: row.EndHour}, err
}

// hourRow is an hour on one plan.
type hourRow struct{ Organization, Plan, Hour, Total, SealedAt, Posted, PostedAt int64 }

func (r *hourRow) domain() billing.Hour {
	return billing.Hour{
		Organization: uint64(r.Organization), Plan: uint32(r.Plan), Hour: r.Hour, Total: r.Total, SealedAt: core.FromMillis(r.SealedAt),
		Posted: r.Posted, PostedAt: core.FromMillis(r.PostedAt),
	}
}

// Hours reads an organization's hours.
func (b BillingHours) Hours(ctx context.Context, org core.OrganizationID, p billing.Period) (out []billing.Hour, err error) {
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		var rows []hourRow
		err := db.Table("billing_hours").Where("organization = "+organizationNum+" AND hour >= ? AND hour < ?", string(org), p.Start, p.End).
			Order("hour, plan").Find(&rows).Error
		out = convert(rows, (*hourRow).domain)
		return err
	})
	return out, err
}

// Sums sums an organization's hours by plan.
func (b BillingHours) Sums(ctx context.Context, org core.OrganizationID, p billing.Period) (out []billing.Sum, err error) {
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		out, err = sums(db, organizationNum, string(org), p, "")
		return err
	})
	return out, err
}

// sums sums the hours of an organization, which num finds by what.
func sums(db *gorm.DB, num string, what any, p billing.Period, and string) ([]billing.Sum, error) {
	var rows []struct{ Plan, High, Low int64 }
	err := db.Raw(`SELECT plan, CAST(SUM(total >> 32) AS bigint) AS high, CAST(SUM(total & 4294967295) AS bigint) AS low FROM billing_hours h
		WHERE h.organization = `+num+` AND h.hour >= ? AND h.hour < ?`+and+` GROUP BY plan ORDER BY plan`, what, p.Start, p.End).Scan(&rows).Error
	out := make([]billing.Sum, 0, len(rows))
	for _, r := range rows {
		out = append(out, billing.Sum{Plan: uint32(r.Plan), Total: joined(uint64(r.High), uint64(r.Low))})
	}
	return out, err
}

// State reads how the ledger stands.
func (b BillingHours) State(ctx context.Context, now time.Time) (s billing.LedgerState, err error) {
	var row struct{ Oldest, Parked, Failing, Differing int64 }
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw(`SELECT (SELECT COALESCE(MIN(hour), -1) FROM billing_hours WHERE sealed_at = 0) AS oldest,
			(SELECT COUNT(*) FROM billing_parked WHERE next_at > ?) AS parked,
			(SELECT COUNT(*) FROM billing_adjustments WHERE next_at <> 0 AND attempts > 0) AS failing,
			(SELECT COUNT(*) FROM billing_differences WHERE stays_at <> 0) AS differing`, core.Millis(now)).Scan(&row).Error
	})
	if row.Oldest >= 0 {
		s.OpenFor = max(now.Sub(billing.TimeOf(row.Oldest+1)), 0)
	}
	s.Parked, s.Failing, s.Differing = row.Parked, row.Failing, row.Differing
	return s, err
}
