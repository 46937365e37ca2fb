package billing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Rate is what a plan's requests cost from an hour on. Who began to pay before pays
// the older one until the period's end.
type Rate struct {
	Plan uint32
	Name string
	From int64 // hour
	Price
}

// Rates are the rates that there were, in the order of plans and hours.
type Rates []Rate

// At is the rate of a plan in a period that begins at an hour: the newest that was
// there then, or the first.
func (r Rates) At(plan uint32, hour int64) (found Rate, ok bool) {
	for _, rate := range r {
		if rate.Plan == plan && (!ok || rate.From <= hour) {
			found, ok = rate, true
		}
	}
	return found, ok
}

// price is what a plan's requests cost in a period that begins at an hour; what the plan
// says where no rate is known.
func (r Rates) price(p *Plan, hour int64) Price {
	if rate, ok := r.At(p.Num, hour); ok {
		return rate.Price
	}
	return PriceOf(p)
}

// Settlement is one ended period of an organization: what the ledger has of it now,
// and what was billed for it. By plan's name.
type Settlement struct {
	Organization core.OrganizationID
	Num          uint64
	Currency     string
	Period       Period
	Since        int64 // hour of the first subscription: nothing before it is billed
	Sums         []Sum // of the hours since then
	Rates        Rates
	Invoiced     map[string]int64 // cents of usage lines of invoices that are no drafts
	Adjusted     map[string]int64 // cents of earlier adjustments
}

// Adjustment is a line that the next invoice gets for a period that was invoiced.
type Adjustment struct {
	// Key is the same for the same adjustment, whoever computes it.
	Key          string
	Organization core.OrganizationID
	Num          uint64
	Kind         string // LineLateUsage or LineUsageCorrection
	Plan         string
	Period       Period
	Total        int64 // what the ledger had
	Cents        int64
	Currency     string
	Description  string
	Attempts     int
	CreatedAt    time.Time
}

// Judge holds a settlement's plans against what they cost, and returns what is to
// be billed or given back.
func (s *Settlement) Judge() (out []Adjustment) {
	totals := map[string]int64{}
	owed := map[string]int64{}
	for _, sum := range s.Sums {
		if rate, ok := s.Rates.At(sum.Plan, max(s.Period.Start, s.Since)); ok {
			totals[rate.Name], owed[rate.Name] = sum.Total, rate.Amount(sum.Total)
		}
	}
	var plans []string
	for _, of := range []map[string]int64{owed, s.Invoiced, s.Adjusted} {
		for plan := range of {
			plans = append(plans, plan)
		}
	}
	slices.Sort(plans)
	for _, plan := range slices.Compact(plans) {
		cents := owed[plan] - s.Invoiced[plan] - s.Adjusted[plan]
		if cents == 0 {
			continue
		}
		a := Adjustment{
			Key:          fmt.Sprintf("late:%d:%s:%d:%d", s.Num, plan, s.Period.Start, totals[plan]),
			Organization: s.Organization, Num: s.Num, Kind: LineLateUsage, Plan: plan, Period: s.Period, Total: totals[plan], Cents: cents, Currency: s.Currency,
			Description: fmt.Sprintf("Requests on plan %s that were counted after the invoice of %s", plan, s.Period),
		}
		if cents < 0 {
			a.Key = fmt.Sprintf("correction:%d:%s:%d:%d:%d", s.Num, plan, s.Period.Start, totals[plan], cents)
			a.Kind, a.Description = LineUsageCorrection, fmt.Sprintf("Requests on plan %s that were billed too much for %s", plan, s.Period)
		}
		out = append(out, a)
	}
	return out
}

// String is the period's days, as people say them: the last one is in it.
func (p Period) String() string {
	const day = "2 January 2006"
	return TimeOf(p.Start).Format(day) + " to " + TimeOf(p.End-1).Format(day)
}

// SettlementStore keeps what became of periods that were invoiced.
type SettlementStore interface {
	// PutRates stores plans' rates from an hour on, where they differ from the
	// newest that are there.
	PutRates(ctx context.Context, rates []Rate, hour int64) error
	// Settle judges, in one transaction each time, up to limit periods that have
	// ended and were invoiced, and whose ledger moved or whose invoice is new. The
	// adjustments are stored; one with a key that is there is not stored again. It
	// returns how much work it took, and what was stored.
	Settle(ctx context.Context, now time.Time, limit int, judge func(*Settlement) []Adjustment) (n int, stored []Adjustment, err error)
	// ClaimAdjustments takes adjustments that are to be sent, until a time.
	ClaimAdjustments(ctx context.Context, now, until time.Time, limit int) ([]AdjustmentTo, error)
	// Sent notes that an adjustment is the provider's item, or when it is tried
	// again since it is not; nothing where somebody else has taken it meanwhile.
	Sent(ctx context.Context, a *AdjustmentTo, item string, next time.Time, problem error) error
	LeftoverStore
}

// AdjustmentTo is an adjustment with whom it goes to.
type AdjustmentTo struct {
	Adjustment
	Customer     string
	Subscription string // empty: it has no live one
	// Line says that an invoice has the adjustment's line already.
	Line bool
	// Again is how often its line was lost at the provider.
	Again int
	Fence uint64 // rises with each claim
}

