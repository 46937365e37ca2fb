package limit

import (
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// How a lease behaves over time.
const (
	idleAfter   = 2 * time.Second        // unused units go back where they may be missed
	keepAfter   = 30 * time.Second       // elsewhere: a consumer's next request should not wait for a new lease
	leaveAfter  = 200 * time.Millisecond // of an edge that takes no new requests
	plenty      = 10                     // times what is held here must be left in Redis for that
	pauseOthers = 50 * time.Millisecond  // others hold units that may come back
	pauseSpent  = time.Second            // all is spent
	lookEvery   = time.Second            // at an active lease
	aheadOf     = 10 * time.Second       // before a period's end: the next one's first lease
	retryEvery  = 100 * time.Millisecond // a message whose fate is unknown

	// While the worker restores a counter: as often as a request may wait for, and then
	// ever more rarely, because the worker may be away for long.
	restorePause = 50 * time.Millisecond
	restoreMost  = time.Second
	restoreTries = 8
)

// link implements asker.
func (e *lease) link() *node { return &e.node }

// ask implements asker. The words change in an order that a kill at any point
// leaves a lease that looks at least as spent as it is: units leave Left before
// Back has them.
func (e *lease) ask(now int64) *call {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.local {
		return nil
	}
	e.notice(now)
	if e.waitsForFormer(now) {
		return nil
	}
	hungry := e.hungry.Swap(false) || e.node.waiters.Load() > 0
	over := now+e.l.offset.Load() >= e.end
	quiet := !hungry && e.quiet(now)
	left := e.Left.Load()
	want := int64(0)
	switch {
	case over, quiet:
		e.withdraw()
	case e.recall:
		e.withdraw()
		want = e.want(now)
	case hungry && left <= 0, left < e.low.Load():
		want = e.want(now)
	case !e.unsure.Load() && !e.untold(now) && e.Debt.Load() == 0:
		return nil // answered meanwhile
	}
	e.lastAsk, e.lastUsed = now, e.spentAt
	return e.message(want, goesOn)
}

// waitsForFormer reports whether Redis must first hear what former epochs spent
// of this counter. A lease that adopted their units speaks before them.
func (e *lease) waitsForFormer(now int64) bool {
	if e.former || e.Granted.Load() > 0 {
		return false
	}
	if e.former = !e.l.ledger.Unsaid(e.Slot); e.former {
		return false
	}
	e.shut.Store(now + int64(wheelTick))
	e.unsure.Store(true)
	e.node.tend()
	return true
}

// message puts the lease's numbers into a call. Callers hold mu.
func (e *lease) message(want int64, settle int) *call {
	e.again.Store(false)
	granted, left, back := e.Granted.Load(), e.Left.Load(), e.Back.Load()
	claim := granted + e.Debt.Load()
	e.claimed, e.saidGranted, e.sentBack, e.hold = claim, granted, back, claim-back
	shard := &e.l.shards[e.q.shard]
	e.asked, e.said, e.saidGen, e.saidClaimed = want, e.most(), shard.gen(), shard.claimed.Load()
	spent := e.hold - max(0, left)
	e.saidSpent = spent
	return &call{
		cell: e, script: quotaScript,
		keys: [2]string{contract.RedisBudget(contract.BudgetQuota, e.q.name, e.period), contract.RedisBudgetGen(e.q.shard)},
		args: []any{
			e.saidGen, e.said, e.l.edge, e.Seq.Add(1), claim, e.hold, want, max(0, spent),
			e.start / 1e9, e.end/1e9 + 2*86400, settle,
		},
	}
}

// notice sees whether units were spent since the last look. Callers hold mu.
func (e *lease) notice(now int64) {
	if spent := e.Spent(); spent != e.spentAt {
		e.spentAt, e.usedAt = spent, now
	}
}

// quiet reports whether nobody has used the lease for so long that what is left of
// it goes back. Callers hold mu.
func (e *lease) quiet(now int64) bool {
	idle := int64(idleAfter)
	if !e.soft.Load() && e.avail.Load() >= plenty*max(1, e.Left.Load()) {
		idle = int64(keepAfter)
	}
	if e.l.leaving.Load() {
		idle = int64(leaveAfter)
	}
	return now-e.usedAt > idle
}

// untold reports whether spending has come to rest and Redis has not heard of the
// last of it: it is told once, for whoever asks what is left. Callers hold mu.
func (e *lease) untold(now int64) bool {
	return e.saidSpent != e.spentAt && now-e.usedAt > int64(idleAfter) && now+e.l.offset.Load() < e.end && !e.l.link.down()
}

// withdraw moves every unspent unit out of reach of requests. Callers hold mu.
func (e *lease) withdraw() {
	for {
		left := e.Left.Load()
		if left <= 0 {
			return
		}
		if e.Left.CompareAndSwap(left, 0) {
			e.Back.Add(left)
			return
		}
	}
}

// hear implements asker.
func (e *lease) hear(c *call, now int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.err != nil {
		e.unsure.Store(true) // it may have been done: the same words are sent again
		e.node.tend()
		return
	}
	if c.number(0) == 1 {
		e.granted(c, now)
		return
	}
	switch why := c.text(1); {
	case why == "seq":
		e.Seq.Store(max(e.Seq.Load(), c.seq()))
		e.unsure.Store(true)
		e.node.wake()
	case why == "gen":
		e.undo()
		e.l.regenerated(e.q.shard, e.saidGen, c.text(2))
		e.unsure.Store(true)
		e.node.wake()
	case why == "ask" && now+e.l.offset.Load() >= e.end:
		e.bury()
	default: // unseeded, or this counter alone has to be restored
		e.undo()
		e.shut.Store(now + int64(e.restoring()))
		e.unsure.Store(true)
		e.node.tend()
		e.l.claim(e.q.shard, why == "ask")
	}
}

// restoring is how long to wait for the worker before asking again. Callers hold mu.
func (e *lease) restoring() time.Duration {
	e.tries = min(e.tries+1, restoreTries+5)
	return min(restorePause<<max(0, e.tries-restoreTries), restoreMost)
}

// bury leaves a period alone that is over and that Redis has forgotten: nobody
// restores its counter, and what is held of it is of no use.
func (e *lease) bury() {
	e.withdraw()
	e.Back.Store(0)
	e.Debt.Store(0)
	e.recall = false
	e.unsure.Store(false)
	e.shut.Store(0)
}

// undo makes units spendable again whose return was certainly not done; not those
// that were recalled.
func (e *lease) undo() {
	if e.recall {
		return
	}
	back := e.Back.Load()
	e.Back.Store(0)
	e.Left.Add(back)
}

// granted takes in what Redis granted. See ask for the order.
func (e *lease) granted(c *call, now int64) {
	total, left, n, others := c.number(1), c.number(2), c.number(3), c.number(4)
	shard := &e.l.shards[e.q.shard]
	shard.answered(e.saidGen, c.text(5))
	e.l.saw(n)
	left += e.most() - e.said // of the limit that holds now
	fresh := max(0, total-e.hold)
	e.shut.Store(0)
	e.tries = 0
	debt := e.claimed - e.saidGranted // of a counter that never refuses
	e.Back.Add(-e.sentBack)
	e.Granted.Add(total - e.saidGranted) // a former epoch's may have come to it
	// Granted of a limit that was lowered meanwhile, or by a Redis that was emptied
	// since and is seeded without it.
	if e.said > e.most() || shard.claimed.Load() != e.saidClaimed {
		e.recall = true
		e.Back.Add(fresh)
		left, fresh = left+fresh, 0
	}
	e.Debt.Add(-debt)
	have := e.Left.Add(fresh)
	e.low.Store(max(0, have/2))
	// Withdrawn since or granted too much: a smaller limit came meanwhile.
	again := e.again.Load()
	e.unsure.Store(again || e.Back.Load() > 0)
	e.recall = e.recall && e.Back.Load() > 0
	e.avail.Store(left)
	e.spare.Store(others)
	e.known.Store(true)
	if !again {
		e.Told.Store(true)
	}
	switch {
	case e.asked == 0 || fresh > 0 || left > 0:
		e.deny.Store(0)
	case others > 0:
		e.deny.Store(now + int64(pauseOthers))
	default:
		e.deny.Store(now + int64(pauseSpent))
	}
	if left <= 0 {
		e.low.Store(0) // nothing to prefetch: the last units are asked for one by one
	}
}

// check implements asker: it sees idleness, retries what is unsure, prefetches
// the next period.
func (e *lease) check(now int64) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notice(now)
	wall := now + e.l.offset.Load()
	left := e.Left.Load()
	rest := left <= 0 && e.Back.Load() == 0 && e.Debt.Load() == 0 // nothing to give back, nothing owed
	switch {
	case e.unsure.Load():
		if now < e.shut.Load() {
			return e.shut.Load()
		}
		e.node.wake()
		return now + int64(retryEvery)
	case wall >= e.end, e.quiet(now):
		if rest && !e.untold(now) {
			return e.forget(now)
		}
		e.node.wake()
	case e.untold(now):
		e.node.wake()
	case e.Debt.Load() > 0:
		e.node.wake()
	case wall > e.end-int64(aheadOf)+e.jitter:
		e.q.ahead()
	}
	return now + int64(lookEvery)
}

// forget stops looking after the lease until it is used again.
func (e *lease) forget(now int64) int64 {
	e.node.active.Store(false)
	if e.Spent() != e.spentAt && e.node.active.CompareAndSwap(false, true) {
		return now + int64(lookEvery)
	}
	return 0
}
