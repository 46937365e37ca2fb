package store

import (
	"context"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type userRow struct {
	ID               string `gorm:"primaryKey"`
	Email            string
	EmailKey         string
	Name             string
	PasswordHash     string
	VerifiedAt       int64
	SecondFactorAt   int64
	LastOrganization string
	Revision         uint64
	CreatedAt        int64 `gorm:"autoCreateTime:false"`
	UpdatedAt        int64 `gorm:"autoUpdateTime:false"`
}

func (userRow) TableName() string { return "users" }

func userFrom(r *userRow) tenant.User {
	return tenant.User{
		ID: r.ID, Email: r.Email, Name: r.Name, PasswordHash: r.PasswordHash, VerifiedAt: core.FromMillis(r.VerifiedAt),
		SecondFactorAt: core.FromMillis(r.SecondFactorAt), LastOrganization: r.LastOrganization,
		Revision: r.Revision, CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
}

func userTo(u *tenant.User) userRow {
	return userRow{
		ID: u.ID, Email: u.Email, EmailKey: tenant.EmailKey(u.Email), Name: u.Name, PasswordHash: u.PasswordHash,
		SecondFactorAt: core.Millis(u.SecondFactorAt), LastOrganization: u.LastOrganization,
		VerifiedAt: core.Millis(u.VerifiedAt), Revision: u.Revision,
		CreatedAt: core.Millis(u.CreatedAt), UpdatedAt: core.Millis(u.UpdatedAt),
	}
}

func (r *tenantRows) InsertUser(_ context.Context, u *tenant.User) error {
	row := userTo(u)
	return taken(r.db.Create(&row).Error)
}

// taken answers core.CodeEmailTaken for an address that another user has.
func taken(err error) error {
	if isDuplicate(err) {
		return core.Errorf(core.CodeEmailTaken, "there is an account with this address already: sign in, or ask for a new password")
	}
	return err
}

func (r *tenantRows) DeleteUser(_ context.Context, id string) error {
	return changed(r.db.Where("id = ?", id).Delete(&userRow{}), "user", id)
}

func (r *tenantRows) FindUser(_ context.Context, id string) (tenant.User, error) {
	var row userRow
	err := take(r.locked().Where("id = ?", id), &row, "user", id)
	return userFrom(&row), err
}

func (r *tenantRows) AnyUser(context.Context) (bool, error) {
	var rows []userRow
	err := r.db.Select("id").Limit(1).Find(&rows).Error
	return len(rows) > 0, err
}

func (r *tenantRows) FindUserByEmail(_ context.Context, emailKey string) (tenant.User, error) {
	var row userRow
	err := take(r.db.Where("email_key = ?", emailKey), &row, "user", emailKey)
	return userFrom(&row), err
}

func (r *tenantRows) UpdateUser(_ context.Context, u *tenant.User) error {
	row := userTo(u)
	row.Revision++
	q := r.db.Model(&userRow{}).Where("id = ? AND revision = ?", row.ID, u.Revision).
		Select("email", "email_key", "name", "password_hash", "verified_at", "second_factor_at", "last_organization", "revision", "updated_at").
		Updates(&row)
	if err := taken(q.Error); err != nil {
		return err
	}
	if err := stale(q); err != nil {
		return err
	}
	u.Revision = row.Revision
	return nil
}
