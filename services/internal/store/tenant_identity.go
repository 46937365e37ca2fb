package store

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type identityRow struct {
	ID        string `gorm:"primaryKey"`
	UserID    string
	Provider  string
	Issuer    string
	Subject   string
	Email     string
	UsedAt    int64
	CreatedAt int64 `gorm:"autoCreateTime:false"`
}

func (identityRow) TableName() string { return "identities" }

func identityFrom(r *identityRow) tenant.LinkedIdentity {
	return tenant.LinkedIdentity{
		ID: r.ID, UserID: r.UserID, Provider: r.Provider, Issuer: r.Issuer, Subject: r.Subject, Email: r.Email,
		UsedAt: core.FromMillis(r.UsedAt), CreatedAt: core.FromMillis(r.CreatedAt),
	}
}

func (r *tenantRows) InsertIdentity(_ context.Context, i *tenant.LinkedIdentity) error {
	err := r.db.Create(&identityRow{
		ID: i.ID, UserID: i.UserID, Provider: i.Provider, Issuer: i.Issuer, Subject: i.Subject, Email: i.Email,
		UsedAt: core.Millis(i.UsedAt), CreatedAt: core.Millis(i.CreatedAt),
	}).Error
	if isDuplicate(err) {
		return core.Errorf(core.CodeConflict, "this identity signs another account in")
	}
	return err
}

func (r *tenantRows) FindIdentity(_ context.Context, issuer, subject string) (tenant.LinkedIdentity, error) {
	var row identityRow
	err := take(r.db.Where("issuer = ? AND subject = ?", issuer, subject), &row, "identity", "")
	return identityFrom(&row), err
}

func (r *tenantRows) ListIdentities(_ context.Context, userID string) ([]tenant.LinkedIdentity, error) {
	var rows []identityRow
	err := r.db.Where("user_id = ?", userID).Order("id").Find(&rows).Error
	return convert(rows, identityFrom), err
}

func (r *tenantRows) TouchIdentity(_ context.Context, id string, now time.Time) error {
	return r.db.Model(&identityRow{}).Where("id = ?", id).UpdateColumn("used_at", core.Millis(now)).Error
}

func (r *tenantRows) DeleteIdentity(_ context.Context, userID, id string) error {
	return changed(r.db.Where("user_id = ? AND id = ?", userID, id).Delete(&identityRow{}), "identity", id)
}

func (r *tenantRows) DeleteIdentities(_ context.Context, userID string) error {
	return r.db.Where("user_id = ?", userID).Delete(&identityRow{}).Error
}
