package tenant

import (
	"context"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/mailform"
)

// spentLasts is longer than anything lasts that works once.
const spentLasts = time.Hour

// UserPatch changes what is not nil.
type UserPatch struct {
	Name         *string // may be empty
	Organization *string // id of the organization chosen last
}

// UpdateUser changes what a user says of itself.
func (s *Service) UpdateUser(ctx context.Context, userID string, in UserPatch) (User, error) {
	var errs contract.FieldErrors
	if in.Name != nil && *in.Name != "" {
		checkTitle("/name", *in.Name, &errs)
	}
	if err := core.Invalid(errs.Err()); err != nil {
		return User{}, err
	}
	var u User
	err := s.store.Tx(ctx, func(tx Tx) (err error) {
		if u, err = tx.FindUser(ctx, userID); err != nil {
			return err
		}
		if in.Name != nil {
			u.Name = *in.Name
		}
		if in.Organization != nil {
			_, err := tx.FindMemberByUser(ctx, core.OrganizationID(*in.Organization), userID)
			if core.CodeOf(err) == core.CodeNotFound {
				return badField("/organization", "is none of yours")
			}
			if err != nil {
				return err
			}
			u.LastOrganization = *in.Organization
		}
		u.UpdatedAt = s.clock()
		return tx.UpdateUser(ctx, &u)
	})
	return u, err
}

// ChangeEmail mails a link to a new address; following it makes the address the
// user's. The old address is told. Whether the new one has an account makes no
// difference here: its owner learns it by following the link.
func (s *Service) ChangeEmail(ctx context.Context, userID, email string, p Proof) error {
	var errs contract.FieldErrors
	checkEmail("/email", email, &errs)
	if err := core.Invalid(errs.Err()); err != nil {
		return err
	}
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	if err := s.try(ctx, slowMail, slowMail.key("email", userID)); err != nil {
		return err
	}
	if err := s.prove(ctx, &u, p); err != nil {
		return err
	}
	if email == u.Email {
		return badField("/email", "is the account's address already")
	}
	secret := newSecret()
	err = s.store.Tx(ctx, func(tx Tx) error {
		err := tx.PutLink(ctx, &Link{
			Hash: s.linkHash(linkEmail, secret), Kind: linkEmail, UserID: userID, Data: email, ExpiresAt: s.clock().Add(emailLasts),
		})
		if err != nil {
			return err
		}
		if err := s.queue(ctx, tx, letter{Mail: emailMail(email, s.linkURL("/verify", secret))}); err != nil {
			return err
		}
		return s.queue(ctx, tx, letter{Mail: noticeMail(u.Email, "Your address is about to change",
			"Somebody who knows your password asked to change the address of your Tollgate account to "+email+".")})
	})
	if err == nil {
		s.poke()
	}
	return err
}

// takeEmail uses the link of a change of address up.
func (s *Service) takeEmail(ctx context.Context, tx Tx, secret, signedIn string) error {
	l, err := tx.TakeLink(ctx, linkEmail, s.linkHash(linkEmail, secret), s.clock())
	if core.CodeOf(err) == core.CodeNotFound {
		return errLink("/token")
	}
	if err != nil {
		return err
	}
	u, err := tx.FindUser(ctx, l.UserID)
	if err != nil {
		return err
	}
	if err := s.mayProve(l.Data, u.ID, signedIn); err != nil {
		return err
	}
	old := u.Email
	u.Email = l.Data
	// Links that went to the old address die with it.
	if err := tx.DeleteLinks(ctx, u.ID, linkReset, linkVerify); err != nil {
		return err
	}
	if err := s.verify(ctx, tx, &u); err != nil {
		return err
	}
	return s.queue(ctx, tx, letter{Mail: noticeMail(old, "Your address has changed",
		"The address of your Tollgate account is "+u.Email+" now.")})
}

// DeleteUser deletes a user for good, unless an organization would lose its last
// owner.
func (s *Service) DeleteUser(ctx context.Context, userID string, p Proof) error {
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	if err := s.prove(ctx, &u, p); err != nil {
		return err
	}
	err = s.store.Tx(ctx, func(tx Tx) error {
		// Locked, so that the user can't become an owner elsewhere meanwhile.
		if _, err := tx.FindUser(ctx, userID); err != nil {
			return err
		}
		all, err := tx.ListMemberships(ctx, userID, "", maxOrganizations+1)
		if err != nil {
			return err
		}
		var held, suspended []string
		for i := range all {
			m := &all[i]
			if m.Role == RoleOwner {
				n, err := tx.LockOwners(ctx, m.Organization.ID)
				if err != nil {
					return err
				}
				if n <= 1 {
					held = append(held, m.Organization.Name)
				}
				if n <= 1 && m.Organization.Suspended {
					suspended = append(suspended, m.Organization.Name)
				}
			}
			err := tx.Record(ctx, m.Organization.ID, core.Change{
				Action: "member.delete", ResourceType: "member", ResourceID: m.MemberID, ResourceName: u.Email,
				Detail: map[string]any{"role": m.Role, "account_deleted": true},
			})
			if err != nil {
				return err
			}
		}
		if len(suspended) > 0 {
			return core.Errorf(core.CodeConflict, "you are the last owner of %s, suspended: that has to end first", strings.Join(suspended, ", "))
		}
		if len(held) > 0 {
			return core.Errorf(core.CodeConflict, "you are the last owner of %s: make another member owner, or delete it first", strings.Join(held, ", "))
		}
		if err := tx.DeleteUser(ctx, userID); err != nil {
			return err
		}
		return s.queue(ctx, tx, letter{Mail: Compose(u.Email, mailform.Form{
			Subject: "Your Tollgate account is deleted", Text: []string{"Your Tollgate account and everything in it that was yours alone is gone."},
		})})
	})
	if err == nil {
		s.poke()
	}
	return err
}

// DeleteOrganization deletes an organization for good: it is suspended on the
// edges and lost to its members at once; its gateways follow when ClearDeleted is
// told that they are gone. Name must be the organization's. One that is suspended stays
// (core.CodeOrganizationSuspended): its owners would go on in another.
func (s *Service) DeleteOrganization(ctx context.Context, org core.OrganizationID, userID, name string, p Proof) error {
	o, err := s.Organization(ctx, org)
	if err != nil {
		return err
	}
	if name != o.Name {
		return badField("/name", "is not the organization's name")
	}
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	if err := s.prove(ctx, &u, p); err != nil {
		return err
	}
	_, err = s.changeOrganization(ctx, org, "organization.delete", func(o *Organization) (any, error) {
		if o.Suspended {
			return nil, core.Errorf(core.CodeOrganizationSuspended, "the organization is suspended: until that has ended it can't be deleted; GET /v1/organization says why, and what to do")
		}
		o.DeletedAt, o.Suspended = s.clock(), true
		return map[string]any{"name": o.Name}, nil
	}, func(tx Tx) error { return tx.DeleteEveryone(ctx, org) })
	return err
}

// DeletedOrganizations returns organizations whose gateways are still to go.
func (s *Service) DeletedOrganizations(ctx context.Context) ([]Organization, error) {
	return view(ctx, s, func(r Rows) ([]Organization, error) { return r.DeletedOrganizations(ctx, 100) })
}

// ClearedOrganization notes that nothing of a deleted organization is left but
// its row.
func (s *Service) ClearedOrganization(ctx context.Context, org core.OrganizationID) error {
	return s.store.Tx(ctx, func(tx Tx) error { return tx.ClearedOrganization(ctx, org, s.clock()) })
}
