package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

// claimSent claims rows that go to the payment provider. Each claim has a number, and
// shows until when it holds: next_at alone may also be when a failed one is tried again.
func (t *Txn) claimSent(table, id, where string, now, until time.Time, limit int) ([]string, error) {
	ids, err := t.claim(table, id, where, now, until, limit)
	if err != nil || len(ids) == 0 {
		return ids, err
	}
	return ids, t.Exec(fmt.Sprintf("UPDATE %s SET fence = fence + 1, claimed_until = ? WHERE %s IN ?", table, id), core.Millis(until), ids).Error
}

// outgoing is all that is to go to the payment provider.
const outgoing = `SELECT x.*, o.name FROM (
	SELECT 'credit:' || c.id AS id, 'credit' AS kind, c.organization_id, COALESCE(a.customer, '') AS customer, c.cents, '' AS currency, c.reason AS text, c.actor,
		c.attempts AS tries, c.last_error, c.next_at, c.created_at AS since, c.fence, c.claimed_until
		FROM billing_credits c LEFT JOIN billing_accounts a ON a.organization_id = c.organization_id WHERE c.next_at <> 0
	UNION ALL SELECT 'line:' || j.key, 'line', j.organization_id, COALESCE(a.customer, ''), j.cents, j.currency, j.description, '',
		j.attempts, j.last_error, j.next_at, j.created_at, j.fence, j.claimed_until
		FROM billing_adjustments j LEFT JOIN billing_accounts a ON a.organization_id = j.organization_id WHERE j.next_at <> 0
	UNION ALL SELECT 'usage:' || a.organization_id, 'usage', a.organization_id, a.customer, 0, '', '', '', p.attempts, p.last_error, p.next_at, 0, 0, 0
		FROM billing_posts p JOIN billing_accounts a ON a.organization = p.organization WHERE p.attempts > 0
	UNION ALL SELECT 'parked:' || a.organization_id || ':' || CAST(k.plan AS text), 'parked', a.organization_id, a.customer, 0, '', CAST(k.plan AS text), '', 0, k.reason, k.next_at, k.since, 0, 0
		FROM billing_parked k JOIN billing_accounts a ON a.organization = k.organization
	UNION ALL SELECT 'customer:' || s.customer, 'customer', s.organization_id, s.customer, 0, '', '', '', s.attempts, s.last_error, s.next_at, 0, 0, s.claimed_until
		FROM billing_syncs s WHERE s.attempts > 0 AND s.next_at <> 0
	) AS x JOIN organizations o ON o.id = x.organization_id`

type outgoingRow struct {
	ID, Kind, OrganizationID, Customer string
	Cents                              int64
	Currency, Text, Actor              string
	Tries                              int
	LastError                          string
	NextAt, Since, Fence, ClaimedUntil int64
	Name                               string
}

func (r *outgoingRow) domain() billing.Outgoing {
	return billing.Outgoing{
		ID: r.ID, Kind: r.Kind, Organization: core.OrganizationID(r.OrganizationID), Name: r.Name, Customer: r.Customer, Cents: r.Cents, Currency: r.Currency,
		Text: r.Text, Actor: r.Actor, Tries: r.Tries, LastError: r.LastError, NextAt: core.FromMillis(r.NextAt), Since: core.FromMillis(r.Since),
		Fence: uint64(r.Fence), ClaimedUntil: core.FromMillis(r.ClaimedUntil),
	}
}

// Outgoing lists what is to go to the payment provider.
func (s Billing) Outgoing(ctx context.Context, org core.OrganizationID, after string, limit int) ([]billing.Outgoing, error) {
	var rows []outgoingRow
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		return db.Raw(outgoing+" WHERE (? = '' OR x.organization_id = ?) AND x.id > ? ORDER BY x.id LIMIT ?", string(org), string(org), after, limit).Scan(&rows).Error
	})
	return convert(rows, (*outgoingRow).domain), err
}

// FindOutgoing finds one.
func (s Billing) FindOutgoing(ctx context.Context, id string) (found billing.Outgoing, err error) {
	err = s.DB.View(ctx, func(db *gorm.DB) error {
		found, err = findOutgoing(db, id)
		return err
	})
	return found, err
}

func findOutgoing(db *gorm.DB, id string) (billing.Outgoing, error) {
	var rows []outgoingRow
	err := db.Raw(outgoing+" WHERE x.id = ?", id).Scan(&rows).Error
	if err == nil && len(rows) == 0 {
		err = core.NotFound("outgoing entry", id)
	}
	if err != nil {
		return billing.Outgoing{}, err
	}
	return rows[0].domain(), nil
}

// outgoingTables are the kinds that can be claimed, with the columns of their names.
var outgoingTables = map[string][2]string{billing.OutgoingCredit: {"billing_credits", "id"}, billing.OutgoingLine: {"billing_adjustments", "key"}}

