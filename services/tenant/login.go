package tenant

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// errLogin is the one answer to a wrong address and to a wrong password.
func errLogin() error {
	return core.Errorf(core.CodeUnauthenticated, "the e-mail address or the password is wrong")
}

// Login answers the user with an address and a password. It takes the same work
// and gives the same answer whether the address or the password is wrong, and
// slows down who guesses.
func (s *Service) Login(ctx context.Context, email, password string) (User, error) {
	client := clientKey(core.ActorFrom(ctx).Client)
	account := slowLogin.key(EmailKey(email), client)
	network := slowLoginClient.key(client)
	if err := s.try(ctx, slowLogin, account); err != nil {
		return User{}, err
	}
	if err := s.try(ctx, slowLoginClient, network); err != nil {
		return User{}, err
	}
	u, err := view(ctx, s, func(r Rows) (User, error) { return r.FindUserByEmail(ctx, EmailKey(email)) })
	if err != nil && core.CodeOf(err) != core.CodeNotFound {
		return User{}, err
	}
	ok, err := s.passwords.matches(ctx, password, u.PasswordHash)
	if err != nil {
		return User{}, err
	}
	if !ok {
		return User{}, errLogin()
	}
	// One known password must not reset a list's run, nor may a busy office wait.
	if err := s.takeBack(ctx, network); err != nil {
		return User{}, err
	}
	return u, s.forgive(ctx, account)
}

// Forgot queues a mail with a link that sets a new password, if there is a user
// with the address. Whether there is, it never says.
func (s *Service) Forgot(ctx context.Context, email string) error {
	var errs contract.FieldErrors
	checkEmail("/email", email, &errs)
	if err := core.Invalid(errs.Err()); err != nil {
		return err
	}
	if err := s.try(ctx, slowMail, slowMail.key(clientKey(core.ActorFrom(ctx).Client))); err != nil {
		return err
	}
	err := s.store.Tx(ctx, func(tx Tx) error {
		return s.queue(ctx, tx, letter{ResetFor: EmailKey(email)})
	})
	if err == nil {
		s.poke()
	}
	return err
}

// errLink is the one answer to a link that is unknown, used or too old.
func errLink(pointer string) error {
	e := core.Errorf(core.CodeInvalid, "the link does not work (any more): it was used, is too old, or a newer one was sent")
	e.Fields.Add(pointer, "is not valid (any more)")
	return e
}

// Reset sets a new password with the secret of a link, and ends every session.
func (s *Service) Reset(ctx context.Context, secret, password string) error {
	var errs contract.FieldErrors
	checkPassword("/password", password, "", &errs)
	if err := core.Invalid(errs.Err()); err != nil {
		return err
	}
	// Each try costs a hash: one address makes only so many.
	client := slowLoginClient.key("reset", clientKey(core.ActorFrom(ctx).Client))
	if err := s.try(ctx, slowLoginClient, client); err != nil {
		return err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		u, err := s.takeLink(ctx, tx, linkReset, secret)
		if err != nil {
			return err
		}
		u.PasswordHash = hash
		if err := tx.DeleteLinks(ctx, u.ID, linkEmail); err != nil {
			return err
		}
		if !u.Verified() {
			if err := s.disown(ctx, tx, &u); err != nil {
				return err
			}
		}
		// Who could read the mail has proved the address.
		if err := s.verify(ctx, tx, &u); err != nil {
			return err
		}
		return tx.DeleteSessions(ctx, u.ID, "")
	})
}

// disown takes from an account whose address was never proved what its maker has
// left in it, now that the address's owner claims it: management tokens, command
// lines that were let in, linked identities and a second factor. Sessions end with
// every reset.
func (s *Service) disown(ctx context.Context, tx Tx, u *User) error {
	if err := tx.DeleteUserTokens(ctx, u.ID); err != nil {
		return err
	}
	if err := tx.DeleteUserDevices(ctx, u.ID); err != nil {
		return err
	}
	if err := tx.DeleteIdentities(ctx, u.ID); err != nil {
		return err
	}
	u.SecondFactorAt = time.Time{}
	return tx.DeleteTOTP(ctx, u.ID)
}

