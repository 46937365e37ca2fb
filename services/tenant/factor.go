package tenant

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// FactorStatus is what can be shown of a second factor.
type FactorStatus struct {
	EnabledAt     time.Time // zero: off
	RecoveryCodes int       // unused ones
}

// Enrolment is a secret that waits for its first code. It is shown once.
type Enrolment struct {
	Secret    string // base 32
	URI       string // otpauth://totp/…
	ExpiresAt time.Time
}

// Factor says whether a user has a second factor.
func (s *Service) Factor(ctx context.Context, userID string) (FactorStatus, error) {
	return view(ctx, s, func(r Rows) (FactorStatus, error) {
		u, err := r.FindUser(ctx, userID)
		if err != nil || !u.SecondFactor() {
			return FactorStatus{}, err
		}
		n, err := r.CountRecoveryCodes(ctx, userID)
		return FactorStatus{EnabledAt: u.SecondFactorAt, RecoveryCodes: n}, err
	})
}

// EnrolTOTP makes a secret that ConfirmTOTP turns on.
func (s *Service) EnrolTOTP(ctx context.Context, userID string, p Proof) (*Enrolment, error) {
	u, err := s.User(ctx, userID)
	if err != nil {
		return nil, err
	}
	if u.SecondFactor() {
		return nil, core.Errorf(core.CodeConflict, "the account has a second factor; turn it off first")
	}
	// Nobody may lock somebody else's address up before its owner signs up.
	if !u.Verified() {
		return nil, core.Errorf(core.CodeForbidden, "confirm your e-mail address first")
	}
	if err := s.prove(ctx, &u, p); err != nil {
		return nil, err
	}
	key, err := newTOTPKey(u.Email)
	if err != nil {
		return nil, err
	}
	sealed, err := contract.Seal(s.totpKey, "totp "+u.ID, []byte(key.Secret()))
	if err != nil {
		return nil, err
	}
	now := s.clock()
	err = s.store.Tx(ctx, func(tx Tx) error {
		u, err := tx.FindUser(ctx, userID)
		if err != nil {
			return err
		}
		if u.SecondFactor() {
			return core.Errorf(core.CodeConflict, "the account has a second factor; turn it off first")
		}
		return tx.PutTOTP(ctx, &TOTP{UserID: userID, Sealed: sealed, CreatedAt: now})
	})
	if err != nil {
		return nil, err
	}
	return &Enrolment{Secret: key.Secret(), URI: key.URL(), ExpiresAt: now.Add(enrolLasts)}, nil
}

// ConfirmTOTP turns an enrolled secret on with a code of the app, ends every
// session but the one with id keep, and returns the recovery codes.
func (s *Service) ConfirmTOTP(ctx context.Context, userID, code, keep string) ([]string, error) {
	key := slowCode.key(userID)
	if err := s.try(ctx, slowCode, key); err != nil {
		return nil, err
	}
	codes := newRecoveryCodes()
	err := s.store.Tx(ctx, func(tx Tx) error {
		u, err := tx.FindUser(ctx, userID)
		if err != nil {
			return err
		}
		t, err := tx.FindTOTP(ctx, userID)
		if core.CodeOf(err) == core.CodeNotFound || err == nil && (!t.ConfirmedAt.IsZero() || s.clock().Sub(t.CreatedAt) > enrolLasts) {
			return core.Errorf(core.CodeConflict, "no second factor waits to be confirmed: begin again")
		}
		if err != nil {
			return err
		}
		if ok, err := s.useStep(ctx, tx, &t, code, true); err != nil || !ok {
			return orWrongCode(err)
		}
		u.SecondFactorAt, u.UpdatedAt = t.ConfirmedAt, t.ConfirmedAt
		if err := tx.UpdateUser(ctx, &u); err != nil {
			return err
		}
		if err := s.putRecoveryCodes(ctx, tx, userID, codes); err != nil {
			return err
		}
		if err := tx.DeleteThrottle(ctx, key); err != nil {
			return err
		}
		if err := tx.DeleteSessions(ctx, userID, keep); err != nil {
			return err
		}
		return s.queue(ctx, tx, letter{Mail: noticeMail(u.Email, "A second factor was turned on",
			"Signing in to your Tollgate account now needs a code of your authenticator app, too. Your other sessions were ended.")})
	})
	if err != nil {
		return nil, err
	}
	s.poke()
	return codes, nil
}

