package edge

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

const (
	countEvery   = 15 * time.Second
	countTimeout = 2 * time.Second
)

// countEdges tells the limits how many edges are live: while Redis is away, small
// rates and concurrency are split by that number. It keeps the last count while
// it can't be had.
func (e *Edge) countEdges(ctx context.Context) error {
	wait := time.Second
	for ctx.Err() == nil {
		sleep(ctx, wait/2+rand.N(wait))
		wait = countEvery
		if n := e.liveEdges(ctx); n > 0 {
			e.limits.SetEdges(n)
		}
	}
	return nil
}

// liveEdges counts the reports that are fresh, 0 when that is not known.
func (e *Edge) liveEdges(ctx context.Context) (n int) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	reports, err := e.peers.HGetAll(ctx, contract.RedisEdges).Result()
	if err != nil {
		return 0
	}
	now := e.wallMilli()
	for _, text := range reports {
		var r contract.EdgeReport
		if contract.DecodeMessage(e.cfg.Keys, contract.MessageReport, []byte(text), &r) != nil {
			continue
		}
		if now-r.Time < contract.EdgeGone && !r.Draining {
			n++
		}
	}
	return n
}
