package billing

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestAmounts(t *testing.T) {
	t.Parallel()
	pro := Price{Included: 5_000_000, Requests: 100_000, Cents: 50}
	for _, c := range []struct {
		name   string
		price  Price
		billed int64
		want   int64
	}{
		{"nothing", pro, 0, 0},
		{"a negative count", pro, -5, 0},
		{"all that is included", pro, 5_000_000, 0},
		{"less than half a cent", pro, 5_000_999, 0},
		{"half a cent is one", pro, 5_001_000, 1},
		{"a package", pro, 5_100_000, 50},
		{"no overage", Price{Included: 10}, 1 << 40, 0},
		{"overage for nothing", Price{Requests: 10}, 1 << 40, 0},
		{"2^53 and one", Price{Requests: 1, Cents: 1}, 1<<53 + 1, 1<<53 + 1},
		{"near 2^63", Price{Requests: 3, Cents: 1}, math.MaxInt64, math.MaxInt64 / 3}, // a third above
		{"more than an amount can be", Price{Requests: 1, Cents: 2}, math.MaxInt64, math.MaxInt64},
		{"the greatest of everything", Price{Requests: math.MaxInt64, Cents: math.MaxInt64}, math.MaxInt64, math.MaxInt64},
		{"included beyond what can be billed", Price{Included: math.MaxInt64, Requests: 1, Cents: 1}, math.MaxInt64, 0},
	} {
		if got := c.price.Amount(c.billed); got != c.want {
			t.Errorf("%s: %d cents, want %d", c.name, got, c.want)
		}
	}
	if p := PriceOf(&Plan{IncludedRequests: 7, OverageRequests: 3, OveragePriceCents: 2}); p != (Price{7, 3, 2}) {
		t.Errorf("price %+v", p)
	}
	if p := PriceOf(&Plan{IncludedRequests: 7}); p.Metered() || p.Included != 7 {
		t.Errorf("price %+v", p)
	}
	if Add(math.MaxInt64, 1) != math.MaxInt64 || Add(1, 2) != 3 || Add(0, -5) != -5 || Add(-5, 3) != -2 || Add(math.MinInt64, -1) != math.MinInt64 {
		t.Error("sums wrap")
	}
}

// counts draws counts with an eye on where floats and integers end.
func counts() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(0, math.MaxInt64), rapid.Int64Range(0, 1000), rapid.Int64Range(1<<53-3, 1<<53+3), rapid.Int64Range(math.MaxInt64-3, math.MaxInt64))
}

// TestAmountIsExact holds Amount against rationals: it is within half a cent, halves
// go up, and more requests never cost less.
func TestAmountIsExact(t *testing.T) {
	t.Parallel()
	half, limit := big.NewRat(1, 2), new(big.Rat).SetInt64(math.MaxInt64)
	rapid.Check(t, func(t *rapid.T) {
		p := Price{counts().Draw(t, "included"), counts().Draw(t, "requests"), counts().Draw(t, "cents")}
		billed := counts().Draw(t, "billed")
		got := p.Amount(billed)
		if got < 0 || billed < math.MaxInt64 && p.Amount(billed+1) < got {
			t.Fatalf("%+v bills %d for %d requests and less for one more", p, got, billed)
		}
		if !p.Metered() || billed <= p.Included {
			if got != 0 {
				t.Fatalf("%+v bills %d for %d requests", p, got, billed)
			}
			return
		}
		exact := new(big.Rat).Mul(new(big.Rat).SetInt64(billed-p.Included), new(big.Rat).SetFrac64(p.Cents, p.Requests))
		if exact.Cmp(limit) >= 0 {
			if got != math.MaxInt64 {
				t.Fatalf("%+v bills %d for %d requests", p, got, billed)
			}
			return
		}
		off := new(big.Rat).Sub(new(big.Rat).SetInt64(got), exact)
		if off.Cmp(half) > 0 || off.Cmp(new(big.Rat).Neg(half)) <= 0 {
			t.Fatalf("%+v bills %d for %d requests: %s off", p, got, billed, off)
		}
	})
}

// TestAffordIsTheMost: what cents pay for never costs more than they are, and one
// package's share more always would, but for the half cent that rounding forgives.
func TestAffordIsTheMost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Price{Requests: rapid.Int64Range(1, 1<<40).Draw(t, "requests"), Cents: rapid.Int64Range(1, 1<<20).Draw(t, "cents")}
		cents := rapid.Int64Range(0, 1<<40).Draw(t, "cap")
		n := p.Afford(cents)
		if n < math.MaxInt64 && p.Amount(n) > cents {
			t.Fatalf("%d cents pay for %d requests, which cost %d", cents, n, p.Amount(n))
		}
		if n < math.MaxInt64 {
			next := new(big.Rat).Mul(new(big.Rat).SetInt64(n+1), new(big.Rat).SetFrac64(p.Cents, p.Requests))
			if next.Cmp(new(big.Rat).SetInt64(cents)) <= 0 {
				t.Fatalf("%d cents pay for more than %d requests", cents, n)
			}
		}
	})
	if n := (Price{Requests: 5}).Afford(0); n != math.MaxInt64 {
		t.Errorf("requests that cost nothing end at %d", n)
	}
	if n := (Price{Requests: 5, Cents: 1}).Afford(-1); n != 0 {
		t.Errorf("less than nothing pays for %d", n)
	}
}