// outgoingAt is the table of a credit or line, the column of its name, and its name.
func outgoingAt(id string) (table, column, name string, err error) {
	kind, name, _ := strings.Cut(id, ":")
	at, ok := outgoingTables[kind]
	if !ok {
		return "", "", "", core.NotFound("outgoing entry", id)
	}
	return at[0], at[1], name, nil
}

func errOutgoingHeld() error {
	return core.Errorf(core.CodeConflict, "it is being sent at this moment: try again in a few minutes")
}

// TakeOutgoing claims a credit or line.
func (s Billing) TakeOutgoing(ctx context.Context, id string, now, until time.Time) (o billing.Outgoing, err error) {
	table, column, name, err := outgoingAt(id)
	if err != nil {
		return o, err
	}
	err = s.DB.Tx(ctx, func(t *Txn) error {
		if o, err = findOutgoing(t.DB, id); err != nil {
			return err
		}
		q := t.Exec(fmt.Sprintf("UPDATE %s SET fence = fence + 1, claimed_until = ?, next_at = ? WHERE %s = ? AND fence = ? AND claimed_until <= ? AND next_at <> 0", table, column),
			core.Millis(until), core.Millis(until), name, o.Fence, core.Millis(now))
		if q.Error == nil && q.RowsAffected == 0 {
			return errOutgoingHeld()
		}
		o.Fence++
		return q.Error
	})
	return o, err
}

// PutBackOutgoing ends a claim.
func (s Billing) PutBackOutgoing(ctx context.Context, o *billing.Outgoing) error {
	return s.endOutgoing(ctx, o, "next_at = ?", core.Millis(o.NextAt))
}

// OutgoingSent ends a claim of what the provider has.
func (s Billing) OutgoingSent(ctx context.Context, o *billing.Outgoing) error {
	if o.Kind == billing.OutgoingCredit {
		return s.endOutgoing(ctx, o, "next_at = 0, last_error = '', posted = ?", o.ID)
	}
	return s.endOutgoing(ctx, o, "next_at = 0, last_error = '', item = ?", "found")
}

func (s Billing) endOutgoing(ctx context.Context, o *billing.Outgoing, set string, value any) error {
	table, column, name, err := outgoingAt(o.ID)
	if err != nil {
		return err
	}
	return s.DB.Tx(ctx, func(t *Txn) error {
		return t.Exec(fmt.Sprintf("UPDATE %s SET claimed_until = 0, %s WHERE %s = ? AND fence = ? AND claimed_until <> 0", table, set, column), value, name, o.Fence).Error
	})
}

// DropOutgoing lets go of what is claimed.
func (r *billingRows) DropOutgoing(_ context.Context, org core.OrganizationID, o *billing.Outgoing) error {
	table, column, name, err := outgoingAt(o.ID)
	if err != nil {
		return err
	}
	bill := ""
	if o.Kind == billing.OutgoingLine {
		bill = ", bill_at = 0"
	}
	q := r.db.Exec(fmt.Sprintf("UPDATE %s SET dropped_at = ?, next_at = 0, claimed_until = 0%s WHERE %s = ? AND organization_id = ? AND fence = ? AND claimed_until <> 0", table, bill, column),
		r.t.Now, name, string(org), o.Fence)
	if q.Error == nil && q.RowsAffected == 0 {
		if o.Organization != org {
			return core.NotFound("outgoing entry", o.ID)
		}
		return errOutgoingHeld()
	}
	return q.Error
}

// RetryOutgoing makes one due.
func (r *billingRows) RetryOutgoing(_ context.Context, org core.OrganizationID, o *billing.Outgoing, now time.Time) error {
	_, name, _ := strings.Cut(o.ID, ":")
	var q *gorm.DB
	switch ms := core.Millis(now); o.Kind {
	case billing.OutgoingUsage:
		q = r.db.Exec("UPDATE billing_posts SET next_at = ? WHERE organization = "+organizationNum+" AND ? = ?", ms, string(org), name, string(org))
	case billing.OutgoingParked:
		_, plan, _ := strings.Cut(name, ":")
		q = r.db.Exec("UPDATE billing_parked SET next_at = ? WHERE organization = "+organizationNum+" AND CAST(plan AS text) = ? AND ? = ?", ms, string(org), plan, name, string(org)+":"+plan)
	case billing.OutgoingCustomer:
		q = r.db.Exec("UPDATE billing_syncs SET next_at = ? WHERE customer = ? AND organization_id = ? AND next_at <> 0 AND claimed_until <= ?", ms, name, string(org), ms)
	default:
		table, column, name, err := outgoingAt(o.ID)
		if err != nil {
			return err
		}
		q = r.db.Exec(fmt.Sprintf("UPDATE %s SET next_at = ? WHERE %s = ? AND organization_id = ? AND next_at <> 0 AND claimed_until <= ?", table, column), ms, name, string(org), ms)
	}
	if q.Error == nil && q.RowsAffected == 0 {
		if o.Organization != org {
			return core.NotFound("outgoing entry", o.ID)
		}
		return errOutgoingHeld()
	}
	return q.Error
}
