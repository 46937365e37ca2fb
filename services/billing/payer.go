package billing

import (
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Statuses of a payer's subscription.
const (
	StatusNone       = "none"       // there was never one
	StatusIncomplete = "incomplete" // its first payment has not come
	StatusActive     = "active"
	StatusPastDue    = "past_due"
	StatusCanceled   = "canceled" // it has ended
)

// Standing is how an organization is served with regard to what it owes.
type Standing string

// Standings, the best first.
const (
	StandingGood      Standing = "good"
	StandingGrace     Standing = "grace"     // an invoice is unpaid; full service
	StandingCapped    Standing = "capped"    // included requests only
	StandingSuspended Standing = "suspended" // nothing
)

// Payer is what billing keeps of one organization. One that has never had to
// do with billing has the zero Payer but for its identity, status and standing.
type Payer struct {
	Organization core.OrganizationID
	Num          uint64
	// Customer and Subscription are the provider's ids, empty for none.
	Customer     string
	Subscription string
	Status       string
	// Plan is the one that the subscription pays for, BaseItem its item and
	// BasePrice what that costs.
	Plan      string
	BaseItem  string
	BasePrice string
	// Items are the usage items by plan.
	Items        map[string]string
	SubscribedAt time.Time
	// PeriodStart and PeriodEnd are the month that the provider has invoiced.
	PeriodStart time.Time
	PeriodEnd   time.Time
	CancelAtEnd bool
	Standing    Standing
	// PastDueSince is since when the oldest unpaid invoice is due; zero: nothing is.
	PastDueSince time.Time
	// Told is the worst that members were told of the debt: toldNothing to
	// toldSuspended.
	Told int
	// StandingAt is when time alone changes the standing; zero: never.
	StandingAt time.Time
	// SpendingCap bounds the overage of a period in cents; nil: no bound.
	SpendingCap *int64
	// PeriodBase are the requests of the current period that earlier plans billed.
	PeriodBase int64
	// CreditCents is what the provider takes off the next invoices.
	CreditCents int64
	// Tries counts the changes that were asked of the provider, those that it refused
	// included.
	Tries     uint64
	Revision  uint64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Subscribed says that there is a subscription that pays for a plan.
func (p *Payer) Subscribed() bool {
	return p.Subscription != "" && (p.Status == StatusActive || p.Status == StatusPastDue)
}

// Tenant is what billing must know of an organization.
type Tenant struct {
	ID   core.OrganizationID
	Num  uint64
	Name string
	Plan string
	// NextPlan is what the next period begins with; empty: the same.
	NextPlan    string
	PlanSince   time.Time // whose day periods begin on
	PeriodStart time.Time
	PeriodEnd   time.Time
	Suspended   bool
	DeletedAt   time.Time
	Revision    uint64
}

// publish tells edges what the organization may do now.
func (t *Tenant) publish() core.Publish {
	return core.Publish{Kind: core.PublishOrganization, ID: string(t.ID), Version: t.Revision}
}
