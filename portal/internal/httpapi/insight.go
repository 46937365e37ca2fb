package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/publish"
	"github.com/tollgate/tollgate/services/usage"
)

// Explain asks a live edge what would happen to a request.
func (s *Server) Explain(ctx context.Context, r gen.ExplainRequestObject) (gen.ExplainResponseObject, error) {
	c := callOf(ctx)
	in := usage.ExplainInput{
		Gateway: c.ref(), Method: http.MethodGet, URL: r.Body.URL, Headers: value(r.Body.Headers),
		Body: []byte(value(r.Body.Body)), Client: value(r.Body.Client),
	}
	if m := value(r.Body.Method); m != "" {
		in.Method = m
	}
	if strings.HasPrefix(in.URL, "/") {
		in.URL = "http://" + c.gateway.Hostname + in.URL
	}
	trace, err := s.Usage.Explain(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	out, err := recode[gen.Trace](trace)
	return gen.Explain200JSONResponse(out), err
}

// GetRequest shows what is kept of one request.
func (s *Server) GetRequest(ctx context.Context, r gen.GetRequestRequestObject) (gen.GetRequestResponseObject, error) {
	c := callOf(ctx)
	e, err := s.Usage.Request(ctx, c.org, c.ref(), r.RequestID)
	if err != nil {
		return nil, err
	}
	out, err := toLogRecord(&e)
	return gen.GetRequest200JSONResponse(out), err
}

// GetHealth shows every target as every edge sees it.
func (s *Server) GetHealth(ctx context.Context, _ gen.GetHealthRequestObject) (gen.GetHealthResponseObject, error) {
	c := callOf(ctx)
	reports, err := s.Status.Edges(ctx)
	if err != nil {
		return nil, err
	}
	down, err := s.Status.Targets(ctx, c.ref())
	if err != nil {
		return nil, err
	}
	config, _, err := s.Gateways.Config(ctx, c.org, c.ref())
	if err != nil {
		return nil, err
	}
	out, err := toHealth(c.ref(), reports, down, config.Upstreams, s.clock())
	return gen.GetHealth200JSONResponse(out), err
}

// toHealth joins a gateway's configured targets with what edges report: what is
// down, and the addresses that names have.
func toHealth(gateway string, reports []contract.EdgeReport, down []publish.TargetState, upstreams []contract.Upstream, now time.Time) (gen.HealthReport, error) {
	type edge struct {
		Edge      string    `json:"edge"`
		Ready     bool      `json:"ready"`
		Draining  bool      `json:"draining"`
		Reachable bool      `json:"reachable"`
		LastSeen  time.Time `json:"last_seen"`
	}
	type target struct {
		Upstream string     `json:"upstream"`
		Target   string     `json:"target"`
		Address  string     `json:"address,omitempty"`
		Edge     string     `json:"edge"`
		Healthy  bool       `json:"healthy"`
		Reason   string     `json:"reason,omitempty"`
		Since    *time.Time `json:"since,omitempty"`
	}
	edges, targets := []edge{}, []target{}
	for i := range reports {
		r := &reports[i]
		e := edge{
			Edge: r.ID, Ready: r.Ready, Draining: r.Draining, LastSeen: core.FromMillis(r.Time),
			Reachable: now.UnixMilli()-r.Time <= contract.EdgeGone,
		}
		edges = append(edges, e)
		if !e.Reachable || r.Draining {
			continue
		}
		for j := range upstreams {
			for _, t := range upstreams[j].Targets {
				for _, address := range addressesOf(r, gateway, upstreams[j].Name, t.URL) {
					at := target{Upstream: upstreams[j].Name, Target: t.URL, Address: address, Edge: r.ID, Healthy: true}
					for k := range down {
						if d := &down[k]; d.Edge == r.ID && d.Upstream == at.Upstream && d.Target == at.Target && d.Address == address {
							at.Healthy, at.Reason, at.Since = false, d.Reason, instant(core.FromMillis(d.Since))
						}
					}
					targets = append(targets, at)
				}
			}
		}
	}
	return recode[gen.HealthReport](map[string]any{"edges": edges, "targets": targets})
}

// addressesOf are the addresses that an edge knows of a target's name; an empty one
// where it knows none.
func addressesOf(r *contract.EdgeReport, gateway, upstream, url string) []string {
	for i := range r.Resolved {
		if t := &r.Resolved[i]; t.Gateway == gateway && t.Upstream == upstream && t.Target == url && len(t.Addresses) > 0 {
			return t.Addresses
		}
	}
	return []string{""}
}
