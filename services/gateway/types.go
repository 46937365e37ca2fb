package gateway

import (
	"encoding/json"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Gateway is one API front of an organization. Its version is its revision.
type Gateway struct {
	ID              string
	Num             uint64
	Organization    core.OrganizationID
	OrganizationNum uint64
	Name            string
	Label           string // host label; unique everywhere, never changes
	Hostname        string // label under the edge domain
	Mode            string // contract.ModeLive or ModeTest; never changes
	Settings        Settings
	Version         uint64
	ManagedBy       string // owner of its settings and policies; empty: nobody
	Deleted         bool
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Settings are the parts of a gateway's configuration that stand alone.
type Settings struct {
	ServerTiming bool `json:"server_timing,omitempty"`
	// LogSample is the share of successful requests that are logged; nil: all.
	LogSample *float64 `json:"log_sample,omitempty"`
	// Tracing says which requests are traced; nil: none.
	Tracing *contract.Tracing `json:"tracing,omitempty"`
	// ClientCertificates are asked for by hosts of the gateway.
	ClientCertificates []contract.ClientCertificates `json:"client_certificates,omitempty"`
}

// Config is the whole configuration of a gateway as one document, the body of
// GET and PUT config. The ids inside are optional on input: an item that names
// one is that item even under a new name, one without is matched by its name.
// Secrets are not part of it; policies and upstreams refer to them by name.
type Config struct {
	Settings
	Policies   []contract.Policy    `json:"policies,omitempty"`
	Upstreams  []contract.Upstream  `json:"upstreams,omitempty"`
	Routes     []contract.Route     `json:"routes,omitempty"`
	UsagePlans []contract.UsagePlan `json:"usage_plans,omitempty"`
	Streams    []contract.Stream    `json:"streams,omitempty"`
	// OpenAPI is the gateway's OpenAPI document, which policies can refer to.
	OpenAPI json.RawMessage `json:"openapi,omitempty"`
}

// Limits of one gateway's configuration.
const (
	MaxRoutes     = 10_000
	MaxUpstreams  = 2_000
	MaxUsagePlans = 1_000
	MaxStreams    = 100
	MaxPolicies   = 64 // on the gateway, and on each route
	MaxSecrets    = 200
	MaxSecretSize = 64 << 10
	MaxMetadata   = 16 << 10
)

// Item is one upstream, route or usage plan with what the store knows of it.
type Item[T any] struct {
	Value     T      // with its id and num
	ManagedBy string // owner; empty: nobody
	Revision  uint64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Saved is the answer to a change: the item as it is now, and the gateway's
// version that has it (the present one when nothing had to change).
type Saved[T any] struct {
	Item[T]
	Version uint64
	Created bool
}

// Secret is what may be shown of a secret: never its value.
type Secret struct {
	ID        string
	Name      string
	Revision  uint64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Consumer is somebody who calls a gateway.
type Consumer struct {
	ID        string
	Num       uint64
	Gateway   string // id
	Name      string
	UsagePlan string // name; empty: none
	Metadata  json.RawMessage
	// Identities are those of its callers who come with a token.
	Identities []Identity
	// Plan is its usage plan, nil for none.
	Plan      *contract.UsagePlan
	Revision  uint64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Kinds of changes inside a version.
const (
	ChangeGateway   = "gateway" // its name
	ChangeSettings  = "settings"
	ChangePolicies  = "policies"
	ChangeUpstream  = "upstream"
	ChangeRoute     = "route"
	ChangeUsagePlan = "usage_plan"
	ChangeStream    = "stream"
	ChangeOpenAPI   = "openapi"
	ChangeSecret    = "secret" // that it changed, never to what

	ChangeCertificate = "certificate" // hosts, fingerprint and end
	ChangeDomain      = "domain"      // whether it is served, and the end of its certificate
)

// Change is one difference between two configurations. Before is missing for
// what was added, After for what was removed.
type Change struct {
	Kind   string          `json:"kind"`
	ID     string          `json:"id,omitempty"`
	Name   string          `json:"name,omitempty"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Verb says what a change did.
func (c *Change) Verb() string {
	switch {
	case len(c.Before) == 0:
		return "create"
	case len(c.After) == 0:
		return "delete"
	}
	return "update"
}

// Version is one entry of a gateway's history.
type Version struct {
	Version      uint64
	AuthorKind   string
	AuthorID     string
	AuthorName   string
	Summary      string
	RestoredFrom uint64 // 0: not a restore
	CreatedAt    time.Time
	Changes      []Change // against the version before; empty in lists
}

// Diff is what putting a document would change.
type Diff struct {
	Version uint64 // the version that it was compared with
	Changes []Change
	Effects []Effect // on what hangs on the things that are changed
}

// Applied is the answer to putting a whole document or restoring a version.
type Applied struct {
	Version uint64
	Changes []Change
	Config  *Config
}
