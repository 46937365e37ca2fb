package httpapi

import (
	"context"
	"encoding/json"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// applyInput is the body of ApplyConfig and CheckApply.
func applyInput(c *call) (gateway.Apply, error) {
	in, err := decode[struct {
		Owner    string         `json:"owner"`
		Prune    bool           `json:"prune"`
		TakeOver bool           `json:"take_over"`
		Config   gateway.Config `json:"config"`
	}](c)
	if err != nil {
		return gateway.Apply{}, err
	}
	// A setting that was not sent stays, one that was sent as zero does not.
	var sent struct {
		Config map[string]json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(c.body, &sent); err != nil {
		return gateway.Apply{}, core.Invalid(err)
	}
	out := gateway.Apply{Gateway: c.ref(), Owner: in.Owner, Prune: in.Prune, TakeOver: in.TakeOver, Config: in.Config}
	for name := range sent.Config {
		switch name {
		case "upstreams", "routes", "usage_plans", "streams":
		default:
			out.Given = append(out.Given, name)
		}
	}
	return out, nil
}

// ApplyConfig puts parts of a configuration over what the gateway has.
func (s *Server) ApplyConfig(ctx context.Context, r gen.ApplyConfigRequestObject) (gen.ApplyConfigResponseObject, error) {
	c := callOf(ctx)
	in, err := applyInput(c)
	if err != nil {
		return nil, err
	}
	in.IfMatch = core.ParseIfMatch(value(r.Params.IfMatch))
	done, err := s.Gateways.Apply(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	return gen.ApplyConfig200JSONResponse{
		Body: toApplied(done), Headers: gen.ApplyConfig200ResponseHeaders{TollgateVersion: versionHeader(done.Version)},
	}, nil
}

// CheckApply says what ApplyConfig would change.
func (s *Server) CheckApply(ctx context.Context, _ gen.CheckApplyRequestObject) (gen.CheckApplyResponseObject, error) {
	c := callOf(ctx)
	in, err := applyInput(c)
	if err != nil {
		return nil, err
	}
	done, err := s.Gateways.CheckApply(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	return gen.CheckApply200JSONResponse(toApplied(done)), nil
}

func toApplied(r *gateway.ApplyResult) gen.Applied {
	return gen.Applied{
		Version: int64(r.Version), Changes: each(r.Changes, toDifference),
		TakenOver: each(r.TakenOver, func(t *gateway.TakenOver) gen.TakenOver {
			return gen.TakenOver{Kind: t.Kind, Name: t.Name, From: optional(t.From)}
		}),
	}
}
