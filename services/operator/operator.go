package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of what operators write, in characters.
const (
	MaxReason = 500
	MaxNote   = 4000
)

// ViewLasts is how long an operator may look at an organization before asking for
// it again.
const ViewLasts = 30 * time.Minute

// Store is what the domain needs of the database. Unlike all others it reads
// across organizations.
type Store interface {
	// Organizations returns at most limit organizations, newest first, that are
	// older than the one with id before ("" for the newest).
	Organizations(ctx context.Context, s Search, before string, limit int) ([]Organization, error)
	// Notes returns notes on an organization likewise.
	Notes(ctx context.Context, org core.OrganizationID, before string, limit int) ([]Note, error)
	// View returns what a session looks at, core.CodeNotFound for nothing.
	View(ctx context.Context, session string) (View, error)
	// Audit returns what operators did likewise.
	Audit(ctx context.Context, f AuditFilter, before string, limit int) ([]Entry, error)
	// Lag returns the newest revision, and for revisions when the next was sent.
	Lag(ctx context.Context, revs []uint64) (Lag, error)
	// Queues returns what waits in the database.
	Queues(ctx context.Context, now time.Time) ([]Queue, error)
	// Abuse returns what stands out in the traffic and the accounts.
	Abuse(ctx context.Context, now time.Time) ([]Signal, error)
	// Tx runs fn in one transaction; fn may run again after a conflict.
	Tx(ctx context.Context, fn func(Tx) error) error
}

// Tx is a transaction that may write.
type Tx interface {
	// Live answers core.CodeNotFound for an organization that is not there or was
	// deleted, and its name otherwise.
	Live(ctx context.Context, org core.OrganizationID) (name string, err error)
	InsertNote(ctx context.Context, org core.OrganizationID, n *Note) error
	DeleteNote(ctx context.Context, org core.OrganizationID, id string) error
	// PutView stores what a session looks at in place of what it looked at before.
	PutView(ctx context.Context, v *View) error
	DeleteView(ctx context.Context, session string) error
	// Record appends a change's lines to the audits.
	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
}

// Config is what New needs.
type Config struct {
	Store      Store
	Reports    Reports
	Commander  Commander
	EdgeDomain string // gateways answer at their label under it
	Clock      core.Clock
}

// Service is the domain's one entrance. It is safe for concurrent use.
type Service struct {
	store     Store
	reports   Reports
	commander Commander
	domain    string
	clock     core.Clock
}

// New makes the service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Reports == nil || c.Commander == nil || c.Clock == nil {
		return nil, errors.New("operator: store, reports, commander and clock are needed")
	}
	return &Service{
		store: c.Store, reports: c.Reports, commander: c.Commander, domain: c.EdgeDomain,
		clock: func() time.Time { return c.Clock().UTC().Truncate(time.Millisecond) },
	}, nil
}

// Search narrows the list of organizations. Empty fields do not.
type Search struct {
	// Query is text in the name, the id, an owner's address, a gateway's label or a
	// custom domain, in upper or lower case.
	Query string
	Plan  string
	State State
}

// State is a state that organizations are listed by.
type State string

// States. StateActive are those that are served.
const (
	StateActive     State = "active"
	StateSuspended  State = "suspended"
	StateUnverified State = "unverified"
	StateDeleted    State = "deleted"
)

// Organization is an organization as the console lists it.
type Organization struct {
	ID          core.OrganizationID
	Name        string
	Plan        string
	Verified    bool
	Suspended   bool
	DeletedAt   time.Time // zero: it lives
	PeriodStart time.Time
	PeriodEnd   time.Time
	CreatedAt   time.Time
	Owners      []string // addresses, at most 3
	Members     int
	Gateways    int
	Used        int64 // requests billed in the period; a few seconds old
}

// Organizations returns a page of organizations, newest first.
func (s *Service) Organizations(ctx context.Context, search Search, page core.Page) (core.List[Organization], error) {
	search.Query = strings.ToLower(strings.TrimSpace(search.Query))
	if s.domain != "" {
		search.Query = strings.TrimSuffix(search.Query, "."+s.domain) // a host stands for its label
	}
	return list(page, func(o Organization) string { return string(o.ID) }, func(before string, limit int) ([]Organization, error) {
		return s.store.Organizations(ctx, search, before, limit)
	})
}

// list reads one page.
func list[T any](page core.Page, key func(T) string, read func(before string, limit int) ([]T, error)) (core.List[T], error) {
	limit, before, err := page.After()
	if err != nil {
		return core.List[T]{}, err
	}
	items, err := read(before, limit+1)
	if err != nil {
		return core.List[T]{}, err
	}
	return core.NextPage(items, limit, key), nil
}

// checkText names what is wrong with what an operator wrote.
func checkText(pointer, text string, most int) error {
	var errs contract.FieldErrors
	switch {
	case strings.TrimSpace(text) == "":
		errs.Add(pointer, "must not be empty")
	case utf8.RuneCountInString(text) > most:
		errs.Add(pointer, fmt.Sprintf("must be at most %d characters", most))
	}
	return core.Invalid(errs.Err())
}
