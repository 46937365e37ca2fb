package engine

import (
	"context"
	"testing"
)

// TestSweeperIsLate: the sweeper may end a try that is over, or whose exchange is
// at the next one.
func TestSweeperIsLate(t *testing.T) {
	j := &job{eng: &Engine{}, timers: &timers{}}
	u := &upstream2{j: j}
	for range 2 {
		u.begin(t.Context())
		seen, ctx := j.timers.cancel.Load(), u.ctx
		u.finish(true)
		done := make(chan struct{})
		go func() { defer close(done); (*seen)(errClientGone) }()
		u.begin(t.Context())
		<-done
		if u.ctx.Err() != nil || context.Cause(ctx) == nil {
			t.Error("the wrong try was ended")
		}
		u.finish(true)
	}
	if j.timers.cancel.Load() != nil {
		t.Error("something is left for the sweeper")
	}
}
