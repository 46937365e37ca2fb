package alert

import (
	"context"
	"net/netip"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/mailform"
)

// Store keeps alerts. What does not exist, or is another organization's, is
// CodeNotFound.
type Store interface {
	Tx(ctx context.Context, fn func(Tx) error) error
	// Gateway finds by id or name and returns id and name.
	Gateway(ctx context.Context, org core.OrganizationID, ref string) (id, name string, err error)
	// Alerts finds a page of a gateway's alerts; name, when it is given, only one.
	Alerts(ctx context.Context, org core.OrganizationID, gateway string, w core.Window, name string) (core.Found[Alert], error)
	// Events and Deliveries of an alert, newest first, older than the one with the
	// id before ("" for the newest).
	Events(ctx context.Context, org core.OrganizationID, alert, before string, limit int) ([]Event, error)
	Deliveries(ctx context.Context, org core.OrganizationID, alert, before string, limit int) ([]Delivery, error)
	Queue
}

// Tx is one transaction on alerts.
type Tx interface {
	// LockGateway keeps everybody else from changing the gateway's alerts.
	LockGateway(org core.OrganizationID, gateway string) error
	Count(org core.OrganizationID, gateway string) (int, error)
	// Find is CodeNotFound when there is no alert of the name.
	Find(org core.OrganizationID, gateway, name string) (*Alert, error)
	// Put creates (Revision 0) or replaces by id; it sets revision and times. A
	// taken name is CodeNameTaken.
	Put(org core.OrganizationID, a *Alert) error
	Delete(org core.OrganizationID, id string) error
	AddEvent(org core.OrganizationID, e *Event, notices []Delivery) error
	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
}

// Queue is what workers take turns at. It is not bound to one organization: each
// row carries its own.
type Queue interface {
	// ClaimDue takes alerts that are to be evaluated now, for a while.
	ClaimDue(ctx context.Context, now, until time.Time, limit int) ([]Alert, error)
	// SaveState writes a state if the stored one still has its version, plans the
	// next evaluation, and adds the event and notices of a transition. It reports
	// whether it wrote.
	SaveState(ctx context.Context, a *Alert, s State, next time.Time, e *Event, notices []Delivery) (bool, error)
	// ClaimNotices takes notices that are to be sent now, with their alerts.
	ClaimNotices(ctx context.Context, now, until time.Time, limit int) ([]Notice, error)
	// Settle writes what came of a notice. A mail is added to the mail queue in
	// the same transaction, unless the notice was settled already.
	Settle(ctx context.Context, d *Delivery, mail *Letter) error
	// Trim deletes events and deliveries before a time.
	Trim(ctx context.Context, before time.Time) error
}

// Notice is a delivery with what is needed to send it.
type Notice struct {
	Delivery
	Organization core.OrganizationID
	Secret       []byte // sealed
}

// Letter is a mail as the mail queue keeps it.
type Letter struct {
	ID     string
	Sealed []byte
}

// Figures reads what alerts watch.
type Figures interface {
	Read(ctx context.Context, a *Alert, now time.Time) (Figure, error)
}

// Letters seals mails for the mail queue.
type Letters interface {
	Letter(to string, form mailform.Form) (*Letter, error)
}

// Guard says which addresses a webhook may have: when it is written, and again
// for the address that its name has when it is dialled.
type Guard interface {
	CheckWebhook(url string) error
	CheckDial(addr netip.AddrPort) error
}
