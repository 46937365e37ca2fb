package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// put reads an item from the body and stores it. An empty name is a POST, which
// only creates: the body names the item.
func put[T any](ctx context.Context, items *gateway.Collection[T], name string, ifMatch *string) (*gateway.Saved[T], error) {
	c := callOf(ctx)
	v, err := decode[T](c)
	if err != nil {
		return nil, err
	}
	return items.Put(ctx, c.org, gateway.Put[T]{
		Gateway: c.ref(), Name: name, Value: v, IfMatch: core.ParseIfMatch(value(ifMatch)), CreateOnly: name == "",
	})
}

func remove[T any](ctx context.Context, items *gateway.Collection[T], name string, ifMatch *string) (gen.DeletedAnswerResponseHeaders, error) {
	c := callOf(ctx)
	version, err := items.Delete(ctx, c.org, gateway.Delete{
		Gateway: c.ref(), Name: name, IfMatch: core.ParseIfMatch(value(ifMatch)),
	})
	return gen.DeletedAnswerResponseHeaders{TollgateVersion: versionHeader(version)}, err
}

// ListUpstreams lists the gateway's upstreams.
func (s *Server) ListUpstreams(ctx context.Context, r gen.ListUpstreamsRequestObject) (gen.ListUpstreamsResponseObject, error) {
	c := callOf(ctx)
	p := &r.Params
	l, err := s.Gateways.Upstreams.List(ctx, c.org, gateway.ListInput{
		Gateway: c.ref(), Listing: listing(p.Limit, p.Cursor, p.Q, p.Sort, p.Count),
	})
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toUpstream)
	return gen.ListUpstreams200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, err
}

// CreateUpstream makes an upstream.
func (s *Server) CreateUpstream(ctx context.Context, _ gen.CreateUpstreamRequestObject) (gen.CreateUpstreamResponseObject, error) {
	v, err := put(ctx, s.Gateways.Upstreams, "", nil)
	if err != nil {
		return nil, err
	}
	a, err := upstreamAnswer(&v.Item, v.Version)
	return gen.CreateUpstream201JSONResponse{UpstreamAnswerJSONResponse: a}, err
}

