package stripefake

import (
	"math/big"
	"time"
)

// boundary is the kth end of a monthly cycle counted from its anchor: the anchor's
// day and time of day, in months without that day their last one.
func boundary(anchor int64, k int) int64 {
	a := time.Unix(anchor, 0).UTC()
	first := time.Date(a.Year(), a.Month()+time.Month(k), 1, a.Hour(), a.Minute(), a.Second(), 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(a.Day(), last)-1).Unix()
}

// after is the first boundary after a time.
func after(anchor, at int64) int64 {
	k := months(anchor, at) - 1
	for boundary(anchor, k) <= at {
		k++
	}
	return boundary(anchor, k)
}

// before is the last boundary before a time.
func before(anchor, at int64) int64 {
	k := months(anchor, at) + 1
	for boundary(anchor, k) >= at {
		k--
	}
	return boundary(anchor, k)
}

func months(from, to int64) int {
	a, b := time.Unix(from, 0).UTC(), time.Unix(to, 0).UTC()
	return 12*(b.Year()-a.Year()) + int(b.Month()) - int(a.Month())
}

// round is half away from zero.
func round(r *big.Rat) int64 {
	num, den := new(big.Int).Abs(r.Num()), r.Denom()
	twice := new(big.Int).Add(new(big.Int).Lsh(num, 1), den)
	out := twice.Quo(twice, new(big.Int).Lsh(den, 1)).Int64()
	if r.Sign() < 0 {
		return -out
	}
	return out
}

func share(amount *big.Rat, part, whole int64) *big.Rat {
	return new(big.Rat).Mul(amount, big.NewRat(part, whole))
}
