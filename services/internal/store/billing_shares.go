package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

// Active lists organizations that have an hour open.
func (s Billing) Active(ctx context.Context, after uint64, limit int) (out []billing.Active, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw(`SELECT id, num, plan FROM organizations
			WHERE num > ? AND deleted_at = 0 AND num IN (SELECT organization FROM billing_hours WHERE sealed_at = 0)
			ORDER BY num LIMIT ?`, after, limit).Scan(&out).Error
	})
	return out, err
}

// Allowances reads what bounds organizations beside their plans.
func (s Billing) Allowances(ctx context.Context, nums []uint64) (map[uint64]billing.Allowance, error) {
	return BillingUses{DB: s.DB}.Allowances(ctx, nums)
}

// Allowances reads the same in a transaction.
func (r *billingRows) Allowances(_ context.Context, nums []uint64) (map[uint64]billing.Allowance, error) {
	return allowances(r.db, nums)
}

// NoteShare notes what an organization was told of a period.
func (r *billingRows) NoteShare(_ context.Context, org core.OrganizationID, start time.Time, kind string) (bool, error) {
	q := r.db.Exec(`INSERT INTO billing_thresholds (organization, start_hour, kind, at)
		SELECT num, ?, ?, ? FROM organizations WHERE id = ? ON CONFLICT DO NOTHING`, billing.HourOf(start), kind, r.t.Now, string(org))
	return q.RowsAffected == 1, q.Error
}

func allowances(db *gorm.DB, nums []uint64) (map[uint64]billing.Allowance, error) {
	out := make(map[uint64]billing.Allowance, len(nums))
	var accounts []struct {
		Organization uint64
		Standing     string
		SpendingCap  *int64
		FromHour     int64
	}
	known, err := rates(db)
	if err != nil {
		return nil, err
	}
	// The bill takes the rates of the period's begin, or of the first subscription.
	err = db.Raw(`SELECT o.num AS organization, COALESCE(a.standing, '') AS standing, a.spending_cap,
			CASE WHEN COALESCE(x.since_hour, a.subscribed_at / 3600000, 0) > o.period_start / 3600000
				THEN COALESCE(x.since_hour, a.subscribed_at / 3600000) ELSE o.period_start / 3600000 END AS from_hour
		FROM organizations o LEFT JOIN billing_accounts a ON a.organization = o.num LEFT JOIN billing_posts x ON x.organization = o.num
		WHERE o.num IN ?`, nums).Scan(&accounts).Error
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		out[a.Organization] = billing.Allowance{Standing: billing.Standing(a.Standing), SpendingCap: a.SpendingCap, Rates: known, From: a.FromHour}
	}
	var rows []struct {
		Organization uint64
		Plan         uint32
		High, Low    int64
	}
	err = db.Raw(`SELECT h.organization, h.plan, CAST(SUM(h.total >> 32) AS bigint) AS high, CAST(SUM(h.total & 4294967295) AS bigint) AS low
		FROM organizations o JOIN billing_hours h ON h.organization = o.num AND h.hour >= o.period_start / 3600000 AND h.hour < o.period_end / 3600000
		WHERE o.num IN ? GROUP BY h.organization, h.plan`, nums).Scan(&rows).Error
	for _, r := range rows {
		a := out[r.Organization]
		a.Sums = append(a.Sums, billing.Sum{Plan: r.Plan, Total: joined(uint64(r.High), uint64(r.Low))})
		out[r.Organization] = a
	}
	return out, err
}
