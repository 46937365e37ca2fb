package usage

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// SeriesStore reads the ledger for series. The organization owns the gateway that
// a query names by number: an implementation checks it in the same statement.
type SeriesStore interface {
	// Top returns the numbers of the groups with the most requests.
	Top(ctx context.Context, org core.OrganizationID, q SeriesQuery, limit int) ([]uint64, error)
	// Counters sums counters by interval, and by group when the query is split.
	Counters(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]CounterSum, error)
	// Statuses sums exact status codes by interval.
	Statuses(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]StatusSum, error)
	// Latencies merges histograms by interval and, when split by route, by route.
	Latencies(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]LatencySum, error)
	// Names returns id and name of routes, consumers or keys by their number.
	Names(ctx context.Context, org core.OrganizationID, gateway Gateway, by Group, nums []uint64) (map[uint64]Named, error)
	// Resolve returns the number of a route, consumer or key by id or name;
	// CodeNotFound when there is none in the gateway.
	Resolve(ctx context.Context, org core.OrganizationID, gateway Gateway, by Group, ref string) (uint64, error)
}

// SeriesQuery is a checked query. From and To lie on the interval's bounds.
type SeriesQuery struct {
	Gateway              uint64
	From, To             time.Time
	Interval             Interval
	GroupBy              Group    // GroupNone, GroupRoute, GroupKey or GroupConsumer
	Only                 []uint64 // groups; nil is all
	Route, Consumer, Key uint64   // 0: any
}

// CounterSum is the sum of one group in one interval.
type CounterSum struct {
	Time   int64  // start of the interval, Unix seconds; 0 for IntervalTotal
	Group  uint64 // number of the route, consumer or key; 0: none
	Counts contract.Counts
}

// StatusSum is how often one status code was answered in one interval.
type StatusSum struct {
	Time   int64
	Status uint16 // 0: codes beyond the 15 that an edge tells apart
	Count  uint64
}

// LatencySum is the merged histogram of one group in one interval.
type LatencySum struct {
	Time           int64
	Group          uint64
	Edge, Upstream Histogram
}

// Named is a resource's id and name.
type Named struct{ ID, Name string }
