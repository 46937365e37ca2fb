package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/outbound"
)

// Options are what a Service needs; all but Clock are required.
type Options struct {
	Store Store
	Guard Guard
	Root  *contract.RootKeys
	Clock core.Clock
}

// Service is the domain's one way in. It is safe for concurrent use.
type Service struct {
	store  Store
	guard  Guard
	key    [32]byte // seals header fields at rest
	clock  core.Clock
	client *http.Client
}

// sendTimeout bounds one message.
const sendTimeout = 10 * time.Second

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Guard == nil || o.Root == nil {
		return nil, errors.New("telemetry service: store, guard and keys are required")
	}
	if o.Clock == nil {
		o.Clock = core.SystemClock
	}
	s := &Service{store: o.Store, guard: o.Guard, clock: o.Clock, client: outbound.Client(o.Guard, sendTimeout)}
	var err error
	s.key, err = o.Root.Derive("telemetry headers at rest v1")
	return s, err
}

// List returns a page of the organization's destinations.
func (s *Service) List(ctx context.Context, org core.OrganizationID, in core.Listing) (core.List[Destination], error) {
	w, err := in.Window(core.SortName, core.SortCreated, core.SortUpdated)
	if err != nil {
		return core.List[Destination]{}, err
	}
	found, err := s.store.Destinations(ctx, org, w, "")
	if err != nil {
		return core.List[Destination]{}, err
	}
	for i := range found.Items {
		if err := s.count(ctx, &found.Items[i]); err != nil {
			return core.List[Destination]{}, err
		}
	}
	return core.Cut(&w, found, func(d *Destination) (string, time.Time, time.Time, string) {
		return d.Spec.Name, d.CreatedAt, d.UpdatedAt, d.ID
	}), nil
}

// Get finds a destination by name.
func (s *Service) Get(ctx context.Context, org core.OrganizationID, name string) (*Destination, error) {
	found, err := s.store.Destinations(ctx, org, core.Window{Limit: 1, Field: core.SortName}, name)
	if err != nil {
		return nil, err
	}
	if len(found.Items) == 0 {
		return nil, core.NotFound("telemetry destination", name)
	}
	return &found.Items[0], s.count(ctx, &found.Items[0])
}

// count sets how much waits for a destination.
func (s *Service) count(ctx context.Context, d *Destination) (err error) {
	if !d.Spec.On() || d.State.Position < 0 || !d.Spec.Sends(SignalLogs) && !d.Spec.Sends(SignalTraces) {
		return nil
	}
	d.Waiting, err = s.store.Waiting(ctx, d.Organization, d.State.Position, maxBehind)
	return err
}

// Put is the input of Service.Put.
type Put struct {
	Name       string // present name; the spec's own may be another
	Spec       Spec
	IfMatch    core.IfMatch
	CreateOnly bool
}

// Put creates or replaces a destination. A new one begins with what comes from then
// on.
func (s *Service) Put(ctx context.Context, org core.OrganizationID, in Put) (d *Destination, created bool, err error) {
	if in.Spec.Name == "" {
		in.Spec.Name = in.Name
	}
	if in.Name == "" {
		in.Name = in.Spec.Name
	}
	in.Spec.complete()
	if err := in.Spec.check(s.guard); err != nil {
		return nil, false, err
	}
	if err := s.checkGateways(ctx, org, in.Spec.Gateways); err != nil {
		return nil, false, err
	}
	err = s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.LockOrganization(org); err != nil {
			return err
		}
		d, err = tx.Find(org, in.Name)
		if core.CodeOf(err) == core.CodeNotFound {
			d, err = s.fresh(tx, org, in.IfMatch)
		} else if err == nil {
			err = in.IfMatch.Check(d.Revision)
			if in.CreateOnly {
				err = core.Errorf(core.CodeNameTaken, "the organization has a telemetry destination %q already: PUT replaces it", in.Name)
			}
		}
		if err != nil {
			return err
		}
		created = d.Revision == 0
		if err := s.apply(d, in.Spec); err != nil {
			return err
		}
		if err := tx.Put(org, d); err != nil {
			return err
		}
		action := "telemetry.update"
		if created {
			action = "telemetry.create"
		}
		return tx.Record(ctx, org, change(action, d))
	})
	return d, created, err
}

