package tenant

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// maxIdentities bounds the identities of one user.
const maxIdentities = 20

// SignInExternal answers the user that a provider's identity belongs to, or makes
// one for an address that is new and vouched for. An account that has the
// address already is never joined by the address alone: whoever made it first,
// perhaps to lie in wait for the address's owner, would share it. The outcome is
// AccountExists then, with that account, and LinkExternal joins them once its
// owner has signed in to it.
func (s *Service) SignInExternal(ctx context.Context, e *External) (User, Outcome, error) {
	var u User
	known := false
	err := s.store.Tx(ctx, func(tx Tx) error {
		i, err := tx.FindIdentity(ctx, e.Issuer, e.Subject)
		if known = err == nil; !known {
			if core.CodeOf(err) == core.CodeNotFound {
				return nil
			}
			return err
		}
		if u, err = tx.FindUser(ctx, i.UserID); err != nil {
			return err
		}
		return tx.TouchIdentity(ctx, i.ID, s.clock())
	})
	if err != nil {
		return User{}, 0, err
	}
	if known {
		return u, SignedIn, nil
	}
	var errs contract.FieldErrors
	if checkEmail("/email", e.Email, &errs); !e.EmailVerified || len(errs) > 0 {
		return User{}, Unverified, nil
	}
	return s.signUpExternal(ctx, e)
}

// signUpExternal makes a user of an identity that nobody has yet.
func (s *Service) signUpExternal(ctx context.Context, e *External) (User, Outcome, error) {
	find := func(r Rows) (User, error) { return r.FindUserByEmail(ctx, EmailKey(e.Email)) }
	u, err := view(ctx, s, find)
	if err == nil {
		return u, AccountExists, nil
	}
	if core.CodeOf(err) != core.CodeNotFound {
		return User{}, 0, err
	}
	if err := s.try(ctx, slowSignup, slowSignup.key(clientKey(core.ActorFrom(ctx).Client))); err != nil {
		return User{}, 0, err
	}
	now := s.clock()
	u = User{
		ID: core.NewID(core.PrefixUser), Email: e.Email, Name: e.name(), VerifiedAt: now,
		Revision: 1, CreatedAt: now, UpdatedAt: now,
	}
	// A provider's word makes nobody an operator: our own mail does.
	operator, secret := s.operators[EmailKey(e.Email)], newSecret()
	if operator && s.verifyMail {
		u.VerifiedAt = time.Time{}
	}
	err = s.store.Tx(ctx, func(tx Tx) error {
		if err := s.mayClaim(ctx, tx, u.Email); err != nil {
			return err
		}
		if err := tx.InsertUser(ctx, &u); err != nil {
			return err
		}
		if err := s.link(ctx, tx, u.ID, e); err != nil || u.Verified() {
			return err
		}
		return s.queueVerify(ctx, tx, &u, secret)
	})
	if core.CodeOf(err) == core.CodeEmailTaken { // by somebody at the same moment
		u, err = view(ctx, s, find)
		return u, AccountExists, err
	}
	return u, Created, err
}

// link stores an identity.
func (s *Service) link(ctx context.Context, tx Tx, userID string, e *External) error {
	now := s.clock()
	return tx.InsertIdentity(ctx, &LinkedIdentity{
		ID: core.NewID("idn"), UserID: userID, Provider: e.Provider, Issuer: e.Issuer, Subject: e.Subject,
		Email: e.Email, UsedAt: now, CreatedAt: now,
	})
}

// LinkExternal lets an identity sign a user in. The caller has made sure that
// both belong to whoever asks: the user is signed in, the provider's answer came
// to the same browser. An address that is not proved yet can't be linked to, so
// that nobody prepares an account for somebody else's address.
func (s *Service) LinkExternal(ctx context.Context, userID string, e *External) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		u, err := tx.FindUser(ctx, userID)
		if err != nil {
			return err
		}
		if !u.Verified() {
			return core.Errorf(core.CodeForbidden, "confirm your e-mail address first")
		}
		if i, err := tx.FindIdentity(ctx, e.Issuer, e.Subject); err == nil && i.UserID == userID {
			return nil // linked already
		}
		all, err := tx.ListIdentities(ctx, userID)
		if err != nil {
			return err
		}
		if len(all) >= maxIdentities {
			return core.Errorf(core.CodeLimitReached, "an account can have %d linked identities; unlink one first", maxIdentities)
		}
		if err := s.link(ctx, tx, userID, e); err != nil {
			return err
		}
		return s.queue(ctx, tx, letter{Mail: noticeMail(u.Email, "A sign-in was linked to your account",
			"Signing in by "+e.Provider+" ("+e.Email+") now opens your Tollgate account.")})
	})
}

// Identities returns what is linked to a user.
func (s *Service) Identities(ctx context.Context, userID string) ([]LinkedIdentity, error) {
	return view(ctx, s, func(r Rows) ([]LinkedIdentity, error) { return r.ListIdentities(ctx, userID) })
}

// Unlink takes an identity from a user, unless it is the last way in.
func (s *Service) Unlink(ctx context.Context, userID, id string) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		u, err := tx.FindUser(ctx, userID) // locked: two can't both take the last but one
		if err != nil {
			return err
		}
		all, err := tx.ListIdentities(ctx, userID)
		if err != nil {
			return err
		}
		if err := tx.DeleteIdentity(ctx, userID, id); err != nil {
			return err
		}
		if !u.HasPassword() && len(all) <= 1 {
			return core.Errorf(core.CodeConflict, "this is the only way to sign in to the account: set a password or link another first")
		}
		return nil
	})
}

// Spend uses up what may be used once until it expires; core.CodeConflict when it
// was used before.
func (s *Service) Spend(ctx context.Context, key string) error {
	return s.store.Tx(ctx, func(tx Tx) error { return tx.Spend(ctx, key, s.clock().Add(spentLasts)) })
}
