package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

type billingSyncRow struct {
	Customer       string `gorm:"primaryKey"`
	OrganizationID string
	NextAt         int64
	ClaimedUntil   int64
	Cause          string
	Mark           uint64
	Fence          uint64
	Attempts       int
	LastError      string
	SyncedAt       int64
}

func (billingSyncRow) TableName() string { return "billing_syncs" }

func (r *billingSyncRow) domain() billing.Claim {
	return billing.Claim{
		Customer: r.Customer, Organization: core.OrganizationID(r.OrganizationID), Cause: r.Cause, Mark: r.Mark, Fence: r.Fence,
		Attempts: r.Attempts, SyncedAt: core.FromMillis(r.SyncedAt),
	}
}

type stripeEventRow struct {
	EventID    string `gorm:"primaryKey"`
	Type       string
	Customer   string
	Object     string
	Ignored    string
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	ReceivedAt int64
}

func (stripeEventRow) TableName() string { return "stripe_events" }

// AddEvent notes an event once.
func (r *billingRows) AddEvent(_ context.Context, e *billing.Event, ignored string) (bool, error) {
	q := r.db.Clauses(clause.OnConflict{DoNothing: true}).Create(&stripeEventRow{
		EventID: e.ID, Type: clean(e.Type), Customer: clean(e.Customer), Object: clean(e.Object), Ignored: ignored,
		CreatedAt: core.Millis(e.Created), ReceivedAt: r.t.Now,
	})
	return q.RowsAffected == 1, q.Error
}

// FindCustomer returns the organization of a customer.
func (r *billingRows) FindCustomer(_ context.Context, customer string) (core.OrganizationID, error) {
	var ids []string
	err := r.db.Model(&billingPayerRow{}).Where("customer = ? AND customer <> ''", customer).Limit(1).Pluck("organization_id", &ids).Error
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return core.OrganizationID(ids[0]), nil
}

// Mark asks for a customer to be fetched. While somebody has it claimed, only the
// mark rises: it is fetched again when that is settled. Any cause replaces the hourly
// look's, which waits for all others.
func (r *billingRows) Mark(_ context.Context, org core.OrganizationID, customer, cause string, due time.Time) error {
	q := r.db.Exec(`INSERT INTO billing_syncs (customer, organization_id, next_at, cause) VALUES (?, ?, ?, ?)
		ON CONFLICT (customer) DO UPDATE SET mark = billing_syncs.mark + 1,
			cause = CASE WHEN billing_syncs.next_at = 0 OR billing_syncs.cause = ? THEN excluded.cause ELSE billing_syncs.cause END,
			next_at = CASE WHEN billing_syncs.next_at = 0 OR billing_syncs.next_at > excluded.next_at AND billing_syncs.claimed_until <= ?
				THEN excluded.next_at ELSE billing_syncs.next_at END
		WHERE billing_syncs.organization_id = excluded.organization_id`,
		customer, string(org), core.Millis(due), cause, billing.CauseHeal, r.t.Now)
	if q.Error == nil && q.RowsAffected == 0 {
		return core.NotFound("customer", customer)
	}
	return q.Error
}

// Settle ends a claim that is still the newest.
func (r *billingRows) Settle(_ context.Context, c *billing.Claim) (bool, error) {
	q := r.db.Exec(`UPDATE billing_syncs SET next_at = CASE WHEN mark = ? THEN 0 ELSE CAST(? AS bigint) END, claimed_until = 0, attempts = 0, last_error = '', synced_at = ?
		WHERE customer = ? AND fence = ?`, c.Mark, r.t.Now, r.t.Now, c.Customer, c.Fence)
	return q.RowsAffected == 1, q.Error
}

const claimedColumns = "customer, organization_id, cause, mark, fence, attempts, synced_at"

// Claim takes customers that are due; those that only the hourly look asks for come
// after all others.
func (s Billing) Claim(ctx context.Context, now, until time.Time, limit int) ([]billing.Claim, error) {
	var rows []billingSyncRow
	err := s.DB.Tx(ctx, func(t *Txn) error {
		rows = nil
		skip := " FOR UPDATE SKIP LOCKED"
		if t.d.dialect == migrations.SQLite {
			skip = ""
		}
		return t.Raw(`UPDATE billing_syncs SET fence = fence + 1, next_at = ?, claimed_until = ? WHERE customer IN (
			SELECT customer FROM billing_syncs WHERE next_at <> 0 AND next_at <= ? ORDER BY CASE WHEN cause = ? THEN 1 ELSE 0 END, next_at LIMIT ?`+skip+`) RETURNING `+claimedColumns,
			core.Millis(until), core.Millis(until), core.Millis(now), billing.CauseHeal, limit).Scan(&rows).Error
	})
	return convert(rows, (*billingSyncRow).domain), err
}

