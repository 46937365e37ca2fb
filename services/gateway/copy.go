package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Parts of a configuration that can be copied alone.
const (
	PartSettings   = "settings"
	PartPolicies   = "policies"
	PartUpstreams  = "upstreams"
	PartRoutes     = "routes"
	PartUsagePlans = "usage_plans"
	PartStreams    = "streams"
	PartOpenAPI    = "openapi"
)

// Parts lists them all.
var Parts = []string{PartSettings, PartPolicies, PartUpstreams, PartRoutes, PartUsagePlans, PartStreams, PartOpenAPI}

// Copy is the input of Service.Copy. Both gateways are of one organization.
type Copy struct {
	From string // id or name
	To   string // id or name
	// Create makes the gateway To, in Mode, when there is none of that name.
	Create bool
	Mode   string // empty: live
	// Parts to copy; none: all. What is not named stays as it is.
	Parts []string
	// KeepTargets leaves its own targets to each upstream that To has already:
	// staging's routes in production, in front of production's backends.
	KeepTargets bool
	// Secrets are set in To together with the copy.
	Secrets []NewSecret
	// DryRun says what would change and changes nothing.
	DryRun  bool
	IfMatch core.IfMatch // on To's version

	fromHost string // From's own host name
}

// NewSecret is a secret with its value.
type NewSecret struct {
	Name  string
	Value []byte
}

// SecretNeed is a secret that the copied policies refer to. Values are never
// copied: whoever may copy a gateway need not know what it can spend.
type SecretNeed struct {
	Name   string
	Set    bool // To has it, or the copy sets it
	UsedBy []string
}

// Copied is the answer to a copy, or what it would do.
type Copied struct {
	Gateway Gateway // To; without an id where a dry run would make it
	Created bool    // it was made, or would be
	Changes []Change
	Config  *Config // as it is afterwards
	Secrets []SecretNeed
}

// missing names the secrets that nobody has set.
func (c *Copied) missing() (names []string) {
	for _, n := range c.Secrets {
		if !n.Set {
			names = append(names, n.Name)
		}
	}
	return names
}

func (in *Copy) validate() error {
	var errs contract.FieldErrors
	if in.Mode == "" {
		in.Mode = contract.ModeLive
	}
	if in.Mode != contract.ModeLive && in.Mode != contract.ModeTest {
		errs.Add("/mode", fmt.Sprintf("is %.40q, want live or test", in.Mode))
	}
	for i, p := range in.Parts {
		if !slices.Contains(Parts, p) {
			errs.Add(contract.Pointer("parts", i), "is no part of a configuration")
		}
	}
	if len(in.Secrets) > MaxSecrets {
		errs.Add("/secrets", fmt.Sprintf("has %d secrets, at most %d are allowed", len(in.Secrets), MaxSecrets))
	}
	seen := map[string]bool{}
	for i, s := range in.Secrets {
		at := contract.Pointer("secrets", i)
		errs = append(errs, checkSecret(at, s.Name, s.Value)...)
		if seen[s.Name] {
			errs.Add(at+"/name", "is given twice")
		}
		seen[s.Name] = true
	}
	if len(in.Parts) == 0 {
		in.Parts = Parts
	}
	return core.Invalid(errs.Err())
}

// Copy puts one gateway's configuration into another as its next version, all or
// nothing. Consumers and keys are runtime data and stay where they are.
func (s *Service) Copy(ctx context.Context, org core.OrganizationID, in Copy) (*Copied, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	source, err := s.Get(ctx, org, in.From)
	if err != nil {
		return nil, err
	}
	in.fromHost = source.Hostname
	from, _, err := s.Config(ctx, org, source.ID)
	if err != nil {
		return nil, err
	}
	to, err := s.store.Gateway(ctx, org, in.To)
	switch {
	case core.CodeOf(err) == core.CodeNotFound && err != nil:
		if !in.Create {
			return nil, core.Invalid(contract.FieldErrors{{Pointer: "/to", Detail: fmt.Sprintf("there is no gateway %.140q: name another one, or say create", in.To)}})
		}
		if err := core.CheckGatewayName(in.To); err != nil {
			return nil, core.Invalid(contract.FieldErrors{{Pointer: "/to", Detail: err.Error()}})
		}
	case err != nil:
		return nil, err
	case to.ID == in.From || to.Name == in.From:
		return nil, core.Invalid(contract.FieldErrors{{Pointer: "/to", Detail: "is the gateway itself"}})
	}
	var out *Copied
	if in.DryRun {
		out, err = s.tryCopy(ctx, org, in, from, to)
	} else {
		out, err = s.copyInto(ctx, org, in, from, to == nil)
	}
	if err != nil {
		return nil, err
	}
	s.setHostname(&out.Gateway)
	return out, nil
}

