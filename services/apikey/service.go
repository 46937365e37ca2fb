package apikey

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// Bounds of a rotation's overlap.
const (
	DefaultOverlap = 24 * time.Hour
	MaxOverlap     = 30 * 24 * time.Hour
)

// Service is the domain's one way in. It is safe for concurrent use.
type Service struct {
	store  Store
	limits Limits
	pepper *[32]byte
	clock  core.Clock
}

// Options are what a Service needs; all but Clock are required.
type Options struct {
	Store  Store
	Limits Limits
	Keys   *contract.RootKeys
	Clock  core.Clock
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Limits == nil || o.Keys == nil {
		return nil, errors.New("API key service: store, limits and keys are required")
	}
	if o.Clock == nil {
		o.Clock = core.SystemClock
	}
	return &Service{store: o.Store, limits: o.Limits, pepper: &o.Keys.Edge.Pepper, clock: o.Clock}, nil
}

// Create is the input of Service.Create.
type Create struct {
	Gateway   string // id or name
	Consumer  string // name
	Name      string // for people
	UsagePlan string // name; empty: the consumer's
	Scopes    []string
	NotBefore time.Time
	Expires   time.Time // zero: never
	Limits    contract.KeyLimits
	// MostOfConsumer bounds the consumer's active keys, this one included; 0: only
	// the plan's limit holds.
	MostOfConsumer int
}

func (in *Create) validate(now time.Time) error {
	var errs contract.FieldErrors
	if in.Consumer == "" {
		errs.Add("/consumer", "must name a consumer of the gateway")
	}
	errs.AddAt("/name", checkName(in.Name))
	errs = append(errs, checkScopes(in.Scopes)...)
	errs = append(errs, checkLimits(&in.Limits)...)
	errs.AddAt("/expires_at", checkExpiry(in.Expires, now))
	if !in.Expires.IsZero() && !in.NotBefore.Before(in.Expires) {
		errs.Add("/not_before", "must be before expires_at")
	}
	return core.Invalid(errs.Err())
}

func checkName(s string) error {
	if len(s) > core.MaxName || !utf8.ValidString(s) {
		return errors.New("must be UTF-8 of at most 128 bytes")
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return errors.New("must not hold control characters")
		}
	}
	return nil
}

func checkExpiry(t, now time.Time) error {
	if !t.IsZero() && !t.After(now) {
		return errors.New("must be in the future")
	}
	return nil
}

