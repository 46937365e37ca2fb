package redisbus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/usage"
)

// claimed is one counter in one period, to be restored.
type claimed struct {
	key    string
	end    int64
	claims []*contract.BudgetClaim
}

// restore writes the counters that are claimed in some shards, then the markers
// of those that have none.
func (b *Budgets) restore(ctx context.Context, shards []int, missing map[int]bool) error {
	if len(shards) == 0 {
		return nil
	}
	list, fields, err := b.claimed(ctx, shards)
	if err != nil {
		return err
	}
	since := int64(0)
	if len(missing) > 0 && (spent(list) || !b.fresh) {
		since = b.Wall().Unix()
	}
	for part := range slices.Chunk(list, budgetBatch) {
		if err := b.write(ctx, part); err != nil {
			return err
		}
	}
	id, err := b.mark(ctx, shards, missing, fields, since)
	if err != nil || id == "" {
		return err
	}
	b.Logger.Info("budgets were seeded", "shards", len(missing), "counters", len(list), "fresh", since == 0)
	b.noticed, b.before = time.Time{}, nil
	if err := b.Redis.HSet(ctx, contract.RedisBudgets, contract.BudgetsSeeded, id).Err(); err != nil {
		return unavailable("note the seeding", err)
	}
	return nil
}

// spent reports whether anything was ever granted of some counters.
func spent(list []*claimed) bool {
	for _, u := range list {
		for _, c := range u.claims {
			if c.Granted > 0 || c.Spent > 0 {
				return true
			}
		}
	}
	return false
}

// claimed reads the claims of some shards; fields are what was read, by shard.
func (b *Budgets) claimed(ctx context.Context, shards []int) (list []*claimed, fields map[int][]string, err error) {
	p := b.Redis.Pipeline()
	got := make([]*redis.MapStringStringCmd, len(shards))
	for i, n := range shards {
		p.SRem(ctx, contract.RedisBudgetAsk, strconv.Itoa(n)) // first: who asks from now on is heard next time
		got[i] = p.HGetAll(ctx, contract.RedisBudgetClaims(n))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, nil, unavailable("read budget claims", err)
	}
	fields = map[int][]string{}
	at := map[string]*claimed{}
	now := b.Wall().Unix()
	for i, n := range shards {
		for field, value := range got[i].Val() {
			fields[n] = append(fields[n], field)
			c, err := contract.DecodeBudgetClaim(field, value)
			if err != nil || contract.BudgetShard(c.Counter) != n {
				b.Logger.Warn("a budget claim is malformed", "shard", n, "field", fmt.Sprintf("%.80q", field))
				continue
			}
			if c.End <= now {
				continue
			}
			key := contract.RedisBudget(contract.BudgetQuota, c.Counter, c.Period)
			if at[key] == nil {
				at[key] = &claimed{key: key, end: c.End}
				list = append(list, at[key])
			}
			at[key].claims = append(at[key].claims, c)
		}
	}
	return list, fields, nil
}

// write restores some counters that are not there.
func (b *Budgets) write(ctx context.Context, list []*claimed) error {
	queries := make([]usage.LedgerQuery, len(list))
	for i, u := range list {
		queries[i] = u.query()
	}
	sums, err := b.Ledger.Admitted(ctx, queries)
	if err != nil {
		return fmt.Errorf("sum what was admitted: %w", err)
	}
	p := b.Redis.Pipeline()
	for i, u := range list {
		var known []contract.BudgetSum
		if !u.claims[0].Filter.Unrecorded {
			for _, s := range sums[i] {
				known = append(known, contract.BudgetSum{Writer: contract.BudgetWriter(s.Edge, s.Epoch), Admitted: int64(min(s.Admitted, 1<<53))})
			}
		}
		args := []any{u.end + 2*86400}
		for _, f := range contract.RestoreBudget(u.claims, known) {
			args = append(args, f)
		}
		restoreBudget.Eval(ctx, p, []string{u.key}, args...)
	}
	if _, err := p.Exec(ctx); err != nil {
		return unavailable("restore budgets", err)
	}
	return nil
}

// query selects the usage rows of a counter, from when the first edge that still
// knows it began to use it: what was counted before does not belong to it.
func (u *claimed) query() usage.LedgerQuery {
	c := u.claims[0]
	since := c.End
	for _, o := range u.claims {
		since = min(since, max(o.Since, o.Start))
	}
	f := &c.Filter
	q := usage.LedgerQuery{
		Organization: f.Organization, Gateway: f.Gateway, Route: f.Route, Consumer: f.Consumer, Key: f.Key,
		NoConsumer: f.NoConsumer, NoKey: f.NoKey, Chain: f.Chain, LiveOnly: f.Live,
		FromHour: uint32(since / 3600), ToHour: uint32((c.End + 3599) / 3600),
	}
	return q
}

// mark writes the markers that are missing and removes the claims that were read.
// It returns the seeding's id, "" when no marker was missing.
func (b *Budgets) mark(ctx context.Context, shards []int, missing map[int]bool, fields map[int][]string, since int64) (string, error) {
	id := ""
	if len(missing) > 0 {
		var raw [8]byte
		_, _ = rand.Read(raw[:])
		id = hex.EncodeToString(raw[:])
	}
	p := b.Redis.Pipeline()
	for _, n := range shards {
		if missing[n] {
			p.SetNX(ctx, contract.RedisBudgetGen(n), contract.BudgetGen(id, since), 0)
		}
		if len(fields[n]) > 0 {
			p.HDel(ctx, contract.RedisBudgetClaims(n), fields[n]...)
		}
	}
	if p.Len() == 0 {
		return id, nil
	}
	if _, err := p.Exec(ctx); err != nil {
		return "", unavailable("mark budget shards", err)
	}
	return id, nil
}

// confirm writes the note that all is seeded when only that was lost.
func (b *Budgets) confirm(ctx context.Context) error {
	var raw [8]byte
	_, _ = rand.Read(raw[:])
	err := b.Redis.HSetNX(ctx, contract.RedisBudgets, contract.BudgetsSeeded, hex.EncodeToString(raw[:])).Err()
	if err != nil {
		return unavailable("note that budgets are seeded", err)
	}
	return nil
}

// restoreBudget writes a quota's hash (fields and values from ARGV[2]) unless it
// is there. ARGV[1] is when it expires, in Unix seconds.
var restoreBudget = redis.NewScript(`
if redis.call('HEXISTS', KEYS[1], 'u') == 1 then return 0 end
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIREAT', KEYS[1], ARGV[1])
return 1
`)
