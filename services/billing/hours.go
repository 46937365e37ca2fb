package billing

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Hour is what an organization was billed in one hour on one plan.
type Hour struct {
	Organization uint64 // its number
	Plan         uint32 // the plan's number
	Hour         int64  // Unix seconds / 3600
	Total        int64  // requests; it only rises
	// SealedAt is when the hour was closed; zero: it is open. A total that rises
	// afterwards is another entry of the chain.
	SealedAt time.Time
	// Posted is the total that the payment provider was last told.
	Posted   int64
	PostedAt time.Time
}

// HourOf is the hour that a moment is in.
func HourOf(t time.Time) int64 {
	s := t.Unix()
	if s < 0 {
		s -= 3599 // floor
	}
	return s / 3600
}

// TimeOf is the start of an hour.
func TimeOf(hour int64) time.Time { return time.Unix(hour*3600, 0).UTC() }

// SealAfter is how long after its end an hour is closed although an edge that wrote
// in it has not said that it is done.
const SealAfter = 2 * time.Hour

// Period is a billing period: whole hours, half open.
type Period struct{ Start, End int64 }

// Holds reports whether an hour belongs to the period.
func (p Period) Holds(hour int64) bool { return p.Start <= hour && hour < p.End }

// Sum is what was billed on one plan.
type Sum struct {
	Plan  uint32
	Total int64
}

// HourStore keeps the ledger of hours. Its methods that name no organization are
// the worker's.
type HourStore interface {
	// Fold takes up to limit notes of hours that moved and brings those hours to
	// what the usage counters hold, in one transaction; closed hours that rose get
	// an entry in their chain. An organization whose use of another plan than its own
	// rose in the present period is told to edges anew; plans are numbers by name. It
	// returns how many notes it took. Several workers may fold at once.
	Fold(ctx context.Context, limit int, plans map[string]uint32) (int, error)
	// Seal closes up to limit hours that have ended by now and that all their
	// writers have closed, or that ended SealAfter ago. It returns how many.
	Seal(ctx context.Context, now time.Time, limit int) (int, error)
	// Period is the organization's billing period that holds an hour; CodeNotFound
	// when none does.
	Period(ctx context.Context, org core.OrganizationID, hour int64) (Period, error)
	// Hours are an organization's hours in a period, in the order of hour and plan.
	Hours(ctx context.Context, org core.OrganizationID, p Period) ([]Hour, error)
	// Sums are what its hours in a period sum to, by plan, in the order of plans.
	Sums(ctx context.Context, org core.OrganizationID, p Period) ([]Sum, error)
	// State reads how the ledger stands.
	State(ctx context.Context, now time.Time) (LedgerState, error)
	// Chain reads up to limit entries of the organization's chain after a number,
	// and its newest number and hash; 0 and the zero digest where there is none.
	Chain(ctx context.Context, org core.OrganizationID, after uint64, limit int) ([]Entry, Head, error)
}
