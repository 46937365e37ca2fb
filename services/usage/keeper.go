package usage

import (
	"context"
	"log/slog"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Bounds of what is kept.
const (
	keepEvery = 10 * time.Minute
	// KeepLogs is how many access log records of one gateway are kept at most.
	KeepLogs = 1_000_000
)

// Keeper deletes what is past its time: minutes, and access logs by plan.
type Keeper struct {
	Ledger    Ledger
	Logs      LogStore
	Retention Retention
	Clock     core.Clock   // nil: the system's
	Logger    *slog.Logger // nil: slog.Default
}

// Run trims at once and then every 10 minutes, until ctx ends. Several workers
// may run it; they delete the same rows.
func (k *Keeper) Run(ctx context.Context) error {
	log := k.Logger
	if log == nil {
		log = slog.Default()
	}
	t := time.NewTicker(keepEvery)
	defer t.Stop()
	for {
		if err := k.Trim(ctx); err != nil && ctx.Err() == nil {
			log.Warn("old usage can't be trimmed now", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Trim deletes what is past its time now.
func (k *Keeper) Trim(ctx context.Context) error {
	now := core.SystemClock
	if k.Clock != nil {
		now = k.Clock
	}
	if err := k.Ledger.Trim(ctx, now().Add(-MinuteHistory).UnixMilli()); err != nil {
		return err
	}
	_, err := k.Logs.TrimLogs(ctx, k.Retention, KeepLogs)
	return err
}
