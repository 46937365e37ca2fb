package billing

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Store is what the service needs of the database. A method that takes an
// organization answers core.CodeNotFound for one that is not there, and gives
// nothing of another one's.
type Store interface {
	// View runs fn on rows that it may only read.
	View(ctx context.Context, fn func(Rows) error) error
	// Tx runs fn in one transaction; fn may run again after a conflict, so it has
	// no other effect.
	Tx(ctx context.Context, fn func(Tx) error) error
	Queue
	OutgoingStore
	AllowanceStore
	// Active lists organizations that have an hour open, in the order of their
	// numbers after one of them.
	Active(ctx context.Context, after uint64, limit int) ([]Active, error)
}

// Queue are the customers that are to be fetched from the provider.
type Queue interface {
	// Claim takes customers that are due; nobody else takes them before until. Each
	// claim voids the earlier ones of its customer.
	Claim(ctx context.Context, now, until time.Time, limit int) ([]Claim, error)
	// ClaimCustomer takes one customer, due or not.
	ClaimCustomer(ctx context.Context, customer string, until time.Time) (Claim, error)
	// Fail lets a claim go whose customer could not be fetched.
	Fail(ctx context.Context, c *Claim, next time.Time, reason string) error
	// DueStandings lists organizations whose standing time alone has changed.
	DueStandings(ctx context.Context, now time.Time, limit int) ([]core.OrganizationID, error)
	// TakeJob takes work that one process does at a time: it returns false before
	// its time, else how far the last one came, and keeps others away until.
	TakeJob(ctx context.Context, name string, now, until time.Time) (place string, mine bool, err error)
	// KeepJob notes how far the work came and when it is to go on.
	KeepJob(ctx context.Context, name, place string, next time.Time) error
	// Stale lists customers that nothing marks and that were not fetched after a time,
	// with when they were; of organizations that were deleted those with a subscription.
	Stale(ctx context.Context, since time.Time, after string, limit int) ([]Claim, error)
	// DueCredits takes credits that have a customer to be given to.
	DueCredits(ctx context.Context, now, until time.Time, limit int) ([]Credit, error)
	// SettleCredit notes that a credit was given, or when to try again; nothing where
	// somebody else has taken it meanwhile.
	SettleCredit(ctx context.Context, c *Credit) error
	// Waiting counts what waits for the provider.
	Waiting(ctx context.Context, now time.Time) (Waiting, error)
	// TrimEvents forgets events that were received before a time.
	TrimEvents(ctx context.Context, before time.Time) error
}

// Claim is a customer that somebody fetches.
type Claim struct {
	Customer     string
	Organization core.OrganizationID
	Cause        string
	// Mark is the newest hint when it was claimed, Fence the number of the claim.
	Mark, Fence uint64
	Attempts    int
	SyncedAt    time.Time
}

// Waiting is what waits for the provider.
type Waiting struct {
	Customers     int64 // to fetch
	OldestSeconds int64 // how long the longest has waited
	Failing       int64 // customers that could not be fetched
	Credits       int64
	Adjustments   int64
}

// Letter is a sealed mail.
type Letter struct {
	ID     string
	Sealed []byte
}

// Rows are the rows that can be read. In a transaction, what Tenant returns stays
// locked until its end, and with it all that belongs to the organization.
type Rows interface {
	Tenant(ctx context.Context, org core.OrganizationID) (Tenant, error)
	// Payer is the zero payer of an organization that has none.
	Payer(ctx context.Context, org core.OrganizationID) (Payer, error)
	// Invoices lists invoices that are no drafts, the newest first, older than the
	// one with the id before ("" for the newest).
	Invoices(ctx context.Context, org core.OrganizationID, before string, limit int) ([]Invoice, error)
	// Invoice finds one with its lines.
	Invoice(ctx context.Context, org core.OrganizationID, id string) (Invoice, error)
	// Unpaid lists invoices for which money is owed, the oldest first.
	Unpaid(ctx context.Context, org core.OrganizationID) ([]Invoice, error)
	// OldestOpen is when the oldest invoice was made that is neither paid nor void;
	// zero: there is none.
	OldestOpen(ctx context.Context, org core.OrganizationID) (time.Time, error)
	// Payers are the addresses of owners and of members who care for payment.
	Payers(ctx context.Context, org core.OrganizationID) ([]string, error)
	// Rates are what plans cost when.
	Rates(ctx context.Context) (Rates, error)
	// WaitingCredit sums the credits that have not been given, in cents.
	WaitingCredit(ctx context.Context, org core.OrganizationID) (int64, error)
}

// Tx is a transaction that may write.
type Tx interface {
	Rows
	OutgoingTx
	AllowanceStore
	// NoteShare notes what an organization is told of its use of the period that
	// begins then, and says whether it was not told yet.
	NoteShare(ctx context.Context, org core.OrganizationID, start time.Time, kind string) (first bool, err error)
	// PutTenant stores plan, next plan, period and suspension, and raises the revision.
	PutTenant(ctx context.Context, org core.OrganizationID, t *Tenant) error
	// PutPayer stores a payer and raises its revision.
	PutPayer(ctx context.Context, org core.OrganizationID, p *Payer) error
	// Try counts a change that is to be asked of the provider, and returns its number.
	// It leaves the revision; CodeNotFound where there is no payer.
	Try(ctx context.Context, org core.OrganizationID) (uint64, error)
	// PutInvoice stores an invoice with its lines and returns the status that it had;
	// "" for a new one.
	PutInvoice(ctx context.Context, org core.OrganizationID, i *Invoice) (before string, err error)
	// DropDrafts removes the organization's drafts that were made at a time or later and
	// are not among those that the provider has.
	DropDrafts(ctx context.Context, org core.OrganizationID, since time.Time, there []string) error
	// PutGaps stores the hours without a subscription from the hour first on. Earlier
	// ones stay; one that reaches beyond first ends there.
	PutGaps(ctx context.Context, org core.OrganizationID, first int64, gaps []Period) error
	// Suspend suspends for billing, or lifts that, and says whether the organization
	// is suspended now, by whomever.
	Suspend(ctx context.Context, org core.OrganizationID, reason string, on bool) (suspended bool, err error)
	// AddMails queues mails.
	AddMails(ctx context.Context, letters []Letter) error
	// AddCredit queues a credit.
	AddCredit(ctx context.Context, org core.OrganizationID, c *Credit) error
	// FindCustomer returns the organization of a customer; "" for a stranger.
	FindCustomer(ctx context.Context, customer string) (core.OrganizationID, error)
	// AddEvent notes an event and says whether it is new.
	AddEvent(ctx context.Context, e *Event, ignored string) (bool, error)
	// Mark asks for a customer to be fetched by a time.
	Mark(ctx context.Context, org core.OrganizationID, customer, cause string, due time.Time) error
	// Settle ends a claim. It says false when another claim has voided it: then the
	// transaction must write nothing.
	Settle(ctx context.Context, c *Claim) (bool, error)
	// Record appends the audit line of a change and its outbox rows.
	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
}