// takeLink uses a link up and returns its user.
func (s *Service) takeLink(ctx context.Context, tx Tx, kind, secret string) (User, error) {
	l, err := tx.TakeLink(ctx, kind, s.linkHash(kind, secret), s.clock())
	if core.CodeOf(err) == core.CodeNotFound {
		return User{}, errLink("/token")
	}
	if err != nil {
		return User{}, err
	}
	return tx.FindUser(ctx, l.UserID)
}

// ChangePassword sets a new password for somebody who proves to be the user and
// ends every session but the one with id keep. A code is asked for only where
// there is no password.
func (s *Service) ChangePassword(ctx context.Context, userID, password, keep string, p Proof) error {
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	var errs contract.FieldErrors
	checkPassword("/password", password, u.Email, &errs)
	if err := core.Invalid(errs.Err()); err != nil {
		return err
	}
	if u.HasPassword() {
		err = s.provePassword(ctx, &u, p.Password)
	} else {
		err = s.prove(ctx, &u, p)
	}
	if err != nil {
		return err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	err = s.store.Tx(ctx, func(tx Tx) error {
		u, err := tx.FindUser(ctx, userID)
		if err != nil {
			return err
		}
		u.PasswordHash, u.UpdatedAt = hash, s.clock()
		if err := tx.UpdateUser(ctx, &u); err != nil {
			return err
		}
		if err := tx.DeleteLinks(ctx, userID, linkReset, linkEmail); err != nil {
			return err
		}
		if err := s.queue(ctx, tx, letter{Mail: noticeMail(u.Email, "Your password was changed",
			"The password of your Tollgate account was changed, and your other sessions were ended.")}); err != nil {
			return err
		}
		return tx.DeleteSessions(ctx, userID, keep)
	})
	if err == nil {
		s.poke()
	}
	return err
}

// Verify proves a user's address with the secret of a link, and frees the
// organizations that the user owns of the daily cap. The link of a change of
// address changes it first. SignedIn is the id of the user whom the same browser
// is signed in as, "" for nobody: an operator's address is proved by nobody else.
func (s *Service) Verify(ctx context.Context, secret, signedIn string) error {
	err := s.store.Tx(ctx, func(tx Tx) error {
		u, err := s.takeLink(ctx, tx, linkVerify, secret)
		if core.CodeOf(err) == core.CodeInvalid {
			return s.takeEmail(ctx, tx, secret, signedIn)
		}
		if err != nil {
			return err
		}
		if err := s.mayProve(u.Email, u.ID, signedIn); err != nil {
			return err
		}
		return s.verify(ctx, tx, &u)
	})
	if err == nil {
		s.poke()
	}
	return err
}

// verify stores the user as verified, with what follows for its organizations.
func (s *Service) verify(ctx context.Context, tx Tx, u *User) error {
	now := s.clock()
	first := !u.Verified()
	if first {
		u.VerifiedAt = now
	}
	u.UpdatedAt = now
	if err := tx.UpdateUser(ctx, u); err != nil || !first {
		return err
	}
	all, err := tx.ListMemberships(ctx, u.ID, "", maxOrganizations+1)
	if err != nil {
		return err
	}
	ctx = as(ctx, u)
	for i := range all {
		o := &all[i].Organization
		if all[i].Role != RoleOwner || o.Verified {
			continue
		}
		o.Verified = true
		if err := s.updateOrganization(ctx, tx, o, "organization.verify", nil); err != nil {
			return err
		}
	}
	return nil
}

// ResendVerification queues another verification mail for a user who has not
// proved the address yet.
func (s *Service) ResendVerification(ctx context.Context, userID string) error {
	if err := s.try(ctx, slowMail, slowMail.key(userID)); err != nil {
		return err
	}
	secret := newSecret()
	err := s.store.Tx(ctx, func(tx Tx) error {
		u, err := tx.FindUser(ctx, userID)
		if err != nil || u.Verified() {
			return err
		}
		return s.queueVerify(ctx, tx, &u, secret)
	})
	if err == nil {
		s.poke()
	}
	return err
}

// User returns a user.
func (s *Service) User(ctx context.Context, id string) (User, error) {
	return view(ctx, s, func(r Rows) (User, error) { return r.FindUser(ctx, id) })
}
