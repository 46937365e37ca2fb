package redisbus

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/usage"
)

// Budgets seeds the shards of quota budgets in an emptied or new Redis, and
// restores single counters that edges ask for: from what the edges claim and what
// the ledger knows of all other writers. Until a shard has its marker no edge is
// granted anything of it, so nothing is given out twice.
//
// Several workers may run it at once: what is there is never written again.
type Budgets struct {
	Redis  redis.UniversalClient
	Ledger Admitted
	// Reports tells which edges are live: a shard is seeded when all of them have
	// claimed, or after two seconds.
	Reports *Reports
	Wall    func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: slog.Default

	live    map[string]time.Time // writers, and when they were last seen
	noticed time.Time            // when shards were first found without a marker
	before  map[string]string    // what edges had said then
	fresh   bool                 // and the ledger was empty
}

// Admitted is the ledger: what each writer admitted, for each query.
type Admitted interface {
	Admitted(ctx context.Context, queries []usage.LedgerQuery) ([][]usage.LedgerSum, error)
	// Counted reports whether anything at all was counted from an hour on.
	Counted(ctx context.Context, fromHour uint32) (bool, error)
}

// How often the worker looks, and for how long it waits for edges to claim.
const (
	budgetPoll  = 25 * time.Millisecond
	budgetScan  = 10 * time.Second
	budgetWait  = 2 * time.Second
	budgetBatch = 256
)

// Run looks after the budgets until ctx ends.
func (b *Budgets) Run(ctx context.Context) error {
	if b.Wall == nil {
		b.Wall = time.Now
	}
	if b.Logger == nil {
		b.Logger = slog.Default()
	}
	b.live = map[string]time.Time{}
	tick := time.NewTicker(budgetPoll)
	defer tick.Stop()
	var scanned, looked time.Time
	for {
		now := b.Wall()
		full := now.Sub(scanned) >= budgetScan
		if now.Sub(looked) >= time.Second {
			looked = now
			b.seeLive(ctx, now)
			full = full || b.emptied(ctx)
		}
		if full {
			scanned = now
		}
		if err := b.pass(ctx, full); err != nil && ctx.Err() == nil {
			b.Logger.Warn("budgets could not be looked after", "error", err)
			if !sleep(ctx, time.Second) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// seeLive remembers the edges that report, for when Redis has forgotten them.
func (b *Budgets) seeLive(ctx context.Context, now time.Time) {
	if b.Reports == nil {
		return
	}
	reports, err := b.Reports.Reports(ctx)
	if err != nil {
		return // pass tells
	}
	for i := range reports {
		r := &reports[i]
		if now.UnixMilli()-r.Time < contract.EdgeGone {
			for _, epoch := range append(r.Leaving, r.Epoch) {
				b.live[contract.BudgetWriter(r.ID, epoch)] = now
			}
		}
	}
	maps.DeleteFunc(b.live, func(_ string, seen time.Time) bool { return now.Sub(seen) > contract.EdgeGone*time.Millisecond })
}

// emptied reports whether Redis does not know that its budgets were seeded.
func (b *Budgets) emptied(ctx context.Context) bool {
	ok, err := BudgetsSeeded(ctx, b.Redis)
	return err == nil && !ok
}

// BudgetsSeeded reports whether edges can be granted something of budgets.
func BudgetsSeeded(ctx context.Context, c redis.UniversalClient) (bool, error) {
	ok, err := c.HExists(ctx, contract.RedisBudgets, contract.BudgetsSeeded).Result()
	if err != nil {
		return false, unavailable("look whether budgets were seeded", err)
	}
	return ok, nil
}

// pass looks at the shards that edges named, or at all of them.
func (b *Budgets) pass(ctx context.Context, full bool) error {
	named, err := b.Redis.SMembers(ctx, contract.RedisBudgetAsk).Result()
	if err != nil {
		return unavailable("read which budget shards are asked for", err)
	}
	shards := make([]int, 0, len(named))
	for _, s := range named {
		if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < contract.BudgetShards {
			shards = append(shards, n)
		}
	}
	if full || !b.noticed.IsZero() {
		shards = shards[:0]
		for n := range contract.BudgetShards {
			shards = append(shards, n)
		}
	}
	if len(shards) == 0 {
		return nil
	}
	missing, err := b.unmarked(ctx, shards)
	if err != nil {
		return err
	}
	if len(missing) > 0 && !b.mayseed(ctx) {
		// Counters of seeded shards need not wait.
		shards = slices.DeleteFunc(shards, func(n int) bool { return missing[n] })
		return b.restore(ctx, shards, nil)
	}
	if len(missing) == 0 && full {
		b.noticed = time.Time{}
		if err := b.confirm(ctx); err != nil {
			return err
		}
	}
	if len(missing) == 0 && len(named) == 0 {
		b.noticed = time.Time{}
		return nil
	}
	return b.restore(ctx, shards, missing)
}

// unmarked returns the shards without a marker.
func (b *Budgets) unmarked(ctx context.Context, shards []int) (map[int]bool, error) {
	p := b.Redis.Pipeline()
	got := make([]*redis.IntCmd, len(shards))
	for i, n := range shards {
		got[i] = p.Exists(ctx, contract.RedisBudgetGen(n))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, unavailable("read budget markers", err)
	}
	missing := map[int]bool{}
	for i, n := range shards {
		if got[i].Val() == 0 {
			missing[n] = true
		}
	}
	return missing, nil
}

// mayseed reports whether every live edge has claimed since shards were first
// found empty, or has had its time.
func (b *Budgets) mayseed(ctx context.Context) bool {
	said, err := b.Redis.HGetAll(ctx, contract.RedisBudgets).Result()
	if err != nil {
		return false
	}
	now := b.Wall()
	if b.noticed.IsZero() {
		b.noticed, b.before, b.fresh = now, said, b.unused(ctx)
		if _, seeded := said[contract.BudgetsSeeded]; !seeded {
			b.before = nil // all of it was lost: whatever stands there is new
		}
	}
	if now.Sub(b.noticed) >= budgetWait {
		return true
	}
	for w := range b.live {
		if v, ok := said[w]; !ok || v == b.before[w] {
			return false
		}
	}
	// With no live edge known, one may just be about to say so, unless the ledger
	// is empty and there is nothing to claim.
	return len(b.live) > 0 || b.fresh
}

// unused reports whether no request was ever counted in a period that may still
// run: then an absent counter is one that was never used.
func (b *Budgets) unused(ctx context.Context) bool {
	from := uint32(b.Wall().Add(-62*24*time.Hour).Unix() / 3600)
	counted, err := b.Ledger.Counted(ctx, from)
	return err == nil && !counted
}
