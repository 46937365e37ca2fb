package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// BeginDeviceLogin begins the sign-in of a command line.
func (s *Server) BeginDeviceLogin(ctx context.Context, r gen.BeginDeviceLoginRequestObject) (gen.BeginDeviceLoginResponseObject, error) {
	d, err := s.Tenants.BeginDevice(ctx, r.Body.Host)
	if err != nil {
		return nil, err
	}
	return gen.BeginDeviceLogin200JSONResponse{
		DeviceCode: d.DeviceCode, UserCode: d.UserCode, VerificationURI: d.URL, VerificationURIComplete: d.CompleteURL(),
		ExpiresIn: int64(d.Lasts.Seconds()), Interval: int64(d.Poll.Seconds()),
	}, nil
}

// CollectDeviceLogin answers a command line's token once it was allowed.
func (s *Server) CollectDeviceLogin(ctx context.Context, r gen.CollectDeviceLoginRequestObject) (gen.CollectDeviceLoginResponseObject, error) {
	t, err := s.Tenants.CollectDevice(ctx, r.Body.DeviceCode)
	if err != nil {
		return nil, err
	}
	return gen.CollectDeviceLogin200JSONResponse{
		Token: t.Secret, Name: t.Name, Organization: t.OrganizationName, ExpiresAt: t.ExpiresAt,
	}, nil
}

// GetDeviceLogin shows who asks under a code.
func (s *Server) GetDeviceLogin(ctx context.Context, r gen.GetDeviceLoginRequestObject) (gen.GetDeviceLoginResponseObject, error) {
	d, code, err := s.Tenants.Device(ctx, callOf(ctx).user.ID, r.UserCode)
	if err != nil {
		return nil, err
	}
	return gen.GetDeviceLogin200JSONResponse{
		UserCode: code, Host: d.Host, Client: d.Client, Name: d.TokenName(), CreatedAt: d.CreatedAt, ExpiresAt: d.ExpiresAt,
	}, nil
}

// DecideDeviceLogin lets a command line have a token that can do no more than the
// caller, or refuses it.
func (s *Server) DecideDeviceLogin(ctx context.Context, r gen.DecideDeviceLoginRequestObject) (gen.DecideDeviceLoginResponseObject, error) {
	c := callOf(ctx)
	if r.Body.Decision == gen.Deny {
		e := &core.Error{Code: core.CodeInvalid, Detail: "what is denied gets no token"}
		if r.Body.Scopes != nil {
			e.Fields.Add("/scopes", "goes with the decision allow")
		}
		if r.Body.ExpiresAt != nil {
			e.Fields.Add("/expires_at", "goes with the decision allow")
		}
		if len(e.Fields) > 0 {
			return nil, e
		}
		return gen.DecideDeviceLogin204Response{}, s.Tenants.DenyDevice(ctx, c.org, c.user.ID, r.UserCode)
	}
	scopes := value(r.Body.Scopes)
	if scopes == nil {
		scopes = []string{authz.All}
	}
	if err := c.mayHandOn(scopes); err != nil {
		return nil, err
	}
	err := s.Tenants.AllowDevice(ctx, c.org, c.user.ID, r.UserCode, tenant.DeviceGrant{Scopes: scopes, ExpiresAt: value(r.Body.ExpiresAt)})
	if err != nil {
		return nil, err
	}
	return gen.DecideDeviceLogin204Response{}, nil
}
