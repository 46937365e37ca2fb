package core

import "github.com/tollgate/tollgate/services/event"

// Change is what a mutation leaves behind beside its rows: one audit line and
// the documents that edges must get, both written by the store in the
// transaction of the rows themselves. Who made it comes from the context.
type Change struct {
	Action       string // "<resource>.<verb>": gateway.create, route.update, key.revoke …
	ResourceType string // gateway, route, upstream, usage_plan, policies, secret, consumer, key, organization …
	ResourceID   string
	ResourceName string
	Gateway      string // id, for what belongs to a gateway
	// Detail is encoded as JSON and shown beside the line. It never holds a
	// secret, a password or a key.
	Detail any
	// Publish are the documents and records that this change made stale.
	Publish []Publish
	// Events are what the gateway's webhooks are told of the change.
	Events []event.Event
}

// What can be published.
const (
	PublishGateway      = "gateway"
	PublishOrganization = "organization"
	PublishKey          = "key"
)

// Publish names one document or record that edges must get: an outbox row. The
// publisher reads the newest state when its turn comes, so Version is the one
// that this change made, not necessarily the one that is sent.
type Publish struct {
	Kind    string // PublishGateway, PublishOrganization or PublishKey
	ID      string // of the gateway, organization or key ("key_…")
	KID     uint64 // of a key
	Gateway string // id of a gateway or of a key's gateway
	Version uint64
}

// Limits are the parts of an organization's subscription plan that bound what it
// may configure. Zero means no limit.
type Limits struct {
	Plan      string // its name, for the error text
	Gateways  int    // in the organization
	Consumers int    // in one gateway
	Keys      int    // active ones in the organization

	// What the organization's traffic may be in all: no limit below it may be above.
	RequestsPerSecond int64
	Burst             int64
	Concurrency       int
	// RequestsPerPeriod is a hard cap; 0 where the plan goes on and bills it.
	RequestsPerPeriod int64
}

// Room is how many more of something there may be.
type Room struct {
	Limit int // 0: as many as one likes
	Left  int
}

// RoomOf is the room that n of a limit leave.
func RoomOf(limit, n int) Room {
	if limit == 0 {
		return Room{}
	}
	return Room{Limit: limit, Left: max(limit-n, 0)}
}
