package limit

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// giveBackFor bounds what a stopping edge spends on returning leases.
const giveBackFor = 2 * time.Second

// giveBack returns every lease, share and slot that is not in use: the senders
// have stopped.
func (r *refiller) giveBack(ctx context.Context) {
	if r.l.link.down() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, giveBackFor)
	defer cancel()
	var batch []*call
	flush := func() {
		if len(batch) == 0 || ctx.Err() != nil {
			return
		}
		r.l.link.pipeline(ctx, batch)
		for _, c := range batch {
			if e, ok := c.cell.(*lease); ok && c.err == nil && c.number(0) == 1 {
				e.close(c, r.l.now())
			}
		}
		batch = batch[:0]
	}
	r.l.eachBody(func(b body) {
		for _, c := range farewell(b, r.l.now()) {
			if batch = append(batch, c); len(batch) == maxBatch {
				flush()
			}
		}
	})
	flush()
}

// farewell is a counter's last messages; none when it has nothing to say.
func farewell(b body, now int64) (out []*call) {
	var c *call
	switch b := b.(type) {
	case *quota:
		for _, e := range b.leases() {
			if e.Seq.Load() > 0 {
				out = append(out, e.farewell())
			}
		}
	case *rate:
		b.mu.Lock()
		b.usedAt = now - 2*int64(shareKeep)
		b.mu.Unlock()
		if b.now.Load().until > now {
			c = b.ask(now)
		}
	case *slots:
		c = b.farewell()
	}
	if c != nil {
		out = append(out, c)
	}
	return out
}

func (e *lease) farewell() *call {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.withdraw()
	return e.message(0, settleNow)
}

// close notes that the epoch's last word was heard.
func (e *lease) close(c *call, now int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.granted(c, now)
	if e.Spent() == e.Granted.Load() {
		e.MarkSettled()
	}
}

func (s *slots) farewell() *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	free, held := s.free.Load(), s.held.Load()
	if held == 0 {
		return nil
	}
	if give := max(0, min(s.cede, s.cede+free)); give > 0 {
		s.cede -= give
		s.back += give
	}
	if free > 0 && s.withdraw(free) {
		s.back += free
	}
	s.keep = max(0, held-s.back)
	s.seq++
	return &call{
		cell: s, script: slotsScript,
		keys: [2]string{contract.RedisBudget(contract.BudgetConcurrency, s.name, ""), contract.RedisBudgetGen(s.shard)},
		args: []any{s.limit, s.l.edge, s.seq, s.keep, s.keep, slotTerm.Milliseconds()},
	}
}
