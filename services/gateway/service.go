package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// LabelReserved is how long nobody can take the host label of a deleted gateway.
const LabelReserved = 7 * 24 * time.Hour

// Service is the domain's one way in. It is safe for concurrent use.
type Service struct {
	store      Store
	limits     Limits
	checker    Checker
	atRest     [32]byte // seals secrets in the database
	edge       *contract.EdgeKeys
	edgeDomain string
	ports      PortRange
	clock      core.Clock
	proofKey   [32]byte // makes the records that prove a domain
	resolver   Resolver
	acme       bool
	large      chan struct{} // place for the one large import at a time

	// Routes, Upstreams, UsagePlans and Streams are the named parts of a configuration.
	Routes     *Collection[contract.Route]
	Upstreams  *Collection[contract.Upstream]
	UsagePlans *Collection[contract.UsagePlan]
	Streams    *Collection[contract.Stream]
}

// Options are what a Service needs; all up to EdgeDomain are required.
type Options struct {
	Store      Store
	Limits     Limits
	Checker    Checker
	Keys       *contract.RootKeys
	EdgeDomain string // gateways answer at their label under it
	Ports      PortRange
	Clock      core.Clock
	// Resolver looks for the records of custom domains; without one they can't be
	// proven.
	Resolver Resolver
	// ACME: certificates of domains are ordered by a worker.
	ACME bool
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Limits == nil || o.Checker == nil || o.Keys == nil || o.EdgeDomain == "" {
		return nil, errors.New("gateway service: store, limits, checker, keys and edge domain are required")
	}
	if o.Clock == nil {
		o.Clock = core.SystemClock
	}
	atRest, err := o.Keys.Derive("secrets at rest v1")
	if err != nil {
		return nil, err
	}
	proofKey, err := o.Keys.Derive("domain proof v1")
	if err != nil {
		return nil, err
	}
	s := &Service{
		store: o.Store, limits: o.Limits, checker: o.Checker, atRest: atRest, edge: &o.Keys.Edge,
		edgeDomain: o.EdgeDomain, ports: o.Ports, clock: o.Clock, proofKey: proofKey, resolver: o.Resolver, acme: o.ACME,
		large: make(chan struct{}, 1),
	}
	s.Routes = &Collection[contract.Route]{s: s, d: &routes}
	s.Upstreams = &Collection[contract.Upstream]{s: s, d: &upstreams}
	s.UsagePlans = &Collection[contract.UsagePlan]{s: s, d: &usagePlans}
	s.Streams = &Collection[contract.Stream]{s: s, d: &streams}
	return s, nil
}

// List returns a page of the organization's gateways by name.
func (s *Service) List(ctx context.Context, org core.OrganizationID, page core.Page) (core.List[Gateway], error) {
	limit, after, err := page.After()
	if err != nil {
		return core.List[Gateway]{}, err
	}
	items, err := s.store.Gateways(ctx, org, limit+1, after)
	if err != nil {
		return core.List[Gateway]{}, err
	}
	for i := range items {
		s.setHostname(&items[i])
	}
	return core.NextPage(items, limit, func(g Gateway) string { return g.Name }), nil
}

// Get finds a gateway by id or name.
func (s *Service) Get(ctx context.Context, org core.OrganizationID, ref string) (*Gateway, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, err
	}
	s.setHostname(g)
	return g, nil
}

func (s *Service) setHostname(g *Gateway) { g.Hostname = g.Label + "." + s.edgeDomain }

// Create is the input of Service.Create.
type Create struct {
	Name     string
	Mode     string // empty: live
	Settings Settings
}

func (c *Create) validate() error {
	var errs contract.FieldErrors
	errs.AddAt("/name", core.CheckGatewayName(c.Name))
	if c.Mode == "" {
		c.Mode = contract.ModeLive
	}
	if c.Mode != contract.ModeLive && c.Mode != contract.ModeTest {
		errs.Add("/mode", fmt.Sprintf("is %.40q, want live or test", c.Mode))
	}
	errs = append(errs, c.Settings.check()...)
	return core.Invalid(errs.Err())
}

// check returns what is wrong with the settings.
func (s *Settings) check() (errs contract.FieldErrors) {
	if s.LogSample != nil && !(*s.LogSample >= 0 && *s.LogSample <= 1) {
		errs.Add("/log_sample", "is a share: from 0 to 1")
	}
	if s.Tracing != nil {
		errs.AddAt("/tracing", s.Tracing.Check().Err())
	}
	return errs
}

