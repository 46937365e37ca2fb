package operator

import (
	"context"

	"github.com/tollgate/tollgate/services/core"
)

// Kinds of signals.
const (
	// SignalUnverified: traffic of an organization whose owner never proved an address.
	SignalUnverified = "unverified_traffic"
	// SignalFlood: many callers are refused, or guess (401, 404, 429).
	SignalFlood = "refused_flood"
	// SignalSpend: far more requests today than the organization's own days have.
	SignalSpend = "unusual_spend"
	// SignalKeys: many API keys made in a day.
	SignalKeys = "many_keys"
	// SignalNew: heavy traffic of an organization that is days old.
	SignalNew = "new_heavy"
)

// Bounds from which something stands out.
const (
	FloodPerMinute = 60       // answers 401, 404 and 429, mean of the last 10 minutes
	SpendTimes     = 5        // times the median of the last 7 days
	SpendLeast     = 10_000   // requests today
	KeysADay       = 1000     // made in 24 hours
	NewRequests    = 50_000   // in 24 hours
	NewDays        = 7        // days old
	SignalsAKind   = 50       // at most, the largest first
	SpendLooks     = 4 * 50   // organizations whose days are compared
	FloodMinutes   = 10       // over which a flood is counted
	SpendDays      = 7        // whose median today is compared with
	UnverifiedFrom = int64(1) // requests in 24 hours
)

// Signal is something about an organization that an operator should look at, with
// the numbers that made it stand out.
type Signal struct {
	Kind         string
	Organization core.OrganizationID
	Name         string
	Plan         string
	Suspended    bool
	Numbers      []Number
}

// Number is one figure of a signal.
type Number struct {
	Name  string
	Value int64
}

// Abuse returns what stands out, by kind, the largest first. It decides nothing.
func (s *Service) Abuse(ctx context.Context) ([]Signal, error) {
	return s.store.Abuse(ctx, s.clock())
}
