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

// LeftoverStore keeps lines that wait for an invoice.
type LeftoverStore interface {
	// ClaimLeftovers takes, until a time, up to limit organizations that have lines at
	// the provider on no final invoice, the newest of them from before settled.
	ClaimLeftovers(ctx context.Context, now, settled, until time.Time, limit int) ([]Leftover, error)
	// LeftOver notes when the organization's lines are to be looked at again, and has
	// those sent again that are lost. Where fetch is set, its customer is fetched: an
	// invoice has the lines.
	LeftOver(ctx context.Context, l *Leftover, lost []SentLine, next time.Time, fetch bool) error
}

// Leftover is an organization with lines that no final invoice has.
type Leftover struct {
	Organization core.OrganizationID
	Num          uint64
	Customer     string
	// Live: an invoice comes by itself, for there is a subscription.
	Live  bool
	Lines []SentLine // that were sent
	Since time.Time  // when the oldest of them was made
}

// SentLine is an adjustment that was sent to the provider.
type SentLine struct {
	Key   string // of the adjustment
	Again int    // how often it was lost before
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

// leftovers makes invoices of the lines of customers that get none any more, and has
// lines sent again that are gone.
func (s *Settler) leftovers(ctx context.Context) error {
	now := s.Clock()
	due, err := s.Store.ClaimLeftovers(ctx, now, now.Add(-leftoverSettled), now.Add(leftoverClaim), leftoverAtOnce)
	if err != nil {
		return err
	}
	for i := range due {
		l := &due[i]
		lost, next, fetch, err := s.look(ctx, l)
		switch {
		case is(err, ErrorTemporary), is(err, ErrorUnauthorized):
			return err // the claim ends by itself
		case err != nil:
			s.Logger.Error("an invoice of what is left can't be made", "organization", l.Organization, "customer", l.Customer, "error", err)
			next, fetch = leftoverLater, false
		}
		if len(lost) > 0 {
			s.lost.Add(uint64(len(lost)))
			s.Logger.Warn("lines for the next invoice are gone at the payment provider, with a draft or by themselves: they are added again", "organization", l.Organization, "customer", l.Customer, "lines", len(lost))
		}
		if err := s.Store.LeftOver(ctx, l, lost, s.Clock().Add(next), fetch); err != nil {
			return err
		}
	}
	return nil
}

// look asks the provider what has become of a customer's lines. Those that it has no
// more, whether they wait or are on an invoice, were deleted there, with a draft that
// they were on or by themselves: they are lost, and owed all the same. Of what waits for
// an invoice that does not come by itself it makes one, but not before all is back.
func (s *Settler) look(ctx context.Context, l *Leftover) (lost []SentLine, next time.Duration, fetch bool, err error) {
	var items []Item
	var whole bool
	err = attempt(ctx, func() (err error) {
		items, whole, err = s.Items.Items(ctx, l.Customer, l.Since.Add(-clocksApart))
		return err
	})
	if err != nil {
		return nil, 0, false, err
	}
	there := make(map[string]bool, len(items))
	for _, i := range items {
		there[i.Key] = true
	}
	for _, line := range l.Lines {
		if !there[line.Key] {
			lost = append(lost, line)
		}
	}
	switch {
	case len(lost) > 0 && !whole:
		return nil, 0, false, errManyItems
	case len(lost) > 0:
		return lost, leftoverClaim, false, nil
	}
	items = slices.DeleteFunc(items, func(i Item) bool { return i.Invoiced })
	switch {
	case len(items) == 0:
		return nil, leftoverSeen, true, nil
	case l.Live:
		return nil, leftoverLater, false, nil
	}
	next, fetch, err = s.bill(ctx, l, items)
	return nil, next, fetch, err
}

// bill makes an invoice of a customer's lines that wait. A line that an invoice has is
// not among them, whoever made it and whether we know. Less than leftoverLeast waits for more, or for another subscription; what is given
// back is an invoice too, whose sum becomes the customer's credit.
func (s *Settler) bill(ctx context.Context, l *Leftover, items []Item) (next time.Duration, fetch bool, err error) {
	bySubscription := map[string][]Item{}
	for _, i := range items {
		bySubscription[i.Subscription] = append(bySubscription[i.Subscription], i)
	}
	next = leftoverLater
	for _, subscription := range slices.Sorted(maps.Keys(bySubscription)) {
		var cents int64
		var ids []string
		for _, i := range bySubscription[subscription] {
			cents += i.Cents
			ids = append(ids, i.ID)
		}
		if cents > 0 && cents < leftoverLeast {
			continue
		}
		slices.Sort(ids)
		// A refusal is kept for its key: what is tried again later has another one.
		key := fmt.Sprintf("bill:%d:%s:%d", l.Num, digest(strings.Join(ids, "\n"))[:32], s.Clock().Unix()/3600)
		err := attempt(ctx, func() error { return s.Items.Bill(ctx, key, l.Customer, subscription) })
		if err != nil {
			return 0, false, err
		}
		s.bills.Add(1)
		next, fetch = leftoverSeen, true
	}
	return next, fetch, nil
}

// Lost is how many lines were gone at the provider, and were added again.
func (s *Settler) Lost() uint64 { return s.lost.Load() }

// Bills is how many invoices were made of what was left after subscriptions ended.
func (s *Settler) Bills() uint64 { return s.bills.Load() }
