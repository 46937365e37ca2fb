package gateway

import (
	"context"
	"fmt"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Apply is the input of Service.Apply: parts of a configuration, as somebody keeps
// them elsewhere.
type Apply struct {
	Gateway string
	IfMatch core.IfMatch // on the gateway's version
	// Owner marks what is made; empty: nobody's.
	Owner string
	// Prune deletes what the owner made and Config does not have.
	Prune bool
	// TakeOver changes what is somebody else's too, and makes it the owner's.
	TakeOver bool
	// Config is put over what the gateway has; of its settings, policies and OpenAPI
	// document those whose JSON names Given lists.
	Config Config
	Given  []string
}

// TakenOver is an object that had another owner.
type TakenOver struct {
	Kind string // as in changes; ChangeSettings stands for all of the gateway's own
	Name string
	From string // empty: nobody
}

// ApplyResult is what Apply changed, or would change.
type ApplyResult struct {
	Version   uint64
	Changes   []Change
	TakenOver []TakenOver
}

// Apply puts parts of a configuration over what a gateway has, all or nothing. What
// somebody else manages is CodeManagedElsewhere, unless it is taken over.
func (s *Service) Apply(ctx context.Context, org core.OrganizationID, in Apply) (*ApplyResult, error) {
	e, out, err := s.applying(&in)
	if err != nil {
		return nil, err
	}
	done, err := s.change(ctx, org, e)
	if err != nil {
		return nil, err
	}
	out.Version, out.Changes = done.gateway.Version, done.changes
	return out, nil
}

// CheckApply says what Apply would change, after the same checks, and changes nothing.
func (s *Service) CheckApply(ctx context.Context, org core.OrganizationID, in Apply) (*ApplyResult, error) {
	e, out, err := s.applying(&in)
	if err != nil {
		return nil, err
	}
	d, err := s.preview(ctx, org, in.Gateway, e)
	if err != nil {
		return nil, err
	}
	out.Version, out.Changes = d.Version, d.Changes
	return out, nil
}

// applying is the edit of an apply. What is taken over is filled in when it runs.
func (s *Service) applying(in *Apply) (edit, *ApplyResult, error) {
	if in.Prune && in.Owner == "" {
		return edit{}, nil, core.Invalid(contract.FieldErrors{{Pointer: "/owner", Detail: "is missing: only what an owner made is pruned"}})
	}
	if err := in.Config.unique(); err != nil {
		return edit{}, nil, err
	}
	out := &ApplyResult{}
	at := map[string]string{} // pointers into the whole document, and into what was sent
	reason := ""
	if in.Owner != "" {
		reason = "applied for " + in.Owner
	}
	return edit{
		gateway: in.Gateway, ifMatch: in.IfMatch, action: "gateway.apply", reason: reason,
		apply: func(d *draft) error {
			if in.Prune {
				upstreams.prune(d, &in.Config, in.Owner)
				routes.prune(d, &in.Config, in.Owner)
				usagePlans.prune(d, &in.Config, in.Owner)
				streams.prune(d, &in.Config, in.Owner)
			}
			upstreams.over(&d.config, &in.Config, at)
			routes.over(&d.config, &in.Config, at)
			usagePlans.over(&d.config, &in.Config, at)
			streams.over(&d.config, &in.Config, at)
			in.settings(&d.config)
			return nil
		},
		rebase: func(errs contract.FieldErrors, d *draft) contract.FieldErrors { return moved(errs, at, &d.config) },
		allow: func(src *Source, changes []Change) error {
			out.TakenOver = in.taken(src, changes)
			if in.TakeOver || len(out.TakenOver) == 0 {
				return nil
			}
			return managedElsewhere(out.TakenOver, in.Owner)
		},
		then: func(ctx context.Context, tx Tx, src *Source, done *done) error {
			return in.own(ctx, tx, src, done, out.TakenOver)
		},
	}, out, nil
}

// unique refuses a name that stands twice: the second would be put over the first.
func (c *Config) unique() error {
	errs := upstreams.twice(c)
	errs = append(errs, routes.twice(c)...)
	errs = append(errs, usagePlans.twice(c)...)
	errs = append(errs, streams.twice(c)...)
	if len(errs) > 0 {
		return core.Invalid(errs)
	}
	return nil
}

func (p *part[T]) twice(c *Config) (errs contract.FieldErrors) {
	seen := map[string]int{}
	for i := range *p.list(c) {
		name := *p.name(&(*p.list(c))[i])
		if first, ok := seen[name]; ok {
			errs.Add(contract.Pointer("config", p.field, i, "name"), fmt.Sprintf("%.140q stands at %s already", name, contract.Pointer("config", p.field, first)))
			continue
		}
		seen[name] = i
	}
	return errs
}

// prune takes out what an owner made and in does not have.
func (p *part[T]) prune(d *draft, in *Config, owner string) {
	items, kept := p.list(&d.config), p.names(in)
	*items = slices.DeleteFunc(*items, func(v T) bool {
		e := d.source.entry(p.kind, *p.id(&v))
		return e != nil && e.ManagedBy == owner && !kept[*p.name(&v)]
	})
}

// settings puts what was given of the gateway's own over a configuration.
func (in *Apply) settings(c *Config) {
	for _, name := range in.Given {
		switch name {
		case "server_timing":
			c.ServerTiming = in.Config.ServerTiming
		case "log_sample":
			c.LogSample = in.Config.LogSample
		case "tracing":
			c.Tracing = in.Config.Tracing
		case "client_certificates":
			c.ClientCertificates = in.Config.ClientCertificates
		case "policies":
			c.Policies = in.Config.Policies
		case "openapi":
			c.OpenAPI = in.Config.OpenAPI
		}
	}
}

// taken lists what an apply is about and somebody else has: what it would change, and
// with TakeOver all that its configuration names.
func (in *Apply) taken(src *Source, changes []Change) (out []TakenOver) {
	own := false
	for i := range changes {
		c := &changes[i]
		k, ok := kindOf(c.Kind)
		if !ok {
			own = own || c.Kind == ChangeSettings || c.Kind == ChangePolicies || c.Kind == ChangeOpenAPI
			continue
		}
		if in.TakeOver && len(c.After) > 0 {
			continue // it is named
		}
		if e := src.entry(k, c.ID); e != nil && e.ManagedBy != in.Owner {
			out = append(out, TakenOver{c.Kind, e.Name, e.ManagedBy})
		}
	}
	// A gateway's own settings are never pruned, so what is nobody's may be changed.
	if was := src.Gateway.ManagedBy; was != "" && was != in.Owner && (own || in.TakeOver && len(in.Given) > 0) {
		out = append(out, TakenOver{ChangeSettings, src.Gateway.Name, was})
	}
	if in.TakeOver {
		for k, names := range in.Config.names() {
			for i := range src.Entries[k] {
				if e := &src.Entries[k][i]; names[e.Name] && e.ManagedBy != in.Owner {
					out = append(out, TakenOver{changeOf(Kind(k)), e.Name, e.ManagedBy})
				}
			}
		}
	}
	return out
}

// names are those of a configuration's parts, by kind.
func (c *Config) names() (out [kinds]map[string]bool) {
	out[KindUpstream], out[KindRoute] = upstreams.names(c), routes.names(c)
	out[KindUsagePlan], out[KindStream] = usagePlans.names(c), streams.names(c)
	return out
}

func (p *part[T]) names(c *Config) map[string]bool {
	out := map[string]bool{}
	for i := range *p.list(c) {
		out[*p.name(&(*p.list(c))[i])] = true
	}
	return out
}

// changeOf is a kind's name in changes.
func changeOf(k Kind) string {
	return [kinds]string{KindUpstream: ChangeUpstream, KindRoute: ChangeRoute, KindUsagePlan: ChangeUsagePlan, KindStream: ChangeStream}[k]
}

// managedElsewhere says whose things are, and what to do.
func managedElsewhere(taken []TakenOver, owner string) error {
	var names []string
	for _, t := range taken {
		whose := "nobody (it was made in the portal or by a call of its own)"
		if t.From != "" {
			whose = t.From
		}
		names = append(names, title(t.Kind)+" "+t.Name+" is managed by "+whose)
	}
	as := "nobody's"
	if owner != "" {
		as = owner + "'s"
	}
	return core.Errorf(core.CodeManagedElsewhere, "%s: change it there, or take it over to make it %s", enumerate(names), as)
}

func title(kind string) string {
	switch kind {
	case ChangeSettings:
		return "the gateway"
	case ChangeUsagePlan:
		return "usage plan"
	}
	return kind
}

// own marks what an apply made or took over.
func (in *Apply) own(ctx context.Context, tx Tx, src *Source, done *done, taken []TakenOver) error {
	g := &done.gateway
	var ids [kinds][]string
	for i := range done.changes {
		id := done.changes[i].ID
		if k, ok := kindOf(done.changes[i].Kind); ok && done.entries[id] != nil && done.entries[id].ManagedBy != in.Owner {
			ids[k] = append(ids[k], id)
		}
	}
	for k, names := range in.Config.names() {
		for i := range src.Entries[k] {
			e := &src.Entries[k][i]
			if in.TakeOver && names[e.Name] && e.ManagedBy != in.Owner && done.entries[e.ID] == nil {
				ids[k] = append(ids[k], e.ID)
			}
		}
	}
	for k := range ids {
		if err := tx.SetOwner(g.Organization, g.ID, Kind(k), ids[k], in.Owner); err != nil {
			return err
		}
	}
	if len(in.Given) > 0 && g.ManagedBy != in.Owner && (in.Owner != "" || in.TakeOver) {
		if err := tx.SetGatewayOwner(g.Organization, g.ID, in.Owner); err != nil {
			return err
		}
	}
	if len(taken) == 0 || len(done.changes) > 0 {
		return nil // the version's own audit line says by whom
	}
	return tx.Record(ctx, g.Organization, core.Change{
		Action: "gateway.take_over", ResourceType: "gateway", ResourceID: g.ID, ResourceName: g.Name, Gateway: g.ID,
		Detail: auditDetail{Version: g.Version, Summary: fmt.Sprintf("take over %d objects", len(taken)), Reason: in.Owner},
	})
}
