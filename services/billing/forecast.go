package billing

import (
	"context"
	"math/big"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Estimate is what the present period costs so far and is likely to cost, in cents.
type Estimate struct {
	Lines []EstimateLine
	Total int64
	// ForecastRequests and ForecastTotal are at the period's end, if it goes on as it
	// did in its last seven days. On its first day all that was used counts as a day's.
	ForecastRequests int64
	ForecastTotal    int64
	AsOf             time.Time
}

// EstimateLine is one plan's share of an estimate.
type EstimateLine struct {
	Plan         string
	BaseCents    int64
	Requests     int64
	Included     int64
	Overage      int64
	OverageCents int64
}

// recent is how far a forecast looks back, in hours, and leastKnown what it takes a
// shorter time for.
const (
	recent     = 7 * 24
	leastKnown = 24 * time.Hour
)

// Estimate estimates an organization's present period. What requests on plans cost
// that bill none is nothing; spendingCap bounds the forecast, nil does not.
func (l *Ledger) Estimate(ctx context.Context, org core.OrganizationID, plan string, spendingCap *int64) (*Estimate, error) {
	now := l.clock()
	p, err := l.hours.Period(ctx, org, HourOf(now))
	if err != nil {
		return nil, err
	}
	sums, err := l.hours.Sums(ctx, org, p)
	if err != nil {
		return nil, err
	}
	lately := Period{max(p.Start, HourOf(now)-recent), p.End}
	last, err := l.hours.Sums(ctx, org, lately)
	if err != nil {
		return nil, err
	}
	facts, err := l.uses.Facts(ctx, org, p)
	if err != nil {
		return nil, err
	}
	// As the bill will: the rates that held when the period began, or the subscription.
	from := max(p.Start, facts.Since)
	e := &Estimate{AsOf: now}
	var used, own, overage int64
	add := func(name string, requests int64) {
		n := EstimateLine{Plan: name, Requests: requests}
		if of, ok := l.plans.Get(name); ok {
			price := facts.Rates.price(&of, from)
			n.Included, n.OverageCents = price.Included, price.Amount(requests)
			if price.Metered() {
				n.Overage = price.Overage(requests)
			}
			if name == plan {
				n.BaseCents = of.PriceCents
			}
		}
		overage = Add(overage, n.OverageCents)
		e.Total = Add(e.Total, Add(n.BaseCents, n.OverageCents))
		e.Lines = append(e.Lines, n)
	}
	there := false
	for _, s := range sums {
		name := l.planName(s.Plan)
		add(name, s.Total)
		used = Add(used, s.Total)
		if name == plan {
			there, own = true, s.Total
		}
	}
	if !there {
		add(plan, 0)
	}
	var lastSum int64
	for _, s := range last {
		lastSum = Add(lastSum, s.Total)
	}
	more := ahead(lastSum, now.Sub(TimeOf(lately.Start)), TimeOf(p.End).Sub(now))
	e.ForecastRequests, e.ForecastTotal = Add(used, more), e.Total
	if of, ok := l.plans.Get(plan); ok {
		price := facts.Rates.price(&of, from)
		grown := price.Amount(Add(own, more)) - price.Amount(own)
		if spendingCap != nil {
			grown = min(grown, max(*spendingCap-overage, 0))
		}
		e.ForecastTotal = Add(e.Total, grown)
	}
	return e, nil
}

// ahead is how many requests come in a time when so many came in another, rounded
// down. What is known of less than a day is taken as of a whole day: the first minutes
// of a period say nothing of a month, and too little is mended within the day.
func ahead(requests int64, past, next time.Duration) int64 {
	if next <= 0 {
		return 0
	}
	n := new(big.Int).Mul(big.NewInt(requests), big.NewInt(int64(next)))
	return saturated(n.Quo(n, big.NewInt(int64(max(past, leastKnown)))))
}
