package tenant

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// freshSignIn is how young a sign-in must be to prove by itself who asks.
const freshSignIn = 10 * time.Minute

// Proof shows that it is the user who asks for something that a stolen session
// must not be enough for.
type Proof struct {
	Password string
	Code     string // of the authenticator app, or a recovery code
	// SignedInAt is when the session began.
	SignedInAt time.Time
}

// badField is a CodeInvalid error of one field.
func badField(pointer, detail string) error {
	e := core.Errorf(core.CodeInvalid, "1 field is not valid")
	e.Fields.Add(pointer, detail)
	return e
}

// Prove checks a proof for something that another part does.
func (s *Service) Prove(ctx context.Context, userID string, p Proof) error {
	u, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	return s.prove(ctx, &u, p)
}

// prove checks a proof: the password where the user has one, a code where the
// user has a second factor, and a fresh sign-in where there is neither.
func (s *Service) prove(ctx context.Context, u *User, p Proof) error {
	if u.HasPassword() {
		if err := s.provePassword(ctx, u, p.Password); err != nil {
			return err
		}
	} else if !u.SecondFactor() && s.clock().Sub(p.SignedInAt) > freshSignIn {
		return badField("/current_password", "can't be asked for, since the account has none: sign in again and repeat this within 10 minutes")
	}
	if u.SecondFactor() {
		return s.takeCode(ctx, u, p.Code)
	}
	return nil
}

func (s *Service) provePassword(ctx context.Context, u *User, password string) error {
	if password == "" {
		return badField("/current_password", "is missing")
	}
	key := slowLogin.key(EmailKey(u.Email), clientKey(core.ActorFrom(ctx).Client))
	if err := s.try(ctx, slowLogin, key); err != nil {
		return err
	}
	ok, err := s.passwords.matches(ctx, password, u.PasswordHash)
	if err != nil {
		return err
	}
	if !ok {
		return badField("/current_password", "is wrong")
	}
	return s.forgive(ctx, key)
}
