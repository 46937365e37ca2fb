package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Options are what a Service needs; all but Clock are required.
type Options struct {
	Store     Store
	Guard     Guard
	Root      *contract.RootKeys
	PublicURL string // of the portal, for links in notices
	Clock     core.Clock
}

// Service is the domain's one way in. It is safe for concurrent use.
type Service struct {
	store Store
	guard Guard
	key   [32]byte // seals signing secrets at rest
	base  string
	clock core.Clock
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Guard == nil || o.Root == nil {
		return nil, errors.New("alert service: store, guard and keys are required")
	}
	if o.Clock == nil {
		o.Clock = core.SystemClock
	}
	s := &Service{store: o.Store, guard: o.Guard, base: o.PublicURL, clock: o.Clock}
	var err error
	s.key, err = o.Root.Derive("alert signing secret at rest v1")
	return s, err
}

// List returns a page of a gateway's alerts.
func (s *Service) List(ctx context.Context, org core.OrganizationID, gateway string, in core.Listing) (core.List[Alert], error) {
	w, err := in.Window(core.SortName, core.SortCreated, core.SortUpdated)
	if err != nil {
		return core.List[Alert]{}, err
	}
	id, _, err := s.store.Gateway(ctx, org, gateway)
	if err != nil {
		return core.List[Alert]{}, err
	}
	found, err := s.store.Alerts(ctx, org, id, w, "")
	if err != nil {
		return core.List[Alert]{}, err
	}
	return core.Cut(&w, found, func(a *Alert) (string, time.Time, time.Time, string) {
		return a.Rule.Name, a.CreatedAt, a.UpdatedAt, a.ID
	}), nil
}

// Get finds an alert by name.
func (s *Service) Get(ctx context.Context, org core.OrganizationID, gateway, name string) (*Alert, error) {
	id, _, err := s.store.Gateway(ctx, org, gateway)
	if err != nil {
		return nil, err
	}
	found, err := s.store.Alerts(ctx, org, id, core.Window{Limit: 1, Field: core.SortName}, name)
	if err != nil {
		return nil, err
	}
	if len(found.Items) == 0 {
		return nil, core.NotFound("alert", name)
	}
	return &found.Items[0], nil
}

// Put is the input of Service.Put.
type Put struct {
	Gateway    string
	Name       string // present name; the rule's own may be another
	Rule       Rule
	IfMatch    core.IfMatch
	CreateOnly bool
}

// Saved is what Put stored.
type Saved struct {
	Alert
	Created bool
	// SigningSecret signs the notices of webhooks; it is given out when it is
	// made and never again.
	SigningSecret string
}

// Put creates or replaces an alert. One that is changed begins anew where the
// change touches what it watches.
func (s *Service) Put(ctx context.Context, org core.OrganizationID, in Put) (*Saved, error) {
	if in.Rule.Name == "" {
		in.Rule.Name = in.Name
	}
	if in.Name == "" {
		in.Name = in.Rule.Name
	}
	in.Rule.complete()
	if err := in.Rule.check(s.guard); err != nil {
		return nil, err
	}
	id, gatewayName, err := s.store.Gateway(ctx, org, in.Gateway)
	if err != nil {
		return nil, err
	}
	var out *Saved
	err = s.store.Tx(ctx, func(tx Tx) error {
		out = nil
		if err := tx.LockGateway(org, id); err != nil {
			return err
		}
		a, err := tx.Find(org, id, in.Name)
		if core.CodeOf(err) == core.CodeNotFound {
			a, err = s.fresh(tx, org, id, in.IfMatch)
		} else if err == nil {
			err = in.IfMatch.Check(a.Revision)
			if in.CreateOnly {
				err = core.Errorf(core.CodeNameTaken, "the gateway has an alert %q already: PUT replaces it", in.Name)
			}
		}
		if err != nil {
			return err
		}
		out = &Saved{Created: a.Revision == 0}
		a.GatewayName, a.Rule = gatewayName, in.Rule
		if in.Rule.webhooks() && len(a.Secret) == 0 {
			if out.SigningSecret, err = s.newSecret(a); err != nil {
				return err
			}
		}
		if err := tx.Put(org, a); err != nil {
			return err
		}
		out.Alert = *a
		return tx.Record(ctx, org, change("alert.update", out.Created, a))
	})
	return out, err
}

// fresh makes a new alert, if there is room.
func (s *Service) fresh(tx Tx, org core.OrganizationID, gateway string, match core.IfMatch) (*Alert, error) {
	if err := match.Check(0); err != nil {
		return nil, err
	}
	n, err := tx.Count(org, gateway)
	if err != nil {
		return nil, err
	}
	if n >= MaxAlerts {
		return nil, core.Errorf(core.CodeLimitReached, "a gateway may have %d alerts", MaxAlerts)
	}
	return &Alert{
		ID: core.NewID("alert"), Organization: org, Gateway: gateway, State: State{Status: StatusOK, Since: s.clock()},
	}, nil
}

