package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/publish"
)

// ListGateways lists the organization's gateways and where each is live, which is
// left out while Redis can't be reached.
func (s *Server) ListGateways(ctx context.Context, r gen.ListGatewaysRequestObject) (gen.ListGatewaysResponseObject, error) {
	l, err := s.Gateways.List(ctx, callOf(ctx).org, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	out := gen.ListGateways200JSONResponse{Items: each(l.Items, s.toGateway), NextCursor: optional(l.Next)}
	in := make([]publish.LiveInput, len(l.Items))
	for i := range l.Items {
		in[i] = publish.LiveInput{Gateway: l.Items[i].ID, Version: l.Items[i].Version}
	}
	served, err := s.Status.LiveNow(ctx, callOf(ctx).org, in)
	if err != nil && core.CodeOf(err) != core.CodeUnavailable {
		return nil, err
	}
	for i := range served {
		setLive(&out.Items[i], served[i])
	}
	return out, nil
}

// setLive adds to a gateway where it is served.
func setLive(g *gen.Gateway, l *publish.Live) {
	edges, live := l.Counts()
	g.Live = &struct {
		Edges     int   `json:"edges"`
		EdgesLive int   `json:"edges_live"`
		Version   int64 `json:"version"`
	}{Edges: edges, EdgesLive: live, Version: g.Version}
}

// settings reads a gateway's settings from a body. The document's floats are
// single precision in generated code, so the number is read from the body.
func settings(c *call) (gateway.Settings, error) {
	in, err := decode[struct {
		Name string `json:"name"`
		Mode string `json:"mode"`
		gateway.Settings
	}](c)
	return in.Settings, err
}

// CreateGateway makes a gateway.
func (s *Server) CreateGateway(ctx context.Context, r gen.CreateGatewayRequestObject) (gen.CreateGatewayResponseObject, error) {
	c := callOf(ctx)
	set, err := settings(c)
	if err != nil {
		return nil, err
	}
	g, err := s.Gateways.Create(ctx, c.org, gateway.Create{Name: r.Body.Name, Mode: string(value(r.Body.Mode)), Settings: set})
	if err != nil {
		return nil, err
	}
	return gen.CreateGateway201JSONResponse{GatewayAnswerJSONResponse: s.gatewayAnswer(g)}, nil
}

// GetGateway shows a gateway and where it is live. When Redis can't be reached,
// it shows the gateway without the latter.
func (s *Server) GetGateway(ctx context.Context, _ gen.GetGatewayRequestObject) (gen.GetGatewayResponseObject, error) {
	c := callOf(ctx)
	out := s.gatewayAnswer(c.gateway)
	l, err := s.Status.Live(ctx, c.org, publish.LiveInput{Gateway: c.gateway.ID, Version: c.gateway.Version})
	if err != nil && core.CodeOf(err) != core.CodeUnavailable {
		return nil, err
	}
	if err == nil {
		setLive(&out.Body, l)
	}
	return gen.GetGateway200JSONResponse{GatewayAnswerJSONResponse: out}, nil
}

// UpdateGateway changes a gateway's name and settings.
func (s *Server) UpdateGateway(ctx context.Context, r gen.UpdateGatewayRequestObject) (gen.UpdateGatewayResponseObject, error) {
	c := callOf(ctx)
	if r.Body.Mode != nil && string(*r.Body.Mode) != c.gateway.Mode {
		return nil, core.Invalid(contract.FieldErrors{{Pointer: "/mode", Detail: "never changes: its keys and its bill depend on it"}})
	}
	set, err := settings(c)
	if err != nil {
		return nil, err
	}
	g, err := s.Gateways.Update(ctx, c.org, gateway.Update{
		Gateway: c.ref(), Name: &r.Body.Name, Settings: &set, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	return gen.UpdateGateway200JSONResponse{GatewayAnswerJSONResponse: s.gatewayAnswer(g)}, nil
}

// DeleteGateway deletes a gateway.
func (s *Server) DeleteGateway(ctx context.Context, r gen.DeleteGatewayRequestObject) (gen.DeleteGatewayResponseObject, error) {
	c := callOf(ctx)
	if err := s.Gateways.Delete(ctx, c.org, c.ref(), core.ParseIfMatch(value(r.Params.IfMatch))); err != nil {
		return nil, err
	}
	return gen.DeleteGateway204Response{}, nil
}

// GetGatewayPolicies shows the policies on the whole gateway.
func (s *Server) GetGatewayPolicies(ctx context.Context, _ gen.GetGatewayPoliciesRequestObject) (gen.GetGatewayPoliciesResponseObject, error) {
	c := callOf(ctx)
	list, version, err := s.Gateways.Policies(ctx, c.org, c.ref())
	if err != nil {
		return nil, err
	}
	a, err := policiesAnswer(list, version)
	return gen.GetGatewayPolicies200JSONResponse{PoliciesAnswerJSONResponse: a}, err
}

// PutGatewayPolicies replaces the policies on the whole gateway.
func (s *Server) PutGatewayPolicies(ctx context.Context, r gen.PutGatewayPoliciesRequestObject) (gen.PutGatewayPoliciesResponseObject, error) {
	c := callOf(ctx)
	in, err := decode[struct {
		Items []contract.Policy `json:"items"`
	}](c)
	if err != nil {
		return nil, err
	}
	done, err := s.Gateways.PutPolicies(ctx, c.org, gateway.PutPolicies{
		Gateway: c.ref(), Policies: in.Items, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	a, err := policiesAnswer(done.Config.Policies, done.Version)
	return gen.PutGatewayPolicies200JSONResponse{PoliciesAnswerJSONResponse: a}, err
}

// ListSecrets lists the names of secrets.
func (s *Server) ListSecrets(ctx context.Context, r gen.ListSecretsRequestObject) (gen.ListSecretsResponseObject, error) {
	c := callOf(ctx)
	l, err := s.Gateways.ListSecrets(ctx, c.org, c.ref(), page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListSecrets200JSONResponse{Items: each(l.Items, toSecret), NextCursor: optional(l.Next)}, nil
}

// GetSecret shows that a secret is there.
func (s *Server) GetSecret(ctx context.Context, r gen.GetSecretRequestObject) (gen.GetSecretResponseObject, error) {
	c := callOf(ctx)
	v, err := s.Gateways.GetSecret(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	return gen.GetSecret200JSONResponse{SecretAnswerJSONResponse: secretAnswer(v, 0)}, nil
}

// PutSecret sets a secret.
func (s *Server) PutSecret(ctx context.Context, r gen.PutSecretRequestObject) (gen.PutSecretResponseObject, error) {
	c := callOf(ctx)
	v, err := s.Gateways.PutSecret(ctx, c.org, gateway.PutSecret{
		Gateway: c.ref(), Name: r.Name, Value: []byte(r.Body.Value), IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
		CreateOnly: r.Params.IfNoneMatch != nil,
	})
	if err != nil {
		return nil, err
	}
	a := secretAnswer(&v.Secret, v.Version)
	if v.Created {
		return gen.PutSecret201JSONResponse{Body: a.Body, Headers: gen.PutSecret201ResponseHeaders(a.Headers)}, nil
	}
	return gen.PutSecret200JSONResponse{SecretAnswerJSONResponse: a}, nil
}

// DeleteSecret deletes a secret.
func (s *Server) DeleteSecret(ctx context.Context, r gen.DeleteSecretRequestObject) (gen.DeleteSecretResponseObject, error) {
	c := callOf(ctx)
	version, err := s.Gateways.DeleteSecret(ctx, c.org, gateway.Delete{
		Gateway: c.ref(), Name: r.Name, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	return gen.DeleteSecret204Response{Headers: gen.DeletedAnswerResponseHeaders{TollgateVersion: versionHeader(version)}}, nil
}
