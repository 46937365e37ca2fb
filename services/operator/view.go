package operator

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// View is an operator's look at one organization as a viewer of it: for as long as
// it lasts the session can read that organization and change nothing anywhere.
type View struct {
	Session      string // id of the session it belongs to
	Organization core.OrganizationID
	Name         string // the organization's
	Reason       string
	StartedAt    time.Time
	EndsAt       time.Time
}

// StartView lets a session look at an organization, until no later than until. The
// organization's audit says who looks, and why.
func (s *Service) StartView(ctx context.Context, session string, org core.OrganizationID, reason string, until time.Time) (View, error) {
	if err := checkText("/reason", reason, MaxReason); err != nil {
		return View{}, err
	}
	now := s.clock()
	v := View{Session: session, Organization: org, Reason: reason, StartedAt: now, EndsAt: now.Add(ViewLasts)}
	if until.Before(v.EndsAt) {
		v.EndsAt = until
	}
	ctx = core.WithReason(ctx, reason)
	err := s.store.Tx(ctx, func(tx Tx) (err error) {
		if v.Name, err = tx.Live(ctx, org); err != nil {
			return err
		}
		if err := tx.PutView(ctx, &v); err != nil {
			return err
		}
		return tx.Record(ctx, org, ofOrganization("operator.view_start", org, v.Name, map[string]any{"until": v.EndsAt}))
	})
	return v, err
}

// View returns what a session looks at, nil for nothing or no longer.
func (s *Service) View(ctx context.Context, session string) (*View, error) {
	v, err := s.store.View(ctx, session)
	if core.CodeOf(err) == core.CodeNotFound && err != nil || err == nil && !s.clock().Before(v.EndsAt) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// Looked records one request of a view in the organization's audit.
func (s *Service) Looked(ctx context.Context, v *View, operation, path string) error {
	ctx = core.WithReason(ctx, v.Reason)
	return s.store.Tx(ctx, func(tx Tx) error {
		return tx.Record(ctx, v.Organization, ofOrganization("operator.view", v.Organization, v.Name, map[string]any{"operation": operation, "path": path}))
	})
}

// EndView ends what a session looks at; nothing to end is no error.
func (s *Service) EndView(ctx context.Context, session string) error {
	v, err := s.View(ctx, session)
	if err != nil || v == nil {
		return err
	}
	ctx = core.WithReason(ctx, v.Reason)
	return s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.DeleteView(ctx, session); err != nil {
			return err
		}
		return tx.Record(ctx, v.Organization, ofOrganization("operator.view_end", v.Organization, v.Name, nil))
	})
}
