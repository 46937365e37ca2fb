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
	// Top returns the groups with the most of a measure over the whole range, the
	// greatest first, then by number; only those after a place, when one is given.
	Top(ctx context.Context, org core.OrganizationID, q SeriesQuery, by Measure, after *TopGroup, limit int) ([]TopGroup, error)
	// Counters sums counters by interval, and by group when the query is split.
	Counters(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]CounterSum, error)
	// Statuses sums exact status codes by interval.
	Statuses(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]StatusSum, error)
	// Splits sums what targets answered, or error codes refused (a dimension of
	// contract), by interval and value.
	Splits(ctx context.Context, org core.OrganizationID, q SeriesQuery, dim uint32) ([]SplitSum, error)
	// Latencies merges histograms by interval and, when split by route, by route.
	Latencies(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]LatencySum, error)
	// TargetLatencies merges the histograms of targets by interval and target.
	TargetLatencies(ctx context.Context, org core.OrganizationID, q SeriesQuery) ([]LatencySum, error)
	// Targets names all targets that a gateway has or had.
	Targets(ctx context.Context, org core.OrganizationID, gateway Gateway) (map[uint64]TargetName, error)
	// Names returns id and name of routes, consumers or keys by their number.
	Names(ctx context.Context, org core.OrganizationID, gateway Gateway, by Group, nums []uint64) (map[uint64]Named, error)
	// Billed sums what the organization's gateways were billed since the beginning
	// of the day (UTC) that from is in.
	Billed(ctx context.Context, org core.OrganizationID, from time.Time) (int64, error)
	// LastUses tells when keys of a gateway were last counted.
	LastUses(ctx context.Context, org core.OrganizationID, gateway uint64, kids []uint64) (map[uint64]time.Time, error)
	// Resolve returns the number of a route, consumer or key by id or name;
	// CodeNotFound when there is none in the gateway.
	Resolve(ctx context.Context, org core.OrganizationID, gateway Gateway, by Group, ref string) (uint64, error)
}

// SeriesQuery is a checked query. From and To lie on the interval's bounds.
type SeriesQuery struct {
	Gateway              uint64
	From, To             time.Time
	Interval             Interval
	GroupBy              Group    // GroupNone, GroupRoute, GroupKey, GroupConsumer, or GroupTarget in TargetLatencies
	Only                 []uint64 // groups; nil is all
	Route, Consumer, Key uint64   // 0: any
}

// CounterSum is the sum of one group in one interval.
type CounterSum struct {
	Time   int64  // start of the interval, Unix seconds; 0 for IntervalTotal
	Group  uint64 // number of the route, consumer or key; 0: none
	Counts contract.Counts
}

// TopGroup is a group and how much of a measure it has.
type TopGroup struct {
	Group  uint64
	Amount int64
}

// SplitSum is the sum of one target or error code in one interval.
type SplitSum struct {
	Time   int64
	Value  uint64
	Counts contract.SplitCounts
}

// TargetName is what a target is called.
type TargetName struct{ Upstream, URL string }

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