// tryCopy compares without writing. Secrets that are missing are taken as set, so
// that everything else that is wrong is found at once.
func (s *Service) tryCopy(ctx context.Context, org core.OrganizationID, in Copy, from *Config, to *Gateway) (*Copied, error) {
	created := to == nil
	src := &Source{}
	if created {
		src.Gateway = Gateway{Organization: org, Name: in.To, Label: in.To, Mode: in.Mode}
		if err := in.IfMatch.Check(0); err != nil {
			return nil, err
		}
	} else {
		var err error
		if src, err = s.store.Source(ctx, org, to.ID); err != nil {
			return nil, err
		}
		if err := in.IfMatch.Check(src.Gateway.Version); err != nil {
			return nil, err
		}
	}
	before, err := src.Config()
	if err != nil {
		return nil, err
	}
	d := &draft{source: src, name: src.Gateway.Name, config: before.clone()}
	d.taken = func() ([]StreamPort, error) { return s.store.TakenPorts(ctx, org, src.Gateway.ID) }
	out := &Copied{Gateway: src.Gateway, Created: created}
	if err := s.copyParts(d, in, from, out); err != nil {
		return nil, err
	}
	shown := d.secrets
	for _, name := range out.missing() {
		d.secrets.puts = append(slices.Clone(d.secrets.puts), &SecretValue{Secret: Secret{Name: name}})
	}
	if _, err := s.review(edit{rebase: wholeGateway}, &src.Gateway, before, d); err != nil {
		return nil, err
	}
	d.secrets = shown
	if out.Changes, err = diff(src.Gateway.Name, before, d); err != nil {
		return nil, err
	}
	out.Config = d.config.plain()
	return out, nil
}

