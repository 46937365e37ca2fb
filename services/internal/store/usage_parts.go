package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/usage"
)

// partitions remembers the months that have a partition of the ledger.
type partitions struct {
	mu   sync.Mutex
	made map[string]bool
}

// partition sees to it that the months of the batches, and the one after the
// present, have partitions on PostgreSQL. What goes wrong is not an error: the
// rest partition takes every row, and the next call tries again.
func (u *Usage) partition(ctx context.Context, batches []usage.Batch) {
	if u.DB.dialect == migrations.SQLite {
		return
	}
	now := time.UnixMilli(u.DB.Now())
	next := monthOf(now).AddDate(0, 1, 0)
	months := map[time.Time]bool{next: true}
	last := uint32(0)
	for i := range batches {
		for j := range batches[i].Counters {
			if h := batches[i].Counters[j].ID.Hour; h != last {
				last = h
				// An edge whose clock is far off must not litter the schema.
				if m := monthOf(time.Unix(int64(h)*3600, 0)); !m.After(next) && m.After(now.AddDate(-1, 0, 0)) {
					months[m] = true
				}
			}
		}
	}
	u.made.mu.Lock()
	defer u.made.mu.Unlock()
	for m := range months {
		name := "usage_counters_" + m.Format("2006_01")
		if u.made.made[name] {
			continue
		}
		err := u.DB.Tx(ctx, func(t *Txn) error {
			return t.Exec(fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s PARTITION OF usage_counters FOR VALUES FROM (%d) TO (%d)",
				name, m.Unix()/3600, m.AddDate(0, 1, 0).Unix()/3600)).Error
		})
		if err != nil {
			u.DB.log.Warn("the ledger's partition can't be made; its rows go to the rest", "partition", name, "error", err)
			continue
		}
		if u.made.made == nil {
			u.made.made = map[string]bool{}
		}
		u.made.made[name] = true
	}
}

// monthOf is the first moment of t's month in UTC.
func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
