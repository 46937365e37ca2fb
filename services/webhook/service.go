package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/outbound"
)

// Options are what a Service needs; all but Clock are required.
type Options struct {
	Store     Store
	Guard     Guard
	Root      *contract.RootKeys
	Letters   Letters
	PublicURL string // of the portal, for links in mails
	Clock     core.Clock
}

// Service is the domain's one way in. It is safe for concurrent use.
type Service struct {
	store   Store
	guard   Guard
	letters Letters
	key     [32]byte // seals signing secrets at rest
	base    string
	clock   core.Clock
	client  *http.Client
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Guard == nil || o.Root == nil || o.Letters == nil {
		return nil, errors.New("webhook service: store, guard, keys and letters are required")
	}
	if o.Clock == nil {
		o.Clock = core.SystemClock
	}
	s := &Service{
		store: o.Store, guard: o.Guard, letters: o.Letters, base: o.PublicURL, clock: o.Clock, client: outbound.Client(o.Guard, sendTimeout),
	}
	var err error
	s.key, err = o.Root.Derive("webhook signing secret at rest v1")
	return s, err
}

// List returns a page of a gateway's webhooks.
func (s *Service) List(ctx context.Context, org core.OrganizationID, gateway string, in core.Listing) (core.List[Webhook], error) {
	w, err := in.Window(core.SortName, core.SortCreated, core.SortUpdated)
	if err != nil {
		return core.List[Webhook]{}, err
	}
	id, _, err := s.store.Gateway(ctx, org, gateway)
	if err != nil {
		return core.List[Webhook]{}, err
	}
	found, err := s.store.Webhooks(ctx, org, id, w, "")
	if err != nil {
		return core.List[Webhook]{}, err
	}
	return core.Cut(&w, found, func(h *Webhook) (string, time.Time, time.Time, string) {
		return h.Spec.Name, h.CreatedAt, h.UpdatedAt, h.ID
	}), nil
}

// Get finds a webhook by name.
func (s *Service) Get(ctx context.Context, org core.OrganizationID, gateway, name string) (*Webhook, error) {
	id, _, err := s.store.Gateway(ctx, org, gateway)
	if err != nil {
		return nil, err
	}
	found, err := s.store.Webhooks(ctx, org, id, core.Window{Limit: 1, Field: core.SortName}, name)
	if err != nil {
		return nil, err
	}
	if len(found.Items) == 0 {
		return nil, core.NotFound("webhook", name)
	}
	return &found.Items[0], nil
}

// Put is the input of Service.Put.
type Put struct {
	Gateway    string
	Name       string // present name; the spec's own may be another
	Spec       Spec
	IfMatch    core.IfMatch
	CreateOnly bool
}

// Saved is what Put stored.
type Saved struct {
	Webhook
	Created bool
	// SigningSecret is given out when the webhook is made and never again.
	SigningSecret string
}

// Put creates or replaces a webhook. One that is switched off gets nothing of what
// happens meanwhile, and what waited is not sent.
func (s *Service) Put(ctx context.Context, org core.OrganizationID, in Put) (*Saved, error) {
	if in.Spec.Name == "" {
		in.Spec.Name = in.Name
	}
	if in.Name == "" {
		in.Name = in.Spec.Name
	}
	in.Spec.complete()
	if err := in.Spec.check(s.guard); err != nil {
		return nil, err
	}
	var out *Saved
	err := s.inGateway(ctx, org, in.Gateway, func(tx Tx, id, gatewayName string) error {
		out = nil
		w, err := tx.Find(org, id, in.Name)
		if core.CodeOf(err) == core.CodeNotFound {
			w, err = s.fresh(tx, org, id, in.IfMatch)
		} else if err == nil {
			err = in.IfMatch.Check(w.Revision)
			if in.CreateOnly {
				err = core.Errorf(core.CodeNameTaken, "the gateway has a webhook %q already: PUT replaces it", in.Name)
			}
		}
		if err != nil {
			return err
		}
		out = &Saved{Created: w.Revision == 0}
		action := "webhook.update"
		if out.Created {
			action = "webhook.create"
		}
		if out.SigningSecret, err = s.setSecret(w, in.Spec.SigningSecret); err != nil {
			return err
		}
		in.Spec.SigningSecret = ""
		w.GatewayName = gatewayName
		if err := s.apply(tx, w, in.Spec); err != nil {
			return err
		}
		out.Webhook = *w
		return tx.Record(ctx, org, change(action, w))
	})
	return out, err
}

// apply gives w a new spec and stores it. Switched on again, it begins anew: its
// failures are forgotten.
func (s *Service) apply(tx Tx, w *Webhook, spec Spec) error {
	was := w.Revision > 0 && w.Spec.On()
	moved := w.Spec.URL != spec.URL
	w.Spec = spec
	created := w.Revision == 0
	if spec.On() {
		w.DisabledReason, w.DisabledAt = "", time.Time{}
	}
	if err := tx.Put(w.Organization, w); err != nil || created {
		return err
	}
	switch {
	case was && !spec.On():
		return tx.CancelWaiting(w.Organization, w.ID, "the webhook was switched off")
	case !was && spec.On(), moved:
		locked, err := tx.Lock(w.Organization, w.ID)
		if err != nil {
			return err
		}
		st := &locked.State
		st.Failures, st.FailingSince = 0, time.Time{}
		if moved { // what is known is of another receiver
			st.LastSuccess, st.LastFailure, st.Error, st.StatusCode = time.Time{}, time.Time{}, "", 0
		}
		w.State = *st
		return tx.SaveState(w.Organization, locked)
	}
	return nil
}

