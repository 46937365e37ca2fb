package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

type memberRow struct {
	ID             string `gorm:"primaryKey"`
	OrganizationID string
	UserID         string
	Role           string
	Revision       uint64
	CreatedAt      int64  `gorm:"autoCreateTime:false"`
	UpdatedAt      int64  `gorm:"autoUpdateTime:false"`
	Email          string `gorm:"->"` // of the user, by join, as are the next
	Name           string `gorm:"->"`
	SecondFactorAt int64  `gorm:"->"`
}

func (memberRow) TableName() string { return "members" }

func memberFrom(r *memberRow) tenant.Member {
	return tenant.Member{
		ID: r.ID, Organization: core.OrganizationID(r.OrganizationID), UserID: r.UserID, Email: r.Email,
		Name: r.Name, SecondFactor: r.SecondFactorAt > 0, Role: tenant.Role(r.Role), Revision: r.Revision,
		CreatedAt: core.FromMillis(r.CreatedAt), UpdatedAt: core.FromMillis(r.UpdatedAt),
	}
}

// members is a query for the members of an organization with their addresses.
func (r *tenantRows) members(org core.OrganizationID) *gorm.DB {
	return r.db.Table("members").Select("members.*, users.email, users.name, users.second_factor_at").
		Joins("JOIN users ON users.id = members.user_id").
		Where("members.organization_id = ?", string(org))
}

func (r *tenantRows) InsertMember(_ context.Context, m *tenant.Member) error {
	row := memberRow{
		ID: m.ID, OrganizationID: string(m.Organization), UserID: m.UserID, Role: string(m.Role),
		Revision: m.Revision, CreatedAt: core.Millis(m.CreatedAt), UpdatedAt: core.Millis(m.UpdatedAt),
	}
	err := r.db.Create(&row).Error
	if isDuplicate(err) {
		return core.Errorf(core.CodeConflict, "the user is a member of the organization already")
	}
	return err
}

func (r *tenantRows) FindMember(_ context.Context, org core.OrganizationID, id string) (tenant.Member, error) {
	var row memberRow
	err := take(r.members(org).Where("members.id = ?", id), &row, "member", id)
	return memberFrom(&row), err
}

func (r *tenantRows) FindMemberByUser(_ context.Context, org core.OrganizationID, userID string) (tenant.Member, error) {
	var row memberRow
	err := take(r.members(org).Where("members.user_id = ?", userID), &row, "member", userID)
	return memberFrom(&row), err
}

func (r *tenantRows) ListMembers(_ context.Context, org core.OrganizationID, after string, limit int) ([]tenant.Member, error) {
	var rows []memberRow
	err := r.members(org).Where("members.id > ?", after).Order("members.id").Limit(limit).Find(&rows).Error
	return convert(rows, memberFrom), err
}

func (r *tenantRows) ListMemberships(_ context.Context, userID, after string, limit int) ([]tenant.Membership, error) {
	var rows []struct {
		Organization organizationRow `gorm:"embedded"`
		MemberID     string
		Role         string
	}
	err := r.db.Table("members").Select("organizations.*, members.id AS member_id, members.role").
		Joins("JOIN organizations ON organizations.id = members.organization_id").
		Where("members.user_id = ? AND organizations.id > ?", userID, after).
		Order("organizations.id").Limit(limit).Scan(&rows).Error
	out := make([]tenant.Membership, len(rows))
	for i := range rows {
		out[i] = tenant.Membership{
			Organization: organizationFrom(&rows[i].Organization),
			MemberID:     rows[i].MemberID, Role: tenant.Role(rows[i].Role),
		}
	}
	return out, err
}

func (r *tenantRows) LockOwners(_ context.Context, org core.OrganizationID) (int, error) {
	if err := r.t.LockOrganization(org); err != nil {
		return 0, err
	}
	var n int64
	err := r.db.Model(&memberRow{}).Where("organization_id = ? AND role = ?", string(org), string(tenant.RoleOwner)).Count(&n).Error
	return int(n), err
}

func (r *tenantRows) UpdateMember(_ context.Context, m *tenant.Member) error {
	q := r.db.Model(&memberRow{}).
		Where("organization_id = ? AND id = ? AND revision = ?", string(m.Organization), m.ID, m.Revision).
		Updates(map[string]any{"role": string(m.Role), "revision": m.Revision + 1, "updated_at": core.Millis(m.UpdatedAt)})
	if err := stale(q); err != nil {
		return err
	}
	m.Revision++
	return nil
}

func (r *tenantRows) DeleteMember(_ context.Context, org core.OrganizationID, id string) error {
	return changed(r.db.Where("organization_id = ? AND id = ?", string(org), id).Delete(&memberRow{}), "member", id)
}

func (r *tenantRows) DeleteEveryone(_ context.Context, org core.OrganizationID) error {
	for _, row := range []any{&memberRow{}, &invitationRow{}, &tokenRow{}} {
		if err := r.db.Where("organization_id = ?", string(org)).Delete(row).Error; err != nil {
			return err
		}
	}
	return nil
}
