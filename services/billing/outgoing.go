package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Kinds of what goes out to the provider.
const (
	OutgoingCredit   = "credit"   // an operator's
	OutgoingLine     = "line"     // an adjustment
	OutgoingUsage    = "usage"    // hours of an organization
	OutgoingParked   = "parked"   // hours of one of its plans, which the provider does not take
	OutgoingCustomer = "customer" // a customer that is to be fetched
)

// Outgoing is something that is to go to the provider: every credit and line that it does
// not have, and what else was tried and failed.
type Outgoing struct {
	ID           string // "<kind>:<what the kind calls it>"
	Kind         string
	Organization core.OrganizationID
	Name         string // the organization's
	Customer     string // empty: it waits for one
	Cents        int64  // of credits and lines
	Currency     string
	Text         string // why, for whoever reads it
	Actor        string // who gave a credit
	Tries        int
	LastError    string
	NextAt       time.Time
	Since        time.Time // zero: not known
	Fence        uint64    // of credits and lines: rises with each claim
	// ClaimedUntil is until when somebody sends it; zero: nobody does.
	ClaimedUntil time.Time
}

// Droppable says that it may be let go: a favour, or a bill that nobody is to pay. What
// was used is told, and customers are fetched, as long as they are there.
func (o *Outgoing) Droppable() bool { return o.Kind == OutgoingCredit || o.Kind == OutgoingLine }

// key is what the provider knows it by.
func (o *Outgoing) key() string {
	if o.Kind == OutgoingCredit {
		return o.ID // as give has it
	}
	_, key, _ := strings.Cut(o.ID, ":")
	return key
}

// OutgoingStore keeps what goes out.
type OutgoingStore interface {
	// Outgoing lists, in the order of their ids after one of them, what is to go out of
	// an organization, or of all where that is empty.
	Outgoing(ctx context.Context, org core.OrganizationID, after string, limit int) ([]Outgoing, error)
	// FindOutgoing finds one, of whichever organization.
	FindOutgoing(ctx context.Context, id string) (Outgoing, error)
	// TakeOutgoing claims a credit or line until a time, for whoever asks. Nobody sends
	// it meanwhile. One that somebody has is core.CodeConflict, one that does not wait
	// any more core.CodeNotFound.
	TakeOutgoing(ctx context.Context, id string, now, until time.Time) (Outgoing, error)
	// PutBackOutgoing ends a claim that is still held: it is as it was before.
	PutBackOutgoing(ctx context.Context, o *Outgoing) error
	// OutgoingSent ends a claim that is still held of what the provider has.
	OutgoingSent(ctx context.Context, o *Outgoing) error
}

// OutgoingTx changes what goes out. Both methods answer core.CodeNotFound for what
// is another organization's.
type OutgoingTx interface {
	// DropOutgoing lets go of what is claimed; core.CodeConflict when the claim is over.
	DropOutgoing(ctx context.Context, org core.OrganizationID, o *Outgoing) error
	// RetryOutgoing makes it due; core.CodeConflict while somebody sends it.
	RetryOutgoing(ctx context.Context, org core.OrganizationID, o *Outgoing, now time.Time) error
}

// Outgoing returns a page of what is to go to the provider, of one organization or of all
// where that is empty.
func (s *Service) Outgoing(ctx context.Context, org core.OrganizationID, page core.Page) (core.List[Outgoing], error) {
	limit, after, err := page.After()
	if err != nil {
		return core.List[Outgoing]{}, err
	}
	items, err := s.store.Outgoing(ctx, org, after, limit+1)
	if err != nil {
		return core.List[Outgoing]{}, err
	}
	for i := range items {
		s.describe(&items[i])
	}
	return core.NextPage(items, limit, func(o Outgoing) string { return o.ID }), nil
}

// describe adds what the rows do not have.
func (s *Service) describe(o *Outgoing) {
	switch o.Kind {
	case OutgoingCredit:
		o.Currency = s.currency()
	case OutgoingUsage:
		o.Text = "Requests of the hours that have ended"
	case OutgoingParked:
		name := "plan " + o.Text
		for _, p := range s.plans.list {
			if fmt.Sprint(p.Num) == o.Text {
				name = "plan " + p.Name
			}
		}
		o.Text = "Requests on " + name
	case OutgoingCustomer:
		o.Text = "The customer's subscription and invoices"
	}
}