// Create makes a gateway without routes, at version 1. Its host label is its
// name, or "name-xxxxx" where somebody has that label already.
func (s *Service) Create(ctx context.Context, org core.OrganizationID, in Create) (*Gateway, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	limits, err := s.limits.Limits(ctx, org)
	if err != nil {
		return nil, err
	}
	var g *Gateway
	err = s.store.Tx(ctx, func(tx Tx) (err error) {
		g, err = s.create(ctx, tx, org, in, limits)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.setHostname(g)
	return g, nil
}

// create stores a new gateway at version 1 in a transaction.
func (s *Service) create(ctx context.Context, tx Tx, org core.OrganizationID, in Create, limits core.Limits) (*Gateway, error) {
	g := &Gateway{
		ID: core.NewID(core.PrefixGateway), Organization: org, Name: in.Name, Mode: in.Mode,
		Settings: in.Settings, Version: 1,
	}
	if err := s.room(tx, org, limits); err != nil {
		return nil, err
	}
	if err := takeLabel(tx, g); err != nil {
		return nil, err
	}
	if err := tx.CreateGateway(org, g); err != nil {
		return nil, err
	}
	return g, s.commit(ctx, tx, commit{gateway: g, action: "gateway.create", config: &Config{Settings: in.Settings}, whole: true})
}

// room checks the plan's limit on gateways, holding the organization's lock so
// that parallel calls can't both take the last place.
func (s *Service) room(tx Tx, org core.OrganizationID, limits core.Limits) error {
	if err := tx.LockOrganization(org); err != nil {
		return err
	}
	n, err := tx.CountGateways(org)
	if err != nil {
		return err
	}
	if limits.Gateways > 0 && n >= limits.Gateways {
		return core.Errorf(core.CodeLimitReached,
			"the plan %q allows %d gateways and the organization has %d: delete one, or change to a larger plan", limits.Plan, limits.Gateways, n)
	}
	return nil
}

// labelTries bounds the search for a free label; each try is one in 33 million
// to be taken.
const labelTries = 8

func takeLabel(tx Tx, g *Gateway) error {
	label := g.Name
	for range labelTries {
		ok, err := tx.TakeLabel(g.Organization, label, g.ID)
		if err != nil {
			return err
		}
		if ok {
			g.Label = label
			return nil
		}
		id := core.NewID("x")
		label = g.Name + "-" + id[len(id)-5:]
	}
	return core.Errorf(core.CodeConflict, "no free host name was found for %q: choose another name", g.Name)
}

// Update is the input of Service.Update. What is nil stays.
type Update struct {
	Gateway  string // id or name
	Name     *string
	Settings *Settings
	IfMatch  core.IfMatch
}

// Update renames a gateway (its host label stays) or changes its settings.
func (s *Service) Update(ctx context.Context, org core.OrganizationID, in Update) (*Gateway, error) {
	var errs contract.FieldErrors
	if in.Name != nil {
		errs.AddAt("/name", core.CheckGatewayName(*in.Name))
	}
	if in.Settings != nil {
		errs = append(errs, in.Settings.check()...)
	}
	if err := core.Invalid(errs.Err()); err != nil {
		return nil, err
	}
	done, err := s.change(ctx, org, edit{
		gateway: in.Gateway, ifMatch: in.IfMatch, action: "gateway.update",
		apply: func(d *draft) error {
			if in.Name != nil {
				d.name = *in.Name
			}
			if in.Settings != nil {
				d.config.Settings = *in.Settings
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	s.setHostname(&done.gateway)
	return &done.gateway, nil
}

// Delete removes a gateway with all that belongs to it: its hosts answer 404
// from the next revision on, its keys work nowhere, its label stays reserved for
// LabelReserved.
func (s *Service) Delete(ctx context.Context, org core.OrganizationID, ref string, ifMatch core.IfMatch) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		g, err := tx.LockGateway(org, ref)
		if err != nil {
			return err
		}
		if err := ifMatch.Check(g.Version); err != nil {
			return err
		}
		domains, err := tx.Domains(org, g.ID)
		if err != nil {
			return err
		}
		for i := range domains {
			if err := tx.FreeHost(org, domains[i].ID, s.clock().Add(HostReserved)); err != nil {
				return err
			}
		}
		g.Version++
		g.Deleted = true
		if err := tx.SaveGateway(org, g, nil); err != nil {
			return err
		}
		if _, err := tx.KeepPorts(org, g.ID, nil, s.clock().Add(PortReserved)); err != nil {
			return err
		}
		if err := tx.FreeLabel(org, g.Label, s.clock().Add(LabelReserved)); err != nil {
			return err
		}
		return tx.Record(ctx, org, core.Change{
			Action: "gateway.delete", ResourceType: "gateway", ResourceID: g.ID, ResourceName: g.Name, Gateway: g.ID,
			Publish: []core.Publish{{Kind: core.PublishGateway, ID: g.ID, Gateway: g.ID, Version: g.Version}},
			Events:  []event.Event{{Type: event.GatewayDeleted, About: event.Gateway{Version: g.Version, Summary: "delete gateway " + g.Name, Parts: []event.Part{}}}},
		})
	})
}
