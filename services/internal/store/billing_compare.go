package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

// BillingComparisons keeps what the payment provider counts of what it was told.
type BillingComparisons struct{ BillingPosts }

var _ billing.CompareStore = BillingComparisons{}

type differenceRow struct {
	Organization int64 `gorm:"primaryKey"`
	Hour         int64 `gorm:"primaryKey"`
	Plan         int64 `gorm:"primaryKey"`
	Told         int64
	Counted      int64
	Since        int64
	Looks        int
	Retold       int
	StaysAt      int64
}

func (differenceRow) TableName() string { return "billing_differences" }

func (r *differenceRow) domain() billing.Difference {
	return billing.Difference{
		Hour: r.Hour, Plan: uint32(r.Plan), Told: r.Told, Counted: r.Counted, Since: core.FromMillis(r.Since), Looks: r.Looks, Retold: r.Retold, StaysAt: core.FromMillis(r.StaysAt),
	}
}

// comparisonRow is an organization that is due to be looked at. Drafted is the first
// hour of its oldest draft, and -1 where it has none.
type comparisonRow struct {
	OrganizationID                     string
	Organization                       int64
	Customer                           string
	Live                               bool
	Since, Subscribed, Drafted, Period int64
	HadNextAt, HadLookedAt             int64
}

// hours are what is compared of it.
func (r *comparisonRow) hours(q *billing.CompareQuery) billing.Period {
	p := billing.Period{Start: max(r.Period, r.Subscribed), End: q.End()}
	if !r.Live {
		p.Start = p.End
	}
	if r.Drafted >= 0 {
		p.Start = min(p.Start, r.Drafted)
	}
	p.Start = max(p.Start, r.Since, q.Oldest())
	return p
}

// ClaimComparisons takes organizations whose customers are due to be looked at.
func (b BillingComparisons) ClaimComparisons(ctx context.Context, q billing.CompareQuery, until time.Time, limit int) (out []billing.Comparison, err error) {
	err = b.DB.Tx(ctx, func(t *Txn) error {
		out = nil
		var rows []comparisonRow
		err := t.Raw(`WITH drafts AS (
				SELECT organization, MIN(period_start) / 3600000 AS start_hour FROM billing_invoices WHERE status = 'draft' AND period_start < period_end GROUP BY organization
			), due AS (
				SELECT a.organization_id, a.organization, a.customer, a.status IN ('active', 'past_due') AS live, a.subscribed_at / 3600000 AS subscribed,
					COALESCE(d.start_hour, -1) AS drafted, COALESCE(c.next_at, 0) AS had_next_at, COALESCE(c.looked_at, 0) AS had_looked_at
				FROM billing_accounts a LEFT JOIN drafts d ON d.organization = a.organization LEFT JOIN billing_comparisons c ON c.organization = a.organization
				WHERE a.customer <> '' AND a.subscribed_at > 0 AND (COALESCE(c.next_at, 0) <= ? OR d.organization IS NOT NULL AND c.looked_at <= ?)
					AND (a.status IN ('active', 'past_due') OR d.organization IS NOT NULL OR a.organization IN (SELECT organization FROM billing_differences))
				ORDER BY COALESCE(c.next_at, 0), a.organization LIMIT ?
			)
			SELECT due.*, COALESCE(p.since_hour, due.subscribed) AS since,
				COALESCE((SELECT MAX(h.start_hour) FROM billing_periods h WHERE h.organization = due.organization AND h.start_hour <= ?), 0) AS period
			FROM due LEFT JOIN billing_posts p ON p.organization = due.organization ORDER BY due.had_next_at, due.organization`,
			core.Millis(q.Now), core.Millis(q.Drafted()), limit, billing.HourOf(q.Now)).Scan(&rows).Error
		if err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			// The one who writes first has the claim; the other sees its times.
			got := t.Exec(`INSERT INTO billing_comparisons (organization, looked_at, next_at) VALUES (?, ?, ?)
				ON CONFLICT (organization) DO UPDATE SET looked_at = excluded.looked_at, next_at = excluded.next_at
				WHERE billing_comparisons.next_at = ? AND billing_comparisons.looked_at = ?`,
				r.Organization, core.Millis(q.Now), core.Millis(until), r.HadNextAt, r.HadLookedAt)
			if got.Error != nil {
				return got.Error
			}
			if got.RowsAffected == 0 {
				continue
			}
			one := billing.Comparison{Organization: core.OrganizationID(r.OrganizationID), Num: uint64(r.Organization), Customer: r.Customer, Period: r.hours(&q)}
			var known []differenceRow
			if err := t.Where("organization = ?", r.Organization).Order("hour, plan").Find(&known).Error; err != nil {
				return err
			}
			one.Known = convert(known, (*differenceRow).domain)
			out = append(out, one)
		}
		return nil
	})
	return out, err
}

// Compared stores what a look found.
func (b BillingComparisons) Compared(ctx context.Context, c *billing.Comparison, found []billing.Difference, next time.Time) error {
	return b.DB.Tx(ctx, func(t *Txn) error {
		if err := t.Where("organization = ?", c.Num).Delete(&differenceRow{}).Error; err != nil {
			return err
		}
		rows := make([]differenceRow, len(found))
		for i, d := range found {
			rows[i] = differenceRow{
				Organization: int64(c.Num), Hour: d.Hour, Plan: int64(d.Plan), Told: d.Told, Counted: d.Counted, Since: core.Millis(d.Since), Looks: d.Looks, Retold: d.Retold, StaysAt: core.Millis(d.StaysAt),
			}
		}
		if len(rows) > 0 {
			if err := t.CreateInBatches(rows, 100).Error; err != nil {
				return err
			}
		}
		return t.Exec("UPDATE billing_comparisons SET next_at = ? WHERE organization = ?", core.Millis(next), c.Num).Error
	})
}

// ClaimPost takes one organization's posting.
func (b BillingComparisons) ClaimPost(ctx context.Context, c *billing.Comparison, now, until time.Time) (p billing.Post, mine bool, err error) {
	err = b.DB.Tx(ctx, func(t *Txn) error {
		p, mine = billing.Post{}, false
		var claimed, row postRow
		got := t.Raw(`INSERT INTO billing_posts (organization, since_hour, next_at, fence)
			SELECT organization, subscribed_at / 3600000, ?, 1 FROM billing_accounts WHERE organization = ?
			ON CONFLICT (organization) DO UPDATE SET next_at = excluded.next_at, fence = billing_posts.fence + 1
			WHERE billing_posts.next_at <= ? RETURNING since_hour, fence, attempts`, core.Millis(until), c.Num, core.Millis(now)).Scan(&claimed)
		if got.Error != nil || got.RowsAffected == 0 {
			return got.Error
		}
		err := t.Raw("SELECT organization_id, customer, items FROM billing_accounts WHERE organization = ?", c.Num).Scan(&row).Error
		if err != nil {
			return err
		}
		p, mine = billing.Post{
			Organization: c.Organization, Num: c.Num, Customer: row.Customer, Since: claimed.SinceHour, Fence: uint64(claimed.Fence), Attempts: claimed.Attempts,
		}, true
		if err := json.Unmarshal([]byte(row.Items), &p.Items); err != nil {
			return fmt.Errorf("decode items of payer %s: %w", c.Organization, err)
		}
		return nil
	})
	return p, mine && err == nil, err
}