// GetUpstream shows an upstream.
func (s *Server) GetUpstream(ctx context.Context, r gen.GetUpstreamRequestObject) (gen.GetUpstreamResponseObject, error) {
	c := callOf(ctx)
	it, err := s.Gateways.Upstreams.Get(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	a, err := upstreamAnswer(it, 0)
	return gen.GetUpstream200JSONResponse{UpstreamAnswerJSONResponse: a}, err
}

// PutUpstream makes or replaces an upstream.
func (s *Server) PutUpstream(ctx context.Context, r gen.PutUpstreamRequestObject) (gen.PutUpstreamResponseObject, error) {
	v, err := put(ctx, s.Gateways.Upstreams, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	a, err := upstreamAnswer(&v.Item, v.Version)
	if v.Created {
		return gen.PutUpstream201JSONResponse{Body: a.Body, Headers: gen.PutUpstream201ResponseHeaders(a.Headers)}, err
	}
	return gen.PutUpstream200JSONResponse{UpstreamAnswerJSONResponse: a}, err
}

// DeleteUpstream deletes an upstream.
func (s *Server) DeleteUpstream(ctx context.Context, r gen.DeleteUpstreamRequestObject) (gen.DeleteUpstreamResponseObject, error) {
	h, err := remove(ctx, s.Gateways.Upstreams, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	return gen.DeleteUpstream204Response{Headers: h}, nil
}

// ListRoutes lists the gateway's routes.
func (s *Server) ListRoutes(ctx context.Context, r gen.ListRoutesRequestObject) (gen.ListRoutesResponseObject, error) {
	c := callOf(ctx)
	p := &r.Params
	l, err := s.Gateways.Routes.List(ctx, c.org, gateway.ListInput{
		Gateway: c.ref(), Listing: listing(p.Limit, p.Cursor, p.Q, p.Sort, p.Count),
		Upstream: value(p.Upstream), Method: value(p.Method), Policy: value(p.Policy),
	})
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toRoute)
	return gen.ListRoutes200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, err
}

// CreateRoute makes a route.
func (s *Server) CreateRoute(ctx context.Context, _ gen.CreateRouteRequestObject) (gen.CreateRouteResponseObject, error) {
	v, err := put(ctx, s.Gateways.Routes, "", nil)
	if err != nil {
		return nil, err
	}
	a, err := routeAnswer(&v.Item, v.Version)
	return gen.CreateRoute201JSONResponse{RouteAnswerJSONResponse: a}, err
}

// GetRoute shows a route.
func (s *Server) GetRoute(ctx context.Context, r gen.GetRouteRequestObject) (gen.GetRouteResponseObject, error) {
	c := callOf(ctx)
	it, err := s.Gateways.Routes.Get(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	a, err := routeAnswer(it, 0)
	return gen.GetRoute200JSONResponse{RouteAnswerJSONResponse: a}, err
}

// PutRoute makes or replaces a route.
func (s *Server) PutRoute(ctx context.Context, r gen.PutRouteRequestObject) (gen.PutRouteResponseObject, error) {
	v, err := put(ctx, s.Gateways.Routes, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	a, err := routeAnswer(&v.Item, v.Version)
	if v.Created {
		return gen.PutRoute201JSONResponse{Body: a.Body, Headers: gen.PutRoute201ResponseHeaders(a.Headers)}, err
	}
	return gen.PutRoute200JSONResponse{RouteAnswerJSONResponse: a}, err
}

// DeleteRoute deletes a route.
func (s *Server) DeleteRoute(ctx context.Context, r gen.DeleteRouteRequestObject) (gen.DeleteRouteResponseObject, error) {
	h, err := remove(ctx, s.Gateways.Routes, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	return gen.DeleteRoute204Response{Headers: h}, nil
}

// ListUsagePlans lists the gateway's usage plans.
func (s *Server) ListUsagePlans(ctx context.Context, r gen.ListUsagePlansRequestObject) (gen.ListUsagePlansResponseObject, error) {
	c := callOf(ctx)
	p := &r.Params
	l, err := s.Gateways.UsagePlans.List(ctx, c.org, gateway.ListInput{
		Gateway: c.ref(), Listing: listing(p.Limit, p.Cursor, p.Q, p.Sort, p.Count),
	})
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toUsagePlan)
	return gen.ListUsagePlans200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, err
}

// CreateUsagePlan makes a usage plan.
func (s *Server) CreateUsagePlan(ctx context.Context, _ gen.CreateUsagePlanRequestObject) (gen.CreateUsagePlanResponseObject, error) {
	v, err := put(ctx, s.Gateways.UsagePlans, "", nil)
	if err != nil {
		return nil, err
	}
	a, err := usagePlanAnswer(&v.Item, v.Version)
	return gen.CreateUsagePlan201JSONResponse{UsagePlanAnswerJSONResponse: a}, err
}

// GetUsagePlan shows a usage plan.
func (s *Server) GetUsagePlan(ctx context.Context, r gen.GetUsagePlanRequestObject) (gen.GetUsagePlanResponseObject, error) {
	c := callOf(ctx)
	it, err := s.Gateways.UsagePlans.Get(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	a, err := usagePlanAnswer(it, 0)
	return gen.GetUsagePlan200JSONResponse{UsagePlanAnswerJSONResponse: a}, err
}

// PutUsagePlan makes or replaces a usage plan.
func (s *Server) PutUsagePlan(ctx context.Context, r gen.PutUsagePlanRequestObject) (gen.PutUsagePlanResponseObject, error) {
	v, err := put(ctx, s.Gateways.UsagePlans, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	a, err := usagePlanAnswer(&v.Item, v.Version)
	if v.Created {
		return gen.PutUsagePlan201JSONResponse{Body: a.Body, Headers: gen.PutUsagePlan201ResponseHeaders(a.Headers)}, err
	}
	return gen.PutUsagePlan200JSONResponse{UsagePlanAnswerJSONResponse: a}, err
}

// DeleteUsagePlan deletes a usage plan.
func (s *Server) DeleteUsagePlan(ctx context.Context, r gen.DeleteUsagePlanRequestObject) (gen.DeleteUsagePlanResponseObject, error) {
	h, err := remove(ctx, s.Gateways.UsagePlans, r.Name, r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	return gen.DeleteUsagePlan204Response{Headers: h}, nil
}
