package apikey

import (
	"cmp"
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Update is the input of Service.Update. What is nil stays.
type Update struct {
	Target
	Name      *string
	UsagePlan *string // empty: the consumer's
	Scopes    *[]string
	Expires   *time.Time // zero: never
	Limits    *contract.KeyLimits
}

func (in *Update) validate(now time.Time) error {
	var errs contract.FieldErrors
	if in.Name != nil {
		errs.AddAt("/name", checkName(*in.Name))
	}
	if in.Scopes != nil {
		errs = append(errs, checkScopes(*in.Scopes)...)
	}
	if in.Expires != nil {
		errs.AddAt("/expires_at", checkExpiry(*in.Expires, now))
	}
	if in.Limits != nil {
		errs = append(errs, checkLimits(in.Limits)...)
	}
	return core.Invalid(errs.Err())
}

// Update changes a key that is still active.
func (s *Service) Update(ctx context.Context, org core.OrganizationID, in Update) (*Key, error) {
	now := s.clock()
	if err := in.validate(now); err != nil {
		return nil, err
	}
	if in.Limits != nil {
		limits, err := s.limits.Limits(ctx, org)
		if err != nil {
			return nil, err
		}
		if err := core.Invalid(within(in.Limits, limits).Err()); err != nil {
			return nil, err
		}
	}
	return s.edit(ctx, org, in.Target, "key.update", func(tx Tx, k *Key) error {
		if err := usable(k, now); err != nil {
			return err
		}
		if in.Name != nil {
			k.Name = *in.Name
		}
		if in.Scopes != nil {
			k.Scopes = *in.Scopes
		}
		if in.Expires != nil {
			k.Expires = *in.Expires
		}
		if in.Limits != nil {
			k.Limits = *in.Limits
		}
		if in.UsagePlan != nil {
			k.UsagePlan = Ref{}
			if err := references(tx, org, k, k.Consumer.Name, *in.UsagePlan); err != nil {
				return err
			}
		}
		k.Version++
		return nil
	})
}

// usable refuses to change a key that ended: it can't come back.
func usable(k *Key, now time.Time) error {
	if st := k.Status(now); st != StatusActive && st != StatusPending {
		return core.Errorf(core.CodeConflict, "the key %s is %s: issue a new one", k.ID, st)
	}
	return nil
}

// Revoke ends a key for good. Revoking it again changes nothing and succeeds, so
// that a caller that lost the answer can repeat the call. The key's Version is
// what publish.Status.Receipt asks the edges for.
func (s *Service) Revoke(ctx context.Context, org core.OrganizationID, at Target) (*Key, error) {
	now := s.clock()
	return s.edit(ctx, org, at, "key.revoke", func(_ Tx, k *Key) error {
		if k.State != contract.KeyActive {
			return nil
		}
		k.State, k.Revoked = contract.KeyRevoked, now
		k.Version++
		return nil
	})
}

// Rotate is the input of Service.Rotate.
type Rotate struct {
	Target
	// Overlap is how long the old key still works; nil: DefaultOverlap; 0: it ends
	// at once.
	Overlap *time.Duration
	Expires time.Time // of the new key; zero: never
}

// Rotated is the answer to a rotation.
type Rotated struct {
	Issued     // the new key
	Old    Key // with its new expiry
}

func (in *Rotate) validate(now time.Time) (overlap time.Duration, err error) {
	var errs contract.FieldErrors
	overlap = DefaultOverlap
	if in.Overlap != nil {
		overlap = *in.Overlap
	}
	if overlap < 0 || overlap > MaxOverlap {
		errs.Add("/overlap", "must be from 0s to 720h (30 days)")
	}
	errs.AddAt("/expires_at", checkExpiry(in.Expires, now))
	return overlap, core.Invalid(errs.Err())
}

// Rotate issues a key like the old one, which ends when the overlap is over (or
// earlier, where it would have expired anyway). The pair counts as one against
// the plan's limit until then, since a rotation must never be refused for it.
func (s *Service) Rotate(ctx context.Context, org core.OrganizationID, in Rotate) (*Rotated, error) {
	now := s.clock()
	overlap, err := in.validate(now)
	if err != nil {
		return nil, err
	}
	out := &Rotated{}
	old, err := s.edit(ctx, org, in.Target, "key.rotate", func(tx Tx, k *Key) error {
		if err := usable(k, now); err != nil {
			return err
		}
		if k.RotatedTo != 0 {
			return core.Errorf(core.CodeConflict, "the key %s was rotated to %s already", k.ID, ID(k.RotatedTo))
		}
		fresh := Key{
			Name: k.Name, Gateway: k.Gateway, Consumer: k.Consumer, UsagePlan: k.UsagePlan, Scopes: k.Scopes, Test: k.Test,
			State: contract.KeyActive, Expires: in.Expires, Limits: k.Limits, LimitsOf: cmp.Or(k.LimitsOf, k.KID), Version: 1, CreatedBy: core.ActorFrom(ctx).Name,
		}
		issued, err := s.issue(ctx, tx, org, &fresh, "key.create")
		if err != nil {
			return err
		}
		out.Issued = *issued
		if ends := now.Add(overlap); k.Expires.IsZero() || ends.Before(k.Expires) {
			k.Expires = ends
		}
		k.RotatedTo = fresh.KID
		k.Version++
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Old = *old
	return out, nil
}
