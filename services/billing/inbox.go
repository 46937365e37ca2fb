package billing

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Causes of marks.
const (
	causeEvent   = "event"
	causeRequest = "request"
)

// CauseHeal is the cause of marks that nobody waits for: the hourly look's. Customers
// that are due for another cause are fetched first.
const CauseHeal = "heal"

// Why events are ignored.
const (
	ignoredMode    = "mode"
	ignoredAccount = "account"
	ignoredNobody  = "nobody" // it names no customer
	ignoredUnknown = "unknown customer"
)

// Webhook takes a raw webhook with its signature. A new event is noted and marks
// its customer in one transaction; nothing else comes of it.
func (s *Service) Webhook(ctx context.Context, body []byte, signature string) error {
	if s.provider == nil {
		return errNoPayment()
	}
	e, err := s.provider.Event(body, signature, s.clock())
	if err != nil {
		s.counts.forged.Add(1)
		return core.Wrap(core.CodeBadRequest, err, "the webhook is not signed by the payment provider, or was long ago")
	}
	fresh, ignored, err := s.take(ctx, &e, causeEvent)
	if err != nil {
		return err
	}
	switch {
	case !fresh:
		s.counts.known.Add(1)
	case ignored == ignoredMode || ignored == ignoredAccount:
		s.counts.ignored.Add(1)
		s.counts.alarms.Add(1)
		s.log.Error("a webhook of another mode or account of the payment provider came in: its endpoint is set up wrongly", "event", e.ID, "type", e.Type, "why", ignored)
	case ignored != "":
		s.counts.ignored.Add(1)
	default:
		s.counts.events.Add(1)
	}
	return nil
}

// take notes an event and marks its customer, and says whether it was new and why
// it was ignored. The customer is found by the id that we stored and by nothing
// that the event says of an organization.
func (s *Service) take(ctx context.Context, e *Event, cause string) (fresh bool, ignored string, err error) {
	err = s.store.Tx(ctx, func(tx Tx) error {
		fresh, ignored = false, ""
		var org core.OrganizationID
		switch {
		case e.Livemode != s.live:
			ignored = ignoredMode
		case e.Account != "":
			ignored = ignoredAccount
		case e.Customer == "":
			ignored = ignoredNobody
		default:
			if org, err = tx.FindCustomer(ctx, e.Customer); err != nil {
				return err
			}
			if org == "" {
				ignored = ignoredUnknown
			}
		}
		if fresh, err = tx.AddEvent(ctx, e, ignored); err != nil || !fresh || ignored != "" {
			return err
		}
		return tx.Mark(ctx, org, e.Customer, cause, s.clock())
	})
	return fresh, ignored, err
}

// eventsKept is longer than the provider sends an event again.
const eventsKept = 60 * 24 * time.Hour
