package webhook

import (
	"slices"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// Spec is what a webhook is: its configuration as it is written.
type Spec struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Enabled     *bool    `json:"enabled,omitempty"` // nil: true
	URL         string   `json:"url"`
	Events      []string `json:"events"` // types, or "*" alone for all
	// SigningSecret is one of the caller's own; empty: one is made, or stays. It is
	// never stored here: see Webhook.Secret.
	SigningSecret string `json:"signing_secret,omitempty"`
}

// On reports whether events are sent.
func (s *Spec) On() bool { return s.Enabled == nil || *s.Enabled }

// Wants reports whether a webhook is told of a type of events.
func Wants(events []string, typ string) bool {
	return slices.Contains(events, event.All) || slices.Contains(events, typ)
}

// Webhook is a stored webhook.
type Webhook struct {
	ID           string
	Organization core.OrganizationID
	Gateway      string // id
	GatewayName  string
	Spec         Spec
	// DisabledReason says why it was switched off by itself, and DisabledAt when;
	// empty: it was not.
	DisabledReason string
	DisabledAt     time.Time
	// Secret signs what is sent; OldSecret signs it as well until OldUntil. Both are
	// sealed.
	Secret, OldSecret []byte
	OldUntil          time.Time
	State             State
	Revision          uint64
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// State is what came of sending.
type State struct {
	LastSuccess time.Time // zero: never
	// LastFailure with its Error and StatusCode (0: there was no answer) is the newest
	// failure; Failures counts those since the last success, FailingSince is when the
	// first of them was.
	LastFailure  time.Time
	Error        string
	StatusCode   int
	Failures     int
	FailingSince time.Time
	Delivered    int64
	Dropped      int64 // events that found no room: too many were waiting
	Waiting      int64 // deliveries that are still to be sent; only what List and Get return has it
}

// How a webhook does.
const (
	StatusOff      = "off"      // switched off by somebody
	StatusDisabled = "disabled" // switched off by itself
	StatusIdle     = "idle"     // nothing was sent yet
	StatusOK       = "ok"
	StatusFailing  = "failing"
)

// Status says how the webhook does.
func (w *Webhook) Status() string {
	switch {
	case !w.Spec.On() && w.DisabledReason != "":
		return StatusDisabled
	case !w.Spec.On():
		return StatusOff
	case w.State.Failures > 0:
		return StatusFailing
	case w.State.LastSuccess.IsZero():
		return StatusIdle
	}
	return StatusOK
}

// Delivery is an event on its way to one webhook.
type Delivery struct {
	Webhook      string // id
	ID           string // of the event: the same for every webhook and every try
	Organization core.OrganizationID
	Type         string
	Body         []byte
	State        string // DeliveryWaiting …
	Attempts     int
	StatusCode   int    // what was answered last; 0: there was no answer
	Error        string // of the last try; empty: it succeeded, or there was none
	Answer       string // the beginning of what was answered last
	Took         time.Duration
	CreatedAt    time.Time // when it happened
	LastAt       time.Time // of the last try; zero: there was none
	NextAt       time.Time // of the next try; zero: there is none
}

// States of a delivery.
const (
	DeliveryWaiting  = "waiting"
	DeliverySent     = "sent"
	DeliveryFailed   = "failed"   // tried too often
	DeliveryCanceled = "canceled" // the webhook was switched off meanwhile
)

// PrefixEvent begins the ids of events.
const PrefixEvent = "evt"

// Bounds.
const (
	// MaxWebhooks is how many a gateway may have.
	MaxWebhooks = 20
	// MaxWaiting is how many deliveries of one webhook may wait; what happens then is
	// not sent to it.
	MaxWaiting = 10_000
	// Kept is how long deliveries are kept, whatever came of them.
	Kept           = 30 * 24 * time.Hour
	maxURL         = 2048
	maxDescription = 500
)
