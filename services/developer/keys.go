package developer

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// consumerOf is the consumer that a developer may look after; without one there
// is nothing to look after yet.
func consumerOf(d *Developer) (string, error) {
	if d.ConsumerID == "" || d.UsagePlan == "" {
		return "", core.Errorf(core.CodeForbidden, "choose a usage plan first; where it needs approval, wait for it")
	}
	return d.Consumer, nil
}

// ListKeys returns the developer's keys, newest first.
func (s *Service) ListKeys(ctx context.Context, p *Portal, d *Developer) ([]Key, error) {
	if d.ConsumerID == "" {
		return []Key{}, nil
	}
	return s.keys.List(ctx, p.Organization, p.ID, d.Consumer)
}

// CreateKey issues a key for the developer's consumer. Its limits are those of
// the usage plan.
func (s *Service) CreateKey(ctx context.Context, p *Portal, d *Developer, name string) (*IssuedKey, error) {
	consumer, err := consumerOf(d)
	if err != nil {
		return nil, err
	}
	if err := s.take(ctx, keysOften, p.ID, d.ID); err != nil {
		return nil, err
	}
	k, err := s.keys.Create(as(ctx, d), p.Organization, p.ID, consumer, name, p.MaxKeys)
	if core.CodeOf(err) == core.CodeLimitReached && err != nil {
		// The owner's own plan is no business of developers.
		return nil, core.Wrap(core.CodeLimitReached, err, "no more keys can be made: revoke one of yours, or ask the portal's owner")
	}
	return k, err
}

// own finds a key of the developer's; anybody else's is not there.
func (s *Service) own(ctx context.Context, p *Portal, d *Developer, id string) error {
	k, err := s.keys.Get(ctx, p.Organization, p.ID, id)
	if err != nil {
		return err
	}
	if d.ConsumerID == "" || k.Consumer != d.Consumer {
		return core.NotFound("key", id)
	}
	return nil
}

// RotateKey issues a successor of one of the developer's keys.
func (s *Service) RotateKey(ctx context.Context, p *Portal, d *Developer, id string, overlap *time.Duration) (*IssuedKey, error) {
	if err := s.own(ctx, p, d, id); err != nil {
		return nil, err
	}
	if err := s.take(ctx, keysOften, p.ID, d.ID); err != nil {
		return nil, err
	}
	return s.keys.Rotate(as(ctx, d), p.Organization, p.ID, id, overlap)
}

// RevokeKey ends one of the developer's keys.
func (s *Service) RevokeKey(ctx context.Context, p *Portal, d *Developer, id string) (*Key, error) {
	if err := s.own(ctx, p, d, id); err != nil {
		return nil, err
	}
	return s.keys.Revoke(as(ctx, d), p.Organization, p.ID, id)
}

// OwnsKey says whether a key, by what may be shown of it, is the developer's.
func (s *Service) OwnsKey(ctx context.Context, p *Portal, d *Developer, id string) (bool, error) {
	err := s.own(ctx, p, d, id)
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return false, nil
	}
	return err == nil, err
}
