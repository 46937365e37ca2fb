package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

// BillingSettlements keeps what became of periods that were invoiced.
type BillingSettlements struct{ DB *DB }

var _ billing.SettlementStore = BillingSettlements{}

// rateRow is a rate.
type rateRow struct {
	Plan     uint32
	FromHour int64
	Name     string
	Included int64
	Requests int64
	Cents    int64
}

func (rateRow) TableName() string { return "billing_rates" }

func (r *rateRow) domain() billing.Rate {
	return billing.Rate{Plan: r.Plan, Name: r.Name, From: r.FromHour, Price: billing.Price{Included: r.Included, Requests: r.Requests, Cents: r.Cents}}
}

// rates reads all rates.
func rates(db *gorm.DB) (billing.Rates, error) {
	var rows []rateRow
	err := db.Order("plan, from_hour").Find(&rows).Error
	return convert(rows, (*rateRow).domain), err
}

// Rates reads all rates.
func (r *billingRows) Rates(context.Context) (billing.Rates, error) { return rates(r.db) }

// PutRates stores rates that differ from the newest ones.
func (s BillingSettlements) PutRates(ctx context.Context, now []billing.Rate, hour int64) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		have, err := rates(t.DB)
		if err != nil {
			return err
		}
		for _, r := range now {
			newest, ok := have.At(r.Plan, hour)
			if ok && newest.Price == r.Price && newest.Name == r.Name {
				continue
			}
			row := rateRow{Plan: r.Plan, FromHour: hour, Name: r.Name, Included: r.Included, Requests: r.Requests, Cents: r.Cents}
			if !ok {
				row.FromHour = 0 // nobody knows an earlier one
			}
			// Two workers that begin at once write the same.
			err := t.Exec(`INSERT INTO billing_rates (plan, from_hour, name, included, requests, cents) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT (plan, from_hour) DO UPDATE SET name = excluded.name, included = excluded.included, requests = excluded.requests, cents = excluded.cents`,
				row.Plan, row.FromHour, row.Name, row.Included, row.Requests, row.Cents).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// orgPeriod is a period of an organization.
type orgPeriod struct {
	OrganizationID     string
	Organization       int64
	StartHour, EndHour int64
}

// Settle judges periods that moved, or whose invoice is new.
func (s BillingSettlements) Settle(ctx context.Context, now time.Time, limit int, judge func(*billing.Settlement) []billing.Adjustment) (n int, stored []billing.Adjustment, err error) {
	err = s.DB.Tx(ctx, func(t *Txn) error {
		stored = nil
		notes, taken, err := t.takeNotes("billing_late", limit)
		if n = taken; err != nil {
			return err
		}
		periods, err := t.periodsOf(notes)
		if err != nil {
			return err
		}
		fresh, invoices, err := t.newlyInvoiced(billing.HourOf(now), limit)
		if err != nil {
			return err
		}
		n = max(n, len(invoices))
		periods = append(periods, fresh...)
		slices.SortFunc(periods, func(a, b orgPeriod) int {
			return cmp.Or(cmp.Compare(a.Organization, b.Organization), cmp.Compare(a.StartHour, b.StartHour))
		})
		for _, p := range slices.Compact(periods) {
			if p.EndHour > billing.HourOf(now) {
				continue // its invoice will be looked at
			}
			done, err := t.settle(&p, judge)
			if err != nil {
				return err
			}
			stored = append(stored, done...)
		}
		if len(invoices) == 0 {
			return nil
		}
		return t.Exec("UPDATE billing_invoices SET checked_at = ? WHERE id IN ?", t.Now, invoices).Error
	})
	return n, stored, err
}

// periodsOf are the periods that hold hours, of organizations that pay.
func (t *Txn) periodsOf(hours []orgHour) (out []orgPeriod, err error) {
	err = eachChunk(hours, func(js string) error {
		var rows []orgPeriod
		err := t.Raw(t.input([]string{"organization", "hour"}, nil)+`SELECT DISTINCT a.organization_id, p.organization, p.start_hour, p.end_hour
			FROM input i JOIN billing_accounts a ON a.organization = i.organization AND a.customer <> ''
			JOIN billing_periods p ON p.organization = i.organization AND p.start_hour <= i.hour AND p.end_hour > i.hour`, js).Scan(&rows).Error
		out = append(out, rows...)
		return err
	})
	return out, err
}

// newlyInvoiced are the ended periods of finalized invoices that nobody has looked
// at, and the invoices.
func (t *Txn) newlyInvoiced(hour int64, limit int) (periods []orgPeriod, invoices []string, err error) {
	lock := " FOR UPDATE OF i SKIP LOCKED"
	if t.d.dialect == migrations.SQLite {
		lock = ""
	}
	var rows []struct {
		Period  orgPeriod `gorm:"embedded"`
		Invoice string
	}
	err = t.Raw(`SELECT i.id AS invoice, i.organization_id, p.organization, p.start_hour, p.end_hour
		FROM billing_invoices i JOIN billing_periods p ON p.organization = i.organization
			AND p.start_hour < i.period_end / 3600000 AND p.end_hour >= i.period_end / 3600000
		WHERE i.status <> 'draft' AND i.period_start < i.period_end AND p.end_hour <= ?
			AND i.checked_at = 0
			AND NOT EXISTS (SELECT 1 FROM billing_invoices d WHERE d.organization = i.organization AND d.status = 'draft'
				AND d.period_start / 3600000 < p.end_hour AND d.period_end / 3600000 > p.start_hour)
		ORDER BY i.finalized_at, i.id LIMIT ?`+lock, hour, limit).Scan(&rows).Error
	for _, r := range rows {
		periods, invoices = append(periods, r.Period), append(invoices, r.Invoice)
	}
	return periods, invoices, err
}

// settle judges one period, if all its invoices are there, and stores what is to be
// billed. Whoever settles the organization meanwhile waits.
func (t *Txn) settle(p *orgPeriod, judge func(*billing.Settlement) []billing.Adjustment) (stored []billing.Adjustment, err error) {
	if err := t.LockOrganization(core.OrganizationID(p.OrganizationID)); err != nil {
		return nil, err
	}
	var ready struct {
		Currency string
		Since    int64
	}
	// Invoiced to its end, or nothing more will be: the subscription ended before, with
	// an invoice. That of a change of plan is none, for it bills no usage.
	err = t.Raw(`SELECT i.currency, COALESCE(x.since_hour, a.subscribed_at / 3600000) AS since
		FROM billing_invoices i JOIN billing_accounts a ON a.organization = i.organization
		LEFT JOIN billing_posts x ON x.organization = i.organization
		WHERE i.organization = ? AND i.status <> 'draft' AND i.period_start < i.period_end
			AND i.period_start / 3600000 < ? AND i.period_end / 3600000 > ? AND (i.period_end / 3600000 >= ? OR a.status NOT IN ('active', 'past_due') AND i.reason <> 'subscription_update')
			AND NOT EXISTS (SELECT 1 FROM billing_invoices d WHERE d.organization = i.organization AND d.status = 'draft'
				AND d.period_start / 3600000 < ? AND d.period_end / 3600000 > ?)
		ORDER BY i.period_end DESC LIMIT 1`, p.Organization, p.EndHour, p.StartHour, p.EndHour, p.EndHour, p.StartHour).Scan(&ready).Error
	if err != nil || ready.Currency == "" {
		return nil, err
	}
	s := &billing.Settlement{
		Organization: core.OrganizationID(p.OrganizationID), Num: uint64(p.Organization), Currency: ready.Currency,
		Period: billing.Period{Start: p.StartHour, End: p.EndHour}, Since: ready.Since,
	}
	if err := t.loadSettlement(s); err != nil {
		return nil, err
	}
	for _, a := range judge(s) {
		r := t.Exec(`INSERT INTO billing_adjustments (key, organization_id, organization, kind, plan, period_start, period_end, total, cents, currency, description, next_at, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
			a.Key, string(a.Organization), a.Num, a.Kind, a.Plan, a.Period.Start*3600_000, a.Period.End*3600_000, a.Total, a.Cents, a.Currency, a.Description, t.Now, t.Now)
		if r.Error != nil {
			return nil, r.Error
		}
		if r.RowsAffected == 1 {
			stored = append(stored, a)
		}
	}
	return stored, nil
}

// loadSettlement reads what the ledger has of a period and what was billed for it.
func (t *Txn) loadSettlement(s *billing.Settlement) (err error) {
	if s.Rates, err = rates(t.DB); err != nil {
		return err
	}
	if s.Sums, err = sums(t.DB, "?", s.Num, billing.Period{Start: max(s.Period.Start, s.Since), End: s.Period.End}, inNoGap); err != nil {
		return err
	}
	from, to := s.Period.Start*3600_000, s.Period.End*3600_000
	for query, into := range map[string]*map[string]int64{
		`SELECT l.plan, CAST(SUM(l.amount) AS bigint) AS cents FROM billing_invoices i JOIN billing_invoice_lines l ON l.invoice = i.id
			WHERE i.organization = ? AND i.status <> 'draft' AND l.kind = 'usage' AND l.period_start >= ? AND l.period_start < ? GROUP BY l.plan`: &s.Invoiced,
		`SELECT plan, CAST(SUM(cents) AS bigint) AS cents FROM billing_adjustments WHERE organization = ? AND period_start >= ? AND period_start < ? GROUP BY plan`: &s.Adjusted,
	} {
		var rows []struct {
			Plan  string
			Cents int64
		}
		if err := t.Raw(query, s.Num, from, to).Scan(&rows).Error; err != nil {
			return err
		}
		*into = make(map[string]int64, len(rows))
		for _, r := range rows {
			(*into)[r.Plan] = r.Cents
		}
	}
	return nil
}

// adjustmentRow is an adjustment with whom it goes to.
type adjustmentRow struct {
	Key            string
	OrganizationID string
	Organization   int64
	Kind           string
	Plan           string
	PeriodStart    int64
	PeriodEnd      int64
	Total          int64
	Cents          int64
	Currency       string
	Description    string
	Attempts       int
	CreatedAt      int64
	Customer       string
	Subscription   string
	Line           bool
	Again          int
	Fence          uint64
}

// ClaimAdjustments takes adjustments that are to be sent.
func (s BillingSettlements) ClaimAdjustments(ctx context.Context, now, until time.Time, limit int) (out []billing.AdjustmentTo, err error) {
	err = s.DB.Tx(ctx, func(t *Txn) error {
		out = nil
		keys, err := t.claimSent("billing_adjustments", "key", "next_at <> 0 AND organization IN (SELECT organization FROM billing_accounts WHERE customer <> '')", now, until, limit)
		if err != nil || len(keys) == 0 {
			return err
		}
		var rows []adjustmentRow
		err = t.Raw(`SELECT j.*, a.customer, CASE WHEN a.status IN ('active', 'past_due') THEN a.subscription ELSE '' END AS subscription, EXISTS (SELECT 1 FROM billing_invoice_lines l WHERE l.key = j.key AND l.key <> '') AS line
			FROM billing_adjustments j JOIN billing_accounts a ON a.organization = j.organization WHERE j.key IN ? ORDER BY j.created_at, j.key`, keys).Scan(&rows).Error
		for i := range rows {
			out = append(out, rows[i].domain())
		}
		return err
	})
	return out, err
}

func (r *adjustmentRow) domain() billing.AdjustmentTo {
	return billing.AdjustmentTo{
		Adjustment: billing.Adjustment{
			Key: r.Key, Organization: core.OrganizationID(r.OrganizationID), Num: uint64(r.Organization), Kind: r.Kind, Plan: r.Plan,
			Period: billing.Period{Start: r.PeriodStart / 3600_000, End: r.PeriodEnd / 3600_000}, Total: r.Total, Cents: r.Cents,
			Currency: r.Currency, Description: r.Description, Attempts: r.Attempts, CreatedAt: core.FromMillis(r.CreatedAt),
		},
		Customer: r.Customer, Subscription: r.Subscription, Line: r.Line, Again: r.Again, Fence: r.Fence,
	}
}

// Sent notes what came of an adjustment.
func (s BillingSettlements) Sent(ctx context.Context, a *billing.AdjustmentTo, item string, next time.Time, problem error) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		if problem == nil {
			return t.Exec("UPDATE billing_adjustments SET item = ?, next_at = 0, claimed_until = 0, sent_at = ?, last_error = '' WHERE key = ? AND fence = ? AND dropped_at = 0", item, t.Now, a.Key, a.Fence).Error
		}
		return t.Exec("UPDATE billing_adjustments SET attempts = attempts + 1, next_at = ?, claimed_until = 0, last_error = ? WHERE key = ? AND fence = ? AND next_at <> 0",
			core.Millis(next), clean(problem.Error()), a.Key, a.Fence).Error
	})
}

// ClaimLeftovers takes organizations whose lines wait for an invoice. Lines that a final
// one has are no longer looked at; a draft can be deleted, and they with it.
func (s BillingSettlements) ClaimLeftovers(ctx context.Context, now, settled, until time.Time, limit int) (out []billing.Leftover, err error) {
	err = s.DB.Tx(ctx, func(t *Txn) error {
		out = nil
		err := t.Exec(`UPDATE billing_adjustments SET bill_at = 0 WHERE bill_at <> 0 AND next_at = 0
			AND EXISTS (SELECT 1 FROM billing_invoice_lines l JOIN billing_invoices i ON i.id = l.invoice WHERE l.key = billing_adjustments.key AND l.key <> '' AND i.status <> 'draft')`).Error
		if err != nil {
			return err
		}
		var rows []struct {
			OrganizationID string
			Organization   int64
			Customer       string
			Live           bool
		}
		err = t.Raw(`SELECT DISTINCT a.organization_id, a.organization, a.customer, a.status IN ('active', 'past_due') AS live
			FROM billing_adjustments j JOIN billing_accounts a ON a.organization = j.organization
			WHERE j.bill_at <> 0 AND j.bill_at <= ? AND j.next_at = 0 AND a.customer <> ''
				AND NOT EXISTS (SELECT 1 FROM billing_adjustments n WHERE n.organization_id = a.organization_id AND n.created_at > ?)
			ORDER BY a.organization LIMIT ?`, core.Millis(now), core.Millis(settled), limit).Scan(&rows).Error
		if err != nil {
			return err
		}
		for _, r := range rows {
			// The one who writes first has the claim; the other finds nothing that is due.
			got := t.Exec("UPDATE billing_adjustments SET bill_at = ? WHERE organization = ? AND bill_at <> 0 AND bill_at <= ?", core.Millis(until), r.Organization, core.Millis(now))
			if got.Error != nil {
				return got.Error
			}
			if got.RowsAffected == 0 {
				continue
			}
			l := billing.Leftover{Organization: core.OrganizationID(r.OrganizationID), Num: uint64(r.Organization), Customer: r.Customer, Live: r.Live}
			if err := t.Raw("SELECT key, again FROM billing_adjustments WHERE organization = ? AND bill_at <> 0 AND next_at = 0 ORDER BY created_at, key", r.Organization).Scan(&l.Lines).Error; err != nil {
				return err
			}
			var since int64
			if err := t.Raw("SELECT COALESCE(MIN(created_at), 0) FROM billing_adjustments WHERE organization = ? AND bill_at <> 0 AND next_at = 0", r.Organization).Scan(&since).Error; err != nil {
				return err
			}
			l.Since = core.FromMillis(since)
			out = append(out, l)
		}
		return nil
	})
	return out, err
}

// LeftOver notes when an organization's lines are looked at again, and has lost ones
// sent again.
func (s BillingSettlements) LeftOver(ctx context.Context, l *billing.Leftover, lost []billing.SentLine, next time.Time, fetch bool) error {
	return s.DB.Tx(ctx, func(t *Txn) error {
		for _, line := range lost {
			// Whoever looked at the same time, or an age ago, has not noted it a second time.
			err := t.Exec("UPDATE billing_adjustments SET again = again + 1, fence = fence + 1, item = '', next_at = ?, attempts = 0 WHERE key = ? AND again = ? AND next_at = 0 AND bill_at <> 0", t.Now, line.Key, line.Again).Error
			if err != nil {
				return err
			}
		}
		err := t.Exec("UPDATE billing_adjustments SET bill_at = ? WHERE organization = ? AND bill_at <> 0", core.Millis(next), l.Num).Error
		if err != nil || !fetch {
			return err
		}
		return (&billingRows{db: t.DB, t: t}).Mark(ctx, l.Organization, l.Customer, "request", core.FromMillis(t.Now))
	})
}
