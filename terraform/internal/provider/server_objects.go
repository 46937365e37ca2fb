package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// ValidateResourceConfig says what is wrong with a configuration. What has write-only
// arguments goes to the framework, which knows whether the client can keep them.
func (s *server) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	k := s.kinds[req.TypeName]
	if k == nil || len(k.secret) > 0 {
		return s.ProviderServer.ValidateResourceConfig(ctx, req)
	}
	config, err := req.Config.Unmarshal(k.typ)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of a %s: %w", req.TypeName, err)
	}
	var res resource.ValidateConfigResponse
	r := &kindResource{k: k}
	r.ValidateConfig(ctx, resource.ValidateConfigRequest{Config: tfsdk.Config{Raw: config}}, &res)
	return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: diagnostics(res.Diagnostics)}, nil
}

// UpgradeResourceState reads a stored state. There is one version of each schema: what
// it says no longer is dropped, and what is new is null.
func (s *server) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	k := s.kinds[req.TypeName]
	if k == nil || req.RawState == nil || req.Version != 0 {
		return s.ProviderServer.UpgradeResourceState(ctx, req)
	}
	state, err := req.RawState.UnmarshalWithOpts(k.typ, tfprotov6.UnmarshalOpts{
		ValueFromJSONOpts: tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true},
	})
	if err != nil {
		return s.ProviderServer.UpgradeResourceState(ctx, req) // which says what to do
	}
	out, err := tfprotov6.NewDynamicValue(k.typ, state)
	if err != nil {
		return nil, fmt.Errorf("write the state of a %s: %w", req.TypeName, err)
	}
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &out}, nil
}

// ReadResource reads one object.
func (s *server) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	k := s.kinds[req.TypeName]
	if k == nil || s.provider.api == nil {
		return s.ProviderServer.ReadResource(ctx, req)
	}
	was, err := req.CurrentState.Unmarshal(k.typ)
	if err != nil {
		return nil, fmt.Errorf("read the state of a %s: %w", req.TypeName, err)
	}
	if was.IsNull() {
		return &tfprotov6.ReadResourceResponse{NewState: req.CurrentState}, nil
	}
	r := &kindResource{k: k, a: s.provider.api}
	res := resource.ReadResponse{State: tfsdk.State{Raw: was}}
	r.Read(ctx, resource.ReadRequest{State: tfsdk.State{Raw: was}}, &res)
	state, err := tfprotov6.NewDynamicValue(k.typ, res.State.Raw)
	if err != nil {
		return nil, fmt.Errorf("write the state of a %s: %w", req.TypeName, err)
	}
	return &tfprotov6.ReadResourceResponse{NewState: &state, Diagnostics: diagnostics(res.Diagnostics)}, nil
}

// ApplyResourceChange makes, changes or deletes one object.
func (s *server) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	k := s.kinds[req.TypeName]
	if k == nil || s.provider.api == nil {
		return s.ProviderServer.ApplyResourceChange(ctx, req)
	}
	was, errPrior := req.PriorState.Unmarshal(k.typ)
	planned, errPlanned := req.PlannedState.Unmarshal(k.typ)
	config, errConfig := req.Config.Unmarshal(k.typ)
	if err := errors.Join(errPrior, errPlanned, errConfig); err != nil {
		return nil, fmt.Errorf("read the change of a %s: %w", req.TypeName, err)
	}
	s.provider.api.applying.Store(true)
	r := &kindResource{k: k, a: s.provider.api}
	now, d := r.apply(ctx, was, planned, config)
	state, err := tfprotov6.NewDynamicValue(k.typ, now)
	if err != nil {
		return nil, fmt.Errorf("write the state of a %s: %w", req.TypeName, err)
	}
	return &tfprotov6.ApplyResourceChangeResponse{NewState: &state, Diagnostics: diagnostics(d)}, nil
}

// apply carries a change out and returns the state after it: what it was where it
// failed.
func (r *kindResource) apply(ctx context.Context, was, planned, config tftypes.Value) (tftypes.Value, diag.Diagnostics) {
	before, plan := tfsdk.State{Raw: was}, tfsdk.Plan{Raw: planned}
	switch {
	case planned.IsNull():
		var res resource.DeleteResponse
		if r.Delete(ctx, resource.DeleteRequest{State: before}, &res); res.Diagnostics.HasError() {
			return was, res.Diagnostics
		}
		return planned, res.Diagnostics
	case was.IsNull():
		res := resource.CreateResponse{State: before}
		r.Create(ctx, resource.CreateRequest{Plan: plan, Config: tfsdk.Config{Raw: config}}, &res)
		return res.State.Raw, res.Diagnostics
	}
	res := resource.UpdateResponse{State: before}
	r.Update(ctx, resource.UpdateRequest{Plan: plan, State: before, Config: tfsdk.Config{Raw: config}}, &res)
	return res.State.Raw, res.Diagnostics
}
