package httpapi

import (
	"context"
	"slices"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/usage"
)

// toPortalRequest shows a developer what concerns the caller of a request: never
// routes, backends, policies, addresses or what the organization itself has left.
func toPortalRequest(e *usage.LogEntry) gen.PortalRequest {
	out := gen.PortalRequest{
		Time: core.FromMillis(e.Time), RequestID: e.RequestID, Method: e.Method, Path: e.Path, Status: e.Status, Code: optional(e.Code),
	}
	if e.Key != "" {
		out.Key = new(core.PrefixKey + "_" + e.Key)
	}
	if e.Code == "" {
		return out
	}
	title, advice := developer.Advice(e.Code)
	out.Title, out.Advice = optional(title), optional(advice)
	if e.Trace == nil {
		return out
	}
	if e.Code == contract.CodeRequestInvalid.String() {
		out.Detail = optional(e.Trace.Detail) // about the request's own bytes
	}
	own := slices.DeleteFunc(slices.Clone(e.Trace.Limits), func(l contract.LimitTrace) bool { return l.From == "organization" })
	limits := each(own, func(l *contract.LimitTrace) struct {
		Left   int64  `json:"left"`
		Limit  int64  `json:"limit"`
		Name   string `json:"name"`
		Window string `json:"window"`
	} {
		return struct {
			Left   int64  `json:"left"`
			Limit  int64  `json:"limit"`
			Name   string `json:"name"`
			Window string `json:"window"`
		}{l.Left, l.Limit, l.Name, l.Window}
	})
	if len(limits) > 0 {
		out.Limits = &limits
	}
	return out
}

// ListPortalRequests lists the developer's own latest requests.
func (s *Server) ListPortalRequests(ctx context.Context, r gen.ListPortalRequestsRequestObject) (gen.ListPortalRequestsResponseObject, error) {
	c := callOf(ctx)
	name := c.developer.Developer.Consumer
	if name == "" {
		return gen.ListPortalRequests200JSONResponse{Items: []gen.PortalRequest{}}, nil
	}
	l, err := s.Usage.Logs(ctx, c.portal.Organization, usage.LogsInput{
		Gateway: c.portal.ID, Filter: usage.LogFilter{Consumer: name, Outcome: string(value(r.Params.Outcome))},
		Page: page(r.Params.Limit, r.Params.Cursor),
	})
	if err != nil {
		return nil, err
	}
	return gen.ListPortalRequests200JSONResponse{Items: each(l.Items, toPortalRequest), NextCursor: optional(l.Next)}, nil
}

// GetPortalRequest says why one of the developer's own requests was answered as
// it was. Anybody else's is not there.
func (s *Server) GetPortalRequest(ctx context.Context, r gen.GetPortalRequestRequestObject) (gen.GetPortalRequestResponseObject, error) {
	c := callOf(ctx)
	e, err := s.Usage.Request(ctx, c.portal.Organization, c.portal.ID, r.RequestID)
	if err != nil {
		return nil, err
	}
	own, err := s.ownRequest(ctx, c, &e)
	if err != nil {
		return nil, err
	}
	if !own {
		return nil, core.NotFound("request", r.RequestID)
	}
	return gen.GetPortalRequest200JSONResponse(toPortalRequest(&e)), nil
}

// ownRequest says whether a request was made as the developer's consumer, or with
// one of its keys.
func (s *Server) ownRequest(ctx context.Context, c *call, e *usage.LogEntry) (bool, error) {
	d := &c.developer.Developer
	if d.Consumer == "" {
		return false, nil
	}
	if e.Consumer != "" || e.Key == "" {
		return e.Consumer == d.Consumer, nil
	}
	return s.Developers.OwnsKey(ctx, c.portal, d, core.PrefixKey+"_"+e.Key)
}

// TryPortalRequest sends one request through an edge, to the portal's own API.
func (s *Server) TryPortalRequest(ctx context.Context, r gen.TryPortalRequestRequestObject) (gen.TryPortalRequestResponseObject, error) {
	c := callOf(ctx)
	in := testRequest(c, r.Body)
	if err := s.mayRelay(c.developer.Developer.ID, in); err != nil {
		return nil, err
	}
	g, err := s.portalGateway(ctx, c.portal)
	if err != nil {
		return nil, err
	}
	a, err := s.relay.Send(ctx, g.Hostname, in)
	if err != nil {
		return nil, err
	}
	return gen.TryPortalRequest200JSONResponse(toTestAnswer(a)), nil
}
