package redisbus

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/budget"
	"github.com/tollgate/tollgate/services/contract"
)

// BudgetReader reads what the edges' budgets have left. It changes nothing.
type BudgetReader struct{ Redis redis.UniversalClient }

var _ budget.Reader = (*BudgetReader)(nil)

// Counters reads counters in one pipeline, with the markers of their shards: in a
// shard without one, or whose marker is younger than the period of a counter that
// is not there, only the ledger can tell.
func (b *BudgetReader) Counters(ctx context.Context, counters []budget.Counter) ([]budget.State, error) {
	p := b.Redis.Pipeline()
	gens := map[int]*redis.StringCmd{}
	hashes := make([]*redis.SliceCmd, len(counters))
	values := make([]*redis.StringCmd, len(counters))
	for i, c := range counters {
		shard := contract.BudgetShard(c.Name)
		if gens[shard] == nil {
			gens[shard] = p.Get(ctx, contract.RedisBudgetGen(shard))
		}
		if c.Quota {
			hashes[i] = p.HMGet(ctx, contract.RedisBudget(contract.BudgetQuota, c.Name, c.Period.Name), "u", "h")
		} else {
			values[i] = p.Get(ctx, contract.RedisBudget(contract.BudgetDirect, c.Name, ""))
		}
	}
	if _, err := p.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable("read budgets", err)
	}
	out := make([]budget.State, len(counters))
	for i, c := range counters {
		gen, err := gens[contract.BudgetShard(c.Name)].Result()
		switch {
		case errors.Is(err, redis.Nil): // not seeded
		case err != nil:
			return nil, unavailable("read budgets", err)
		case c.Quota:
			out[i], err = quotaState(hashes[i], gen, &c)
		default:
			out[i], err = rateState(values[i])
		}
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, unavailable("read budgets", err)
		}
	}
	return out, nil
}

// quotaState is what was granted less what edges hold unspent.
func quotaState(cmd *redis.SliceCmd, gen string, c *budget.Counter) (budget.State, error) {
	v, err := cmd.Result()
	if err != nil {
		return budget.State{}, err
	}
	if v[0] == nil {
		_, text, _ := strings.Cut(gen, " ")
		since, err := strconv.ParseInt(text, 10, 64)
		return budget.State{Known: err == nil && c.Period.Start >= since}, nil
	}
	return budget.State{Known: true, Used: number(v[0]) - number(v[1])}, nil
}

func number(v any) int64 {
	s, _ := v.(string)
	n, _ := strconv.ParseInt(s, 10, 64) // edges wrote it; what is no number counts as none
	return n
}

// rateState reads the moment at which a bucket is full again, in microseconds;
// there is none while it is full.
func rateState(cmd *redis.StringCmd) (budget.State, error) {
	us, err := cmd.Int64()
	if errors.Is(err, redis.Nil) {
		return budget.State{Known: true}, nil
	}
	return budget.State{Known: err == nil, Full: time.UnixMicro(us)}, err
}
