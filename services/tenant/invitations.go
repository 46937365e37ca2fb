package tenant

import (
	"context"

	"github.com/tollgate/tollgate/services/core"
)

// Invitations returns a page of an organization's open invitations.
func (s *Service) Invitations(ctx context.Context, org core.OrganizationID, page core.Page) (core.List[Invitation], error) {
	return list(ctx, s, page, func(i Invitation) string { return i.ID }, func(r Rows, after string, limit int) ([]Invitation, error) {
		return r.ListInvitations(ctx, org, after, limit)
	})
}

// Invite mails an invitation; a newer one to the same address takes the older
// one's place. By is the role of who asks. Whether the address has an account
// makes no difference.
func (s *Service) Invite(ctx context.Context, org core.OrganizationID, in InvitationInput, by Role) (Invitation, error) {
	if err := in.Validate(); err != nil {
		return Invitation{}, err
	}
	if err := mayTouch(by, in.Role); err != nil {
		return Invitation{}, err
	}
	if err := s.try(ctx, slowMail, slowMail.key("invite", string(org))); err != nil {
		return Invitation{}, err
	}
	secret := newSecret()
	actor := core.ActorFrom(ctx)
	var inv Invitation
	err := s.store.Tx(ctx, func(tx Tx) error {
		o, err := tx.FindOrganization(ctx, org)
		if err != nil {
			return err
		}
		now := s.clock()
		inv = Invitation{
			ID: core.NewID("inv"), Organization: org, Email: in.Email, Role: in.Role,
			InvitedBy: actor.ID, ExpiresAt: now.Add(inviteLasts), CreatedAt: now,
		}
		if err := tx.PutInvitation(ctx, &inv, s.linkHash(linkInvite, secret)); err != nil {
			return err
		}
		link := s.linkURL("/join", secret)
		if err := s.queue(ctx, tx, letter{Mail: inviteMail(in.Email, o.Name, actor.Name, link)}); err != nil {
			return err
		}
		return tx.Record(ctx, org, invitationChange("invitation.create", &inv))
	})
	if err == nil {
		s.poke()
	}
	return inv, err
}

// ResendInvitation mails an invitation anew, with another 7 days; the older link
// stops working.
func (s *Service) ResendInvitation(ctx context.Context, org core.OrganizationID, id string, by Role) (Invitation, error) {
	old, err := view(ctx, s, func(r Rows) (Invitation, error) { return r.FindInvitation(ctx, org, id) })
	if err != nil {
		return Invitation{}, err
	}
	if err := mayTouch(by, old.Role); err != nil {
		return Invitation{}, err
	}
	if err := s.try(ctx, slowMail, slowMail.key("invite", string(org))); err != nil {
		return Invitation{}, err
	}
	secret := newSecret()
	actor := core.ActorFrom(ctx)
	var inv Invitation
	err = s.store.Tx(ctx, func(tx Tx) error {
		o, err := tx.FindOrganization(ctx, org)
		if err != nil {
			return err
		}
		if inv, err = tx.FindInvitation(ctx, org, id); err != nil {
			return err
		}
		inv.ExpiresAt = s.clock().Add(inviteLasts)
		if err := tx.PutInvitation(ctx, &inv, s.linkHash(linkInvite, secret)); err != nil {
			return err
		}
		link := s.linkURL("/join", secret)
		if err := s.queue(ctx, tx, letter{Mail: inviteMail(inv.Email, o.Name, actor.Name, link)}); err != nil {
			return err
		}
		return tx.Record(ctx, org, invitationChange("invitation.resend", &inv))
	})
	if err == nil {
		s.poke()
	}
	return inv, err
}

// Offer is what an invitation offers.
type Offer struct {
	Invitation
	OrganizationName string
	HasAccount       bool // the address can sign in
}

// LookUpInvitation says what an invitation's link offers. Who holds the link has
// read the mail, and so may know whether the address has an account.
func (s *Service) LookUpInvitation(ctx context.Context, secret string) (Offer, error) {
	client := clientKey(core.ActorFrom(ctx).Client)
	key := slowLogin.key("invitation", client)
	if err := s.try(ctx, slowLogin, key); err != nil {
		return Offer{}, err
	}
	o, err := view(ctx, s, func(r Rows) (Offer, error) {
		inv, err := r.LookUpInvitation(ctx, s.linkHash(linkInvite, secret), s.clock())
		if core.CodeOf(err) == core.CodeNotFound {
			return Offer{}, errLink("/invitation")
		}
		if err != nil {
			return Offer{}, err
		}
		org, err := r.FindOrganization(ctx, inv.Organization)
		if err != nil {
			return Offer{}, err
		}
		_, err = r.FindUserByEmail(ctx, EmailKey(inv.Email))
		if err != nil && core.CodeOf(err) != core.CodeNotFound {
			return Offer{}, err
		}
		return Offer{Invitation: inv, OrganizationName: org.Name, HasAccount: err == nil}, nil
	})
	if err != nil {
		return Offer{}, err
	}
	return o, s.forgive(ctx, key)
}

// DeleteInvitation takes an invitation back.
func (s *Service) DeleteInvitation(ctx context.Context, org core.OrganizationID, id string) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		inv, err := tx.FindInvitation(ctx, org, id)
		if err != nil {
			return err
		}
		if err := tx.DeleteInvitation(ctx, org, id); err != nil {
			return err
		}
		return tx.Record(ctx, org, invitationChange("invitation.delete", &inv))
	})
}

func invitationChange(action string, inv *Invitation) core.Change {
	return core.Change{
		Action: action, ResourceType: "invitation", ResourceID: inv.ID, ResourceName: inv.Email,
		Detail: map[string]any{"role": inv.Role},
	}
}

// AcceptInvitation makes a signed-in user a member of the organization that
// invited the user's address.
func (s *Service) AcceptInvitation(ctx context.Context, userID, secret string) (Member, error) {
	var m Member
	err := s.store.Tx(ctx, func(tx Tx) error {
		u, err := tx.FindUser(ctx, userID)
		if err != nil {
			return err
		}
		if m, err = s.join(ctx, tx, secret, &u); err != nil {
			return err
		}
		// The secret was mailed to the address, so it is proved now.
		return s.verify(ctx, tx, &u)
	})
	return m, err
}

// join uses an invitation up for the user whose address it was sent to. Whose
// address it is not learns nothing but that the link does not work.
func (s *Service) join(ctx context.Context, tx Tx, secret string, u *User) (Member, error) {
	inv, err := tx.TakeInvitation(ctx, s.linkHash(linkInvite, secret), s.clock())
	if err != nil && core.CodeOf(err) != core.CodeNotFound {
		return Member{}, err
	}
	if err != nil || EmailKey(inv.Email) != EmailKey(u.Email) {
		return Member{}, errLink("/invitation")
	}
	m := s.newMember(inv.Organization, u, inv.Role)
	if err := tx.InsertMember(ctx, &m); err != nil {
		return Member{}, err
	}
	return m, tx.Record(ctx, inv.Organization, memberChange("member.create", &m, map[string]any{"role": m.Role, "invited_by": inv.InvitedBy}))
}
