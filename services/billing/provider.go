package billing

import (
	"context"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Provider takes payments. Every method that changes something takes a key under
// which a repetition is the same change; an error is a *ProviderError.
type Provider interface {
	Shop
	Subscriptions
	UsageTaker
	Hints
}

// Shop is what a customer meets.
type Shop interface {
	// Catalogue makes sure that products, prices and meters of the paid plans are
	// there, and returns their ids. It is idempotent.
	Catalogue(ctx context.Context, plans []Plan) (Catalogue, error)
	// Customer makes a customer.
	Customer(ctx context.Context, key string, in CustomerInput) (id string, err error)
	// Checkout makes a page on which the customer subscribes.
	Checkout(ctx context.Context, key string, in CheckoutInput) (url string, err error)
	// Portal makes a page on which the customer keeps cards and addresses.
	Portal(ctx context.Context, customer, returnURL string) (url string, err error)
}

// Subscriptions is what a customer has.
type Subscriptions interface {
	// Account fetches the customer with subscriptions of every status.
	Account(ctx context.Context, customer string) (Account, error)
	// Invoices fetches the customer's invoices made since a time, the newest first,
	// with all their lines. Whole is false where a long list was cut off.
	Invoices(ctx context.Context, customer string, since time.Time) (all []Invoice, whole bool, err error)
	// Change changes a subscription. One that is paid for now and can't be is
	// Refused, and nothing has changed.
	Change(ctx context.Context, key, subscription string, c Change) error
	// Preview says what a Change would cost.
	Preview(ctx context.Context, customer, subscription string, c Change) (Preview, error)
	// AddItem adds an item to the customer's next invoice. ItemInput.Key stands in it.
	AddItem(ctx context.Context, key string, in ItemInput) (id string, err error)
	// Items are the items of AddItem made since a time, the newest first, whether they
	// wait for an invoice or are on one. Whole is false where a long list was cut off.
	Items(ctx context.Context, customer string, since time.Time) (all []Item, whole bool, err error)
	// Bill makes an invoice of the items that wait and are of a subscription, or of
	// none where that is empty, and has it collected. Where none waits it may fail, or
	// make an invoice of nothing.
	Bill(ctx context.Context, key, customer, subscription string) error
	// Credit lowers what the customer's next invoices charge by so many cents.
	Credit(ctx context.Context, key, customer string, cents int64, currency, why string) (id string, err error)
	// Credits are the keys of the credits that were given since a time.
	Credits(ctx context.Context, customer string, since time.Time) (keys []string, err error)
}

// UsageTaker takes hourly totals.
type UsageTaker interface {
	// PostUsage sets an hour's total. The newest one counts.
	PostUsage(ctx context.Context, u HourTotal) error
	// UsageTotals is what the provider counts for a customer on a meter (its id) in
	// [from, to), both whole hours. It may lag behind what was posted. Where there are
	// no meters the error is ErrorInvalid.
	UsageTotals(ctx context.Context, customer, meter string, from, to time.Time) (int64, error)
	// UsageHours is the same by hour (HourOf), those left out of which nothing counts.
	UsageHours(ctx context.Context, customer, meter string, from, to time.Time) (map[int64]int64, error)
}

// Hints tell that something has changed at the provider.
type Hints interface {
	// Events lists events since a time, the oldest first.
	Events(ctx context.Context, since time.Time) ([]Event, error)
	// Event verifies a webhook's raw body by its signature and reads it.
	Event(body []byte, signature string, now time.Time) (Event, error)
}

// Catalogue are the provider's ids of what can be bought.
type Catalogue struct {
	Livemode bool
	Plans    map[string]CataloguePlan // by plan's name, the paid ones
}

// CataloguePlan are the ids of one paid plan. Those of usage are empty for one
// without overage.
type CataloguePlan struct {
	Base  string // price of the month
	Usage string // price of requests beyond the included ones
	Meter string // id of what counts them
	Event string // name that totals are posted under
}

// CustomerInput makes a customer.
type CustomerInput struct {
	Organization core.OrganizationID
	Name         string
	Email        string
}

// CheckoutInput makes a checkout page.
type CheckoutInput struct {
	Organization core.OrganizationID
	Customer     string
	Base         string   // price
	Usage        []string // prices, of every metered plan
	// Anchor is when the first whole month begins; until then the price is pro-rated.
	Anchor     time.Time
	Expires    time.Time
	SuccessURL string
	CancelURL  string
}

// Account is a customer as the provider knows it.
type Account struct {
	Customer string
	// Deleted: there is no such customer any more.
	Deleted bool
	// CreditCents lower the next invoices; negative: a debt is added to them.
	CreditCents   int64
	Subscriptions []Subscription // of every status, the oldest first
}

// Statuses of subscriptions at the provider.
const (
	SubscriptionIncomplete        = "incomplete" // its first invoice was never paid
	SubscriptionIncompleteExpired = "incomplete_expired"
	SubscriptionTrialing          = "trialing"
	SubscriptionActive            = "active"
	SubscriptionPastDue           = "past_due"
	SubscriptionUnpaid            = "unpaid"
	SubscriptionPaused            = "paused"
	SubscriptionCanceled          = "canceled"
)

// Subscription is one subscription of a customer.
type Subscription struct {
	ID          string
	Status      string
	Created     time.Time
	PeriodStart time.Time // of the month that has been invoiced
	PeriodEnd   time.Time
	Anchor      time.Time // whose day months begin on
	CancelAtEnd bool
	EndedAt     time.Time
	Items       []SubscriptionItem
}

// Live says that the subscription is one: it was paid for once and has not ended.
func (s *Subscription) Live() bool {
	switch s.Status {
	case SubscriptionActive, SubscriptionTrialing, SubscriptionPastDue, SubscriptionUnpaid, SubscriptionPaused:
		return true
	}
	return false
}

// Kinds of a subscription's items.
const (
	ItemBase  = "base"
	ItemUsage = "usage"
)

// SubscriptionItem is one price of a subscription. Plan and Kind are empty for
// one that is not of our catalogue.
type SubscriptionItem struct {
	ID    string
	Price string
	Plan  string
	Kind  string // ItemBase or ItemUsage
}

// Item returns the subscription's item of a kind; for ItemUsage of a plan.
func (s *Subscription) Item(kind, plan string) (SubscriptionItem, bool) {
	for _, i := range s.Items {
		if i.Kind == kind && (plan == "" || i.Plan == plan) {
			return i, true
		}
	}
	return SubscriptionItem{}, false
}

// Statuses of invoices at the provider.
const (
	InvoiceDraft         = "draft"
	InvoiceOpen          = "open"
	InvoicePaid          = "paid"
	InvoiceUncollectible = "uncollectible"
	InvoiceVoid          = "void"
)

// Invoice is one invoice. Money is cents of Currency; a zero time is not known.
type Invoice struct {
	ID           string
	Number       string
	Status       string
	Currency     string
	Subscription string
	// Reason is why it was made: subscription_create, subscription_cycle,
	// subscription_update, manual …
	Reason string
	// PeriodStart and PeriodEnd bound what usage lines are of: the month before the
	// one whose base is charged.
	PeriodStart time.Time
	PeriodEnd   time.Time
	Created     time.Time
	FinalizedAt time.Time
	PaidAt      time.Time
	DueAt       time.Time
	Subtotal    int64
	Tax         int64
	Total       int64
	AmountDue   int64
	AmountPaid  int64
	HostedURL   string
	PDFURL      string
	Attempts    int
	NextAttempt time.Time
	// UpdatedAt is when it was last seen to have changed; zero from the provider.
	UpdatedAt time.Time
	Lines     []Line
}

// Unpaid says that the invoice is finalized and money is owed for it. One that
// was given up is owed until it is voided.
func (i *Invoice) Unpaid() bool {
	return (i.Status == InvoiceOpen || i.Status == InvoiceUncollectible) && i.AmountDue > i.AmountPaid
}

// Kinds of lines.
const (
	LineBase            = "base"
	LineProration       = "proration"
	LineUsage           = "usage"
	LineLateUsage       = "late_usage"
	LineUsageCorrection = "usage_correction"
	LineCredit          = "credit"
	LineOther           = "other"
)

// Line is one line of an invoice.
type Line struct {
	ID          string
	Kind        string
	Plan        string // of base, usage and late usage
	Description string
	Quantity    int64 // requests, of usage
	Amount      int64 // cents
	PeriodStart time.Time
	PeriodEnd   time.Time
	// Key is that of AddItem, for lines that came from one.
	Key string
}

// Change changes a subscription. Its parts happen together.
type Change struct {
	BaseItem string // item whose price becomes Base
	Base     string
	// Swap gives items another price, by the item's id; Add adds prices.
	Swap map[string]string
	Add  []string
	// ChargeNow prorates the change and charges it at once; without it nothing is
	// charged or given back for the time left.
	ChargeNow   bool
	CancelAtEnd *bool
	// CancelNow ends the subscription: unused time is given back, and a last invoice
	// bills the usage. It stands alone.
	CancelNow bool
}

// Preview is what a Change would cost, in cents.
type Preview struct {
	Currency string
	DueNow   int64
	Next     int64 // of the next regular invoice, as things are now
	Lines    []Line
}

// HourTotal is what an hour's total is set to.
type HourTotal struct {
	// Key names the total: "<organization's number>:<plan>:<Unix hour>:<total>", and
	// behind that ":again:<Unix second>" when it is told again, for the provider does
	// not look at a key that it knows.
	Key      string
	Customer string
	Event    string // CataloguePlan.Event
	Item     string // usage item of the subscription, where records are taken
	Hour     time.Time
	Total    int64
}

// ItemInput adds an item to an invoice.
type ItemInput struct {
	Key          string // Item.Key and Line.Key, whichever time it is added
	Customer     string
	Subscription string
	Currency     string
	Kind         string // LineLateUsage or LineUsageCorrection
	Plan         string
	Cents        int64 // negative: given back
	Description  string
	PeriodStart  time.Time // of the usage
	PeriodEnd    time.Time
}

// Item is an item of AddItem as the provider has it.
type Item struct {
	ID           string
	Key          string
	Kind         string
	Subscription string // empty: it is of none
	Cents        int64
	Invoiced     bool // an invoice has it; else it waits for one
}

// Event is a hint. Only its identity and the customer are used: what has become
// of it is fetched.
type Event struct {
	ID       string
	Type     string
	Created  time.Time
	Livemode bool
	Account  string // empty: the operator's own
	Customer string // empty: it has none
	Object   string // id of what it is about
}

// ErrorKind says what can be done about a provider's error.
type ErrorKind string

// Kinds of errors.
const (
	// ErrorTemporary: try again. What was asked for may have happened.
	ErrorTemporary ErrorKind = "temporary"
	// ErrorNotFound: what the request names is gone.
	ErrorNotFound ErrorKind = "not_found"
	// ErrorRefused: the customer's bank refused, or wants the customer.
	ErrorRefused ErrorKind = "refused"
	// ErrorInvalid: the request is wrong; repeating it can't help.
	ErrorInvalid ErrorKind = "invalid"
	// ErrorUnauthorized: the operator's key is not accepted.
	ErrorUnauthorized ErrorKind = "unauthorized"
	// ErrorSignature: a webhook was not signed by the provider, or long ago.
	ErrorSignature ErrorKind = "signature"
)

// ProviderError is why a call failed. It holds no secret and nothing of a card.
type ProviderError struct {
	Kind       ErrorKind
	Call       string        // what was called
	Code       string        // the provider's, such as resource_missing
	Status     int           // of HTTP; 0: there was no answer
	Request    string        // the provider's name for the request
	RetryAfter time.Duration // 0: not said
	Err        error
}

func (e *ProviderError) Error() string {
	s := fmt.Sprintf("payment provider: %s: %s", e.Call, e.Kind)
	if e.Status != 0 {
		s += fmt.Sprintf(", status %d", e.Status)
	}
	if e.Code != "" {
		s += ", " + e.Code
	}
	if e.Request != "" {
		s += ", request " + e.Request
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ProviderError) Unwrap() error { return e.Err }
