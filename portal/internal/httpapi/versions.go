package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/publish"
)

// GetConfig shows the whole configuration.
func (s *Server) GetConfig(ctx context.Context, _ gen.GetConfigRequestObject) (gen.GetConfigResponseObject, error) {
	c := callOf(ctx)
	config, version, err := s.Gateways.Config(ctx, c.org, c.ref())
	if err != nil {
		return nil, err
	}
	a, err := configAnswer(config, version)
	return gen.GetConfig200JSONResponse{ConfigAnswerJSONResponse: a}, err
}

// PutConfig replaces the whole configuration.
func (s *Server) PutConfig(ctx context.Context, r gen.PutConfigRequestObject) (gen.PutConfigResponseObject, error) {
	c := callOf(ctx)
	config, err := decode[gateway.Config](c)
	if err != nil {
		return nil, err
	}
	done, err := s.Gateways.PutConfig(ctx, c.org, gateway.PutConfig{
		Gateway: c.ref(), Config: config, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	a, err := configAnswer(done.Config, done.Version)
	return gen.PutConfig200JSONResponse{ConfigAnswerJSONResponse: a}, err
}

// DiffConfig says what PutConfig would change.
func (s *Server) DiffConfig(ctx context.Context, _ gen.DiffConfigRequestObject) (gen.DiffConfigResponseObject, error) {
	c := callOf(ctx)
	config, err := decode[gateway.Config](c)
	if err != nil {
		return nil, err
	}
	d, err := s.Gateways.DiffConfig(ctx, c.org, c.ref(), config)
	if err != nil {
		return nil, err
	}
	return gen.DiffConfig200JSONResponse(toDiff(d)), nil
}

// CheckChange says what saving one thing would change.
func (s *Server) CheckChange(ctx context.Context, _ gen.CheckChangeRequestObject) (gen.CheckChangeResponseObject, error) {
	c := callOf(ctx)
	in, err := decode[gateway.Check](c)
	if err != nil {
		return nil, err
	}
	d, err := s.Gateways.Check(ctx, c.org, c.ref(), in)
	if err != nil {
		return nil, err
	}
	return gen.CheckChange200JSONResponse(toDiff(d)), nil
}

// CheckPlan says what a set of changes would do.
func (s *Server) CheckPlan(ctx context.Context, _ gen.CheckPlanRequestObject) (gen.CheckPlanResponseObject, error) {
	c := callOf(ctx)
	in, err := decode[gateway.Plan](c)
	if err != nil {
		return nil, err
	}
	d, err := s.Gateways.CheckPlan(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	out := toDiff(d)
	if out.Room, err = s.room(ctx, c.org, in.Gateway); err != nil {
		return nil, err
	}
	return gen.CheckPlan200JSONResponse(out), nil
}

// room is what the subscription has room for beside a gateway's configuration.
func (s *Server) room(ctx context.Context, org core.OrganizationID, ref string) (*gen.Room, error) {
	var id string
	if g, err := s.Gateways.Get(ctx, org, ref); err == nil {
		id = g.ID
	} else if core.CodeOf(err) != core.CodeNotFound {
		return nil, err
	}
	consumers, err := s.Consumers.Room(ctx, org, id)
	if err != nil {
		return nil, err
	}
	keys, plan, err := s.Keys.Room(ctx, org)
	if err != nil {
		return nil, err
	}
	return &gen.Room{Plan: plan, Consumers: roomLeft(consumers), Keys: roomLeft(keys)}, nil
}

func roomLeft(r core.Room) *gen.RoomLeft {
	if r.Limit == 0 {
		return nil
	}
	return &gen.RoomLeft{Limit: r.Limit, Left: r.Left}
}

func toDiff(d *gateway.Diff) gen.Diff {
	out := gen.Diff{Version: int64(d.Version), Changes: each(d.Changes, toDifference)}
	if len(d.Effects) > 0 {
		out.Effects = &[]gen.Effect{}
		for _, e := range d.Effects {
			*out.Effects = append(*out.Effects, gen.Effect{Kind: e.Kind, Name: optional(e.Name), Detail: e.Detail})
		}
	}
	return out
}

// ListVersions lists the history.
func (s *Server) ListVersions(ctx context.Context, r gen.ListVersionsRequestObject) (gen.ListVersionsResponseObject, error) {
	c := callOf(ctx)
	l, err := s.Gateways.Versions(ctx, c.org, c.ref(), page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListVersions200JSONResponse{Items: each(l.Items, toVersion), NextCursor: optional(l.Next)}, nil
}

// GetVersion shows one version.
func (s *Server) GetVersion(ctx context.Context, r gen.GetVersionRequestObject) (gen.GetVersionResponseObject, error) {
	c := callOf(ctx)
	v, config, err := s.Gateways.Version(ctx, c.org, c.ref(), uint64(r.Version))
	if err != nil {
		return nil, err
	}
	shown := toVersion(v)
	out := gen.GetVersion200JSONResponse{
		Version: shown.Version, Summary: shown.Summary, RestoredFrom: shown.RestoredFrom, CreatedAt: shown.CreatedAt,
		Changes: each(v.Changes, toDifference),
	}
	out.Author.Kind, out.Author.ID, out.Author.Name = gen.VersionDetailAuthorKind(v.AuthorKind), v.AuthorID, v.AuthorName
	out.Config, err = recode[gen.Config](config)
	return out, err
}

// RestoreVersion makes an old version the newest.
func (s *Server) RestoreVersion(ctx context.Context, r gen.RestoreVersionRequestObject) (gen.RestoreVersionResponseObject, error) {
	c := callOf(ctx)
	done, err := s.Gateways.Restore(ctx, c.org, c.ref(), uint64(r.Version), core.IfMatch{})
	if err != nil {
		return nil, err
	}
	a, err := configAnswer(done.Config, done.Version)
	return gen.RestoreVersion200JSONResponse{ConfigAnswerJSONResponse: a}, err
}

// GetLive says where a version is served.
func (s *Server) GetLive(ctx context.Context, r gen.GetLiveRequestObject) (gen.GetLiveResponseObject, error) {
	c := callOf(ctx)
	wait, err := duration("wait", r.Params.Wait, publish.MaxWait)
	if err != nil {
		return nil, err
	}
	in := publish.LiveInput{Gateway: c.ref(), Version: c.gateway.Version, Wait: wait}
	if r.Params.Version != nil {
		in.Version = uint64(*r.Params.Version)
	}
	l, err := s.Status.Live(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	out, err := toLive(l)
	return gen.GetLive200JSONResponse(out), err
}
