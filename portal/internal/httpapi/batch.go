package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// ChangeParts changes many parts of a gateway as one version.
func (s *Server) ChangeParts(ctx context.Context, r gen.ChangePartsRequestObject) (gen.ChangePartsResponseObject, error) {
	c := callOf(ctx)
	in, err := decode[struct {
		Changes []gateway.Part `json:"changes"`
	}](c)
	if err != nil {
		return nil, err
	}
	done, err := s.Gateways.Batch(ctx, c.org, gateway.Batch{
		Gateway: c.ref(), Parts: in.Changes, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	items, err := eachErr(done.Parts, toChangedPart)
	return gen.ChangeParts200JSONResponse{Version: int64(done.Version), Items: items}, err
}

func toChangedPart(p *gateway.SavedPart) (gen.ChangedPart, error) {
	out := gen.ChangedPart{Created: p.Created}
	var err error
	switch {
	case p.Route != nil:
		out.Route, err = shown(p.Route, toRoute)
	case p.Upstream != nil:
		out.Upstream, err = shown(p.Upstream, toUpstream)
	case p.UsagePlan != nil:
		out.UsagePlan, err = shown(p.UsagePlan, toUsagePlan)
	case p.Stream != nil:
		out.Stream, err = shown(p.Stream, toStream)
	}
	return out, err
}

func shown[T, O any](it *gateway.Item[T], to func(*gateway.Item[T]) (O, error)) (*O, error) {
	out, err := to(it)
	return &out, err
}
