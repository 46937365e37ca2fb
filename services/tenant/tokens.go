package tenant

import (
	"context"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// maxTokens bounds the management tokens of one organization.
const maxTokens = 1000

// newToken makes a token's secret and row.
func (s *Service) newToken(in TokenInput) (*NewToken, error) {
	secret, kid, err := contract.GenerateKey(contract.TokenPrefix)
	if err != nil {
		return nil, fmt.Errorf("generate token: %w", err)
	}
	hash := contract.HashKey(&s.pepper, secret)
	now := s.clock()
	return &NewToken{Secret: secret, Token: Token{
		ID: core.NewID("tok"), KID: kid, Hash: hash[:], Name: in.Name, Scopes: in.Scopes,
		ExpiresAt: in.ExpiresAt, CreatedAt: now, UpdatedAt: now,
	}}, nil
}

// Tokens returns a page of an organization's tokens.
func (s *Service) Tokens(ctx context.Context, org core.OrganizationID, page core.Page) (core.List[Token], error) {
	return list(ctx, s, page, func(t Token) string { return t.ID }, func(r Rows, after string, limit int) ([]Token, error) {
		return r.ListTokens(ctx, org, after, limit)
	})
}

// Token returns one token without its secret.
func (s *Service) Token(ctx context.Context, org core.OrganizationID, id string) (Token, error) {
	return view(ctx, s, func(r Rows) (Token, error) { return r.FindToken(ctx, org, id) })
}

// CreateToken makes a token for a user in an organization.
func (s *Service) CreateToken(ctx context.Context, org core.OrganizationID, userID string, in TokenInput) (*NewToken, error) {
	if err := in.Validate(s.clock()); err != nil {
		return nil, err
	}
	t, err := s.newToken(in)
	if err != nil {
		return nil, err
	}
	t.Organization, t.UserID = org, userID
	if err := s.store.Tx(ctx, func(tx Tx) error { return s.storeToken(ctx, tx, &t.Token) }); err != nil {
		return nil, err
	}
	return t, nil
}

// storeToken stores a new token, if the organization may have one more.
func (s *Service) storeToken(ctx context.Context, tx Tx, t *Token) error {
	if err := s.roomForToken(ctx, tx, t.Organization); err != nil {
		return err
	}
	if err := tx.InsertToken(ctx, t); err != nil {
		return err
	}
	return tx.Record(ctx, t.Organization, tokenChange("token.create", t))
}

// roomForToken is CodeLimitReached when the organization has all it may have.
func (*Service) roomForToken(ctx context.Context, tx Tx, org core.OrganizationID) error {
	all, err := tx.ListTokens(ctx, org, "", maxTokens)
	if err != nil {
		return err
	}
	if len(all) >= maxTokens {
		return core.Errorf(core.CodeLimitReached, "an organization can have %d management tokens; delete one first", maxTokens)
	}
	return nil
}

// DeleteToken deletes a token; it stops working with the commit.
func (s *Service) DeleteToken(ctx context.Context, org core.OrganizationID, id string) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		t, err := tx.FindToken(ctx, org, id)
		if err != nil {
			return err
		}
		if err := tx.DeleteToken(ctx, org, id); err != nil {
			return err
		}
		return tx.Record(ctx, org, tokenChange("token.delete", &t))
	})
}

func tokenChange(action string, t *Token) core.Change {
	return core.Change{
		Action: action, ResourceType: "token", ResourceID: t.ID, ResourceName: t.Name,
		Detail: map[string]any{"prefix": t.Prefix(), "scopes": t.Scopes},
	}
}

// errToken is the one answer to any token that does not work.
func errToken() error {
	return core.Errorf(core.CodeUnauthenticated, "the management token is not valid: it is unknown, deleted or expired")
}

// Authenticate says who a management token stands for: its maker, with the role
// that the maker has now. It answers CodeUnauthenticated for a token that is
// malformed, unknown, deleted or expired, or whose maker has left.
func (s *Service) Authenticate(ctx context.Context, secret string) (*Identity, error) {
	parsed, ok := contract.ParseToken(secret)
	if !ok {
		return nil, errToken()
	}
	now := s.clock()
	id, err := view(ctx, s, func(r Rows) (*Identity, error) {
		t, err := r.FindTokenByKID(ctx, parsed.KID)
		if err != nil {
			return nil, err
		}
		hash := contract.HashKey(&s.pepper, secret)
		if subtle.ConstantTimeCompare(hash[:], t.Hash) != 1 || !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) {
			return nil, errToken()
		}
		m, err := r.FindMemberByUser(ctx, t.Organization, t.UserID)
		if err != nil {
			return nil, err
		}
		u, err := r.FindUser(ctx, t.UserID)
		if err != nil {
			return nil, err
		}
		return &Identity{Token: t, User: u, Role: m.Role}, nil
	})
	if core.CodeOf(err) == core.CodeNotFound {
		return nil, errToken()
	}
	if err != nil {
		return nil, err
	}
	if now.Sub(id.Token.UsedAt) >= time.Minute {
		err = s.store.Tx(ctx, func(tx Tx) error {
			return tx.TouchToken(ctx, id.Token.Organization, id.Token.ID, now)
		})
	}
	return id, err
}
