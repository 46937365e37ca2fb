package store

import (
	"context"

	"github.com/tollgate/tollgate/services/budget"
	"github.com/tollgate/tollgate/services/usage"
)

// Spent implements budget.Records: what was admitted since the hour in which a
// period began.
func (u *Usage) Spent(ctx context.Context, queries []budget.Query) ([]int64, error) {
	in := make([]usage.LedgerQuery, len(queries))
	for i, q := range queries {
		in[i] = usage.LedgerQuery{
			Gateway: q.Gateway, Consumer: q.Consumer, Key: q.Key, Chain: q.Key != 0,
			FromHour: uint32(q.Period.Start / 3600), ToHour: uint32((q.Period.End + 3599) / 3600),
		}
	}
	sums, err := u.Admitted(ctx, in)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(queries))
	for i := range sums {
		for _, s := range sums[i] {
			out[i] += int64(min(s.Admitted, 1<<53))
		}
	}
	return out, nil
}

var _ budget.Records = (*Usage)(nil)
