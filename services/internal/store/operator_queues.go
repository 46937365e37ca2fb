package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/operator"
)

// Queues returns what waits in the database. Times are the moments since when.
func (s Operators) Queues(ctx context.Context, now time.Time) ([]operator.Queue, error) {
	ms, hour := core.Millis(now), now.Unix()/3600
	queues := []struct {
		name, note, query string
		args              []any
	}{
		{operator.QueueOutbox, "changes that are not published yet", `SELECT COUNT(*) AS depth, 0 AS failed, COALESCE(MIN(created_at), 0) AS oldest FROM outbox WHERE sent_at = 0`, nil},
		{operator.QueueRefused, "gateways and organizations whose newest version can't be published", `SELECT COUNT(*) AS depth, COUNT(*) AS failed, COALESCE(MIN(since), 0) AS oldest FROM publish_failures`, nil},
		{operator.QueueMails, "mails", `SELECT COUNT(*) AS depth, COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) AS failed, COALESCE(MIN(created_at), 0) AS oldest FROM mails`, nil},
		{operator.QueueAlerts, "alerts that are due to be looked at", `SELECT COUNT(*) AS depth, 0 AS failed, COALESCE(MIN(next_at), 0) AS oldest FROM alert_states WHERE next_at <= ?`, []any{ms}},
		{operator.QueueMailed, "notices of alerts by mail", deliveries, []any{"mail"}},
		{operator.QueueWebhooks, "notices of alerts by webhook", deliveries, []any{"webhook"}},
		{operator.QueueHooks, "messages of webhooks", `SELECT COUNT(*) AS depth, COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) AS failed, COALESCE(MIN(created_at), 0) AS oldest FROM webhook_deliveries WHERE state = 'waiting'`, nil},
		{operator.QueueTelemetry, "destinations of telemetry that are due", `SELECT COUNT(*) AS depth, COALESCE(SUM(CASE WHEN failures > 0 THEN 1 ELSE 0 END), 0) AS failed, COALESCE(MIN(next_at), 0) AS oldest FROM telemetry_states WHERE next_at <= ?`, []any{ms}},
		{operator.QueueUnsealed, "hours of usage that are over and not closed", `SELECT COUNT(DISTINCT hour) AS depth, 0 AS failed, COALESCE(MIN(hour), 0) * 3600000 AS oldest FROM billing_hours WHERE sealed_at = 0 AND hour < ?`, []any{hour}},
		{operator.QueueFolding, "hours whose totals moved and that are not summed up yet", `SELECT COUNT(*) AS depth, 0 AS failed, COALESCE(MIN(hour), 0) * 3600000 AS oldest FROM billing_dirty`, nil},
		{operator.QueueSyncs, "customers to fetch from the payment provider", `SELECT COUNT(*) AS depth, COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) AS failed, COALESCE(MIN(next_at), 0) AS oldest FROM billing_syncs WHERE next_at <> 0 AND next_at <= ?`, []any{ms}},
		{operator.QueueCredits, "credits that the payment provider does not have yet", `SELECT COUNT(*) AS depth, COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) AS failed, COALESCE(MIN(created_at), 0) AS oldest FROM billing_credits WHERE next_at <> 0`, nil},
		{operator.QueueLate, "late lines that the payment provider does not have yet", `SELECT COUNT(*) AS depth, COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) AS failed, COALESCE(MIN(next_at), 0) AS oldest FROM billing_adjustments WHERE next_at <> 0`, nil},
		{operator.QueueParked, "plans of organizations whose usage the payment provider does not take; it is kept and tried again", `SELECT COUNT(*) AS depth, COUNT(*) AS failed, COALESCE(MIN(since), 0) AS oldest FROM billing_parked`, nil},
		{operator.QueueDiffers, "hours of which the payment provider counts something else than it was told; those that were told again in vain", `SELECT COUNT(*) AS depth, COALESCE(SUM(CASE WHEN stays_at <> 0 THEN 1 ELSE 0 END), 0) AS failed, COALESCE(MIN(since), 0) AS oldest FROM billing_differences`, nil},
	}
	out := make([]operator.Queue, 0, len(queues))
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		for _, q := range queues {
			var row struct{ Depth, Failed, Oldest int64 }
			if err := db.Raw(q.query, q.args...).Scan(&row).Error; err != nil {
				return err
			}
			x := operator.Queue{Name: q.name, Depth: row.Depth, Failed: row.Failed, Note: q.note}
			if row.Depth > 0 {
				x.Oldest = core.FromMillis(row.Oldest)
			}
			out = append(out, x)
		}
		return nil
	})
	return out, err
}

// deliveries are the notices of one channel that wait.
const deliveries = `SELECT COUNT(*) AS depth, COALESCE(SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) AS failed, COALESCE(MIN(created_at), 0) AS oldest
	FROM alert_deliveries WHERE state = 'waiting' AND channel = ?`

// Lag returns the newest revision, and for revisions when the next one was made.
func (s Operators) Lag(ctx context.Context, revs []uint64) (operator.Lag, error) {
	lag := operator.Lag{Since: map[uint64]time.Time{}}
	err := s.DB.View(ctx, func(db *gorm.DB) error {
		var row struct {
			Rev     uint64
			Lineage string
		}
		if err := db.Raw(`SELECT rev, lineage FROM publisher WHERE id = 1`).Scan(&row).Error; err != nil {
			return err
		}
		lag.Rev, lag.Lineage = row.Rev, row.Lineage
		behind := slices.DeleteFunc(slices.Clone(revs), func(rev uint64) bool { return rev >= row.Rev })
		for part := range slices.Chunk(behind, lagBatch) {
			if err := lagSince(db, part, lag.Since); err != nil {
				return err
			}
		}
		return nil
	})
	return lag, err
}

// lagBatch is how many revisions one query asks for.
const lagBatch = 100

// lagSince adds when the first revision after each of some was made: one step into an
// index for each of them, however far behind it is.
func lagSince(db *gorm.DB, revs []uint64, since map[uint64]time.Time) error {
	asked := strings.TrimPrefix(strings.Repeat(" UNION ALL SELECT CAST(? AS bigint) AS rev", len(revs)), " UNION ALL ")
	args := make([]any, len(revs))
	for i, rev := range revs {
		args[i] = rev
	}
	var rows []struct {
		Rev uint64
		At  int64
	}
	err := db.Raw(`SELECT r.rev, COALESCE((SELECT o.created_at FROM outbox o WHERE o.sent_at > 0 AND o.rev > r.rev ORDER BY o.rev, o.created_at LIMIT 1), 0) AS at
		FROM (`+asked+`) AS r`, args...).Scan(&rows).Error
	for _, r := range rows {
		since[r.Rev] = core.FromMillis(r.At)
	}
	return err
}
