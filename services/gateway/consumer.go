package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// ConsumerStore keeps consumers.
type ConsumerStore interface {
	Tx(ctx context.Context, fn func(ConsumerTx) error) error
	// Gateway finds a gateway by id or name.
	Gateway(ctx context.Context, org core.OrganizationID, ref string) (*Gateway, error)
	// Consumers finds a page of consumers.
	Consumers(ctx context.Context, org core.OrganizationID, gateway string, w ConsumerWindow) (core.Found[Consumer], error)
	// Consumer finds by name; CodeNotFound.
	Consumer(ctx context.Context, org core.OrganizationID, gateway, name string) (*Consumer, error)
}

// ConsumerTx is one transaction on consumers.
type ConsumerTx interface {
	// LockGateway finds by id or name and keeps the gateway from being changed.
	LockGateway(org core.OrganizationID, ref string) (*Gateway, error)
	// LockConsumer finds by name; CodeNotFound.
	LockConsumer(org core.OrganizationID, gateway, name string) (*Consumer, error)
	CountConsumers(org core.OrganizationID, gateway string) (int, error)
	// PutConsumer creates (Num 0) or replaces by id; it sets num, revision and
	// times. An unknown usage plan is CodeInvalid at /usage_plan, a taken name
	// CodeNameTaken.
	PutConsumer(org core.OrganizationID, gateway string, c *Consumer) error
	DeleteConsumer(org core.OrganizationID, gateway, id string) error
	// SetIdentities makes the consumer's identities those in want and returns what
	// to publish; with touch those that stay are published anew. One that another
	// consumer has is CodeInvalid at its place in /identities.
	SetIdentities(org core.OrganizationID, g *Gateway, c *Consumer, want []IdentityRecord, touch bool) ([]core.Publish, error)
	// TouchKeys raises the version of a consumer's keys, so that their records
	// are published anew, and returns what to publish. With drop the keys become
	// contract.KeyDeleted.
	TouchKeys(org core.OrganizationID, consumer string, drop bool) ([]core.Publish, error)
	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
}

// Consumers is the service of consumers. It is safe for concurrent use.
type Consumers struct {
	store  ConsumerStore
	limits Limits
	pepper *[32]byte
}

// NewConsumers makes the service; all arguments are required.
func NewConsumers(store ConsumerStore, limits Limits, keys *contract.RootKeys) (*Consumers, error) {
	if store == nil || limits == nil || keys == nil {
		return nil, errors.New("consumers service: store, limits and keys are required")
	}
	return &Consumers{store: store, limits: limits, pepper: &keys.Edge.Pepper}, nil
}

// Get finds a consumer by name.
func (s *Consumers) Get(ctx context.Context, org core.OrganizationID, ref, name string) (*Consumer, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	return s.store.Consumer(ctx, org, g.ID, name)
}

// PutConsumer is the input of Consumers.Put.
type PutConsumer struct {
	Gateway    string
	Name       string // present name
	NewName    string // empty: the same
	UsagePlan  string // name; empty: none
	Metadata   json.RawMessage
	Identities []Identity
	IfMatch    core.IfMatch
	CreateOnly bool
}

func (in *PutConsumer) validate() error {
	if in.NewName == "" {
		in.NewName = in.Name
	}
	if in.Name == "" {
		in.Name = in.NewName
	}
	var errs contract.FieldErrors
	errs.AddAt("/name", core.CheckName(in.NewName))
	if len(in.Metadata) == 0 || string(in.Metadata) == "null" {
		in.Metadata = json.RawMessage("{}")
	}
	var object map[string]json.RawMessage
	if len(in.Metadata) > MaxMetadata {
		errs.Add("/metadata", fmt.Sprintf("is %d bytes, at most %d are allowed", len(in.Metadata), MaxMetadata))
	} else if err := json.Unmarshal(in.Metadata, &object); err != nil {
		errs.Add("/metadata", "must be an object")
	}
	errs = append(errs, checkIdentities(in.Identities)...)
	return core.Invalid(errs.Err())
}

// SavedConsumer is the answer to a consumer's change.
type SavedConsumer struct {
	Consumer
	Created bool
}

