package telemetry

import (
	"context"
	"net/netip"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Store keeps destinations. What does not exist, or is another organization's, is
// CodeNotFound.
type Store interface {
	Tx(ctx context.Context, fn func(Tx) error) error
	// Destinations finds a page; name, when it is given, only one.
	Destinations(ctx context.Context, org core.OrganizationID, w core.Window, name string) (core.Found[Destination], error)
	// Waiting counts the organization's records with ids above after, up to most.
	Waiting(ctx context.Context, org core.OrganizationID, after int64, most int) (int64, error)
	Gateways(ctx context.Context, org core.OrganizationID) ([]Gateway, error)
	Queue
}

// Tx is one transaction on destinations.
type Tx interface {
	LockOrganization(org core.OrganizationID) error
	Count(org core.OrganizationID) (int, error)
	// Find is CodeNotFound when there is no destination of the name.
	Find(org core.OrganizationID, name string) (*Destination, error)
	// Put creates (Revision 0) or replaces by id; it sets revision and times, and has
	// it sent at once. A taken name is CodeNameTaken.
	Put(org core.OrganizationID, d *Destination) error
	Delete(org core.OrganizationID, id string) error
	Record(ctx context.Context, org core.OrganizationID, c core.Change) error
}

// Queue is what workers take turns at. It is not bound to one organization: each
// destination carries its own.
type Queue interface {
	// ClaimDue takes destinations that are to be served now, for a while.
	ClaimDue(ctx context.Context, now, until time.Time, limit int) ([]Destination, error)
	// SaveState writes a state and plans the next turn. A destination that is gone is
	// no error.
	SaveState(ctx context.Context, id string, s *State, next time.Time) error
	// Newest is the id of the organization's newest access log record, 0 for none.
	Newest(ctx context.Context, org core.OrganizationID) (int64, error)
	// Records reads the organization's records with ids above after, up to upTo,
	// oldest first.
	Records(ctx context.Context, org core.OrganizationID, after, upTo int64, limit int) ([]Record, error)
	// Skip finds where the newest keep records up to upTo begin: the id before them,
	// and how many records lie between after and it. Both are 0 when no more than
	// keep follow after.
	Skip(ctx context.Context, org core.OrganizationID, after, upTo int64, keep int) (bound, skipped int64, err error)
}

// Guard says which addresses a destination may have: when it is written, and again
// for the address that its name has when it is dialled.
type Guard interface {
	CheckWebhook(url string) error
	CheckDial(addr netip.AddrPort) error
}

// Figures reads what metrics are made of.
type Figures interface {
	// Day sums what a gateway did since the beginning of the day that now is in
	// (UTC), by route.
	Day(ctx context.Context, org core.OrganizationID, g Gateway, now time.Time) ([]RouteFigures, error)
	// Quota is what the organization has used of its plan's requests, and how many
	// those are; 0: there is no such bound.
	Quota(ctx context.Context, org core.OrganizationID) (used, limit int64, err error)
}

// RouteFigures is what one route did. Buckets of latencies are those of Bounds, one
// more for what lies above.
type RouteFigures struct {
	Route             string // "": what matched none
	Status            [4]int64
	Refused, Billed   int64
	BytesIn, BytesOut int64
	Bounds            []float64 // seconds
	Edge, Upstream    []uint64
}