// ClaimCustomer takes one customer.
func (s Billing) ClaimCustomer(ctx context.Context, customer string, until time.Time) (billing.Claim, error) {
	var rows []billingSyncRow
	err := s.DB.Tx(ctx, func(t *Txn) error {
		rows = nil
		return t.Raw(`UPDATE billing_syncs SET fence = fence + 1, next_at = ?, claimed_until = ? WHERE customer = ? RETURNING `+claimedColumns,
			core.Millis(until), core.Millis(until), customer).Scan(&rows).Error
	})
	if err == nil && len(rows) == 0 {
		err = core.NotFound("customer", customer)
	}
	if err != nil {
		return billing.Claim{}, err
	}
	return rows[0].domain(), nil
}

// Fail lets a claim go that is still the newest.
func (s Billing) Fail(ctx context.Context, c *billing.Claim, next time.Time, reason string) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Exec(`UPDATE billing_syncs SET next_at = ?, claimed_until = 0, attempts = attempts + 1, last_error = ? WHERE customer = ? AND fence = ?`,
			core.Millis(next), clean(reason), c.Customer, c.Fence).Error
	})
}

// Stale lists customers to fetch though nothing has told of them.
func (s Billing) Stale(ctx context.Context, since time.Time, after string, limit int) ([]billing.Claim, error) {
	var rows []struct {
		Customer, OrganizationID string
		SyncedAt                 int64
	}
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw(`SELECT p.customer, p.organization_id, COALESCE(s.synced_at, 0) AS synced_at FROM billing_accounts p LEFT JOIN billing_syncs s ON s.customer = p.customer
			JOIN organizations o ON o.id = p.organization_id
			WHERE p.customer > ? AND p.customer <> '' AND (s.customer IS NULL OR s.next_at = 0 AND s.synced_at <= ?)
				AND (o.deleted_at = 0 OR p.status IN (?, ?)) ORDER BY p.customer LIMIT ?`,
			after, core.Millis(since), billing.StatusActive, billing.StatusPastDue, limit).Scan(&rows).Error
	})
	out := make([]billing.Claim, len(rows))
	for i, r := range rows {
		out[i] = billing.Claim{Customer: r.Customer, Organization: core.OrganizationID(r.OrganizationID), SyncedAt: core.FromMillis(r.SyncedAt)}
	}
	return out, err
}

// DueStandings lists organizations whose standing is to be looked at.
func (s Billing) DueStandings(ctx context.Context, now time.Time, limit int) ([]core.OrganizationID, error) {
	var ids []core.OrganizationID
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Model(&billingPayerRow{}).Joins("JOIN organizations ON organizations.id = billing_accounts.organization_id AND organizations.deleted_at = 0").
			Where("standing_at <> 0 AND standing_at <= ?", core.Millis(now)).Order("standing_at").Limit(limit).Pluck("organization_id", &ids).Error
	})
	return ids, err
}

// TakeJob takes work that one process does at a time.
func (s Billing) TakeJob(ctx context.Context, name string, now, until time.Time) (place string, mine bool, err error) {
	err = s.DB.Tx(ctx, func(t *Txn) error {
		place, mine = "", false
		if err := t.Exec("INSERT INTO billing_jobs (name, next_at) VALUES (?, 0) ON CONFLICT (name) DO NOTHING", name).Error; err != nil {
			return err
		}
		q := t.Raw("UPDATE billing_jobs SET next_at = ? WHERE name = ? AND next_at <= ? RETURNING place", core.Millis(until), name, core.Millis(now)).Scan(&place)
		mine = q.RowsAffected == 1
		return q.Error
	})
	return place, mine && err == nil, err
}

// KeepJob notes how far work came.
func (s Billing) KeepJob(ctx context.Context, name, place string, next time.Time) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Exec("UPDATE billing_jobs SET next_at = ?, place = ? WHERE name = ?", core.Millis(next), place, name).Error
	})
}

