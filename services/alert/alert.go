package alert

import (
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/event"
)

// Kinds of alerts.
const (
	KindErrorRate = "error_rate" // percent of requests
	KindLatency   = "latency"    // milliseconds
	KindQuota     = "quota"      // percent of a quota
	KindNoTraffic = "no_traffic" // fewer requests than a number
	KindRelease   = "release"    // releases that stopped themselves
	// KindCertificate watches what callers are shown: days until the first of the
	// gateway's certificates ends, and whether one can't be renewed.
	KindCertificate = "certificate"
	// KindTelemetry watches the organization's telemetry destinations that take what
	// this gateway does: minutes for which one has failed.
	KindTelemetry = "telemetry"
)

// Rule is what an alert watches: its configuration as it is written and stored.
type Rule struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Enabled     *bool  `json:"enabled,omitempty"` // nil: true
	Kind        string `json:"kind"`
	// Route, Consumer and UsagePlan (names) narrow what is watched.
	Route     string `json:"route,omitempty"`
	Consumer  string `json:"consumer,omitempty"`
	UsagePlan string `json:"usage_plan,omitempty"`
	// Errors says whose errors count for KindErrorRate: all, edge or backend.
	Errors string `json:"errors,omitempty"`
	// Latency is upstream or edge, Percentile p50, p95 or p99, for KindLatency.
	Latency    string `json:"latency,omitempty"`
	Percentile string `json:"percentile,omitempty"`
	// Quota is consumer, usage_plan or organization, for KindQuota.
	Quota string `json:"quota,omitempty"`
	// Threshold fires the alert; below ClearThreshold it may end. For KindNoTraffic
	// and KindCertificate it is the other way round: what lies below fires.
	Threshold      float64           `json:"threshold"`
	ClearThreshold *float64          `json:"clear_threshold,omitempty"`
	Window         contract.Duration `json:"window,omitempty"`    // that the figure is taken over
	For            contract.Duration `json:"for,omitempty"`       // it must last so long before the alert fires
	ClearFor       contract.Duration `json:"clear_for,omitempty"` // and so long before it ends
	// MinRequests in the window are needed for a rate or a percentile to mean
	// anything.
	MinRequests *int64    `json:"min_requests,omitempty"`
	Channels    []Channel `json:"channels"`
}

// Channel is a way to tell people.
type Channel struct {
	Type string   `json:"type"` // mail, webhook
	To   []string `json:"to,omitempty"`
	URL  string   `json:"url,omitempty"`
}

// Types of channels.
const (
	ChannelMail    = "mail"
	ChannelWebhook = "webhook"
)

// On reports whether the alert is watched.
func (r *Rule) On() bool { return r.Enabled == nil || *r.Enabled }

// Alert is a stored alert.
type Alert struct {
	ID           string
	Organization core.OrganizationID
	Gateway      string // id
	GatewayName  string
	Rule         Rule
	State        State
	Revision     uint64
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Secret       []byte // sealed; signs webhooks
}

// Event is one transition of an alert, or a test.
type Event struct {
	ID         string
	Alert      string // id
	At         time.Time
	Transition string // TransitionFiring …
	Value      float64
	Threshold  float64
	Detail     string
	Told       event.Event // what webhooks of the gateway are told of it; none of a test
}

// Transitions. A test is an event without one.
const (
	TransitionFiring   = "firing"
	TransitionResolved = "resolved"
	TransitionTest     = "test"
)

// Delivery is one notice of an event by one channel.
type Delivery struct {
	ID         string
	Alert      string
	Event      string
	Transition string
	Channel    string
	Target     string // address or URL
	State      string // DeliveryWaiting …
	Attempts   int
	StatusCode int
	Error      string
	CreatedAt  time.Time
	SentAt     time.Time
	NextAt     time.Time
	Body       []byte // of a webhook; of a mail its form, in JSON
	Subject    string // of a mail
}

// States of a delivery.
const (
	DeliveryWaiting = "waiting"
	DeliverySent    = "sent"
	DeliveryFailed  = "failed"
)
