package tenant

import (
	"context"

	"github.com/tollgate/tollgate/services/core"
)

// PutSession stores a sign-in or what has changed of it.
func (s *Service) PutSession(ctx context.Context, ses Session) error {
	return s.store.Tx(ctx, func(tx Tx) error { return tx.PutSession(ctx, &ses) })
}

// FindSession returns the sign-in with a token's hash that has not expired.
func (s *Service) FindSession(ctx context.Context, tokenHash string) (Session, error) {
	return view(ctx, s, func(r Rows) (Session, error) { return r.FindSession(ctx, tokenHash, s.clock()) })
}

// TouchSession notes that a sign-in was used now, and from where. It never
// brings one back that was ended meanwhile.
func (s *Service) TouchSession(ctx context.Context, tokenHash string) error {
	client := core.ActorFrom(ctx).Client
	return s.store.Tx(ctx, func(tx Tx) error { return tx.TouchSession(ctx, tokenHash, client, s.clock()) })
}

// EndSession deletes the sign-in with a token's hash; an unknown one is no error.
func (s *Service) EndSession(ctx context.Context, tokenHash string) error {
	return s.store.Tx(ctx, func(tx Tx) error { return tx.DeleteSession(ctx, tokenHash) })
}

// Sessions returns a page of a user's sign-ins.
func (s *Service) Sessions(ctx context.Context, userID string, page core.Page) (core.List[Session], error) {
	return list(ctx, s, page, func(x Session) string { return x.ID }, func(r Rows, after string, limit int) ([]Session, error) {
		return r.ListSessions(ctx, userID, after, limit, s.clock())
	})
}

// RevokeSession ends one sign-in of a user.
func (s *Service) RevokeSession(ctx context.Context, userID, id string) error {
	return s.store.Tx(ctx, func(tx Tx) error { return tx.DeleteSessionByID(ctx, userID, id) })
}

// RevokeSessions ends every sign-in of a user but the one with id keep.
func (s *Service) RevokeSessions(ctx context.Context, userID, keep string) error {
	return s.store.Tx(ctx, func(tx Tx) error { return tx.DeleteSessions(ctx, userID, keep) })
}

// Purge deletes sessions, links, throttles and what else has expired.
func (s *Service) Purge(ctx context.Context) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		now := s.clock()
		if err := tx.PurgeSessions(ctx, now); err != nil {
			return err
		}
		if err := tx.PurgeLinks(ctx, now); err != nil {
			return err
		}
		if err := tx.PurgeSpent(ctx, now); err != nil {
			return err
		}
		if err := tx.PurgeDevices(ctx, now); err != nil {
			return err
		}
		return tx.PurgeThrottles(ctx, now)
	})
}
