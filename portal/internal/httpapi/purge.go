package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
)

// PurgeCache removes stored responses of a gateway from every edge.
func (s *Server) PurgeCache(ctx context.Context, r gen.PurgeCacheRequestObject) (gen.PurgeCacheResponseObject, error) {
	c := callOf(ctx)
	p := contract.Purge{All: value(r.Body.All), Path: value(r.Body.Path), Prefix: value(r.Body.Prefix), Tag: value(r.Body.Tag)}
	if err := s.Gateways.NotePurge(ctx, c.org, c.ref(), p); err != nil {
		return nil, err
	}
	got, err := s.Usage.Purge(ctx, c.org, c.ref(), p)
	if err != nil {
		return nil, err
	}
	type edge struct {
		Edge    string `json:"edge"`
		Removed int64  `json:"removed"`
		Error   string `json:"error,omitempty"`
	}
	report := struct {
		Edges  []edge   `json:"edges"`
		Silent []string `json:"silent"`
		TookMS float64  `json:"took_ms"`
	}{Edges: []edge{}, Silent: append([]string{}, got.Silent...), TookMS: float64(got.Took.Microseconds()) / 1000}
	for _, e := range got.Edges {
		report.Edges = append(report.Edges, edge(e))
	}
	out, err := recode[gen.PurgeReport](report)
	return gen.PurgeCache200JSONResponse(out), err
}