// Put creates or replaces a consumer. When its name or usage plan changes, the
// records of its keys are published again in the same transaction.
func (s *Consumers) Put(ctx context.Context, org core.OrganizationID, in PutConsumer) (*SavedConsumer, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	limits, err := s.limits.Limits(ctx, org)
	if err != nil {
		return nil, err
	}
	out := &SavedConsumer{}
	err = s.store.Tx(ctx, func(tx ConsumerTx) error {
		g, err := tx.LockGateway(org, in.Gateway)
		if err != nil {
			return err
		}
		c, err := tx.LockConsumer(org, g.ID, in.Name)
		switch {
		case core.CodeOf(err) == core.CodeNotFound:
			c = &Consumer{ID: core.NewID(core.PrefixConsumer), Gateway: g.ID}
			if err := roomForConsumer(tx, g, limits); err != nil {
				return err
			}
		case err != nil:
			return err
		case in.CreateOnly:
			return core.Errorf(core.CodeNameTaken, "the gateway has a consumer %q already: PUT replaces it", in.Name)
		}
		if err := in.IfMatch.Check(c.Revision); err != nil {
			return err
		}
		out.Created = c.Num == 0
		return s.put(ctx, tx, g, c, in, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Consumers) put(ctx context.Context, tx ConsumerTx, g *Gateway, c *Consumer, in PutConsumer, out *SavedConsumer) error {
	republish := !out.Created && (c.UsagePlan != in.UsagePlan || c.Name != in.NewName)
	c.Name, c.UsagePlan, c.Metadata = in.NewName, in.UsagePlan, in.Metadata
	if err := tx.PutConsumer(g.Organization, g.ID, c); err != nil {
		return err
	}
	c.Identities = in.Identities
	out.Consumer = *c
	identities, err := tx.SetIdentities(g.Organization, g, c, s.identityRecords(g, in.Identities), republish)
	if err != nil {
		return err
	}
	change := core.Change{
		Action: "consumer.update", ResourceType: "consumer", ResourceID: c.ID, ResourceName: c.Name, Gateway: g.ID,
		Detail: map[string]any{"usage_plan": c.UsagePlan},
		Events: []event.Event{{Type: event.ConsumerUpdated, About: event.Consumer{ID: c.ID, Name: c.Name, UsagePlan: c.UsagePlan}}},
	}
	if out.Created {
		change.Action, change.Events[0].Type = "consumer.create", event.ConsumerCreated
	}
	if republish {
		if change.Publish, err = tx.TouchKeys(g.Organization, c.ID, false); err != nil {
			return err
		}
	}
	change.Publish = append(change.Publish, identities...)
	return tx.Record(ctx, g.Organization, change)
}

// Room is how many more consumers a gateway may have; id is "" for one that is to be
// made.
func (s *Consumers) Room(ctx context.Context, org core.OrganizationID, id string) (room core.Room, err error) {
	limits, err := s.limits.Limits(ctx, org)
	if err != nil || limits.Consumers == 0 || id == "" {
		return core.RoomOf(limits.Consumers, 0), err
	}
	err = s.store.Tx(ctx, func(tx ConsumerTx) error {
		n, err := tx.CountConsumers(org, id)
		room = core.RoomOf(limits.Consumers, n)
		return err
	})
	return room, err
}

func roomForConsumer(tx ConsumerTx, g *Gateway, limits core.Limits) error {
	if limits.Consumers == 0 {
		return nil
	}
	n, err := tx.CountConsumers(g.Organization, g.ID)
	if err != nil {
		return err
	}
	if n >= limits.Consumers {
		return core.Errorf(core.CodeLimitReached,
			"the plan %q allows %d consumers a gateway and this one has %d: delete one, or change to a larger plan", limits.Plan, limits.Consumers, n)
	}
	return nil
}

// Delete removes a consumer; its keys stop working with the same revision.
func (s *Consumers) Delete(ctx context.Context, org core.OrganizationID, in Delete) error {
	return s.store.Tx(ctx, func(tx ConsumerTx) error {
		g, err := tx.LockGateway(org, in.Gateway)
		if err != nil {
			return err
		}
		c, err := tx.LockConsumer(org, g.ID, in.Name)
		if err != nil {
			return err
		}
		if err := in.IfMatch.Check(c.Revision); err != nil {
			return err
		}
		publish, err := tx.TouchKeys(org, c.ID, true)
		if err != nil {
			return err
		}
		keys := len(publish)
		identities, err := tx.SetIdentities(org, g, c, nil, false)
		if err != nil {
			return err
		}
		publish = append(publish, identities...)
		if err := tx.DeleteConsumer(org, g.ID, c.ID); err != nil {
			return err
		}
		return tx.Record(ctx, org, core.Change{
			Action: "consumer.delete", ResourceType: "consumer", ResourceID: c.ID, ResourceName: c.Name, Gateway: g.ID,
			Detail: map[string]any{"keys": keys}, Publish: publish,
			Events: []event.Event{{Type: event.ConsumerDeleted, About: event.Consumer{ID: c.ID, Name: c.Name, UsagePlan: c.UsagePlan, EndedKeys: keys}}},
		})
	})
}