// Settler bills what is counted after its invoice, and gives back what was billed
// too much: as lines of the next invoice, and of one of their own where no next one
// comes.
type Settler struct {
	Store SettlementStore
	Plans *Plans
	// Items is the provider; nil: adjustments wait.
	Items interface {
		AddItem(ctx context.Context, key string, in ItemInput) (id string, err error)
		Items(ctx context.Context, customer string, since time.Time) (all []Item, whole bool, err error)
		Bill(ctx context.Context, key, customer, subscription string) error
	}
	Clock  core.Clock
	Logger *slog.Logger

	corrections, bills, lost atomic.Uint64
}

// Bounds of a turn.
const (
	settleAtOnce = 20
	sendAtOnce   = 20
	sendClaim    = 5 * time.Minute
	sendTime     = 2 * time.Minute // of one; what can't be begun in time is left to the next turn
	sendRetry    = time.Minute
	sendPatient  = 6 * time.Hour
	// clocksApart is how far the provider's clock may be behind ours.
	clocksApart = time.Hour
	// keyTime is how long the provider knows an idempotency key for certain, less
	// a margin: afterwards it is looked for what was sent.
	keyTime = 23 * time.Hour
)

// Begin notes what plans cost now. The worker calls it when it starts.
func (s *Settler) Begin(ctx context.Context) error {
	var rates []Rate
	for _, p := range s.Plans.List() {
		rates = append(rates, Rate{Plan: p.Num, Name: p.Name, Price: PriceOf(&p)})
	}
	return s.Store.PutRates(ctx, rates, HourOf(s.Clock()))
}

// Run settles what is due, and sends what came of it.
func (s *Settler) Run(ctx context.Context) error {
	for {
		n, stored, err := s.Store.Settle(ctx, s.Clock(), settleAtOnce, (*Settlement).Judge)
		if err != nil {
			return err
		}
		for i := range stored {
			if a := &stored[i]; a.Kind == LineUsageCorrection {
				s.corrections.Add(1)
				s.Logger.Error("more was billed than the ledger has: it is given back", "organization", a.Organization, "plan", a.Plan, "period_start", TimeOf(a.Period.Start), "cents", a.Cents)
			}
		}
		if n < settleAtOnce {
			break
		}
	}
	if s.Items == nil {
		return nil
	}
	now := s.Clock()
	due, err := s.Store.ClaimAdjustments(ctx, now, now.Add(sendClaim), sendAtOnce)
	if err != nil {
		return err
	}
	for i := range due {
		if s.Clock().After(now.Add(sendClaim - sendTime)) {
			break
		}
		if err := s.send(ctx, &due[i]); err != nil {
			return err
		}
	}
	return s.leftovers(ctx)
}

// Corrections is how often more had been billed than the ledger has.
func (s *Settler) Corrections() uint64 { return s.corrections.Load() }

// send adds one adjustment to the customer's next invoice, once.
func (s *Settler) send(ctx context.Context, a *AdjustmentTo) error {
	item, err := s.add(ctx, a)
	if err == nil {
		return s.Store.Sent(ctx, a, item, time.Time{}, nil)
	}
	wait := min(sendRetry<<min(a.Attempts, 10), sendPatient)
	var e *ProviderError
	if errors.As(err, &e) {
		wait = max(wait, e.RetryAfter)
	}
	s.Logger.Warn("a line for the next invoice can't be added now; it is tried again", "organization", a.Organization, "key", a.Key, "error", err)
	return s.Store.Sent(context.WithoutCancel(ctx), a, "", s.Clock().Add(wait), err)
}

// errManyItems: whether the provider has a line can't be told.
var errManyItems = errors.New("billing: the customer has more items than are read")

func (s *Settler) add(ctx context.Context, a *AdjustmentTo) (item string, err error) {
	if a.Line {
		return "invoiced", nil
	}
	key := a.Key
	if a.Again > 0 { // under the old one the provider answers with the item that is gone
		key = fmt.Sprintf("%s:again:%d", a.Key, a.Again)
	}
	// Also where no attempt is noted: whoever made it may have died before it could.
	if a.Again > 0 || s.Clock().Sub(a.CreatedAt) > keyTime {
		there, whole, err := s.Items.Items(ctx, a.Customer, a.CreatedAt.Add(-clocksApart))
		if err != nil {
			return "", err
		}
		for _, i := range there {
			if i.Key == a.Key {
				return i.ID, nil
			}
		}
		if !whole {
			return "", errManyItems
		}
	}
	id, err := s.Items.AddItem(ctx, key, ItemInput{
		Key: a.Key, Customer: a.Customer, Subscription: a.Subscription, Currency: a.Currency, Kind: a.Kind, Plan: a.Plan, Cents: a.Cents,
		Description: a.Description, PeriodStart: TimeOf(a.Period.Start), PeriodEnd: TimeOf(a.Period.End),
	})
	return cmp.Or(id, "sent"), err
}
