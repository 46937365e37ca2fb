package limit

import (
	"math"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// How a share is renewed.
const (
	renewPart  = 0.6                    // of the term
	earlyPause = 100 * time.Millisecond // between two early renewals
	startPause = 10 * time.Millisecond  // the first of them, doubled each time
	shareIdle  = 2 * time.Second        // a share nobody used is given back where others could use it
	smallPart  = 1.0 / 8                // others do not miss it; it may take seconds until it earns a token
	shareKeep  = 10 * time.Second       // elsewhere: a consumer's next request should not wait for a new one

	crumb        = 1e-6                   // of a token: what rounding takes from three thirds
	contendPause = 400 * time.Millisecond // as earlyPause, where all is given out
	denyPause    = 20 * time.Millisecond
)

func (r *rate) link() *node { return &r.node }

// ask implements asker.
func (r *rate) ask(now int64) *call {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.measure(now)
	s := r.now.Load()
	waiting := int64(r.node.waiters.Load())
	quiet := waiting == 0 && r.quiet(now)
	if waiting == 0 && !quiet && now < s.until && now <= s.early && now < r.renewAt {
		return nil // answered meanwhile
	}
	if waiting == 0 && !quiet && !r.lost && r.direct.Load() && s.part == 0 && !r.away() {
		return nil // a token that nobody waits for would be lost
	}
	level := s.freeze(now)
	if now >= s.until && !r.lost {
		level = 0 // Redis has taken it for gone
	}
	keep := 0.0
	if now < s.until && !quiet {
		keep = math.Min(level, math.Max(2, r.demand*0.05))
		keep = math.Max(0, math.Min(math.Floor(keep), maxHeld))
	}
	// While the message is under way the tokens kept may be spent and none are
	// earned: what is earned meanwhile is added when the answer is there.
	r.kept = s
	until := s.until
	if quiet {
		until = 0 // a request that comes now waits for a new share
	}
	mid := &share{gcra: newGCRA(now, 0, keep, keep), until: until, early: math.MaxInt64}
	if now < s.until && !quiet {
		mid.since, mid.away, mid.earns = now, level-keep, s.part*r.size.rate
	}
	r.now.Store(mid)
	r.sent, r.asked, r.lent = now, waiting, 0
	r.seq++
	demand := strconv.FormatFloat(math.Max(1, r.demand), 'f', 3, 64)
	if quiet {
		demand = "-1"
	}
	return &call{
		cell: r, script: shareScript,
		keys: [2]string{contract.RedisBudget(contract.BudgetRate, r.name, ""), contract.RedisBudgetGen(r.shard)},
		args: []any{
			strconv.FormatFloat(r.size.rate, 'f', 6, 64), r.size.burst, r.l.edge, r.seq,
			strconv.FormatFloat(level-keep, 'f', 6, 64), int64(keep), demand, max(1, waiting),
		},
	}
}

// quiet reports whether nobody has used the share for so long that it is given
// back. Callers hold mu.
func (r *rate) quiet(now int64) bool {
	idle := int64(shareKeep)
	if r.direct.Load() || r.contends && r.now.Load().part > smallPart {
		idle = int64(shareIdle)
	}
	if r.l.leaving.Load() {
		idle = int64(leaveAfter)
	}
	return now-r.usedAt > idle
}

// look notes whether the share is in use and returns how many takes were tried.
// Callers hold mu.
func (r *rate) look(now int64) int64 {
	n := r.count.Load()
	if n != r.looked {
		r.looked, r.usedAt = n, now
	}
	return n
}

// measure updates the demand from the takes counted. Callers hold mu.
func (r *rate) measure(now int64) {
	n := r.look(now)
	dt := float64(now-r.countT) / 1e9
	if dt < 0.005 {
		return
	}
	d := float64(n-r.counted) / dt
	if r.countT == 0 || r.started < 4 {
		r.demand = math.Max(d, r.demand/2)
	} else {
		w := math.Min(1, dt/0.4) // about 0.4 s of memory
		r.demand += w * (d - r.demand)
	}
	r.counted, r.countT = n, now
}

// hear implements asker.
func (r *rate) hear(c *call, now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, mid := r.kept, r.now.Load()
	if c.err != nil {
		r.lost = true
		// Perhaps Redis has what was handed back, and gave it away.
		r.restore(old, mid.freeze(now)+mid.earned(now)-r.lent, now)
		r.node.tend()
		return
	}
	if c.number(0) != 1 {
		if c.text(1) == "seq" {
			r.seq = max(r.seq, c.seq())
		} else {
			r.l.claim(r.shard, false)
			r.lost = true
		}
		r.restore(old, mid.freeze(now)+mid.due(now), now)
		r.node.tend()
		return
	}
	r.lost = false
	r.slow.Store(0)
	part, tokens := float64(c.number(1))/1e9, float64(c.number(2))/1e3
	term := c.number(3) * int64(time.Millisecond)
	r.contends = c.number(4) == 1
	r.more.Store(!r.contends && c.number(5) >= 1000)
	r.l.saw(c.number(6))
	r.l.shards[r.shard].unseeded.Store(false)
	if part <= 0 && term == 0 { // given back
		mid.freeze(now)
		r.kept = nil
		r.now.Store(&share{gcra: newGCRA(now, 0, 0, 0)})
		return
	}
	r.direct.Store(c.number(7) == 1)
	if r.direct.Load() {
		r.single(mid, tokens, c.number(8), now)
		return
	}
	r.renewed(old, mid, part, tokens, term, now)
}

// renewed puts the new share in place. Between the sending and the answer the
// edge earned at least what the smaller of both shares earns. Where it served
// alone meanwhile it took what the share before earns, and what was handed back:
// a debt is paid by what comes next.
func (r *rate) renewed(old, mid *share, part, tokens float64, term, now int64) {
	have := mid.freeze(now) + tokens - r.lent
	took := float64(now-r.sent) / 1e9
	switch {
	case mid.since == 0 && mid.part > 0:
		have -= math.Max(0, old.part-part) * r.size.rate * took
	case now < r.sent+term && now < old.until:
		have += math.Min(old.part, part) * r.size.rate * took
	}
	burst := part * float64(r.size.burst)
	pause := int64(earlyPause)
	switch {
	case r.started < 4:
		pause = int64(startPause) << r.started
	case r.contends:
		pause = int64(contendPause)
	}
	r.started++
	s := &share{
		gcra: newGCRA(now, part*r.size.rate, burst+crumb, math.Min(have, burst)+crumb), part: part,
		until: r.sent + term, low: burst / 2, early: now + pause,
	}
	if r.demand < part*r.size.rate && !r.contends {
		s.low = math.Min(s.low, 2) // it earns more than is asked of it
	}
	r.renewAt = r.sent + int64(renewPart*float64(term)) - int64(r.shard%64)*term/1024
	r.now.Store(s)
	r.kept = nil
	if s.tokens(now) < 1 && r.node.waiters.Load() > 0 {
		r.deny.Store(now + min(int64(denyPause), int64(s.wait(now))))
	}
	r.node.tend()
}

// single spreads tokens of the common bucket over the requests that wait.
func (r *rate) single(mid *share, tokens float64, waitMS, now int64) {
	mid.freeze(now)
	r.kept = nil
	r.now.Store(&share{gcra: newGCRA(now, 0, 0, 0), until: 1, early: math.MaxInt64})
	r.loose.Store(0) // what nobody took in time does not count as new
	r.looseT.Store(now)
	r.loose.Store(int64(tokens))
	if int64(tokens) < r.asked {
		r.deny.Store(now + max(1, waitMS)*int64(time.Millisecond))
	}
	r.renewAt = now + int64(time.Second)
}

// restore goes on with the share as it was and the tokens that are left of it:
// nothing is known to have changed.
func (r *rate) restore(old *share, have float64, now int64) {
	if old == nil || old.until == 0 || old.part == 0 {
		r.now.Store(&share{gcra: newGCRA(now, 0, 0, 0)})
		return
	}
	s := &share{
		gcra: newGCRA(now, old.part*r.size.rate, old.part*float64(r.size.burst), have), part: old.part,
		until: old.until, low: 0, early: now + int64(earlyPause),
	}
	r.now.Store(s)
	r.kept = nil
}

// check implements asker: it renews in time, and gives back what nobody uses.
func (r *rate) check(now int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.look(now)
	if r.node.state.Load() != idle {
		return now + int64(lookEvery)/4
	}
	s := r.now.Load()
	quiet := r.quiet(now)
	switch {
	case quiet && (s.until <= now || s.part == 0):
		return r.forget(now)
	case quiet:
		r.renewAt = now
		r.node.wake()
	case r.lost, s.until != 0 && !r.direct.Load() && now >= r.renewAt:
		r.renewAt = min(r.renewAt, now)
		r.node.wake()
		return now + int64(retryEvery)
	case r.away():
		r.renewAt = min(r.renewAt, now)
		r.node.wake() // perhaps it is there again
	}
	next := now + int64(lookEvery)
	if r.renewAt > now {
		next = min(next, r.renewAt)
	}
	return next
}

func (r *rate) forget(now int64) int64 {
	n := r.count.Load()
	r.node.active.Store(false)
	if r.count.Load() != n && r.node.active.CompareAndSwap(false, true) {
		return now + int64(lookEvery)
	}
	r.started, r.demand = 0, 0
	r.counted, r.countT = n, now
	return 0
}

// unneeded implements forgetter.
func (r *rate) unneeded(now int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.node.active.Load() && r.node.state.Load() == idle && now-r.usedAt > int64(forgetAfter) && r.now.Load().until < now
}
