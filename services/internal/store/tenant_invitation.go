package store

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type invitationRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	Email          string
	EmailKey       string
	Role           string
	TokenHash      []byte
	InvitedBy      string
	ExpiresAt      int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
}

func (invitationRow) TableName() string { return "invitations" }

func invitationFrom(r *invitationRow) tenant.Invitation {
	return tenant.Invitation{
		ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), Email: r.Email, Role: tenant.Role(r.Role),
		InvitedBy: r.InvitedBy, ExpiresAt: core.FromMillis(r.ExpiresAt), CreatedAt: core.FromMillis(r.CreatedAt),
	}
}

func (r *tenantRows) PutInvitation(_ context.Context, inv *tenant.Invitation, tokenHash []byte) error {
	key := tenant.EmailKey(inv.Email)
	err := r.db.Where("organization_id = ? AND email_key = ?", string(inv.Organization), key).Delete(&invitationRow{}).Error
	if err != nil {
		return err
	}
	return r.db.Create(&invitationRow{
		ID: inv.ID, OrganizationID: string(inv.Organization), Email: inv.Email, EmailKey: key, Role: string(inv.Role),
		TokenHash: tokenHash, InvitedBy: inv.InvitedBy, ExpiresAt: core.Millis(inv.ExpiresAt), CreatedAt: core.Millis(inv.CreatedAt),
	}).Error
}

func (r *tenantRows) TakeInvitation(_ context.Context, tokenHash []byte, now time.Time) (tenant.Invitation, error) {
	var row invitationRow
	q := r.locked().Where("token_hash = ? AND expires_at > ?", tokenHash, core.Millis(now))
	if err := take(q, &row, "invitation", ""); err != nil {
		return tenant.Invitation{}, err
	}
	// Of two who take it at once, one deletes no row.
	err := changed(r.db.Where("id = ?", row.ID).Delete(&invitationRow{}), "invitation", "")
	return invitationFrom(&row), err
}

func (r *tenantRows) LookUpInvitation(_ context.Context, tokenHash []byte, now time.Time) (tenant.Invitation, error) {
	var row invitationRow
	err := take(r.db.Where("token_hash = ? AND expires_at > ?", tokenHash, core.Millis(now)), &row, "invitation", "")
	return invitationFrom(&row), err
}

func (r *tenantRows) ListInvitations(_ context.Context, org core.OrganizationID, after string, limit int) ([]tenant.Invitation, error) {
	var rows []invitationRow
	err := r.db.Where("organization_id = ? AND id > ?", string(org), after).Order("id").Limit(limit).Find(&rows).Error
	return convert(rows, invitationFrom), err
}

func (r *tenantRows) FindInvitation(_ context.Context, org core.OrganizationID, id string) (tenant.Invitation, error) {
	var row invitationRow
	err := take(r.db.Where("organization_id = ? AND id = ?", string(org), id), &row, "invitation", id)
	return invitationFrom(&row), err
}

func (r *tenantRows) DeleteInvitation(_ context.Context, org core.OrganizationID, id string) error {
	return changed(r.db.Where("organization_id = ? AND id = ?", string(org), id).Delete(&invitationRow{}), "invitation", id)
}
