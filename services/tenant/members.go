package tenant

import (
	"context"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

func (s *Service) newMember(org core.OrganizationID, u *User, role Role) Member {
	now := s.clock()
	return Member{
		ID: core.NewID("mem"), Organization: org, UserID: u.ID, Email: u.Email,
		Role: role, Revision: 1, CreatedAt: now, UpdatedAt: now,
	}
}

// Members returns a page of an organization's members.
func (s *Service) Members(ctx context.Context, org core.OrganizationID, page core.Page) (core.List[Member], error) {
	return list(ctx, s, page, func(m Member) string { return m.ID }, func(r Rows, after string, limit int) ([]Member, error) {
		return r.ListMembers(ctx, org, after, limit)
	})
}

// Member returns one member.
func (s *Service) Member(ctx context.Context, org core.OrganizationID, id string) (Member, error) {
	return view(ctx, s, func(r Rows) (Member, error) { return r.FindMember(ctx, org, id) })
}

// Memberships returns a page of the organizations that a user belongs to.
func (s *Service) Memberships(ctx context.Context, userID string, page core.Page) (core.List[Membership], error) {
	return list(ctx, s, page, func(m Membership) string { return string(m.Organization.ID) }, func(r Rows, after string, limit int) ([]Membership, error) {
		return r.ListMemberships(ctx, userID, after, limit)
	})
}

// RoleOf returns a user's role in an organization; CodeNotFound for a stranger.
func (s *Service) RoleOf(ctx context.Context, org core.OrganizationID, userID string) (Role, error) {
	m, err := view(ctx, s, func(r Rows) (Member, error) { return r.FindMemberByUser(ctx, org, userID) })
	return m.Role, err
}

// mayTouch says whether somebody with role by may give, change or take a role:
// only owners deal with owners.
func mayTouch(by Role, roles ...Role) error {
	for _, r := range roles {
		if r == RoleOwner && by != RoleOwner {
			return core.Errorf(core.CodeForbidden, "only an owner can make, change or remove an owner")
		}
	}
	return nil
}

// keepOwner refuses to take the last owner away.
func keepOwner(ctx context.Context, tx Tx, org core.OrganizationID) error {
	n, err := tx.LockOwners(ctx, org)
	if err != nil {
		return err
	}
	if n <= 1 {
		return core.Errorf(core.CodeConflict, "an organization needs an owner; make another member owner first")
	}
	return nil
}

// SetRole changes a member's role; by is the role of who asks.
func (s *Service) SetRole(ctx context.Context, org core.OrganizationID, id string, role, by Role, match core.IfMatch) (Member, error) {
	var errs contract.FieldErrors
	checkRole("/role", role, &errs)
	if err := core.Invalid(errs.Err()); err != nil {
		return Member{}, err
	}
	var m Member
	err := s.store.Tx(ctx, func(tx Tx) (err error) {
		if m, err = tx.FindMember(ctx, org, id); err != nil {
			return err
		}
		if err := match.Check(m.Revision); err != nil {
			return err
		}
		if err := mayTouch(by, m.Role, role); err != nil || m.Role == role {
			return err
		}
		if m.Role == RoleOwner {
			if err := keepOwner(ctx, tx, org); err != nil {
				return err
			}
		}
		detail := map[string]any{"from": m.Role, "to": role}
		m.Role, m.UpdatedAt = role, s.clock()
		if err := tx.UpdateMember(ctx, &m); err != nil {
			return err
		}
		return tx.Record(ctx, org, memberChange("member.update", &m, detail))
	})
	return m, err
}

// RemoveMember takes a user out of an organization, with the management tokens
// that the user made in it; by is the role of who asks.
func (s *Service) RemoveMember(ctx context.Context, org core.OrganizationID, id string, by Role, match core.IfMatch) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		m, err := tx.FindMember(ctx, org, id)
		if err != nil {
			return err
		}
		if err := match.Check(m.Revision); err != nil {
			return err
		}
		if err := mayTouch(by, m.Role); err != nil {
			return err
		}
		if m.Role == RoleOwner {
			if err := keepOwner(ctx, tx, org); err != nil {
				return err
			}
		}
		if err := tx.DeleteTokensOf(ctx, org, m.UserID); err != nil {
			return err
		}
		if err := tx.DeleteMember(ctx, org, id); err != nil {
			return err
		}
		return tx.Record(ctx, org, memberChange("member.delete", &m, map[string]any{"role": m.Role}))
	})
}

func memberChange(action string, m *Member, detail any) core.Change {
	return core.Change{Action: action, ResourceType: "member", ResourceID: m.ID, ResourceName: m.Email, Detail: detail}
}
