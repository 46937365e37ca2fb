package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// Billing keeps accounts and invoices.
type Billing struct{ *DB }

// View runs reads.
func (s Billing) View(ctx context.Context, fn func(billing.Rows) error) error {
	return s.DB.View(ctx, func(db *gorm.DB) error { return fn(&billingRows{db: db}) })
}

// Tx runs fn in one transaction.
func (s Billing) Tx(ctx context.Context, fn func(billing.Tx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(&billingRows{db: t.DB, t: t}) })
}

// billingRows are the domain's rows in a view or a transaction; t is nil in a view.
type billingRows struct {
	db *gorm.DB
	t  *Txn
}

var (
	_ billing.Store = Billing{}
	_ billing.Tx    = (*billingRows)(nil)
)

// Record writes a change's audit line and outbox rows.
func (r *billingRows) Record(ctx context.Context, org core.OrganizationID, c core.Change) error {
	return r.t.Record(ctx, org, c)
}

// Tenant reads what billing must know of an organization, and locks it in a
// transaction.
func (r *billingRows) Tenant(_ context.Context, org core.OrganizationID) (billing.Tenant, error) {
	q := r.db
	if r.t != nil {
		q = r.t.forUpdate()
	}
	var row organizationRow
	err := take(q.Where("id = ?", string(org)), &row, "organization", string(org))
	return billing.Tenant{
		ID: core.OrganizationID(row.ID), Num: row.Num, Name: row.Name, Plan: row.Plan, NextPlan: row.NextPlan,
		PlanSince: core.FromMillis(row.PlanSince), PeriodStart: core.FromMillis(row.PeriodStart), PeriodEnd: core.FromMillis(row.PeriodEnd),
		Suspended: row.Suspended, DeletedAt: core.FromMillis(row.DeletedAt), Revision: row.Revision,
	}, err
}

// PutTenant stores what billing decides of an organization.
func (r *billingRows) PutTenant(_ context.Context, org core.OrganizationID, t *billing.Tenant) error {
	if t.ID != org {
		return core.NotFound("organization", string(org))
	}
	q := r.db.Model(&organizationRow{}).Where("id = ? AND revision = ?", string(org), t.Revision).
		Select("plan", "next_plan", "plan_since", "period_start", "period_end", "suspended", "revision", "updated_at").
		Updates(&organizationRow{
			Plan: t.Plan, NextPlan: t.NextPlan, PlanSince: core.Millis(t.PlanSince), PeriodStart: core.Millis(t.PeriodStart),
			PeriodEnd: core.Millis(t.PeriodEnd), Suspended: t.Suspended, Revision: t.Revision + 1, UpdatedAt: r.t.Now,
		})
	if err := stale(q); err != nil {
		return err
	}
	t.Revision++
	return nil
}

// Suspend suspends for billing, or lifts that.
func (r *billingRows) Suspend(ctx context.Context, org core.OrganizationID, reason string, on bool) (bool, error) {
	rows := &tenantRows{db: r.db, t: r.t}
	if _, err := rows.FindOrganization(ctx, org); err != nil {
		return false, err
	}
	var err error
	if on {
		err = rows.PutSuspension(ctx, org, &tenant.Suspension{By: tenant.SuspendedByBilling, Reason: reason, At: core.FromMillis(r.t.Now)})
	} else {
		err = rows.DeleteSuspension(ctx, org, tenant.SuspendedByBilling)
	}
	if err != nil {
		return false, err
	}
	left, err := rows.ListSuspensions(ctx, org)
	return len(left) > 0, err
}

// Payers lists the addresses of owners and of members with the role billing.
func (r *billingRows) Payers(_ context.Context, org core.OrganizationID) (out []string, err error) {
	err = r.db.Table("members").Joins("JOIN users ON users.id = members.user_id").
		Where("members.organization_id = ? AND members.role IN ?", string(org), []string{string(tenant.RoleOwner), string(tenant.RoleBilling)}).
		Order("users.email").Limit(core.MaxPage).Pluck("users.email", &out).Error
	return out, err
}

// AddMails queues mails.
func (r *billingRows) AddMails(_ context.Context, letters []billing.Letter) error {
	for i := range letters {
		row := mailRow{ID: letters[i].ID, Sealed: letters[i].Sealed, NextAt: r.t.Now, CreatedAt: r.t.Now}
		if err := r.db.Create(&row).Error; err != nil {
			return err
		}
	}
	return nil
}