func change(action string, d *Destination) core.Change {
	return core.Change{Action: action, ResourceType: "telemetry_destination", ResourceID: d.ID, ResourceName: d.Spec.Name}
}

// fresh makes a new destination, if there is room.
func (s *Service) fresh(tx Tx, org core.OrganizationID, match core.IfMatch) (*Destination, error) {
	if err := match.Check(0); err != nil {
		return nil, err
	}
	n, err := tx.Count(org)
	if err != nil {
		return nil, err
	}
	if n >= MaxDestinations {
		return nil, core.Errorf(core.CodeLimitReached, "an organization may have %d telemetry destinations", MaxDestinations)
	}
	return &Destination{ID: core.NewID("telemetry"), Organization: org, State: State{Position: -1}}, nil
}

// apply gives d a new spec. Header fields that are not given stay, but only where
// they go to whom they were meant for: else whoever may change the URL could read
// them.
func (s *Service) apply(d *Destination, spec Spec) error {
	headers := spec.Headers
	if headers == nil && len(d.Spec.HeaderNames) > 0 {
		if origin(spec.URL) != origin(d.Spec.URL) {
			return core.Invalid(contract.FieldErrors{{Pointer: "/headers", Detail: "must be given again when the URL leads to another host: they were meant for the former one"}})
		}
		spec.HeaderNames = d.Spec.HeaderNames
		d.Spec = spec
		return nil
	}
	spec.Headers, spec.HeaderNames = nil, slices.Sorted(maps.Keys(headers))
	d.Spec, d.Secret = spec, nil
	if len(headers) == 0 {
		return nil
	}
	js, err := json.Marshal(headers)
	if err != nil {
		return fmt.Errorf("encode headers: %w", err)
	}
	d.Secret, err = contract.Seal(s.key, d.ID, js)
	return err
}

// headers opens a destination's header fields.
func (s *Service) headers(d *Destination) (map[string]string, error) {
	out := map[string]string{}
	if len(d.Secret) == 0 {
		return out, nil
	}
	js, err := contract.Open(s.key, d.ID, d.Secret)
	if err != nil {
		return nil, fmt.Errorf("open headers: %w", err)
	}
	return out, json.Unmarshal(js, &out)
}

// checkGateways names gateways that there are not.
func (s *Service) checkGateways(ctx context.Context, org core.OrganizationID, refs []string) error {
	if len(refs) == 0 {
		return nil
	}
	all, err := s.store.Gateways(ctx, org)
	if err != nil {
		return err
	}
	var bad contract.FieldErrors
	for i, ref := range refs {
		if !slices.ContainsFunc(all, func(g Gateway) bool { return g.ID == ref || g.Name == ref }) {
			bad.Add(contract.Pointer("gateways", i), "is no gateway of the organization")
		}
	}
	return core.Invalid(bad.Err())
}

// Delete removes a destination.
func (s *Service) Delete(ctx context.Context, org core.OrganizationID, name string, match core.IfMatch) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.LockOrganization(org); err != nil {
			return err
		}
		d, err := tx.Find(org, name)
		if err != nil {
			return err
		}
		if err := match.Check(d.Revision); err != nil {
			return err
		}
		if err := tx.Delete(org, d.ID); err != nil {
			return err
		}
		return tx.Record(ctx, org, change("telemetry.delete", d))
	})
}

// Tested is what came of a test.
type Tested struct {
	OK         bool
	StatusCode int // 0: there was no answer
	Took       time.Duration
	Error      string
}

// Test sends one made-up record of each signal and says what came back. It changes
// nothing but the audit log.
func (s *Service) Test(ctx context.Context, org core.OrganizationID, name string) (*Tested, error) {
	var d *Destination
	err := s.store.Tx(ctx, func(tx Tx) (err error) {
		if d, err = tx.Find(org, name); err != nil {
			return err
		}
		return tx.Record(ctx, org, change("telemetry.test", d))
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	began := s.clock()
	err = s.sendTest(ctx, d)
	out := &Tested{OK: err == nil, Took: s.clock().Sub(began)}
	out.Error, out.StatusCode = told(err)
	if err == nil {
		out.StatusCode = http.StatusOK
	}
	return out, nil
}
