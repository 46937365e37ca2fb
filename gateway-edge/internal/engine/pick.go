package engine

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/services/contract"
)

// pick chooses the request's target. Where all are at their limit of requests it
// waits in the upstream's queue, as long as the client stays and the time for all
// tries allows.
func (j *job) pick(ctx context.Context) (*balance.Target, contract.Code) {
	t, code := j.upstream().Pick(&j.call)
	if t != nil || code != contract.CodeUpstreamBusy {
		return t, code
	}
	ctx, stop := j.patient(ctx, time.Duration(j.deadline-j.eng.clock.Boot()))
	defer stop()
	t, code = j.upstream().Wait(ctx, &j.call)
	j.tryBegan = j.eng.clock.Boot()
	if t != nil && j.timers != nil && j.timers.gone.Load() {
		j.call.End(balance.ResultNone, 0)
		return nil, code
	}
	return t, code
}

// repick chooses a target for a further try: at once when there is another one,
// else, where same says so, one that was tried already, after a while.
func (j *job) repick(ctx context.Context, same bool) *balance.Target {
	up := j.upstream()
	t, _ := up.Pick(&j.call)
	if t == nil && same && j.backOff(ctx, &up.Retry) {
		j.call.Again()
		t, _ = up.Pick(&j.call)
	}
	j.tryBegan = j.eng.clock.Boot()
	return t
}

// backOff waits before a further try to the same target: a random part of a time
// that doubles with each try, so that callers who failed together don't come back
// together. It reports false when the time is up or the client gone.
func (j *job) backOff(ctx context.Context, r *balance.Retry) bool {
	most := min(r.MaxBackoff, r.Backoff<<(j.tries-1))
	wait := time.Duration(rand.Int64N(int64(most) + 1))
	if left := j.deadline - j.eng.clock.Boot(); int64(wait) >= left {
		return false
	}
	ctx, stop := j.patient(ctx, wait)
	defer stop()
	<-ctx.Done()
	return j.timers == nil || !j.timers.gone.Load()
}

// patient is a context that ends after a time, or when the client goes away. An
// answer that is held meanwhile can be ended as before afterwards.
func (j *job) patient(ctx context.Context, d time.Duration) (context.Context, func()) {
	ctx, stop := context.WithTimeout(ctx, max(d, 1))
	ctx, cancel := context.WithCancelCause(ctx)
	if j.timers == nil {
		return ctx, func() { cancel(nil); stop() }
	}
	before := j.timers.cancel.Swap(&cancel)
	return ctx, func() {
		j.timers.cancel.Store(before)
		cancel(nil)
		stop()
	}
}