// useStep checks a code against a secret and notes its step as used.
func (s *Service) useStep(ctx context.Context, tx Tx, t *TOTP, code string, confirm bool) (bool, error) {
	secret, err := s.openTOTP(t)
	if err != nil {
		return false, err
	}
	at, err := matchStep(secret, plainCode(code), s.clock(), t.LastStep)
	if err != nil || at == 0 {
		return false, err
	}
	t.LastStep = at
	if confirm {
		t.ConfirmedAt = s.clock()
	}
	return true, tx.PutTOTP(ctx, t)
}

func orWrongCode(err error) error {
	if err != nil {
		return err
	}
	return badField("/code", "is wrong, too old, or was used already")
}

func (s *Service) putRecoveryCodes(ctx context.Context, tx Tx, userID string, codes []string) error {
	hashes := make([][]byte, len(codes))
	for i, c := range codes {
		hashes[i] = s.recoveryHash(userID, c)
	}
	return tx.PutRecoveryCodes(ctx, userID, hashes)
}

// takeCode uses up a code of the app or a recovery code of the user.
func (s *Service) takeCode(ctx context.Context, u *User, code string) error {
	code = plainCode(code)
	if code == "" {
		return badField("/code", "is missing")
	}
	key := slowCode.key(u.ID)
	if err := s.try(ctx, slowCode, key); err != nil {
		return err
	}
	err := s.store.Tx(ctx, func(tx Tx) error {
		if len(code) == recoverySize {
			err := tx.TakeRecoveryCode(ctx, u.ID, s.recoveryHash(u.ID, code))
			if core.CodeOf(err) == core.CodeNotFound {
				return orWrongCode(nil)
			}
			if err != nil {
				return err
			}
			return s.queue(ctx, tx, letter{Mail: noticeMail(u.Email, "A recovery code was used",
				"One of your recovery codes was used in place of a code of your authenticator app.")})
		}
		t, err := tx.FindTOTP(ctx, u.ID)
		if core.CodeOf(err) == core.CodeNotFound {
			return orWrongCode(nil)
		}
		if err != nil {
			return err
		}
		if ok, err := s.useStep(ctx, tx, &t, code, false); err != nil || !ok {
			return orWrongCode(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.poke()
	return s.forgive(ctx, key)
}

// SecondFactor finishes a sign-in: the code of a user whose first factor was
// checked.
func (s *Service) SecondFactor(ctx context.Context, userID, code string) (User, error) {
	u, err := s.User(ctx, userID)
	if err != nil {
		return User{}, err
	}
	if !u.SecondFactor() {
		return u, nil // turned off meanwhile
	}
	return u, s.takeCode(ctx, &u, code)
}

// RenewRecoveryCodes makes new recovery codes in place of the old.
func (s *Service) RenewRecoveryCodes(ctx context.Context, userID string, p Proof) ([]string, error) {
	if err := s.proveFactor(ctx, userID, p); err != nil {
		return nil, err
	}
	codes := newRecoveryCodes()
	err := s.store.Tx(ctx, func(tx Tx) error { return s.putRecoveryCodes(ctx, tx, userID, codes) })
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// DisableTOTP turns the second factor off.
func (s *Service) DisableTOTP(ctx context.Context, userID string, p Proof) error {
	if err := s.proveFactor(ctx, userID, p); err != nil {
		return err
	}
	err := s.store.Tx(ctx, func(tx Tx) error {
		u, err := tx.FindUser(ctx, userID)
		if err != nil {
			return err
		}
		u.SecondFactorAt, u.UpdatedAt = time.Time{}, s.clock()
		if err := tx.UpdateUser(ctx, &u); err != nil {
			return err
		}
		if err := tx.DeleteTOTP(ctx, userID); err != nil {
			return err
		}
		return s.queue(ctx, tx, letter{Mail: noticeMail(u.Email, "The second factor was turned off",
			"Signing in to your Tollgate account needs no code any more.")})
	})
	if err == nil {
		s.poke()
	}
	return err
}

// proveFactor checks a proof of a user who has a second factor.
func (s *Service) proveFactor(ctx context.Context, userID string, p Proof) error {
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	if !u.SecondFactor() {
		return core.Errorf(core.CodeConflict, "the account has no second factor")
	}
	return s.prove(ctx, &u, p)
}
