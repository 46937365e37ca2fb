package developer

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Store is what the domain needs of the database. What is not there, or is of
// another organization or gateway, is core.CodeNotFound.
type Store interface {
	View(ctx context.Context, fn func(Rows) error) error
	// Tx runs fn in one transaction; fn may run again after a conflict.
	Tx(ctx context.Context, fn func(Tx) error) error
}

// Rows reads.
type Rows interface {
	// FindPortal reads the portal of a gateway that is not deleted.
	FindPortal(ctx context.Context, org core.OrganizationID, gateway string) (Portal, error)
	// PublishedPortal is the one look-up without an organization: the label says
	// which. Portals of suspended organizations are not found.
	PublishedPortal(ctx context.Context, label string) (Portal, error)
	Logo(ctx context.Context, org core.OrganizationID, gateway string) ([]byte, error)
	Document(ctx context.Context, org core.OrganizationID, gateway string) ([]byte, error)

	CountDevelopers(ctx context.Context, org core.OrganizationID, gateway string) (int, error)
	FindDeveloper(ctx context.Context, org core.OrganizationID, gateway, id string) (Developer, error)
	FindDeveloperByEmail(ctx context.Context, org core.OrganizationID, gateway, emailKey string) (Developer, error)
	// ListDevelopers returns developers after an id, in the order of ids.
	ListDevelopers(ctx context.Context, org core.OrganizationID, gateway, after string, limit int) ([]Developer, error)

	CountPending(ctx context.Context, org core.OrganizationID, gateway string) (int, error)
	FindApplication(ctx context.Context, org core.OrganizationID, gateway, id string) (Application, error)
	// LastApplication is a developer's newest one.
	LastApplication(ctx context.Context, org core.OrganizationID, gateway, developer string) (Application, error)
	// ListApplications returns those in a state (empty: all) before an id, newest
	// first.
	ListApplications(ctx context.Context, org core.OrganizationID, gateway, state, before string, limit int) ([]Application, error)

	FindSession(ctx context.Context, org core.OrganizationID, gateway string, hash []byte, now time.Time) (Session, error)
}

// Tx writes.
type Tx interface {
	Rows
	// LockGateway makes everybody else who calls it wait until the transaction
	// ends, and checks that the gateway is there.
	LockGateway(ctx context.Context, org core.OrganizationID, gateway string) error
	// PutPortal creates (Revision 0) or replaces; it sets revision and times.
	PutPortal(ctx context.Context, org core.OrganizationID, p *Portal) error
	// PutLogo and PutDocument set (nil: take away) what a portal that is there
	// shows, and raise its revision.
	PutLogo(ctx context.Context, org core.OrganizationID, gateway string, png []byte) error
	PutDocument(ctx context.Context, org core.OrganizationID, gateway string, doc []byte) error

	// InsertDeveloper answers CodeEmailTaken for an address that is there.
	InsertDeveloper(ctx context.Context, org core.OrganizationID, d *Developer) error
	// UpdateDeveloper writes name, password, verification and consumer, and raises
	// the revision.
	UpdateDeveloper(ctx context.Context, org core.OrganizationID, d *Developer) error
	// DeleteDeveloper deletes with sessions, links and applications.
	DeleteDeveloper(ctx context.Context, org core.OrganizationID, gateway, id string) error

	InsertApplication(ctx context.Context, org core.OrganizationID, a *Application) error
	// DecideApplication ends a pending one; CodeConflict for one that ended.
	DecideApplication(ctx context.Context, org core.OrganizationID, a *Application) error
	// WithdrawApplications deletes a developer's pending ones and counts them.
	WithdrawApplications(ctx context.Context, org core.OrganizationID, gateway, developer string) (int, error)

	// GrantPlan gives a consumer of that name a usage plan, making the consumer
	// when there is none. What else the owner gave it stays. An unknown plan is
	// CodeInvalid at /usage_plan.
	GrantPlan(ctx context.Context, org core.OrganizationID, g Grant) (Granted, error)
	CountConsumers(ctx context.Context, org core.OrganizationID, gateway string) (int, error)
	// DropConsumer deletes a consumer and ends its keys.
	DropConsumer(ctx context.Context, org core.OrganizationID, gateway, name string) ([]core.Publish, error)

	PutSession(ctx context.Context, org core.OrganizationID, s *Session) error
	TouchSession(ctx context.Context, org core.OrganizationID, hash []byte, now time.Time) error
	DeleteSession(ctx context.Context, org core.OrganizationID, hash []byte) error
	// DeleteSessions ends all of a developer's but the one with id keep.
	DeleteSessions(ctx context.Context, org core.OrganizationID, developer, keep string) error

	// PutLink stores a link in place of the developer's older ones of its kind.
	PutLink(ctx context.Context, org core.OrganizationID, l *Link) error
	// TakeLink deletes the link and returns it, if it has not expired.
	TakeLink(ctx context.Context, org core.OrganizationID, gateway, kind string, hash []byte, now time.Time) (Link, error)

	// Ticket counts one under a key in a window that begins with the first, and
	// says how long to wait when there were limit already.
	Ticket(ctx context.Context, key string, limit int, window time.Duration) (wait time.Duration, err error)
	// Purge deletes sessions and links that expired, and accounts whose address
	// was not proved since unverified.
	Purge(ctx context.Context, now, unverified time.Time) error

	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
}

// Grant is the input of Tx.GrantPlan.
type Grant struct {
	Gateway   string // id
	Consumer  string // name
	UsagePlan string // name
	Metadata  []byte // JSON object, of a consumer that is made
}

// Granted is what became of a grant.
type Granted struct {
	ConsumerID string
	Created    bool
	Publish    []core.Publish
}

// Limits tells what an organization's subscription plan allows.
type Limits interface {
	Limits(ctx context.Context, org core.OrganizationID) (core.Limits, error)
}

// Passwords checks and hashes passwords.
type Passwords interface {
	// Check names what is wrong with an address and a password.
	CheckEmail(pointer, email string, errs *contract.FieldErrors)
	CheckPassword(pointer, password, email string, errs *contract.FieldErrors)
	Hash(ctx context.Context, password string) (string, error)
	// Matches takes as long for an empty hash, which nothing matches.
	Matches(ctx context.Context, password, hash string) (bool, error)
}

// Post queues tasks that become mails. It keeps them sealed.
type Post interface {
	Queue(ctx context.Context, kind string, payload []byte) error
}

// Keys are the API keys of consumers.
type Keys interface {
	List(ctx context.Context, org core.OrganizationID, gateway, consumer string) ([]Key, error)
	Get(ctx context.Context, org core.OrganizationID, gateway, id string) (*Key, error)
	// Create refuses to make more than most active keys of the consumer.
	Create(ctx context.Context, org core.OrganizationID, gateway, consumer, name string, most int) (*IssuedKey, error)
	// Rotate lets the old key work for the overlap; nil: the default one.
	Rotate(ctx context.Context, org core.OrganizationID, gateway, id string, overlap *time.Duration) (*IssuedKey, error)
	Revoke(ctx context.Context, org core.OrganizationID, gateway, id string) (*Key, error)
}
