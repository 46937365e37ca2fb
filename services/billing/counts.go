package billing

import (
	"context"
	"sync/atomic"
)

// tally is what happened in this process.
type tally struct {
	events, known, ignored, forged      atomic.Uint64
	synced, changed, failed, lost       atomic.Uint64
	healed, duplicates, alarms, credits atomic.Uint64
}

// Stats are what happened in this process since it started.
type Stats struct {
	// Webhooks: that left a mark, that were known already, of another mode or
	// account or of a stranger, and not signed.
	Events, Known, Ignored, Forged uint64
	// Customers: fetched, of which something had changed, that could not be fetched,
	// and whose state somebody else had fetched meanwhile.
	Synced, Changed, Failed, Lost uint64
	// Healed counts changes that no webhook had told of.
	Healed uint64
	// Duplicates counts second subscriptions that were ended.
	Duplicates uint64
	// Alarms counts what an operator has to look at; each is an error in the log.
	Alarms  uint64
	Credits uint64 // given
}

// Stats are the counts of this process.
func (s *Service) Stats() Stats {
	c := &s.counts
	return Stats{
		Events: c.events.Load(), Known: c.known.Load(), Ignored: c.ignored.Load(), Forged: c.forged.Load(),
		Synced: c.synced.Load(), Changed: c.changed.Load(), Failed: c.failed.Load(), Lost: c.lost.Load(),
		Healed: c.healed.Load(), Duplicates: c.duplicates.Load(), Alarms: c.alarms.Load(), Credits: c.credits.Load(),
	}
}

// Queues are what waits for the provider.
func (s *Service) Queues(ctx context.Context) (Waiting, error) {
	return s.store.Waiting(ctx, s.clock())
}
