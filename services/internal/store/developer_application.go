package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
)

type applicationRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	GatewayID      string
	DeveloperID    string
	Email          string `gorm:"->"`
	Name           string `gorm:"->"`
	UsagePlan      string
	Message        string
	State          string
	Reason         string
	DecidedBy      string
	DecidedAt      int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
}

func (applicationRow) TableName() string { return "developer_applications" }

func applicationFrom(r *applicationRow) developer.Application {
	return developer.Application{
		ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), Gateway: r.GatewayID, Developer: r.DeveloperID,
		Email: r.Email, Name: r.Name, UsagePlan: r.UsagePlan, Message: r.Message, State: r.State, Reason: r.Reason,
		DecidedBy: r.DecidedBy, DecidedAt: core.FromMillis(r.DecidedAt), CreatedAt: core.FromMillis(r.CreatedAt),
	}
}

func (r *developerRows) applications(org core.OrganizationID, gateway string) *gorm.DB {
	return r.of("developer_applications", org, gateway).Select("developer_applications.*, developers.email, developers.name").
		Joins("JOIN developers ON developers.id = developer_applications.developer_id")
}

func (r *developerRows) CountPending(_ context.Context, org core.OrganizationID, gateway string) (int, error) {
	var n int64
	err := r.of("developer_applications", org, gateway).Where("state = ?", developer.Pending).Count(&n).Error
	return int(n), err
}

func (r *developerRows) FindApplication(_ context.Context, org core.OrganizationID, gateway, id string) (developer.Application, error) {
	var row applicationRow
	err := take(r.applications(org, gateway).Where("developer_applications.id = ?", id), &row, "application", id)
	return applicationFrom(&row), err
}

func (r *developerRows) LastApplication(_ context.Context, org core.OrganizationID, gateway, id string) (developer.Application, error) {
	var row applicationRow
	q := r.applications(org, gateway).Where("developer_applications.developer_id = ?", id).Order("developer_applications.id DESC").Limit(1)
	err := take(q, &row, "application", "")
	return applicationFrom(&row), err
}

func (r *developerRows) ListApplications(_ context.Context, org core.OrganizationID, gateway, state, before string, limit int) ([]developer.Application, error) {
	q := r.applications(org, gateway).Order("developer_applications.id DESC").Limit(limit)
	if state != "" {
		q = q.Where("developer_applications.state = ?", state)
	}
	if before != "" {
		q = q.Where("developer_applications.id < ?", before)
	}
	var rows []applicationRow
	err := q.Find(&rows).Error
	return convert(rows, applicationFrom), err
}

func (r *developerRows) InsertApplication(_ context.Context, org core.OrganizationID, a *developer.Application) error {
	return r.db.Create(&applicationRow{
		ID: a.ID, OrganizationID: string(org), GatewayID: a.Gateway, DeveloperID: a.Developer, UsagePlan: a.UsagePlan,
		Message: a.Message, State: a.State, CreatedAt: core.Millis(a.CreatedAt),
	}).Error
}

func (r *developerRows) DecideApplication(_ context.Context, org core.OrganizationID, a *developer.Application) error {
	q := r.of("developer_applications", org, a.Gateway).Where("id = ? AND state = ?", a.ID, developer.Pending).UpdateColumns(map[string]any{
		"state": a.State, "reason": a.Reason, "decided_by": a.DecidedBy, "decided_at": core.Millis(a.DecidedAt),
	})
	if q.Error == nil && q.RowsAffected == 0 {
		return core.Errorf(core.CodeConflict, "the application is not open any more")
	}
	return q.Error
}

func (r *developerRows) WithdrawApplications(_ context.Context, org core.OrganizationID, gateway, id string) (int, error) {
	q := r.db.Where("organization_id = ? AND gateway_id = ? AND developer_id = ? AND state = ?", string(org), gateway, id, developer.Pending).
		Delete(&applicationRow{})
	return int(q.RowsAffected), q.Error
}
