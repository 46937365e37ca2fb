package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

// BillingPosts keeps what the payment provider was told of the ledger.
type BillingPosts struct{ DB *DB }

var _ billing.PostStore = BillingPosts{}

// unposted is the condition for the hours `h` that are to be posted from an hour
// on: those that ended, closed or a while ago; and also the present one when it is
// in an invoice that is being drafted. With its arguments.
func unposted(q *billing.PostQuery, since string) (where string, args []any) {
	where = `h.posted < h.total AND h.plan IN ? AND h.hour >= ? AND h.hour >= ` + since + ` AND h.hour <= ?` + inNoGap + `
		AND (h.hour < ? OR h.hour < ? AND h.sealed_at <> 0 OR EXISTS (
			SELECT 1 FROM billing_invoices i WHERE i.organization = h.organization AND i.status = 'draft' AND i.period_end > h.hour * 3600000))
		AND NOT EXISTS (SELECT 1 FROM billing_parked k WHERE k.organization = h.organization AND k.plan = h.plan AND k.next_at > ?)`
	return where, []any{q.Plans, q.Oldest(), q.Ended(), q.Settled(), q.Ended(), core.Millis(q.Now)}
}

// postRow is an organization whose posting can be claimed.
type postRow struct {
	OrganizationID string
	Organization   int64
	Customer       string
	Items          string
	SinceHour      int64
	Fence          int64
	Attempts       int
}

// ClaimPosts takes organizations that have something to be posted.
func (b BillingPosts) ClaimPosts(ctx context.Context, q billing.PostQuery, until time.Time, limit int) (out []billing.Post, err error) {
	now := core.Millis(q.Now)
	err = b.DB.Tx(ctx, func(t *Txn) error {
		out = nil
		where, args := unposted(&q, "COALESCE(p.since_hour, a.subscribed_at / 3600000)")
		var rows []postRow
		err := t.Raw(`SELECT a.organization_id, a.organization, a.customer, a.items, COALESCE(p.since_hour, a.subscribed_at / 3600000) AS since_hour,
				COALESCE(p.fence, 0) AS fence, COALESCE(p.attempts, 0) AS attempts
			FROM billing_accounts a LEFT JOIN billing_posts p ON p.organization = a.organization
			WHERE a.customer <> '' AND a.subscribed_at > 0 AND COALESCE(p.next_at, 0) <= ?
				AND EXISTS (SELECT 1 FROM billing_hours h WHERE h.organization = a.organization AND `+where+`)
			ORDER BY COALESCE(p.next_at, 0), a.organization LIMIT ?`, append(append([]any{now}, args...), limit)...).Scan(&rows).Error
		if err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			// The one who writes first has the claim; the other sees its time.
			got := t.Exec(`INSERT INTO billing_posts (organization, since_hour, next_at, fence) VALUES (?, ?, ?, ?)
				ON CONFLICT (organization) DO UPDATE SET next_at = excluded.next_at, fence = excluded.fence
				WHERE billing_posts.next_at <= ? AND billing_posts.fence = ?`,
				r.Organization, r.SinceHour, core.Millis(until), r.Fence+1, now, r.Fence)
			if got.Error != nil {
				return got.Error
			}
			if got.RowsAffected == 0 {
				continue
			}
			p := billing.Post{
				Organization: core.OrganizationID(r.OrganizationID), Num: uint64(r.Organization), Customer: r.Customer,
				Since: r.SinceHour, Fence: uint64(r.Fence) + 1, Attempts: r.Attempts,
			}
			if err := json.Unmarshal([]byte(r.Items), &p.Items); err != nil {
				return fmt.Errorf("decode items of payer %s: %w", r.OrganizationID, err)
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// Unposted reads what a claimed organization has to be posted.
func (b BillingPosts) Unposted(ctx context.Context, p *billing.Post, q billing.PostQuery, limit int) (out []billing.Hour, err error) {
	err = b.DB.View(ctx, func(db *gorm.DB) error {
		where, args := unposted(&q, "?")
		// The hour that the condition asks for beside its own arguments is the third.
		args = append([]any{args[0], args[1], p.Since}, args[2:]...)
		var rows []hourRow
		err := db.Raw(`SELECT h.* FROM billing_hours h WHERE h.organization = ? AND `+where+` ORDER BY h.hour, h.plan LIMIT ?`,
			append(append([]any{p.Num}, args...), limit)...).Scan(&rows).Error
		out = convert(rows, (*hourRow).domain)
		return err
	})
	return out, err
}

// Posted notes what the provider has, while the claim is held.
func (b BillingPosts) Posted(ctx context.Context, p *billing.Post, h *billing.Hour, until time.Time) (held bool, err error) {
	err = b.DB.Tx(ctx, func(t *Txn) error {
		r := t.Exec("UPDATE billing_posts SET next_at = ?, attempts = 0, last_error = '' WHERE organization = ? AND fence = ?", core.Millis(until), p.Num, p.Fence)
		if held = r.RowsAffected == 1; r.Error != nil || !held {
			return r.Error
		}
		if err := t.Exec("DELETE FROM billing_parked WHERE organization = ? AND plan = ?", p.Num, h.Plan).Error; err != nil {
			return err
		}
		return t.Exec("UPDATE billing_hours SET posted = ?, posted_at = ? WHERE organization = ? AND hour = ? AND plan = ? AND posted <= ?",
			h.Total, t.Now, p.Num, h.Hour, h.Plan, h.Total).Error
	})
	return held, err
}

// Release ends a claim that is still held.
func (b BillingPosts) Release(ctx context.Context, p *billing.Post, next time.Time, problem error) error {
	return b.DB.Tx(ctx, func(t *Txn) error {
		if problem == nil {
			return t.Exec("UPDATE billing_posts SET next_at = ?, attempts = 0, last_error = '' WHERE organization = ? AND fence = ?", core.Millis(next), p.Num, p.Fence).Error
		}
		return t.Exec("UPDATE billing_posts SET next_at = ?, attempts = attempts + 1, last_error = ? WHERE organization = ? AND fence = ?",
			core.Millis(next), clean(problem.Error()), p.Num, p.Fence).Error
	})
}

// Park keeps a plan's hours back.
func (b BillingPosts) Park(ctx context.Context, p *billing.Post, plan uint32, until time.Time, reason string) error {
	return b.DB.Tx(ctx, func(t *Txn) error {
		return t.Exec(`INSERT INTO billing_parked (organization, plan, reason, since, next_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (organization, plan) DO UPDATE SET reason = excluded.reason, next_at = excluded.next_at`,
			p.Num, plan, clean(reason), t.Now, core.Millis(until)).Error
	})
}
