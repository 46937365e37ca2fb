package audit

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Entry is one line of the audit log.
type Entry struct {
	ID           string
	Organization core.OrganizationID
	At           time.Time
	Actor        core.Actor // Idempotency is not part of it
	Action       string     // "<resource>.<verb>"
	ResourceType string
	ResourceID   string
	ResourceName string
	Gateway      string          // id, for what belongs to a gateway
	Detail       json.RawMessage // object or null; never holds a secret
}

// Filter narrows a list. Empty fields do not.
type Filter struct {
	Action   string
	Actor    string // id
	Resource string // id
	Gateway  string // id
	From, To time.Time
	// Query is text in the action, the resource's name or id, or the actor's
	// name or address, in upper or lower case.
	Query string
}

// Store is what the domain needs of the database.
type Store interface {
	// List returns at most limit entries of the organization, newest first, that
	// are older than the one with id before ("" for the newest).
	List(ctx context.Context, org core.OrganizationID, f Filter, before string, limit int) ([]Entry, error)
	// Count counts what List would return without before and limit.
	Count(ctx context.Context, org core.OrganizationID, f Filter) (int64, error)
	OnceStore
}

// Service reads the audit log and remembers idempotent requests.
type Service struct {
	store Store
	clock core.Clock
}

// New makes the service.
func New(store Store, clock core.Clock) *Service {
	return &Service{store: store, clock: clock}
}

// List returns a page of the organization's log, newest first.
func (s *Service) List(ctx context.Context, org core.OrganizationID, f Filter, page core.Listing) (core.List[Entry], error) {
	limit, before, err := page.After()
	if err != nil {
		return core.List[Entry]{}, err
	}
	if f.Query = strings.ToLower(page.Query); len(f.Query) > core.MaxQuery {
		return core.List[Entry]{}, core.Invalid(contract.FieldErrors{{Pointer: "/q", Detail: "is longer than 200 bytes"}})
	}
	items, err := s.store.List(ctx, org, f, before, limit+1)
	if err != nil {
		return core.List[Entry]{}, err
	}
	l := core.NextPage(items, limit, func(e Entry) string { return e.ID })
	if page.Count {
		n, err := s.store.Count(ctx, org, f)
		if err != nil {
			return core.List[Entry]{}, err
		}
		l.Total = &n
	}
	return l, nil
}
