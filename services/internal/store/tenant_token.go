package store

import (
	"context"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type tokenRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	UserID         string
	KID            int64 `gorm:"column:kid"` // 60 bits
	Hash           []byte
	Name           string
	Scopes         string // space-separated; a scope holds no space
	ExpiresAt      int64
	UsedAt         int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
}

func (tokenRow) TableName() string { return "tokens" }

func tokenFrom(r *tokenRow) tenant.Token {
	return tenant.Token{
		ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), UserID: r.UserID, KID: uint64(r.KID), Hash: r.Hash,
		Name: r.Name, Scopes: strings.Fields(r.Scopes), ExpiresAt: core.FromMillis(r.ExpiresAt), UsedAt: core.FromMillis(r.UsedAt),
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
}

func (r *tenantRows) InsertToken(_ context.Context, t *tenant.Token) error {
	return r.db.Create(&tokenRow{
		ID: t.ID, OrganizationID: string(t.Organization), UserID: t.UserID, KID: int64(t.KID), Hash: t.Hash,
		Name: t.Name, Scopes: strings.Join(t.Scopes, " "), ExpiresAt: core.Millis(t.ExpiresAt),
		CreatedAt: core.Millis(t.CreatedAt), UpdatedAt: core.Millis(t.UpdatedAt),
	}).Error
}

func (r *tenantRows) FindToken(_ context.Context, org core.OrganizationID, id string) (tenant.Token, error) {
	var row tokenRow
	err := take(r.db.Where("organization_id = ? AND id = ?", string(org), id), &row, "token", id)
	return tokenFrom(&row), err
}

func (r *tenantRows) FindTokenByKID(_ context.Context, kid uint64) (tenant.Token, error) {
	var row tokenRow
	err := take(r.db.Where("kid = ?", int64(kid)), &row, "token", contract.FormatKID(kid))
	return tokenFrom(&row), err
}

func (r *tenantRows) ListTokens(_ context.Context, org core.OrganizationID, after string, limit int) ([]tenant.Token, error) {
	var rows []tokenRow
	err := r.db.Where("organization_id = ? AND id > ?", string(org), after).Order("id").Limit(limit).Find(&rows).Error
	return convert(rows, tokenFrom), err
}

func (r *tenantRows) TouchToken(_ context.Context, org core.OrganizationID, id string, now time.Time) error {
	return r.db.Model(&tokenRow{}).Where("organization_id = ? AND id = ?", string(org), id).
		UpdateColumn("used_at", core.Millis(now)).Error
}

func (r *tenantRows) DeleteToken(_ context.Context, org core.OrganizationID, id string) error {
	return changed(r.db.Where("organization_id = ? AND id = ?", string(org), id).Delete(&tokenRow{}), "token", id)
}

func (r *tenantRows) DeleteTokensOf(_ context.Context, org core.OrganizationID, userID string) error {
	return r.db.Where("organization_id = ? AND user_id = ?", string(org), userID).Delete(&tokenRow{}).Error
}

func (r *tenantRows) DeleteUserTokens(_ context.Context, userID string) error {
	return r.db.Where("user_id = ?", userID).Delete(&tokenRow{}).Error
}