// fresh makes a new webhook, if there is room.
func (s *Service) fresh(tx Tx, org core.OrganizationID, gateway string, match core.IfMatch) (*Webhook, error) {
	if err := match.Check(0); err != nil {
		return nil, err
	}
	n, err := tx.Count(org, gateway)
	if err != nil {
		return nil, err
	}
	if n >= MaxWebhooks {
		return nil, core.Errorf(core.CodeLimitReached, "a gateway may have %d webhooks", MaxWebhooks)
	}
	return &Webhook{ID: core.NewID("webhook"), Organization: org, Gateway: gateway}, nil
}

func change(action string, w *Webhook) core.Change {
	return core.Change{Action: action, ResourceType: "webhook", ResourceID: w.ID, ResourceName: w.Spec.Name, Gateway: w.Gateway}
}

// setSecret gives a webhook the caller's own secret, or makes one where it has none
// and returns it.
func (s *Service) setSecret(w *Webhook, own string) (made string, err error) {
	switch {
	case own == "" && len(w.Secret) == 0:
		return s.renewSecret(w)
	case own == "":
		return "", nil
	case len(w.Secret) > 0:
		present, err := contract.Open(s.key, w.ID, w.Secret)
		if err != nil {
			return "", fmt.Errorf("open signing secret: %w", err)
		}
		if string(present) == own {
			return "", nil
		}
		w.OldSecret, w.OldUntil = w.Secret, s.clock().Add(Overlap)
	}
	w.Secret, err = contract.Seal(s.key, w.ID, []byte(own))
	return "", err
}

// renewSecret gives a webhook a new signing secret.
func (s *Service) renewSecret(w *Webhook) (string, error) {
	secret, err := newSecret()
	if err != nil {
		return "", err
	}
	w.Secret, err = contract.Seal(s.key, w.ID, []byte(secret))
	return secret, err
}

// Overlap is how long the former secret signs as well after a rotation.
const Overlap = 24 * time.Hour

// Rotate makes a new signing secret, which signs from now on. The former one signs
// as well for Overlap; one before that does no more.
func (s *Service) Rotate(ctx context.Context, org core.OrganizationID, gateway, name string) (secret string, until time.Time, err error) {
	err = s.edit(ctx, org, gateway, name, func(tx Tx, w *Webhook) error {
		w.OldSecret, w.OldUntil = w.Secret, s.clock().Add(Overlap)
		until = w.OldUntil
		if secret, err = s.renewSecret(w); err != nil {
			return err
		}
		if err := tx.Put(org, w); err != nil {
			return err
		}
		return tx.Record(ctx, org, change("webhook.rotate_secret", w))
	})
	return secret, until, err
}

// Delete removes a webhook with its deliveries.
func (s *Service) Delete(ctx context.Context, org core.OrganizationID, gateway, name string, match core.IfMatch) error {
	return s.edit(ctx, org, gateway, name, func(tx Tx, w *Webhook) error {
		if err := match.Check(w.Revision); err != nil {
			return err
		}
		if err := tx.Delete(org, w.ID); err != nil {
			return err
		}
		return tx.Record(ctx, org, change("webhook.delete", w))
	})
}

// inGateway runs fn while nobody else changes the gateway's webhooks.
func (s *Service) inGateway(ctx context.Context, org core.OrganizationID, gateway string, fn func(tx Tx, id, name string) error) error {
	id, name, err := s.store.Gateway(ctx, org, gateway)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.LockGateway(org, id); err != nil {
			return err
		}
		return fn(tx, id, name)
	})
}

// edit runs fn on a webhook that nobody else changes meanwhile.
func (s *Service) edit(ctx context.Context, org core.OrganizationID, gateway, name string, fn func(tx Tx, w *Webhook) error) error {
	return s.inGateway(ctx, org, gateway, func(tx Tx, id, _ string) error {
		w, err := tx.Find(org, id, name)
		if err != nil {
			return err
		}
		return fn(tx, w)
	})
}

// Deliveries lists a webhook's deliveries, newest first.
func (s *Service) Deliveries(ctx context.Context, org core.OrganizationID, gateway, name string, page core.Page) (core.List[Delivery], error) {
	limit, before, err := page.After()
	if err != nil {
		return core.List[Delivery]{}, err
	}
	w, err := s.Get(ctx, org, gateway, name)
	if err != nil {
		return core.List[Delivery]{}, err
	}
	items, err := s.store.Deliveries(ctx, org, w.ID, before, limit+1)
	if err != nil {
		return core.List[Delivery]{}, err
	}
	return core.NextPage(items, limit, func(d Delivery) string { return d.ID }), nil
}

// Retry has a delivery sent again now, under the same id, with all its tries anew.
// One that waits already is only brought forward.
func (s *Service) Retry(ctx context.Context, org core.OrganizationID, gateway, name, id string) (*Delivery, error) {
	var out *Delivery
	err := s.edit(ctx, org, gateway, name, func(tx Tx, w *Webhook) error {
		if !w.Spec.On() {
			return core.Errorf(core.CodeConflict, "the webhook is switched off: switch it on first")
		}
		d, err := tx.Delivery(org, w.ID, id)
		if err != nil {
			return err
		}
		state, attempts := d.State, d.Attempts
		if d.State != DeliveryWaiting {
			d.State, d.Attempts = DeliveryWaiting, 0
		}
		d.NextAt = s.clock()
		ok, err := tx.SaveDelivery(org, d, state, attempts)
		if err == nil && !ok {
			err = core.Errorf(core.CodeConflict, "the delivery is being sent at this moment: look again")
		}
		if err != nil {
			return err
		}
		out = d
		return tx.Record(ctx, org, change("webhook.retry", w))
	})
	return out, err
}