// Create issues a key. The plan's limit on active keys holds exactly, however
// many calls run at once.
func (s *Service) Create(ctx context.Context, org core.OrganizationID, in Create) (*Issued, error) {
	now := s.clock()
	if err := in.validate(now); err != nil {
		return nil, err
	}
	limits, err := s.limits.Limits(ctx, org)
	if err != nil {
		return nil, err
	}
	if err := core.Invalid(within(&in.Limits, limits).Err()); err != nil {
		return nil, err
	}
	var out *Issued
	run := s.store.Tx
	if limits.Keys > 0 || in.MostOfConsumer > 0 {
		run = func(ctx context.Context, fn func(Tx) error) error { return s.store.TxInLine(ctx, org, fn) }
	}
	err = run(ctx, func(tx Tx) error {
		g, err := tx.Gateway(org, in.Gateway)
		if err != nil {
			return err
		}
		k := Key{
			Name: in.Name, Gateway: g.Ref, Scopes: in.Scopes, Test: g.Test, State: contract.KeyActive,
			NotBefore: in.NotBefore, Expires: in.Expires, Limits: in.Limits, Version: 1, CreatedBy: core.ActorFrom(ctx).Name,
		}
		if err := references(tx, org, &k, in.Consumer, in.UsagePlan); err != nil {
			return err
		}
		// Last, since everybody else who issues one waits from here on.
		if err := room(tx, org, limits); err != nil {
			return err
		}
		if err := roomOfConsumer(tx, org, &k, in.MostOfConsumer); err != nil {
			return err
		}
		out, err = s.issue(ctx, tx, org, &k, "key.create")
		failpoint.Hit(failpoint.PortalKeyBeforeCommit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Room is how many more active keys an organization may have, and its plan's name.
func (s *Service) Room(ctx context.Context, org core.OrganizationID) (room core.Room, plan string, err error) {
	limits, err := s.limits.Limits(ctx, org)
	if err != nil || limits.Keys == 0 {
		return core.Room{}, limits.Plan, err
	}
	err = s.store.Tx(ctx, func(tx Tx) error {
		n, err := tx.CountActive(org)
		room = core.RoomOf(limits.Keys, n)
		return err
	})
	return room, limits.Plan, err
}

// room makes place for one more key under the plan's limit.
func room(tx Tx, org core.OrganizationID, limits core.Limits) error {
	if limits.Keys == 0 {
		return nil
	}
	ok, err := tx.TakeRoom(org, limits.Keys)
	if err != nil || ok {
		return err
	}
	n, err := tx.CountActive(org)
	if err != nil {
		return err
	}
	return core.Errorf(core.CodeLimitReached,
		"the plan %q allows %d active keys and the organization has %d: revoke one, or change to a larger plan", limits.Plan, limits.Keys, n)
}

// roomOfConsumer counts exactly: whoever adds to a bounded consumer has the
// organization's lock.
func roomOfConsumer(tx Tx, org core.OrganizationID, k *Key, most int) error {
	if most == 0 {
		return nil
	}
	if err := tx.LockOrganization(org); err != nil {
		return err
	}
	n, err := tx.CountActiveOf(org, k.Consumer.ID)
	if err != nil {
		return err
	}
	if n >= most {
		return core.Errorf(core.CodeLimitReached, "the consumer has %d active keys, as many as it may have: revoke one first", n)
	}
	return nil
}

// references finds the consumer and the usage plan of a key.
func references(tx Tx, org core.OrganizationID, k *Key, consumer, plan string) error {
	var errs contract.FieldErrors
	var err error
	if k.Consumer, err = tx.ConsumerNamed(org, k.Gateway.ID, consumer); core.CodeOf(err) == core.CodeNotFound && err != nil {
		errs.Add("/consumer", fmt.Sprintf("the gateway has no consumer %.140q: create it first", consumer))
	} else if err != nil {
		return err
	}
	if plan != "" {
		if k.UsagePlan, err = tx.PlanNamed(org, k.Gateway.ID, plan); core.CodeOf(err) == core.CodeNotFound && err != nil {
			errs.Add("/usage_plan", fmt.Sprintf("the gateway has no usage plan %.140q", plan))
		} else if err != nil {
			return err
		}
	}
	return core.Invalid(errs.Err())
}

// issue makes the secret and stores the key.
func (s *Service) issue(ctx context.Context, tx Tx, org core.OrganizationID, k *Key, action string) (*Issued, error) {
	prefix := contract.KeyPrefixLive
	if k.Test {
		prefix = contract.KeyPrefixTest
	}
	secret, kid, err := contract.GenerateKey(prefix)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	k.KID, k.ID, k.Prefix = kid, ID(kid), prefix+contract.FormatKID(kid)
	k.Pepper, k.Hash = contract.PepperVersion, contract.HashKey(s.pepper, secret)
	if err := tx.CreateKey(org, k); err != nil {
		return nil, err
	}
	if err := tx.Record(ctx, org, change(action, k)); err != nil {
		return nil, err
	}
	return &Issued{Key: *k, Secret: secret}, nil
}

// events are what webhooks are told of changes.
var events = map[string]string{
	"key.create": event.KeyCreated, "key.update": event.KeyUpdated, "key.rotate": event.KeyRotated, "key.revoke": event.KeyRevoked,
}

// About is a key as webhooks are told of it.
func About(k *Key) event.Key {
	out := event.Key{ID: k.ID, Name: k.Name, Prefix: k.Prefix, Consumer: k.Consumer.Name, ExpiresAt: event.When(k.Expires)}
	if k.RotatedTo != 0 {
		out.ReplacedBy = ID(k.RotatedTo)
	}
	return out
}

// change is what each change of a key leaves behind.
func change(action string, k *Key) core.Change {
	return core.Change{
		Action: action, ResourceType: "key", ResourceID: k.ID, ResourceName: k.Name, Gateway: k.Gateway.ID,
		Detail:  map[string]any{"prefix": k.Prefix, "consumer": k.Consumer.Name},
		Publish: []core.Publish{{Kind: core.PublishKey, ID: k.ID, KID: k.KID, Gateway: k.Gateway.ID, Version: k.Version}},
		Events:  []event.Event{{Type: events[action], About: About(k)}},
	}
}

// Get finds a key by its id.
func (s *Service) Get(ctx context.Context, org core.OrganizationID, gateway, id string) (*Key, error) {
	kid, err := ParseID(id)
	if err != nil {
		return nil, err
	}
	g, err := s.store.Gateway(ctx, org, gateway)
	if err != nil {
		return nil, err
	}
	return s.store.Key(ctx, org, g.ID, kid)
}

// edit runs fn on a locked key and stores what it changed at the next version.
func (s *Service) edit(ctx context.Context, org core.OrganizationID, at Target, action string, fn func(tx Tx, k *Key) error) (*Key, error) {
	kid, err := ParseID(at.ID)
	if err != nil {
		return nil, err
	}
	var out *Key
	err = s.store.Tx(ctx, func(tx Tx) error {
		g, err := tx.Gateway(org, at.Gateway)
		if err != nil {
			return err
		}
		k, err := tx.LockKey(org, g.ID, kid)
		if err != nil {
			return err
		}
		if err := at.IfMatch.Check(k.Version); err != nil {
			return err
		}
		before := k.Version
		if err := fn(tx, k); err != nil {
			return err
		}
		out = k
		if k.Version == before {
			return nil
		}
		if err := tx.SaveKey(org, k); err != nil {
			return err
		}
		return tx.Record(ctx, org, change(action, k))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Target names one key of a gateway.
type Target struct {
	Gateway string // id or name
	ID      string
	IfMatch core.IfMatch // on the key's version
}