// checkReason names what is wrong with an operator's reason.
func checkReason(reason string) error {
	var errs contract.FieldErrors
	switch {
	case strings.TrimSpace(reason) == "":
		errs.Add("/reason", "must not be empty")
	case utf8.RuneCountInString(reason) > 500:
		errs.Add("/reason", "must be at most 500 characters")
	}
	return core.Invalid(errs.Err())
}

const (
	// outgoingLease is how long an operator's drop has: longer than asking the provider
	// takes.
	outgoingLease = 2 * time.Minute
	outgoingAsk   = 30 * time.Second
)

// DropOutgoing lets a credit or a line go for good, with an operator's reason. What the
// provider has is core.CodeConflict, and noted as sent: a try may have come through
// without our knowing.
func (s *Service) DropOutgoing(ctx context.Context, id, reason string) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	o, err := s.store.FindOutgoing(ctx, id)
	if err != nil {
		return err
	}
	if !o.Droppable() {
		return core.Errorf(core.CodeConflict, "only credits and lines can be dropped: the provider is told of what was used, and asked for customers, until it answers")
	}
	now := s.clock()
	if o, err = s.store.TakeOutgoing(ctx, id, now, now.Add(outgoingLease)); err != nil {
		return err
	}
	if err := s.drop(ctx, &o, reason); err != nil {
		back, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(err, s.store.PutBackOutgoing(back, &o))
	}
	return nil
}

func (s *Service) drop(ctx context.Context, o *Outgoing, reason string) error {
	if o.Customer != "" && s.provider != nil {
		within, cancel := context.WithTimeout(ctx, outgoingAsk)
		defer cancel()
		there, err := s.provided(within, o)
		if err != nil {
			return s.refused(err)
		}
		if there {
			if err := s.store.OutgoingSent(ctx, o); err != nil {
				return err
			}
			return core.Errorf(core.CodeConflict, "the payment provider has it already, so there is nothing to drop: give a credit of the opposite amount")
		}
	}
	return s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.DropOutgoing(ctx, o.Organization, o); err != nil {
			return err
		}
		return tx.Record(ctx, o.Organization, o.change("outgoing.drop", reason))
	})
}

// provided asks the provider whether it has a credit or a line.
func (s *Service) provided(ctx context.Context, o *Outgoing) (bool, error) {
	if o.Kind == OutgoingCredit {
		given, err := s.provider.Credits(ctx, o.Customer, o.Since.Add(-time.Minute))
		if is(err, ErrorNotFound) {
			return false, nil // there is no such customer any more
		}
		return slices.Contains(given, o.key()), err
	}
	items, whole, err := s.provider.Items(ctx, o.Customer, o.Since.Add(-clocksApart))
	there := slices.ContainsFunc(items, func(i Item) bool { return i.Key == o.key() })
	switch {
	case is(err, ErrorNotFound):
		return false, nil
	case err == nil && !there && !whole:
		err = core.Errorf(core.CodeConflict, "the customer has too many items at the payment provider to tell whether this is one of them")
	}
	return there, err
}

// RetryOutgoing makes something due now, with an operator's reason.
func (s *Service) RetryOutgoing(ctx context.Context, id, reason string) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	o, err := s.store.FindOutgoing(ctx, id)
	switch {
	case err != nil:
		return err
	case s.provider == nil:
		return errNoPayment()
	case o.Customer == "":
		return core.Errorf(core.CodeConflict, "it waits until the organization is a customer of the payment provider")
	}
	now := s.clock()
	return s.store.Tx(ctx, func(tx Tx) error {
		if err := tx.RetryOutgoing(ctx, o.Organization, &o, now); err != nil {
			return err
		}
		return tx.Record(ctx, o.Organization, o.change("outgoing.retry", reason))
	})
}

// change is the audit line of what an operator did to it.
func (o *Outgoing) change(action, reason string) core.Change {
	detail := map[string]any{"kind": o.Kind, "tries": o.Tries, "reason": reason}
	if o.Droppable() {
		detail["cents"] = o.Cents
	}
	return core.Change{Action: action, ResourceType: "outgoing", ResourceID: o.ID, ResourceName: o.Name, Detail: detail}
}