// copyInto makes To when it must, and writes the copy, in one transaction.
func (s *Service) copyInto(ctx context.Context, org core.OrganizationID, in Copy, from *Config, create bool) (*Copied, error) {
	limits, err := s.limits.Limits(ctx, org)
	if err != nil {
		return nil, err
	}
	ifMatch := in.IfMatch
	if create {
		if err := ifMatch.Check(0); err != nil {
			return nil, err
		}
		ifMatch = core.IfMatch{} // the only version so far is this transaction's own
	}
	var out *Copied
	err = s.store.Tx(ctx, func(tx Tx) error {
		out = &Copied{Created: create}
		g, err := s.copyTarget(ctx, tx, org, in, create, limits)
		if err != nil {
			return err
		}
		done, err := s.edit(ctx, tx, g, edit{
			ifMatch: ifMatch, action: "gateway.copy", whole: true, rebase: wholeGateway,
			apply: func(d *draft) error {
				if err := s.copyParts(d, in, from, out); err != nil {
					return err
				}
				if missing := out.missing(); len(missing) > 0 {
					return core.Errorf(core.CodeConflict, "values of secrets are never copied: set %s in the gateway %q, or send the values with the copy", enumerate(missing), g.Name)
				}
				return nil
			},
		})
		if err != nil {
			return err
		}
		out.Gateway, out.Changes, out.Config = done.gateway, done.changes, done.config.plain()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) copyTarget(ctx context.Context, tx Tx, org core.OrganizationID, in Copy, create bool, limits core.Limits) (*Gateway, error) {
	if !create {
		return tx.LockGateway(org, in.To)
	}
	return s.create(ctx, tx, org, Create{Name: in.To, Mode: in.Mode}, limits)
}

// copyParts edits a draft and notes what secrets it needs.
func (s *Service) copyParts(d *draft, in Copy, from *Config, out *Copied) error {
	now := from.clone()
	if in.KeepTargets {
		for i := range now.Upstreams {
			if at := upstreams.find(&d.config, now.Upstreams[i].Name); at >= 0 {
				now.Upstreams[i].Targets = d.config.Upstreams[at].Targets
				now.Upstreams[i].TLS = d.config.Upstreams[at].TLS
			}
		}
	}
	for _, p := range in.Parts {
		switch p {
		case PartSettings:
			d.config.Settings = s.movedSettings(now.Settings, in.fromHost, d)
		case PartPolicies:
			d.config.Policies = now.Policies
		case PartUpstreams:
			d.config.Upstreams = now.Upstreams
		case PartRoutes:
			d.config.Routes = s.movedRoutes(now.Routes, in.fromHost, d)
		case PartUsagePlans:
			d.config.UsagePlans = now.UsagePlans
		case PartOpenAPI:
			d.config.OpenAPI = now.OpenAPI
		case PartStreams:
			d.config.Streams = s.movedStreams(now.Streams, in.fromHost, d)
		}
	}
	has := map[string]bool{}
	for i := range d.source.Secrets {
		has[d.source.Secrets[i].Name] = true
	}
	for _, n := range in.Secrets {
		v, err := s.sealSecret(d, PutSecret{Name: n.Name, Value: n.Value})
		if err != nil {
			return err
		}
		d.secrets.puts = append(d.secrets.puts, v)
		has[n.Name] = true
	}
	out.Secrets = []SecretNeed{}
	for _, name := range d.config.secretNames() {
		out.Secrets = append(out.Secrets, SecretNeed{Name: name, Set: has[name], UsedBy: d.config.secretUsers(name)})
	}
	return nil
}

// ownHost is the own host name of the gateway that a draft is of.
func (s *Service) ownHost(d *draft) string { return d.source.Gateway.Label + "." + s.edgeDomain }

// movedHosts are hosts of another gateway: its own one stands for the draft's own.
func (s *Service) movedHosts(hosts []string, from string, d *draft) []string {
	out := slices.Clone(hosts)
	for i, h := range out {
		if h == from {
			out[i] = s.ownHost(d)
		}
	}
	return out
}

func (s *Service) movedSettings(v Settings, from string, d *draft) Settings {
	v.ClientCertificates = slices.Clone(v.ClientCertificates)
	for i := range v.ClientCertificates {
		c := &v.ClientCertificates[i]
		c.Hosts = s.movedHosts(c.Hosts, from, d)
	}
	return v
}

func (s *Service) movedRoutes(list []contract.Route, from string, d *draft) []contract.Route {
	out := slices.Clone(list)
	for i := range out {
		out[i].Match.Hosts = s.movedHosts(out[i].Match.Hosts, from, d)
	}
	return out
}

// secretNames are the secrets that policies and upstreams refer to, sorted.
func (c *Config) secretNames() []string {
	names := map[string]bool{}
	collectSecrets(c.Policies, names)
	for i := range c.Routes {
		collectSecrets(c.Routes[i].Steps(), names)
	}
	for i := range c.Upstreams {
		if t := c.Upstreams[i].TLS; t != nil && t.ClientCertificate.Secret != "" {
			names[t.ClientCertificate.Secret] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func collectSecrets(policies []contract.Policy, names map[string]bool) {
	for i := range policies {
		var v any
		if err := json.Unmarshal(policies[i].Config, &v); err == nil {
			eachSecret(v, func(name string) { names[name] = true })
		}
	}
}

// NotePurge writes the audit line of a purge of a gateway's cache that is about to
// happen.
func (s *Service) NotePurge(ctx context.Context, org core.OrganizationID, ref string, p contract.Purge) error {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		return tx.Record(ctx, org, core.Change{
			Action: "gateway.cache_purge", ResourceType: "gateway", ResourceID: g.ID, ResourceName: g.Name, Gateway: g.ID, Detail: p,
		})
	})
}

// NoteRequest writes the audit line of a test request that is about to be sent.
// The path stands in it without its query, and nothing else that was given: it
// may hold credentials.
func (s *Service) NoteRequest(ctx context.Context, org core.OrganizationID, ref, method, path string) error {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		return tx.Record(ctx, org, core.Change{
			Action: "gateway.test_request", ResourceType: "gateway", ResourceID: g.ID, ResourceName: g.Name, Gateway: g.ID,
			Detail: map[string]string{"method": method, "path": path},
		})
	})
}
