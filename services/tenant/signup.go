package tenant

import (
	"context"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// SignupInput makes a user with a first organization, or, with an invitation, a
// user in the organization that invited the address.
type SignupInput struct {
	Email        string
	Password     string
	Organization string // name; with an invitation it must be empty
	Invitation   string // the secret of an invitation's link
	NoToken      bool   // make no management token: a browser signs in
}

// Validate names every bad field.
func (in *SignupInput) Validate() error {
	var errs contract.FieldErrors
	checkEmail("/email", in.Email, &errs)
	checkPassword("/password", in.Password, in.Email, &errs)
	switch {
	case in.Invitation == "":
		checkTitle("/organization", in.Organization, &errs)
	case in.Organization != "":
		errs.Add("/organization", "must be left out with an invitation")
	}
	return core.Invalid(errs.Err())
}

// SignupResult is what a signup made. The token's secret is shown this once; with
// NoToken it is none.
type SignupResult struct {
	User         User
	Organization Organization
	Role         Role
	Token        NewToken
}

// SignupTokenLasts bounds the token that a signup answers with, in days.
const SignupTokenLasts = 30

// Signup makes a user and an organization that the user owns, with a first
// management token, and queues the verification mail. It answers CodeEmailTaken
// for an address that has an account, CodeThrottled for a client that signs up too
// often, and CodeForbidden for an operator's address that nothing can prove.
func (s *Service) Signup(ctx context.Context, in SignupInput) (*SignupResult, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	if err := s.try(ctx, slowSignup, slowSignup.key(clientKey(core.ActorFrom(ctx).Client))); err != nil {
		return nil, err
	}
	hash, err := s.passwords.hash(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	u := User{ID: core.NewID(core.PrefixUser), Email: in.Email, PasswordHash: hash, Revision: 1, CreatedAt: now, UpdatedAt: now}
	if !s.verifyMail || in.Invitation != "" {
		u.VerifiedAt = now
	}
	ctx = as(ctx, &u)
	var out *SignupResult
	secret := newSecret()
	token, err := s.newToken(TokenInput{Name: "signup", Scopes: []string{"*"}, ExpiresAt: now.AddDate(0, 0, SignupTokenLasts)})
	if err != nil {
		return nil, err
	}
	err = s.store.Tx(ctx, func(tx Tx) error {
		out = &SignupResult{User: u, Token: *token}
		if in.Invitation == "" { // an invitation's link proves the address
			if err := s.mayClaim(ctx, tx, u.Email); err != nil {
				return err
			}
		}
		if err := tx.InsertUser(ctx, &out.User); err != nil {
			return err
		}
		if err := s.place(ctx, tx, in, out); err != nil {
			return err
		}
		if t := &out.Token; !in.NoToken {
			t.Organization, t.UserID = out.Organization.ID, u.ID
			if err := tx.InsertToken(ctx, &t.Token); err != nil {
				return err
			}
		}
		if out.User.Verified() {
			return nil
		}
		return s.queueVerify(ctx, tx, &out.User, secret)
	})
	if err != nil {
		return nil, err
	}
	s.poke()
	return out, nil
}

// place puts a new user into the organization that it makes or was invited to.
func (s *Service) place(ctx context.Context, tx Tx, in SignupInput, out *SignupResult) error {
	if in.Invitation == "" {
		out.Organization = s.newOrganization(in.Organization, &out.User)
		out.Role = RoleOwner
		return s.insertOrganization(ctx, tx, &out.Organization, &out.User)
	}
	m, err := s.join(ctx, tx, in.Invitation, &out.User)
	if err != nil {
		return err
	}
	out.Role = m.Role
	out.Organization, err = tx.FindOrganization(ctx, m.Organization)
	return err
}

// queueVerify adds a verification mail to the transaction.
func (s *Service) queueVerify(ctx context.Context, tx Tx, u *User, secret string) error {
	err := tx.PutLink(ctx, &Link{
		Hash: s.linkHash(linkVerify, secret), Kind: linkVerify,
		UserID: u.ID, ExpiresAt: s.clock().Add(verifyLasts),
	})
	if err != nil {
		return err
	}
	return s.queue(ctx, tx, letter{Mail: verifyMailText(u.Email, s.linkURL("/verify", secret))})
}
