package acme

import (
	"context"
	"time"
)

// Claims and locks are held for leaseFor and prolonged every leaseEvery, so that
// what a dead worker had is soon taken over, however long an order may take.
const (
	leaseFor   = 20 * time.Second
	leaseEvery = 5 * time.Second
)

// keep prolongs what the worker holds until ctx ends.
func (w *Worker) keep(ctx context.Context) {
	t := time.NewTicker(leaseEvery)
	defer t.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		err := w.cfg.Domains.Extend(ctx, w.cfg.Holder, leaseFor)
		if err == nil {
			err = w.cfg.Store.Extend(ctx, w.cfg.Holder, leaseFor)
		}
		if err != nil && !failing && ctx.Err() == nil {
			w.cfg.Logger.Warn("claims of certificates can't be prolonged: another worker may take them over", "error", err)
		}
		failing = err != nil
	}
}
