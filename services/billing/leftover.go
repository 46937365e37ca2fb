package billing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// LeftoverStore keeps lines that wait for an invoice which does not come by itself.
type LeftoverStore interface {
	// ClaimLeftovers takes, until a time, up to limit organizations without a live
	// subscription that have lines at the provider on no invoice, the newest of them
	// from before settled.
	ClaimLeftovers(ctx context.Context, now, settled, until time.Time, limit int) ([]Leftover, error)
	// LeftOver notes when the organization's lines are to be looked at again. Where
	// fetch is set, its customer is fetched: an invoice has the lines.
	LeftOver(ctx context.Context, l *Leftover, next time.Time, fetch bool) error
}

// Leftover is an organization whose subscription ended before all was billed.
type Leftover struct {
	Organization core.OrganizationID
	Num          uint64
	Customer     string
}

const (
	// leftoverSettled is how old lines must be: usage that comes late comes in parts.
	leftoverSettled = time.Hour
	leftoverAtOnce  = 10
	leftoverClaim   = 10 * time.Minute // and when one is tried again that failed
	leftoverSeen    = time.Hour        // by then its invoice has been fetched
	leftoverLater   = 24 * time.Hour   // nothing can be done today
	// leftoverLeast are the cents from which on an invoice is made: the provider
	// charges no card for less.
	leftoverLeast = 50
)

// leftovers makes invoices of the lines of customers that get none any more.
func (s *Settler) leftovers(ctx context.Context) error {
	now := s.Clock()
	due, err := s.Store.ClaimLeftovers(ctx, now, now.Add(-leftoverSettled), now.Add(leftoverClaim), leftoverAtOnce)
	if err != nil {
		return err
	}
	for i := range due {
		l := &due[i]
		next, fetch, err := s.bill(ctx, l)
		switch {
		case is(err, ErrorTemporary), is(err, ErrorUnauthorized):
			return err // the claim ends by itself
		case err != nil:
			s.Logger.Error("an invoice of what is left can't be made", "organization", l.Organization, "customer", l.Customer, "error", err)
			next, fetch = leftoverLater, false
		}
		if err := s.Store.LeftOver(ctx, l, s.Clock().Add(next), fetch); err != nil {
			return err
		}
	}
	return nil
}

// bill makes an invoice of a customer's lines. What they are is asked of the provider:
// a line that an invoice has is no longer there, whoever made it and whether we know.
// Less than leftoverLeast waits for more, or for another subscription; what is given
// back is an invoice too, whose sum becomes the customer's credit.
func (s *Settler) bill(ctx context.Context, l *Leftover) (next time.Duration, fetch bool, err error) {
	var items []Item
	err = attempt(ctx, func() (err error) {
		items, err = s.Items.Items(ctx, l.Customer)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	items = slices.DeleteFunc(items, func(i Item) bool { return i.Invoiced })
	if len(items) == 0 {
		return leftoverSeen, true, nil
	}
	bySubscription := map[string][]Item{}
	for _, i := range items {
		bySubscription[i.Subscription] = append(bySubscription[i.Subscription], i)
	}
	next = leftoverLater
	for _, subscription := range slices.Sorted(maps.Keys(bySubscription)) {
		var cents int64
		var keys []string
		for _, i := range bySubscription[subscription] {
			cents += i.Cents
			keys = append(keys, i.Key)
		}
		if cents > 0 && cents < leftoverLeast {
			continue
		}
		slices.Sort(keys)
		// A refusal is kept for its key: what is tried again later has another one.
		key := fmt.Sprintf("bill:%d:%s:%d", l.Num, digest(strings.Join(keys, "\n"))[:32], s.Clock().Unix()/3600)
		err := attempt(ctx, func() error { return s.Items.Bill(ctx, key, l.Customer, subscription) })
		if err != nil {
			return 0, false, err
		}
		s.bills.Add(1)
		next, fetch = leftoverSeen, true
	}
	return next, fetch, nil
}

// Bills is how many invoices were made of what was left after subscriptions ended.
func (s *Settler) Bills() uint64 { return s.bills.Load() }
