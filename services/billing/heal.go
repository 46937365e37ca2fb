package billing

import (
	"context"
	"hash/fnv"
	"time"
)

const (
	healJob   = "heal"
	healEvery = time.Hour
	healLease = 10 * time.Minute // and when one that failed is tried again
	// overlap is how far back events are listed beyond where the last look ended:
	// they come up late.
	overlap   = 2 * time.Hour
	healBatch = 200
)

// Heal repairs once an hour what webhooks have lost: events that were not seen
// mark their customers, and every other customer is marked for an hour after it was
// fetched last. It returns whether it was its turn.
func (s *Service) Heal(ctx context.Context) (bool, error) {
	if s.provider == nil {
		return false, nil
	}
	now := s.clock()
	place, mine, err := s.store.TakeJob(ctx, healJob, now, now.Add(healLease))
	if err != nil || !mine {
		return false, err
	}
	if err := s.heal(ctx, now, place); err != nil {
		return true, err
	}
	return true, s.store.KeepJob(ctx, healJob, now.Format(time.RFC3339), now.Add(healEvery))
}

func (s *Service) heal(ctx context.Context, now time.Time, place string) error {
	since := now.Add(-24 * time.Hour)
	if last, err := time.Parse(time.RFC3339, place); err == nil {
		since = last.Add(-overlap)
	}
	if month := now.AddDate(0, 0, -29); since.Before(month) {
		since = month // events are kept for 30 days
	}
	var events []Event
	err := attempt(ctx, func() (err error) {
		events, err = s.provider.Events(ctx, since)
		return err
	})
	if err != nil {
		return err
	}
	for i := range events {
		if _, _, err := s.take(ctx, &events[i], CauseHeal); err != nil {
			return err
		}
	}
	if err := s.markStale(ctx, now); err != nil {
		return err
	}
	return s.store.TrimEvents(ctx, now.Add(-eventsKept))
}

// markStale marks customers that nothing else does: each for an hour after it was
// fetched last, or, where that hour is over, for a time of its own within the next.
// All at once they would keep the provider's calls to themselves for minutes.
func (s *Service) markStale(ctx context.Context, now time.Time) error {
	for after := ""; ; {
		stale, err := s.store.Stale(ctx, now, after, healBatch)
		if err != nil || len(stale) == 0 {
			return err
		}
		err = s.store.Tx(ctx, func(tx Tx) error {
			for _, c := range stale {
				if err := tx.Mark(ctx, c.Organization, c.Customer, CauseHeal, c.stale(now)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = stale[len(stale)-1].Customer
	}
}

// stale is when a customer is to be fetched that nothing has told of.
func (c *Claim) stale(now time.Time) time.Time {
	if due := c.SyncedAt.Add(healEvery); due.After(now) {
		return due
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.Customer))
	return now.Add(time.Duration(h.Sum32()%uint32(healEvery/time.Second)) * time.Second)
}
