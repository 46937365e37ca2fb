package publish

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// leader is one term of a publisher. It belongs to one goroutine.
type leader struct {
	*Publisher
	lease   Lease
	renewed time.Time
	second  time.Time // when the once-a-second work is due
	watched time.Time // when the head was last looked at
	swept   time.Time

	index   *index // what the index in Redis has to be
	head    []byte // as it was last seen in Redis, nil for none
	told    int64  // the newest time that a head had, Unix milliseconds: edges take a later one only for a sign of life
	mark    string // without which no first head is written
	inStep  bool   // Redis was compared with the database in this term, and since then nobody else wrote
	unsent  bool   // some items have a revision and are perhaps not in Redis
	refill  *refill
	drift   int // next index bucket to compare
	edges   []contract.EdgeReport
	sent    map[string]time.Time // when a document was last sent
	failed  map[string]Failure
	faulted string
}

func newLeader(p *Publisher, lease Lease) *leader {
	return &leader{
		Publisher: p, lease: lease, renewed: p.o.Clock(), unsent: true,
		sent: map[string]time.Time{}, failed: map[string]Failure{},
	}
}

// afterFault is how long a leader waits before it tries again what failed.
const afterFault = 200 * time.Millisecond

// run is the leader's loop. It returns nil when ctx ended, and ErrDeposed when
// another one leads.
func (l *leader) run(ctx context.Context) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		busy, err := l.turn(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrDeposed):
			return err
		case err != nil:
			l.fault(err)
			wait(ctx, afterFault)
			continue
		}
		l.fine()
		if busy {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		case <-l.o.Changed:
		}
	}
}

// turn does what is due: busy says that there is more to do at once.
func (l *leader) turn(ctx context.Context) (busy bool, err error) {
	now := l.o.Clock()
	if !now.Before(l.second) {
		l.second = now.Add(headEvery)
		if err := l.each(ctx, now); err != nil {
			return false, err
		}
	}
	if err := l.watch(ctx, now); err != nil {
		return false, err
	}
	if !l.inStep {
		if err := l.compare(ctx); err != nil {
			return false, err
		}
	}
	if l.unsent {
		if err := l.resend(ctx); err != nil {
			return false, err
		}
	}
	if !l.inStep {
		return true, nil // the head was not ours: compare again
	}
	busy, err = l.publish(ctx)
	if err != nil || l.refill == nil {
		return busy, err
	}
	return true, l.refillSome(ctx)
}

// watch looks at the head more often than it is written: each moment in which an
// emptied Redis is not noticed is one in which cold keys can't be checked.
func (l *leader) watch(ctx context.Context, now time.Time) error {
	if !l.inStep || l.head == nil || now.Sub(l.watched) < watchEvery {
		return nil
	}
	l.watched = now
	head, _, err := l.o.Bus.Head(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(head, l.head) {
		l.inStep = false
		l.refill = nil
	}
	return nil
}

// each is done once a second: the lease first, since it must not wait for Redis.
func (l *leader) each(ctx context.Context, now time.Time) error {
	err := l.o.Store.Renew(ctx, l.lease.Epoch, leaseFor)
	switch {
	case err == nil:
		l.renewed = now
	case errors.Is(err, ErrDeposed) || now.Sub(l.renewed) > leaseFor:
		// Even with the database away, somebody else may lead by now.
		return ErrDeposed
	default:
		return err
	}
	if l.edges, err = l.o.Bus.Reports(ctx); err != nil {
		return err
	}
	if l.edgesAhead() {
		l.inStep = false
	}
	failures, err := l.o.Store.Failures(ctx)
	if err != nil {
		return err
	}
	clear(l.failed)
	for _, f := range failures {
		l.failed[f.Ref] = f
	}
	if now.Sub(l.swept) >= sweepEvery {
		l.swept = now
		if err := l.sweep(ctx, now); err != nil {
			return err
		}
	}
	if !l.inStep || l.unsent {
		return nil
	}
	if err := l.writeHead(ctx); err != nil {
		return err
	}
	if !l.inStep || l.refill != nil {
		return nil
	}
	return l.repair(ctx)
}

// fault logs the first of a series of failures: an outage is two lines, not
// five a second.
func (l *leader) fault(err error) {
	l.stats.failures.Add(1)
	// What Redis has is not known after a fault: compare again.
	l.inStep = false
	if l.faulted == "" {
		l.faulted = err.Error()
		l.o.Logger.Warn("publisher fails and goes on trying", "error", err)
	}
}

func (l *leader) fine() {
	if l.faulted != "" {
		l.o.Logger.Info("publisher works again", "after", l.faulted)
		l.faulted = ""
	}
}

// sweep forgets what nobody needs any more.
func (l *leader) sweep(ctx context.Context, now time.Time) error {
	if err := l.o.Store.Trim(ctx, now.Add(-outboxFor).UnixMilli()); err != nil {
		return err
	}
	var gone []string
	for i := range l.edges {
		if now.UnixMilli()-l.edges[i].Time > contract.EdgeForgotten {
			gone = append(gone, l.edges[i].ID)
		}
	}
	if len(gone) > 0 {
		if err := l.o.Bus.Forget(ctx, gone); err != nil {
			return err
		}
	}
	for ref, at := range l.sent {
		if now.Sub(at) > gatewayEvery {
			delete(l.sent, ref)
		}
	}
	if !l.inStep {
		return nil
	}
	refs, err := l.o.Store.Expire(ctx, l.lease.Epoch, now.Add(-tombstoneFor).UnixMilli(), 100)
	if err != nil || len(refs) == 0 {
		return err
	}
	for _, ref := range refs {
		l.index.set(ref, "")
	}
	return l.o.Bus.Remove(ctx, refs)
}
