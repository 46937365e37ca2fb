package store

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type organizationRow struct {
	ID              string `gorm:"primaryKey"`
	Num             uint64 `gorm:"default:(-)"`
	Name            string
	Plan            string
	NextPlan        string
	PlanSince       int64
	PeriodStart     int64
	PeriodEnd       int64
	Verified        bool
	Suspended       bool
	StrictFreshness bool
	DeletedAt       int64
	ClearedAt       int64
	Revision        uint64
	CreatedAt       int64 `gorm:"autoCreateTime:false"`
	UpdatedAt       int64 `gorm:"autoUpdateTime:false"`
}

func (organizationRow) TableName() string { return "organizations" }

func organizationFrom(r *organizationRow) tenant.Organization {
	return tenant.Organization{
		ID: core.OrganizationID(r.ID), Num: r.Num, Name: r.Name, Plan: r.Plan, NextPlan: r.NextPlan,
		PlanSince: core.FromMillis(r.PlanSince), PeriodStart: core.FromMillis(r.PeriodStart), PeriodEnd: core.FromMillis(r.PeriodEnd),
		Verified: r.Verified, Suspended: r.Suspended, StrictFreshness: r.StrictFreshness,
		DeletedAt: core.FromMillis(r.DeletedAt), Revision: r.Revision, CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
}

func organizationTo(o *tenant.Organization) organizationRow {
	return organizationRow{
		ID: string(o.ID), Num: o.Num, Name: o.Name, Plan: o.Plan, NextPlan: o.NextPlan,
		PlanSince: core.Millis(o.PlanSince), PeriodStart: core.Millis(o.PeriodStart), PeriodEnd: core.Millis(o.PeriodEnd),
		Verified: o.Verified, Suspended: o.Suspended, StrictFreshness: o.StrictFreshness,
		DeletedAt: core.Millis(o.DeletedAt), Revision: o.Revision, CreatedAt: core.Millis(o.CreatedAt), UpdatedAt: core.Millis(o.UpdatedAt),
	}
}

func (r *tenantRows) InsertOrganization(_ context.Context, o *tenant.Organization) error {
	row := organizationTo(o)
	if err := r.db.Omit("num").Create(&row).Error; err != nil {
		return err
	}
	return r.db.Model(&organizationRow{}).Select("num").Where("id = ?", row.ID).Take(&o.Num).Error
}

func (r *tenantRows) FindOrganization(_ context.Context, org core.OrganizationID) (tenant.Organization, error) {
	var row organizationRow
	err := take(r.locked().Where("id = ?", string(org)), &row, "organization", string(org))
	return organizationFrom(&row), err
}

func (r *tenantRows) UpdateOrganization(_ context.Context, o *tenant.Organization) error {
	row := organizationTo(o)
	row.Revision++
	q := r.db.Model(&organizationRow{}).Where("id = ? AND revision = ?", row.ID, o.Revision).
		Select("name", "plan", "next_plan", "plan_since", "period_start", "period_end", "verified", "suspended", "strict_freshness", "deleted_at", "revision", "updated_at").
		Updates(&row)
	if err := stale(q); err != nil {
		return err
	}
	o.Revision = row.Revision
	return nil
}

func (r *tenantRows) ListOrganizations(_ context.Context, after string, limit int) ([]tenant.Organization, error) {
	var rows []organizationRow
	err := r.db.Where("id > ?", after).Order("id").Limit(limit).Find(&rows).Error
	return convert(rows, organizationFrom), err
}

func (r *tenantRows) EndedPeriods(_ context.Context, now time.Time, limit int) ([]tenant.Organization, error) {
	var rows []organizationRow
	err := r.db.Where("period_end <= ? AND deleted_at = 0", core.Millis(now)).Order("period_end").Limit(limit).Find(&rows).Error
	return convert(rows, organizationFrom), err
}

func (r *tenantRows) DeletedOrganizations(_ context.Context, limit int) ([]tenant.Organization, error) {
	var rows []organizationRow
	err := r.db.Where("deleted_at > 0 AND cleared_at = 0").Order("id").Limit(limit).Find(&rows).Error
	return convert(rows, organizationFrom), err
}

type suspensionRow struct {
	OrganizationID string
	SuspendedBy    string
	Reason         string
	Message        string
	At             int64
}

func (suspensionRow) TableName() string { return "organization_suspensions" }

func suspensionFrom(r *suspensionRow) tenant.Suspension {
	return tenant.Suspension{By: tenant.SuspendedBy(r.SuspendedBy), Reason: r.Reason, Message: r.Message, At: core.FromMillis(r.At)}
}

func (r *tenantRows) ListSuspensions(_ context.Context, org core.OrganizationID) ([]tenant.Suspension, error) {
	var rows []suspensionRow
	err := r.db.Where("organization_id = ?", string(org)).Order("suspended_by").Find(&rows).Error
	return convert(rows, suspensionFrom), err
}

func (r *tenantRows) PutSuspension(_ context.Context, org core.OrganizationID, s *tenant.Suspension) error {
	return r.db.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "organization_id"}, {Name: "suspended_by"}},
		DoUpdates: clause.AssignmentColumns([]string{"reason", "message", "at"}),
	}).Create(&suspensionRow{OrganizationID: string(org), SuspendedBy: string(s.By), Reason: s.Reason, Message: s.Message, At: core.Millis(s.At)}).Error
}

func (r *tenantRows) DeleteSuspension(_ context.Context, org core.OrganizationID, by tenant.SuspendedBy) error {
	return r.db.Where("organization_id = ? AND suspended_by = ?", string(org), string(by)).Delete(&suspensionRow{}).Error
}

func (r *tenantRows) ClearedOrganization(_ context.Context, org core.OrganizationID, now time.Time) error {
	return changed(r.db.Model(&organizationRow{}).Where("id = ? AND deleted_at > 0", string(org)).
		UpdateColumn("cleared_at", core.Millis(now)), "organization", string(org))
}
