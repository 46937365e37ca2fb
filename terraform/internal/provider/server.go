package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// server is the framework's server, but answers for the resources of kinds itself: the
// framework looks at each attribute of a value with a walk over the whole of it, which
// took 60 ms of a route's plan and a minute of a thousand, for modifiers, defaults and
// validators that these resources have none of.
type server struct {
	tfprotov6.ProviderServer
	provider *tollgate
	kinds    map[string]*kind
}

// Server makes the provider of a release, as Terraform talks to it.
func Server(version string) (func() tfprotov6.ProviderServer, error) {
	if _, err := newProvider(version); err != nil {
		return nil, err
	}
	return func() tfprotov6.ProviderServer {
		p, err := newProvider(version)
		if err != nil {
			panic(err) // it was made once already
		}
		s := &server{ProviderServer: providerserver.NewProtocol6(p)(), provider: p, kinds: map[string]*kind{}}
		for _, k := range p.kinds {
			s.kinds["tollgate_"+k.name] = k
		}
		return s
	}, nil
}

// PlanResourceChange plans a change of one object.
func (s *server) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	k := s.kinds[req.TypeName]
	if k == nil {
		return s.ProviderServer.PlanResourceChange(ctx, req)
	}
	typ := k.typ
	prior, errPrior := req.PriorState.Unmarshal(typ)
	proposed, errProposed := req.ProposedNewState.Unmarshal(typ)
	config, errConfig := req.Config.Unmarshal(typ)
	if err := errors.Join(errPrior, errProposed, errConfig); err != nil {
		return nil, fmt.Errorf("read the plan of a %s: %w", req.TypeName, err)
	}
	res := &tfprotov6.PlanResourceChangeResponse{PlannedPrivate: req.PriorPrivate}
	if proposed.IsNull() { // it goes
		res.PlannedState = req.ProposedNewState
		return res, nil
	}
	var d diag.Diagnostics
	r := &kindResource{k: k, a: s.provider.api}
	plan, replace := r.plan(ctx, &d, proposed, config, prior)
	for _, name := range replace {
		res.RequiresReplace = append(res.RequiresReplace, tftypes.NewAttributePath().WithAttributeName(name))
	}
	res.PlannedPrivate = r.askAlike(&d, plan, prior, req.PriorPrivate)
	res.Diagnostics = diagnostics(d)
	state, err := tfprotov6.NewDynamicValue(typ, plan)
	if err != nil {
		return nil, fmt.Errorf("write the plan of a %s: %w", req.TypeName, err)
	}
	res.PlannedState = &state
	return res, nil
}

func diagnostics(in diag.Diagnostics) []*tfprotov6.Diagnostic {
	var out []*tfprotov6.Diagnostic
	for _, d := range in {
		one := &tfprotov6.Diagnostic{Severity: tfprotov6.DiagnosticSeverityError, Summary: d.Summary(), Detail: d.Detail()}
		if d.Severity() == diag.SeverityWarning {
			one.Severity = tfprotov6.DiagnosticSeverityWarning
		}
		if at, ok := d.(diag.DiagnosticWithPath); ok {
			one.Attribute = attributePath(at.Path())
		}
		out = append(out, one)
	}
	return out
}

func attributePath(p path.Path) *tftypes.AttributePath {
	out := tftypes.NewAttributePath()
	for _, s := range p.Steps() {
		switch s := s.(type) {
		case path.PathStepAttributeName:
			out = out.WithAttributeName(string(s))
		case path.PathStepElementKeyInt:
			out = out.WithElementKeyInt(int(s))
		case path.PathStepElementKeyString:
			out = out.WithElementKeyString(string(s))
		}
	}
	return out
}
