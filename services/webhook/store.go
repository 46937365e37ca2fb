package webhook

import (
	"context"
	"net/netip"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
	"github.com/tollgate/tollgate/services/mailform"
)

// Store keeps webhooks. What does not exist, or is another organization's, is
// CodeNotFound.
type Store interface {
	Tx(ctx context.Context, fn func(Tx) error) error
	// Gateway finds by id or name and returns id and name.
	Gateway(ctx context.Context, org core.OrganizationID, ref string) (id, name string, err error)
	// Webhooks finds a page of a gateway's webhooks; name, when it is given, only one.
	Webhooks(ctx context.Context, org core.OrganizationID, gateway string, w core.Window, name string) (core.Found[Webhook], error)
	// Deliveries of a webhook, newest first, older than the one with the id before (""
	// for the newest).
	Deliveries(ctx context.Context, org core.OrganizationID, webhook, before string, limit int) ([]Delivery, error)
	Queue
}

// Tx is one transaction on webhooks.
type Tx interface {
	// LockGateway keeps everybody else from changing the gateway's webhooks.
	LockGateway(org core.OrganizationID, gateway string) error
	Count(org core.OrganizationID, gateway string) (int, error)
	// Find is CodeNotFound when there is no webhook of the name. As Lock, it keeps
	// everybody else from changing what it found.
	Find(org core.OrganizationID, gateway, name string) (*Webhook, error)
	// Lock finds by id.
	Lock(org core.OrganizationID, id string) (*Webhook, error)
	// Put creates (Revision 0) or replaces by id; it sets revision and times. A taken
	// name is CodeNameTaken.
	Put(org core.OrganizationID, w *Webhook) error
	SaveState(org core.OrganizationID, w *Webhook) error
	Delete(org core.OrganizationID, id string) error
	Delivery(org core.OrganizationID, webhook, id string) (*Delivery, error)
	AddDelivery(org core.OrganizationID, d *Delivery) error
	// SaveDelivery writes a delivery if the stored one is still in a state and has as
	// many attempts; it reports whether it wrote.
	SaveDelivery(org core.OrganizationID, d *Delivery, state string, attempts int) (bool, error)
	// CancelWaiting ends all deliveries of a webhook that wait.
	CancelWaiting(org core.OrganizationID, webhook, why string) error
	// Owners are the addresses of the organization's owners.
	Owners(org core.OrganizationID) ([]string, error)
	AddLetter(l *Letter) error
	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
}

// Queue is what workers take turns at. It is not bound to one organization: each
// row carries its own.
type Queue interface {
	// AnyDue reports whether any webhook that nobody has taken has something due.
	AnyDue(ctx context.Context, now time.Time) (bool, error)
	// ClaimLanes takes webhooks that have something due, for a holder and a time.
	ClaimLanes(ctx context.Context, c Claim) ([]Webhook, error)
	// ExtendLanes prolongs what a holder has taken and still holds of these.
	ExtendLanes(ctx context.Context, holder string, webhooks []string, until time.Time) error
	// ReleaseLane gives a webhook back; others that have something due come first.
	ReleaseLane(ctx context.Context, holder, webhook string, now time.Time) error
	// Due reads deliveries of a webhook that are due, the longest due first.
	Due(ctx context.Context, webhook string, now time.Time, limit int) ([]Delivery, error)
	// Trim deletes up to limit deliveries from before a time, and webhooks of gateways
	// that were deleted before it. It returns how many deliveries it deleted.
	Trim(ctx context.Context, before time.Time, limit int) (int, error)
	// Interested lists gateways with a webhook that wants a type of events, by their
	// ids, behind one.
	Interested(ctx context.Context, typ, after string, limit int) ([]Gateway, error)
	// EndingKeys finds keys of a gateway that end between two times and were not told.
	EndingKeys(ctx context.Context, org core.OrganizationID, gateway string, from, to time.Time, limit int) ([]Ending, error)
	// Tell tells a gateway's webhooks that something ends, once for each end that it
	// is given.
	Tell(ctx context.Context, org core.OrganizationID, gateway string, e Ending) error
}

// Claim chooses webhooks to take.
type Claim struct {
	Holder     string
	Now, Until time.Time
	Limit      int
	// Healthy leaves those out whose last try failed.
	Healthy bool
	// Most is how many of one organization are taken; of those in Full none is.
	Most int
	Full []core.OrganizationID
}

// Gateway is a gateway of an organization.
type Gateway struct {
	Organization core.OrganizationID
	ID           string
}

// Ending is something that ends soon.
type Ending struct {
	Ref   string // what it is: a key's id …
	At    time.Time
	Event event.Event
}

// Certificates finds what certificates of a gateway end soon.
type Certificates interface {
	EndingCertificates(ctx context.Context, org core.OrganizationID, gateway string, within time.Duration) ([]event.Certificate, error)
}

// Letter is a mail as the mail queue keeps it.
type Letter struct {
	ID     string
	Sealed []byte
}

// Letters seals mails for the mail queue.
type Letters interface {
	Letter(to string, form mailform.Form) (id string, sealed []byte, err error)
}

// Guard says which addresses a webhook may have: when it is written, and again
// for the address that its name has when it is dialled.
type Guard interface {
	CheckWebhook(url string) error
	CheckDial(addr netip.AddrPort) error
}
