package usage

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// SeriesStore reads the ledger for series.
type SeriesStore interface {
	// Counters sums counters by interval and group.
	Counters(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]CounterSum, error)
	// Statuses sums exact status codes by interval.
	Statuses(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]StatusSum, error)
	// Latencies merges histograms by interval and, when split by route, by route.
	Latencies(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]LatencySum, error)
	// Names returns id and name of routes, consumers or keys by their number.
	Names(ctx context.Context, org core.OrganizationID, gateway uint64, by Group, nums []uint64) (map[uint64]Named, error)
	// Resolve returns the number of a route, consumer or key by id or name.
	Resolve(ctx context.Context, org core.OrganizationID, gateway uint64, by Group, ref string) (uint64, error)
}

// SeriesQuery is a checked query. From and To lie on the interval's bounds.
type SeriesQuery struct {
	Gateway              uint64
	From, To             time.Time
	Interval             Interval
	GroupBy              Group
	Route, Consumer, Key uint64 // 0: any
}

// CounterSum is the sum of one group in one interval.
type CounterSum struct {
	Time   int64  // start of the interval, Unix seconds
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

// Histogram is a merged histogram; see contract.LatencyBuckets.
type Histogram [contract.LatencyBuckets]uint64
