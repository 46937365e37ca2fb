package operator

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Reports reads what edges say of themselves.
type Reports interface {
	Reports(ctx context.Context) ([]contract.EdgeReport, error)
}

// Commander tells edges what to do, and knows the streams that they write.
type Commander interface {
	// Order waits until the edge has carried it out: core.CodeUnavailable when it did
	// not say so before ctx ended.
	Order(ctx context.Context, o contract.Order) error
	Streams(ctx context.Context) ([]Stream, error)
}

// Stream is one of those through which edges send usage or logs.
type Stream struct {
	Name    string
	Length  int64
	Pending int64     // read and not done yet
	Oldest  time.Time // of its entries; zero: there is none
}

// Edge is an edge as the console lists it.
type Edge struct {
	contract.EdgeReport
	Reachable bool
	// LagRevisions is how many revisions are published and not in force here, Behind
	// since when the oldest of them waits; zero: none.
	LagRevisions uint64
	Behind       time.Time
}

// Lag is what the database knows of the newest revision.
type Lag struct {
	Rev     uint64
	Lineage string
	// Since says for a revision when the first one after it was sent.
	Since map[uint64]time.Time
}

// Edges returns every edge that was heard of in the last day, in the order of ids.
func (s *Service) Edges(ctx context.Context) ([]Edge, error) {
	reports, err := s.reports.Reports(ctx)
	if err != nil {
		return nil, err
	}
	now := s.clock().UnixMilli()
	reports = slices.DeleteFunc(reports, func(r contract.EdgeReport) bool { return now-r.Time > contract.EdgeForgotten })
	revs := make([]uint64, len(reports))
	for i := range reports {
		revs[i] = reports[i].Rev
	}
	slices.Sort(revs)
	lag, err := s.store.Lag(ctx, slices.Compact(revs))
	if err != nil {
		return nil, err
	}
	out := make([]Edge, 0, len(reports))
	for i := range reports {
		r := &reports[i]
		e := Edge{EdgeReport: *r, Reachable: now-r.Time <= contract.EdgeGone}
		switch {
		case r.Lineage != lag.Lineage:
			e.LagRevisions = lag.Rev // all of it: the database was restored
		case r.Rev < lag.Rev:
			e.LagRevisions, e.Behind = lag.Rev-r.Rev, lag.Since[r.Rev]
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Edge) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// orderLasts is how long an edge has to confirm an order.
const orderLasts = 5 * time.Second

// Drain lets an edge's clients go and turns its readiness off, while it lives on, or
// takes that back. The audit of operators says so before the edge is told.
func (s *Service) Drain(ctx context.Context, edge, reason string, on bool) (Edge, error) {
	if err := checkText("/reason", reason, MaxReason); err != nil {
		return Edge{}, err
	}
	e, err := s.edge(ctx, edge)
	if err != nil {
		return Edge{}, err
	}
	if !e.Reachable {
		return Edge{}, core.Errorf(core.CodeConflict, "the edge %.64q can't be reached since %s", edge, core.FromMillis(e.Time).Format(time.RFC3339))
	}
	op, action := contract.OrderDrain, "edge.drain"
	if !on {
		op, action = contract.OrderUndrain, "edge.undrain"
	}
	err = s.store.Tx(ctx, func(tx Tx) error {
		return tx.Record(core.WithReason(ctx, reason), "", core.Change{Action: action, ResourceType: "edge", ResourceID: e.ID, ResourceName: e.ID})
	})
	if err != nil {
		return Edge{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, orderLasts)
	defer cancel()
	err = s.commander.Order(waiting, contract.Order{
		ID: core.NewID("order"), Edge: e.ID, Incarnation: e.Incarnation, Op: op, Deadline: s.clock().Add(orderLasts).UnixMilli(),
	})
	if err != nil {
		return Edge{}, err
	}
	return s.edge(ctx, edge)
}

func (s *Service) edge(ctx context.Context, id string) (Edge, error) {
	all, err := s.Edges(ctx)
	if err != nil {
		return Edge{}, err
	}
	for i := range all {
		if all[i].ID == id {
			return all[i], nil
		}
	}
	return Edge{}, core.NotFound("edge", id)
}
