package telemetry

import (
	"slices"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Types of destinations.
const (
	TypeOTLP = "otlp" // OTLP over HTTP, binary protobuf: URL is the base of /v1/logs …
	TypeHTTP = "http" // JSON to the URL itself
)

// Signals.
const (
	SignalLogs    = "logs"
	SignalTraces  = "traces"
	SignalMetrics = "metrics"
)

// Forms of a batch by TypeHTTP.
const (
	FormatJSON   = "json"   // one array
	FormatNDJSON = "ndjson" // one object a line
)

// Spec is what a destination is: its configuration as it is written and stored.
type Spec struct {
	Name    string   `json:"name"`
	Enabled *bool    `json:"enabled,omitempty"` // nil: true
	Type    string   `json:"type"`
	URL     string   `json:"url"`
	Signals []string `json:"signals"`
	// Format and Gzip are how a batch is written.
	Format string `json:"format,omitempty"`
	Gzip   bool   `json:"gzip,omitempty"`
	// Gateways (ids or names) whose telemetry is sent; none: all.
	Gateways []string `json:"gateways,omitempty"`
	// Outcomes of the requests whose log records are sent (ok, refused, failed); none:
	// all. Sample is the share of those that went well; nil: all.
	Outcomes []string `json:"outcomes,omitempty"`
	Sample   *float64 `json:"sample,omitempty"`
	// Headers are sent with every batch. They are never stored here: see
	// Destination.Secret and HeaderNames. Nil keeps those that there are.
	Headers     map[string]string `json:"headers,omitempty"`
	HeaderNames []string          `json:"header_names,omitempty"`
}

// On reports whether anything is sent.
func (s *Spec) On() bool { return s.Enabled == nil || *s.Enabled }

// Sends reports whether the destination gets a signal.
func (s *Spec) Sends(signal string) bool { return slices.Contains(s.Signals, signal) }

// Destination is a stored destination.
type Destination struct {
	ID           string
	Organization core.OrganizationID
	Spec         Spec
	Secret       []byte // sealed: the header fields
	State        State
	// Waiting is how many access log records are still to be dealt with, at most
	// 100,000; only what List and Get return has it.
	Waiting   int64
	Revision  uint64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// State is what came of sending.
type State struct {
	// Position is the id of the last access log record that was dealt with; negative:
	// the destination begins with what comes now. Up to Horizon, seen at HorizonAt,
	// nothing more can appear.
	Position  int64
	Horizon   int64
	HorizonAt time.Time
	MetricsAt time.Time // when metrics were last sent
	// LastSuccess is when something was last taken; zero: never.
	LastSuccess time.Time
	// LastFailure with its Error and StatusCode (0: there was no answer) is the newest
	// failure; Failures counts those since the last success.
	LastFailure time.Time
	Error       string
	StatusCode  int
	Failures    int
	// FailingSince is when the first of those was; zero: there are none.
	FailingSince time.Time
	Sent         int64 // records and traces' requests that were taken
	Dropped      int64 // that were skipped
}

// How a destination does.
const (
	StatusOff     = "off"
	StatusWaiting = "waiting" // nothing was sent yet
	StatusOK      = "ok"
	StatusFailing = "failing"
)

// Status says how the destination does.
func (d *Destination) Status() string {
	switch {
	case !d.Spec.On():
		return StatusOff
	case d.State.Failures > 0:
		return StatusFailing
	case d.State.LastSuccess.IsZero():
		return StatusWaiting
	}
	return StatusOK
}

// Record is a stored access log record.
type Record struct {
	ID int64
	contract.LogRecord
}

// Gateway is a gateway of the organization.
type Gateway struct {
	ID, Name string
	Num      uint64
}

// named reports whether one of refs is the gateway's id or name.
func (g *Gateway) named(refs []string) bool {
	return len(refs) == 0 || slices.Contains(refs, g.ID) || slices.Contains(refs, g.Name)
}