// TrimEvents forgets old events.
func (s Billing) TrimEvents(ctx context.Context, before time.Time) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Exec("DELETE FROM stripe_events WHERE received_at < ?", core.Millis(before)).Error
	})
}

// Waiting counts what waits for the provider.
func (s Billing) Waiting(ctx context.Context, now time.Time) (billing.Waiting, error) {
	var out billing.Waiting
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		var oldest int64
		err := db.Raw(`SELECT COUNT(*), COALESCE(MIN(next_at), 0), COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) FROM billing_syncs WHERE next_at <> 0 AND (next_at <= ? OR attempts > 0)`,
			core.Millis(now)).Row().Scan(&out.Customers, &oldest, &out.Failing)
		if oldest > 0 {
			out.OldestSeconds = max(0, (core.Millis(now)-oldest)/1000)
		}
		return errors.Join(err,
			db.Table("billing_credits").Where("next_at <> 0").Count(&out.Credits).Error,
			db.Table("billing_adjustments").Where("next_at <> 0").Count(&out.Adjustments).Error)
	})
	return out, err
}

type billingCreditRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	Cents          int64
	Reason         string
	Actor          string
	Posted         string
	Attempts       int
	NextAt         int64
	LastError      string
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	SentAt         int64
	Fence          uint64
	ClaimedUntil   int64
	DroppedAt      int64

	Customer string `gorm:"->"` // joined
}

func (billingCreditRow) TableName() string { return "billing_credits" }

// AddCredit queues a credit.
func (r *billingRows) AddCredit(_ context.Context, org core.OrganizationID, c *billing.Credit) error {
	return r.db.Omit("customer").Create(&billingCreditRow{
		ID: c.ID, OrganizationID: string(org), Cents: c.Cents, Reason: c.Reason, Actor: c.Actor, NextAt: core.Millis(c.NextAt), CreatedAt: core.Millis(c.CreatedAt),
	}).Error
}

// WaitingCredit sums credits that were not given yet.
func (r *billingRows) WaitingCredit(_ context.Context, org core.OrganizationID) (n int64, err error) {
	err = r.db.Raw("SELECT CAST(COALESCE(SUM(cents), 0) AS bigint) FROM billing_credits WHERE organization_id = ? AND next_at <> 0", string(org)).Scan(&n).Error
	return n, err
}

// DueCredits takes credits of customers.
func (s Billing) DueCredits(ctx context.Context, now, until time.Time, limit int) ([]billing.Credit, error) {
	var rows []billingCreditRow
	err := s.DB.Tx(ctx, func(t *Txn) error {
		rows = nil
		ids, err := t.claimSent("billing_credits", "id", "next_at <> 0 AND organization_id IN (SELECT organization_id FROM billing_accounts WHERE customer <> '')", now, until, limit)
		if err != nil || len(ids) == 0 {
			return err
		}
		return t.Model(&billingCreditRow{}).Select("billing_credits.*, p.customer").
			Joins("JOIN billing_accounts p ON p.organization_id = billing_credits.organization_id").Where("billing_credits.id IN ?", ids).Order("id").Find(&rows).Error
	})
	return convert(rows, func(r *billingCreditRow) billing.Credit {
		return billing.Credit{
			ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), Customer: r.Customer, Cents: r.Cents, Reason: r.Reason, Actor: r.Actor,
			Posted: r.Posted, Attempts: r.Attempts, LastError: r.LastError, CreatedAt: core.FromMillis(r.CreatedAt),
			Fence: r.Fence,
		}
	}), err
}

// SettleCredit stores what came of a credit, and has its customer fetched.
func (s Billing) SettleCredit(ctx context.Context, c *billing.Credit) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		set := map[string]any{"posted": c.Posted, "attempts": c.Attempts, "next_at": core.Millis(c.NextAt), "claimed_until": 0, "last_error": clean(c.LastError)}
		if c.Posted != "" {
			set["sent_at"] = t.Now
		}
		q := t.Model(&billingCreditRow{}).Where("id = ? AND fence = ? AND next_at <> 0", c.ID, c.Fence).Updates(set)
		if q.Error != nil || q.RowsAffected == 0 || c.Posted == "" {
			return q.Error
		}
		return (&billingRows{db: t.DB, t: t}).Mark(ctx, c.Organization, c.Customer, "request", core.FromMillis(t.Now))
	})
}
