package operator

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Queue is work that waits. Oldest is zero where nothing does.
type Queue struct {
	Name   string
	Depth  int64
	Failed int64 // of those, how many were tried and failed
	Oldest time.Time
	// Note says what the numbers are of, for people.
	Note string
}

// Names of queues in the database; those of streams are the streams' own.
const (
	QueueOutbox    = "outbox"
	QueueRefused   = "publish_failures"
	QueueMails     = "mails"
	QueueAlerts    = "alerts"
	QueueMailed    = "alert_mails"
	QueueWebhooks  = "alert_webhooks"
	QueueHooks     = "webhooks"
	QueueTelemetry = "telemetry"
	QueueUnsealed  = "usage_unsealed"
	QueueFolding   = "billing_hours"
	QueueSyncs     = "stripe_syncs"
	QueueCredits   = "stripe_credits"
	QueueLate      = "stripe_adjustments"
	QueueParked    = "stripe_parked"
	QueueDiffers   = "stripe_usage"
)

// Queues returns everything that may wait, in the database and in Redis. What can't
// be read at the moment is left out, and named.
func (s *Service) Queues(ctx context.Context) (all []Queue, away []string, err error) {
	if all, err = s.store.Queues(ctx, s.clock()); err != nil {
		return nil, nil, err
	}
	streams, err := s.commander.Streams(ctx)
	if err != nil && core.CodeOf(err) != core.CodeUnavailable {
		return nil, nil, err
	}
	if err != nil {
		away = append(away, "redis")
	}
	for _, x := range streams {
		all = append(all, Queue{Name: x.Name, Depth: x.Length, Failed: x.Pending, Oldest: x.Oldest, Note: "entries that edges have sent; those that are read, but not applied yet"})
	}
	return all, away, nil
}
