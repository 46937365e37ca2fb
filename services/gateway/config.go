package gateway

import (
	"context"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Config returns a gateway's whole configuration and the version it is.
func (s *Service) Config(ctx context.Context, org core.OrganizationID, ref string) (*Config, uint64, error) {
	g, err := s.store.Gateway(ctx, org, ref)
	if err != nil {
		return nil, 0, err
	}
	src, err := s.store.Source(ctx, org, g.ID)
	if err != nil {
		return nil, 0, err
	}
	c, err := src.Config()
	if err != nil {
		return nil, 0, err
	}
	return c.plain(), src.Gateway.Version, nil
}

// plain drops ids and nums, so that the document can be put into another gateway.
func (c *Config) plain() *Config {
	out := c.clone()
	for i := range out.Upstreams {
		out.Upstreams[i].ID, out.Upstreams[i].Num = "", 0
	}
	for i := range out.Routes {
		out.Routes[i].ID, out.Routes[i].Num = "", 0
	}
	for i := range out.UsagePlans {
		out.UsagePlans[i].ID, out.UsagePlans[i].Num = "", 0
	}
	for i := range out.Streams {
		out.Streams[i].ID, out.Streams[i].Num = "", 0
	}
	return &out
}

// PutConfig is the input of Service.PutConfig.
type PutConfig struct {
	Gateway string // id or name
	Config  Config
	IfMatch core.IfMatch // on the gateway's version
}

// PutConfig replaces a gateway's whole configuration, all or nothing. What the
// document does not have is removed; consumers, keys and secrets stay.
func (s *Service) PutConfig(ctx context.Context, org core.OrganizationID, in PutConfig) (*Applied, error) {
	done, err := s.change(ctx, org, edit{
		gateway: in.Gateway, ifMatch: in.IfMatch, action: "gateway.config", whole: true,
		apply: func(d *draft) error {
			d.config = in.Config.clone()
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return applied(done), nil
}

func applied(d *done) *Applied {
	return &Applied{Version: d.gateway.Version, Changes: d.changes, Config: d.config.plain()}
}

// DiffConfig says what PutConfig would change, after the same checks, and
// changes nothing.
func (s *Service) DiffConfig(ctx context.Context, org core.OrganizationID, ref string, c Config) (*Diff, error) {
	return s.preview(ctx, org, ref, edit{apply: func(d *draft) error {
		d.config = c.clone()
		return nil
	}})
}

// Policies returns the gateway's own policies, and the version.
func (s *Service) Policies(ctx context.Context, org core.OrganizationID, ref string) ([]contract.Policy, uint64, error) {
	c, version, err := s.Config(ctx, org, ref)
	if err != nil {
		return nil, 0, err
	}
	return nonNil(c.Policies), version, nil
}

// PutPolicies is the input of Service.PutPolicies.
type PutPolicies struct {
	Gateway  string
	Policies []contract.Policy
	IfMatch  core.IfMatch // on the gateway's version
}

// PutPolicies replaces the policies on the whole gateway.
func (s *Service) PutPolicies(ctx context.Context, org core.OrganizationID, in PutPolicies) (*Applied, error) {
	done, err := s.change(ctx, org, edit{
		gateway: in.Gateway, ifMatch: in.IfMatch, action: "policies.update",
		apply: func(d *draft) error {
			d.config.Policies = in.Policies
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return applied(done), nil
}
