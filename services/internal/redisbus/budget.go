package redisbus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
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
			b.live[contract.BudgetWriter(r.ID, r.Epoch)] = now
		}
	}
	maps.DeleteFunc(b.live, func(_ string, seen time.Time) bool { return now.Sub(seen) > contract.EdgeGone*time.Millisecond })
}

// emptied reports whether Redis does not know that its budgets were seeded.
func (b *Budgets) emptied(ctx context.Context) bool {
	ok, err := b.Redis.HExists(ctx, contract.RedisBudgets, contract.BudgetsSeeded).Result()
	return err == nil && !ok
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
		missing = nil
	}
	if len(missing) == 0 && full && len(named) == 0 {
		b.noticed = time.Time{}
		return b.confirm(ctx)
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

// budget is one counter in one period, to be restored.
type budget struct {
	key    string
	end    int64
	claims []*contract.BudgetClaim
}

// restore writes the counters that are claimed in some shards, then the markers
// of those that have none.
func (b *Budgets) restore(ctx context.Context, shards []int, missing map[int]bool) error {
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
func spent(list []*budget) bool {
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
func (b *Budgets) claimed(ctx context.Context, shards []int) (list []*budget, fields map[int][]string, err error) {
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
	at := map[string]*budget{}
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
				at[key] = &budget{key: key, end: c.End}
				list = append(list, at[key])
			}
			at[key].claims = append(at[key].claims, c)
		}
	}
	return list, fields, nil
}

// write restores some counters that are not there.
func (b *Budgets) write(ctx context.Context, list []*budget) error {
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
func (u *budget) query() usage.LedgerQuery {
	c := u.claims[0]
	since := c.End
	for _, o := range u.claims {
		since = min(since, max(o.Since, o.Start))
	}
	f := &c.Filter
	q := usage.LedgerQuery{
		Organization: f.Organization, Gateway: f.Gateway, Route: f.Route, Consumer: f.Consumer, Key: f.Key,
		NoConsumer: f.NoConsumer, NoKey: f.NoKey, LiveOnly: f.Live,
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
