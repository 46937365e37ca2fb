package gateway

import (
	"context"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Plan is what a tool means to change of a gateway, or of one that is to be made:
// parts of a configuration, each in the place of the one of its name or as a new one.
type Plan struct {
	Gateway string `json:"gateway"` // id or name
	// Config is put over what the gateway has. Policies, where there are any, stand in
	// the place of the gateway's.
	Config Config `json:"config"`
	// Secrets and Domains are names and hosts that are to be there as well.
	Secrets []string `json:"secrets,omitempty"`
	Domains []string `json:"domains,omitempty"`
}

// CheckPlan says what a plan would change, after the same checks as carrying it out,
// and changes nothing. Pointers of errors are into the plan.
func (s *Service) CheckPlan(ctx context.Context, org core.OrganizationID, in Plan) (*Diff, error) {
	src, err := s.planSource(ctx, org, in.Gateway)
	if err != nil {
		return nil, err
	}
	before, err := src.Config()
	if err != nil {
		return nil, err
	}
	d := &draft{source: src, name: src.Gateway.Name, config: before.clone()}
	d.taken = func() ([]StreamPort, error) { return s.store.TakenPorts(ctx, org, src.Gateway.ID) }
	at := map[string]string{} // pointers into the whole document, and into the plan
	upstreams.over(&d.config, &in.Config, at)
	routes.over(&d.config, &in.Config, at)
	usagePlans.over(&d.config, &in.Config, at)
	streams.over(&d.config, &in.Config, at)
	if in.Config.Policies != nil {
		d.config.Policies = in.Config.Policies
	}
	for _, name := range in.Secrets {
		if slices.ContainsFunc(src.Secrets, func(v SecretValue) bool { return v.Name == name }) {
			continue
		}
		d.secrets.puts = append(d.secrets.puts, &SecretValue{Secret: Secret{Name: name}})
	}
	for _, host := range in.Domains {
		if slices.ContainsFunc(src.Domains, func(v Domain) bool { return v.Host == host }) {
			continue
		}
		d.domains.puts = append(d.domains.puts, &Domain{Host: host, State: DomainActive})
	}
	changes, err := s.review(edit{rebase: func(errs contract.FieldErrors, d *draft) contract.FieldErrors {
		return moved(errs, at, &d.config)
	}}, &src.Gateway, before, d)
	if err != nil {
		return nil, err
	}
	effects, err := s.effects(ctx, &src.Gateway, before, &d.config, changes)
	return &Diff{Version: src.Gateway.Version, Changes: changes, Effects: effects}, err
}

// planSource is the gateway that a plan is about, or an empty one, where the
// organization may have one more.
func (s *Service) planSource(ctx context.Context, org core.OrganizationID, ref string) (*Source, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if core.CodeOf(err) != core.CodeNotFound {
		if err != nil {
			return nil, err
		}
		return s.store.Source(ctx, org, g.ID)
	}
	limits, err := s.limits.Limits(ctx, org)
	if err != nil {
		return nil, err
	}
	if err := s.store.Tx(ctx, func(tx Tx) error { return s.room(tx, org, limits) }); err != nil {
		return nil, err
	}
	return &Source{Gateway: Gateway{ID: core.PrefixGateway + "_plan", Name: ref, Label: ref, Organization: org, Mode: contract.ModeLive}}, nil
}

// over puts the items of a plan over those of a configuration, and notes where each
// of them went.
func (p *part[T]) over(c, in *Config, at map[string]string) {
	items := p.list(c)
	for i, v := range *p.list(in) {
		n := p.find(c, *p.name(&v))
		*p.id(&v) = ""
		if n < 0 {
			n = len(*items)
			*items = append(*items, v)
		} else {
			*p.id(&v) = *p.id(&(*items)[n])
			(*items)[n] = v
		}
		at[contract.Pointer(p.field, n)] = contract.Pointer("config", p.field, i)
	}
}

// moved turns pointers into the document into pointers into what was sent. What is
// wrong elsewhere stands at the root, with the name of the place.
func moved(errs contract.FieldErrors, at map[string]string, c *Config) contract.FieldErrors {
	out := make(contract.FieldErrors, 0, len(errs))
	for _, e := range errs {
		head, rest := e.Pointer, ""
		if parts := strings.SplitN(e.Pointer, "/", 4); len(parts) == 4 {
			head, rest = strings.Join(parts[:3], "/"), "/"+parts[3]
		}
		switch to, ok := at[head]; {
		case ok:
			out.Add(to+rest, e.Detail)
		case strings.HasPrefix(e.Pointer, "/policies"):
			out.Add("/config"+e.Pointer, e.Detail)
		default:
			out.Add("", c.place(e.Pointer)+": "+e.Detail)
		}
	}
	return out
}
