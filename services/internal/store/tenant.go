package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// Tenants keeps organizations, users and what hangs on them.
type Tenants struct{ *DB }

// View runs reads.
func (s Tenants) View(ctx context.Context, fn func(tenant.Rows) error) error {
	return s.DB.View(ctx, func(db *gorm.DB) error { return fn(&tenantRows{db: db, d: s.DB}) })
}

// Tx runs fn in one transaction.
func (s Tenants) Tx(ctx context.Context, fn func(tenant.Tx) error) error {
	return s.DB.Tx(ctx, func(t *Txn) error { return fn(&tenantRows{db: t.DB, d: s.DB, t: t}) })
}

// tenantRows are the domain's rows in a view or a transaction; t is nil in a view.
type tenantRows struct {
	db *gorm.DB
	d  *DB
	t  *Txn
}

// Record writes a change's audit line and outbox rows.
func (r *tenantRows) Record(ctx context.Context, org core.OrganizationID, c core.Change) error {
	return r.t.Record(ctx, org, c)
}

// locked is a query whose rows stay locked until the transaction ends; in a view
// it is a plain query.
func (r *tenantRows) locked() *gorm.DB {
	if r.t == nil {
		return r.db
	}
	return r.t.forUpdate()
}

// take reads one row, or answers core.CodeNotFound that names what was sought.
func take(q *gorm.DB, row any, kind, name string) error {
	err := q.Take(row).Error
	if isMissing(err) {
		return core.NotFound(kind, name)
	}
	return err
}

// changed answers core.CodeNotFound when a statement touched no row.
func changed(q *gorm.DB, kind, name string) error {
	if q.Error == nil && q.RowsAffected == 0 {
		return core.NotFound(kind, name)
	}
	return q.Error
}

// stale answers core.CodePreconditionFailed when a statement that names a
// revision touched no row.
func stale(q *gorm.DB) error {
	if q.Error == nil && q.RowsAffected == 0 {
		return core.Errorf(core.CodePreconditionFailed, "the resource was changed in the meantime: read it again and repeat the change")
	}
	return q.Error
}

// converted maps rows to the domain's type, where reading one may fail.
func converted[R, T any](rows []R, to func(*R) (T, error)) ([]T, error) {
	out := make([]T, len(rows))
	for i := range rows {
		var err error
		if out[i], err = to(&rows[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// convert maps rows to the domain's type.
func convert[R, T any](rows []R, to func(*R) T) []T {
	out := make([]T, len(rows))
	for i := range rows {
		out[i] = to(&rows[i])
	}
	return out
}

var (
	_ tenant.Store = Tenants{}
	_ tenant.Tx    = (*tenantRows)(nil)
)
