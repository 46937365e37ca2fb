package limit

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/limit/ledger"
	"github.com/tollgate/tollgate/services/contract"
)

// shard is what is known of one budget shard in Redis.
type shard struct {
	marker   atomic.Pointer[string] // the last marker seen
	unseeded atomic.Bool            // no marker: the worker has to seed it
	asking   atomic.Bool            // some counter of it has to be restored
	claimed  atomic.Uint64          // how often this edge told what it holds, for the seeding
}

func (s *shard) gen() string {
	if g := s.marker.Load(); g != nil {
		return *g
	}
	return ""
}

// answered notes the marker of an answer to a message that said another one, unless
// a newer one was learned since the message left.
func (s *shard) answered(said, gen string) {
	if was := s.marker.Load(); was == nil || *was != gen {
		if was != nil && *was != said || !s.marker.CompareAndSwap(was, &gen) {
			return
		}
	}
	if s.unseeded.Load() {
		s.unseeded.Store(false)
	}
}

// claim asks the worker to seed a shard, or to restore a counter of it.
func (l *Limits) claim(n int, one bool) {
	if one {
		l.shards[n].asking.Store(true)
	} else {
		l.shards[n].unseeded.Store(true)
	}
	select {
	case l.refill.claims <- struct{}{}:
	default:
	}
}

// regenerated is called when a shard was seeded anew: every lease of it tells
// what it holds, in case the worker did not wait for this edge.
func (l *Limits) regenerated(n int, said, gen string) {
	l.shards[n].answered(said, gen)
	l.resync(func(shard int) bool { return shard == n })
}

// resync lets the leases of some shards tell again what they hold, those of
// former epochs too.
func (l *Limits) resync(of func(shard int) bool) {
	l.eachBody(func(b body) {
		if q, ok := b.(*quota); ok && of(q.shard) {
			q.tell()
		}
	})
	l.refill.resettle(of)
}

// tell makes the present lease speak even if nothing is wanted, and the one that was
// fetched ahead.
func (q *quota) tell() {
	for _, e := range q.leases() {
		e.retell()
		e.node.tend()
		e.node.wake()
	}
}

// leases are those of this period and the next that Redis knows of.
func (q *quota) leases() (out []*lease) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range []*lease{q.cur.Load(), q.next} {
		if e != nil && !e.local {
			out = append(out, e)
		}
	}
	return out
}

// watch looks each second whether the budgets are still those this edge knows,
// and publishes claims when they are not.
func (l *Limits) watch(ctx context.Context) {
	l.link.greet(ctx)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	known := ""
	var p pace
	bell, rest := l.refill.claims, time.NewTimer(time.Hour)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.tell()
		case <-rest.C:
			bell = l.refill.claims
			continue
		case <-bell:
		}
		if l.link.down() {
			l.link.ping(ctx) // perhaps no counter is in use that would find out
		}
		if l.link.down() {
			continue
		}
		var told bool
		known, told = l.look(ctx, known)
		bell = nil // whoever rings waits for a moment: so do others
		rest.Reset(p.told(told))
	}
}

// pace spaces the times at which an edge tells its claims because some counter waits
// for the worker: the worker may be away for long, and the counters be many.
type pace struct{ pause time.Duration }

// told returns how long not to listen to counters that wait; yes says that claims were
// just told.
func (p *pace) told(yes bool) time.Duration {
	if !yes {
		p.pause = 0
	}
	p.pause = min(max(2*p.pause, wheelTick), time.Second)
	return p.pause
}

// look compares the seeding that is in force with the one known so far, and tells
// this edge's claims where the worker needs them.
func (l *Limits) look(ctx context.Context, known string) (now string, told bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*l.link.budget)
	defer cancel()
	seeded, err := l.link.rdb.HGet(ctx, contract.RedisBudgets, contract.BudgetsSeeded).Result()
	if err != nil && err != redis.Nil {
		return known, false
	}
	told, err = l.publish(ctx, seeded == "")
	if err != nil {
		l.log.Warn("limits: claims could not be published", "error", err)
		return known, told
	}
	if seeded != "" && known != "" && seeded != known {
		l.resync(func(int) bool { return true })
	}
	if seeded == "" {
		return known, told
	}
	return seeded, told
}

// publish writes this edge's claims on the shards that need seeding, all of them
// when nothing is seeded, and then says that it is done. told is false where nobody
// needs them.
func (l *Limits) publish(ctx context.Context, all bool) (told bool, err error) {
	var need [contract.BudgetShards]bool
	any := all
	for i := range l.shards {
		s := &l.shards[i]
		need[i] = all || s.unseeded.Load()
		if need[i] {
			s.claimed.Add(1) // before the numbers are read
		}
		need[i] = s.asking.Swap(false) || need[i]
		any = any || need[i]
	}
	if !any {
		return false, nil
	}
	p := l.link.rdb.Pipeline()
	flush := func() error {
		if p.Len() == 0 {
			return nil
		}
		l.link.trips.Add(1)
		_, err := p.Exec(ctx)
		return err
	}
	touched := map[int]bool{}
	for _, c := range l.claims() {
		n := contract.BudgetShard(c.Counter)
		if !need[n] {
			continue
		}
		key := contract.RedisBudgetClaims(n)
		p.HSet(ctx, key, c.Field(), c.Encode())
		if !touched[n] {
			touched[n] = true
			p.Expire(ctx, key, time.Hour)
		}
		if p.Len() >= 2*maxBatch {
			if err := flush(); err != nil {
				return true, err
			}
		}
	}
	for n := range need {
		if need[n] && (!all || touched[n] || l.shards[n].unseeded.Load()) {
			p.SAdd(ctx, contract.RedisBudgetAsk, strconv.Itoa(n))
		}
	}
	p.HSet(ctx, contract.RedisBudgets, l.edge, strconv.FormatInt(l.wall().UnixMilli(), 10))
	return true, flush()
}

// claims is what this edge holds and has spent in periods that are not over, this
// epoch and former ones.
func (l *Limits) claims() []contract.BudgetClaim {
	now := l.wall().Unix()
	var out []contract.BudgetClaim
	for _, s := range l.ledger.Slots() {
		if s.Local || s.End <= now {
			continue
		}
		spent := s.Spent()
		out = append(out, contract.BudgetClaim{
			Writer: l.edge, Counter: s.Counter, Period: s.Period,
			Granted: max(s.Granted.Load(), spent), Spent: spent, Seq: s.Seq.Load(), Since: s.Since, Start: s.Start, End: s.End,
			Filter: filterOf(&s.Filter),
		})
	}
	former := l.ledger.Former()
	for i := range former {
		r := &former[i]
		if r.Local {
			continue
		}
		out = append(out, contract.BudgetClaim{
			Writer: contract.BudgetWriter(l.base, r.Epoch), Counter: r.Counter, Period: r.Period,
			Granted: r.Spent(), Spent: r.Spent(), Over: true, Least: r.Stale, Since: r.Since, Start: r.Start, End: r.End,
			Filter: filterOf(&r.Filter),
		})
	}
	return out
}

func filterOf(f *ledger.Filter) contract.BudgetFilter { return contract.BudgetFilter(*f) }
