package httpapi

import (
	"context"
	"math"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/operator"
)

func toOperatorEdge(e *operator.Edge) gen.OperatorEdge {
	out := gen.OperatorEdge{
		ID: e.ID, Version: e.Version, Ready: e.Ready && e.Reachable, Draining: e.Draining, Resting: e.Resting, Reachable: e.Reachable,
		Revision: int64(e.Rev), LagRevisions: int64(e.LagRevisions), BehindSince: instant(e.Behind),
		Requests: int64(e.Requests), RequestsPerSecond: rounded(e.PerSecond), OpenRequests: e.Open, Connections: e.Connections,
		StartedAt: core.FromMillis(e.Started), LastSeen: core.FromMillis(e.Time),
	}
	if e.Memory > 0 {
		out.MemoryBytes, out.CPU = new(int64(e.Memory)), new(rounded(e.CPU))
	}
	return out
}

// rounded keeps two decimals.
func rounded(v float64) float32 { return float32(math.Round(v*100) / 100) }

// ListOperatorEdges lists the edges.
func (s *Server) ListOperatorEdges(ctx context.Context, _ gen.ListOperatorEdgesRequestObject) (gen.ListOperatorEdgesResponseObject, error) {
	all, err := s.Operators.Edges(ctx)
	if err != nil {
		return nil, err
	}
	return gen.ListOperatorEdges200JSONResponse{Items: each(all, toOperatorEdge)}, nil
}

// DrainEdge lets an edge's clients go.
func (s *Server) DrainEdge(ctx context.Context, r gen.DrainEdgeRequestObject) (gen.DrainEdgeResponseObject, error) {
	e, err := s.Operators.Drain(ctx, r.Edge, r.Body.Reason, true)
	if err != nil {
		return nil, err
	}
	return gen.DrainEdge200JSONResponse(toOperatorEdge(&e)), nil
}

// UndrainEdge lets a drained edge serve as before.
func (s *Server) UndrainEdge(ctx context.Context, r gen.UndrainEdgeRequestObject) (gen.UndrainEdgeResponseObject, error) {
	e, err := s.Operators.Drain(ctx, r.Edge, r.Body.Reason, false)
	if err != nil {
		return nil, err
	}
	return gen.UndrainEdge200JSONResponse(toOperatorEdge(&e)), nil
}

// ListOperatorQueues lists what waits.
func (s *Server) ListOperatorQueues(ctx context.Context, _ gen.ListOperatorQueuesRequestObject) (gen.ListOperatorQueuesResponseObject, error) {
	all, away, err := s.Operators.Queues(ctx)
	if err != nil {
		return nil, err
	}
	if away == nil {
		away = []string{}
	}
	items := each(all, func(q *operator.Queue) gen.OperatorQueue {
		return gen.OperatorQueue{Name: q.Name, Depth: q.Depth, Failed: q.Failed, OldestAt: instant(q.Oldest), Note: q.Note}
	})
	return gen.ListOperatorQueues200JSONResponse{Items: items, Unreachable: away}, nil
}

// ListOperatorSignals lists organizations that stand out.
func (s *Server) ListOperatorSignals(ctx context.Context, _ gen.ListOperatorSignalsRequestObject) (gen.ListOperatorSignalsResponseObject, error) {
	all, err := s.Operators.Abuse(ctx)
	if err != nil {
		return nil, err
	}
	items, err := eachErr(all, func(x *operator.Signal) (gen.OperatorSignal, error) {
		return recode[gen.OperatorSignal](map[string]any{
			"kind": x.Kind, "organization": x.Organization, "name": x.Name, "plan": x.Plan, "suspended": x.Suspended, "numbers": numbers(x),
		})
	})
	if err != nil {
		return nil, err
	}
	return gen.ListOperatorSignals200JSONResponse{Items: items}, nil
}

func numbers(x *operator.Signal) []map[string]any {
	out := make([]map[string]any, len(x.Numbers))
	for i, n := range x.Numbers {
		out[i] = map[string]any{"name": n.Name, "value": n.Value}
	}
	return out
}