func change(action string, created bool, a *Alert) core.Change {
	if created {
		action = "alert.create"
	}
	return core.Change{Action: action, ResourceType: "alert", ResourceID: a.ID, ResourceName: a.Rule.Name, Gateway: a.Gateway}
}

// Delete removes an alert with its history.
func (s *Service) Delete(ctx context.Context, org core.OrganizationID, gateway, name string, match core.IfMatch) error {
	return s.edit(ctx, org, gateway, name, func(tx Tx, a *Alert) error {
		if err := match.Check(a.Revision); err != nil {
			return err
		}
		if err := tx.Delete(org, a.ID); err != nil {
			return err
		}
		return tx.Record(ctx, org, change("alert.delete", false, a))
	})
}

// RotateSecret makes a new signing secret, which holds from the next notice on.
func (s *Service) RotateSecret(ctx context.Context, org core.OrganizationID, gateway, name string) (secret string, err error) {
	err = s.edit(ctx, org, gateway, name, func(tx Tx, a *Alert) error {
		if secret, err = s.newSecret(a); err != nil {
			return err
		}
		if err := tx.Put(org, a); err != nil {
			return err
		}
		return tx.Record(ctx, org, change("alert.rotate_secret", false, a))
	})
	return secret, err
}

// Test sends a notice by every channel, as a transition would. It changes
// nothing else.
func (s *Service) Test(ctx context.Context, org core.OrganizationID, gateway, name string) ([]Delivery, error) {
	var out []Delivery
	err := s.edit(ctx, org, gateway, name, func(tx Tx, a *Alert) error {
		if len(a.Rule.Channels) == 0 {
			return core.Errorf(core.CodeConflict, "the alert has no channel that a test could go to")
		}
		e := &Event{
			ID: core.NewID("event"), Alert: a.ID, At: s.clock(), Transition: TransitionTest, Value: a.State.Value,
			Threshold: a.Rule.Threshold, Detail: "This is a test: nothing has happened.",
		}
		var err error
		if out, err = s.notices(a, e); err != nil {
			return err
		}
		if err := tx.AddEvent(org, e, out); err != nil {
			return err
		}
		return tx.Record(ctx, org, change("alert.test", false, a))
	})
	return out, err
}

// edit runs fn on an alert that nobody else changes meanwhile.
func (s *Service) edit(ctx context.Context, org core.OrganizationID, gateway, name string, fn func(tx Tx, a *Alert) error) error {
	id, gatewayName, err := s.store.Gateway(ctx, org, gateway)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.LockGateway(org, id); err != nil {
			return err
		}
		a, err := tx.Find(org, id, name)
		if err != nil {
			return err
		}
		a.GatewayName = gatewayName
		return fn(tx, a)
	})
}

// History lists an alert's transitions and tests, newest first.
func (s *Service) History(ctx context.Context, org core.OrganizationID, gateway, name string, page core.Page) (core.List[Event], error) {
	return newest(ctx, s, org, gateway, name, page, s.store.Events, func(e Event) string { return e.ID })
}

// Deliveries lists an alert's notices, newest first.
func (s *Service) Deliveries(ctx context.Context, org core.OrganizationID, gateway, name string, page core.Page) (core.List[Delivery], error) {
	return newest(ctx, s, org, gateway, name, page, s.store.Deliveries, func(d Delivery) string { return d.ID })
}

// newest reads a page of what belongs to an alert.
func newest[T any](ctx context.Context, s *Service, org core.OrganizationID, gateway, name string, page core.Page,
	read func(ctx context.Context, org core.OrganizationID, alert, before string, limit int) ([]T, error), id func(T) string,
) (core.List[T], error) {
	limit, before, err := page.After()
	if err != nil {
		return core.List[T]{}, err
	}
	a, err := s.Get(ctx, org, gateway, name)
	if err != nil {
		return core.List[T]{}, err
	}
	items, err := read(ctx, org, a.ID, before, limit+1)
	if err != nil {
		return core.List[T]{}, err
	}
	return core.NextPage(items, limit, id), nil
}

// secretPrefix begins signing secrets, for secret scanners.
const secretPrefix = "tgwh_"

// newSecret gives an alert a new signing secret.
func (s *Service) newSecret(a *Alert) (string, error) {
	text, err := randomText()
	if err != nil {
		return "", fmt.Errorf("make signing secret: %w", err)
	}
	a.Secret, err = contract.Seal(s.key, a.ID, []byte(secretPrefix+text))
	return secretPrefix + text, err
}
