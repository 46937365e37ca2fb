package billing

import (
	"math"
	"math/big"
)

// Price is what the requests of one billing period on one plan cost beyond the
// base fee.
type Price struct {
	// Included are the requests of a period that the base fee covers.
	Included int64
	// Requests beyond them cost Cents a package of so many, in proportion. A plan
	// with Requests 0 has no overage: nothing is billed beyond its base fee.
	Requests int64
	Cents    int64
}

// PriceOf returns a plan's price.
func PriceOf(p *Plan) Price {
	return Price{Included: p.IncludedRequests, Requests: p.OverageRequests, Cents: p.OveragePriceCents}
}

// Metered reports whether the price bills requests at all.
func (p Price) Metered() bool { return p.Requests > 0 && p.Cents > 0 }

// Overage is how many of the billed requests are beyond the included ones.
func (p Price) Overage(billed int64) int64 {
	return max(billed, 0) - min(max(billed, 0), max(p.Included, 0))
}

// Amount is what so many billed requests cost, in cents: overage × Cents /
// Requests, rounded half up as Stripe rounds a line, and math.MaxInt64 where it
// would be more.
func (p Price) Amount(billed int64) int64 {
	over := p.Overage(billed)
	if over == 0 || !p.Metered() {
		return 0
	}
	// (2·n·c + r) / 2r is n·c/r rounded half up.
	n := new(big.Int).Mul(big.NewInt(over), big.NewInt(p.Cents))
	r := big.NewInt(p.Requests)
	n.Lsh(n, 1).Add(n, r)
	n.Quo(n, r.Lsh(r, 1))
	return saturated(n)
}

// Afford is how many requests beyond the included ones so many cents pay for:
// floor(cents × Requests / Cents), of which Amount is never above cents. A price
// that bills nothing affords math.MaxInt64.
func (p Price) Afford(cents int64) int64 {
	if !p.Metered() {
		return math.MaxInt64
	}
	n := new(big.Int).Mul(big.NewInt(max(cents, 0)), big.NewInt(p.Requests))
	return saturated(n.Quo(n, big.NewInt(p.Cents)))
}

func saturated(n *big.Int) int64 {
	if !n.IsInt64() {
		return math.MaxInt64
	}
	return n.Int64()
}

// Add sums counts or amounts; what would pass math.MaxInt64 or math.MinInt64 is that.
func Add(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}
