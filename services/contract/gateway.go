package contract

import "encoding/json"

// Modes of a gateway.
const (
	ModeLive = "live"
	ModeTest = "test" // free limits, never billed, keys begin tg_test_
)

// Gateway is one gateway's whole configuration: the document an edge compiles.
// It is a pure function of the database at one version. Names inside it refer
// to other parts of the same document; the Num fields are the stable numeric
// identities that counters and runtime state hang on.
type Gateway struct {
	Schema          int    `json:"schema"`
	ID              string `json:"id"`
	Num             uint64 `json:"num"`
	Name            string `json:"name"`
	Label           string `json:"label"`
	Organization    string `json:"organization"`
	OrganizationNum uint64 `json:"organization_num"`
	Mode            string `json:"mode"`
	Version         uint64 `json:"version"`
	// Deleted marks a signed tombstone: the gateway's hosts answer 404 and
	// nothing else of the document is filled in.
	Deleted bool `json:"deleted,omitempty"`
	// Hosts are all the canonical host names the gateway may answer for, its own
	// label under the edge domain first. "*.example.com" is a wildcard for one label.
	Hosts        []string          `json:"hosts"`
	Policies     []Policy          `json:"policies,omitempty"`
	Upstreams    []Upstream        `json:"upstreams,omitempty"`
	Routes       []Route           `json:"routes,omitempty"`
	Streams      []Stream          `json:"streams,omitempty"`
	UsagePlans   []UsagePlan       `json:"usage_plans,omitempty"`
	Certificates []Certificate     `json:"certificates,omitempty"`
	Secrets      map[string][]byte `json:"secrets,omitempty"` // name → sealed for edges (EdgeKeys.OpenSecret)
	ServerTiming bool              `json:"server_timing,omitempty"`
	// ClientCertificates are asked for by hosts; none: no host asks for one.
	ClientCertificates []ClientCertificates `json:"client_certificates,omitempty"`
	// OpenAPI is the gateway's OpenAPI document in JSON, which policies refer to. An
	// edge gets it only where one does, and cut down to what validation reads.
	OpenAPI json.RawMessage `json:"openapi,omitempty"`
	// LogSample is the share of successful requests that are logged, 0 to 1;
	// refused and failed ones always are. Nil means 1.
	LogSample *float64 `json:"log_sample,omitempty"`
	// Tracing says which requests are traced; nil: none, unless the operator does.
	Tracing *Tracing `json:"tracing,omitempty"`
}

// PlanNumbers returns the numbers of the usage plans by name; 0 for one that has
// none yet.
func (g *Gateway) PlanNumbers() map[string]uint64 {
	out := make(map[string]uint64, len(g.UsagePlans))
	for i := range g.UsagePlans {
		out[g.UsagePlans[i].Name] = g.UsagePlans[i].Num
	}
	return out
}

// Policy is one configured policy: its type and its own configuration, checked
// against the policy's schema by the same constructor on both sides.
type Policy struct {
	Type   string          `json:"type"`
	Config json.RawMessage `json:"config,omitempty"`
}

// Route says which requests it takes, what happens to them and where they go.
type Route struct {
	ID       string   `json:"id,omitempty"`
	Num      uint64   `json:"num,omitempty"`
	Name     string   `json:"name"`
	Match    Match    `json:"match"`
	Policies []Policy `json:"policies,omitempty"`
	// Upstream names the pool; empty only where there is an integration, or a policy
	// always answers (mock, redirect).
	Upstream string `json:"upstream,omitempty"`
	// Integration answers in the place of an upstream: a policy of phase integrate.
	Integration *Policy `json:"integration,omitempty"`
	// Public must be true where no authentication policy applies: openness is
	// said, never forgotten.
	Public   bool `json:"public,omitempty"`
	Priority int  `json:"priority,omitempty"`
	// Timeout bounds the whole exchange with the upstream, all tries included;
	// zero means the upstream's own total timeout.
	Timeout Duration `json:"timeout,omitempty"`
	// MaxBodyBytes bounds the request body; zero means the platform's 10 MiB default
	// is not applied and only the plan's cap holds.
	MaxBodyBytes int64 `json:"max_body_bytes,omitempty"`
	// StrictSlash makes /x and /x/ two different paths.
	StrictSlash bool `json:"strict_slash,omitempty"`
	// PreserveHost sends the client's Host on instead of the target's.
	PreserveHost bool `json:"preserve_host,omitempty"`
	// AbortOnFIN ends the exchange when an HTTP/1.1 client half-closes.
	AbortOnFIN bool `json:"abort_on_fin,omitempty"`
	// WebSocket lets the route take WebSockets; nil refuses the handshake.
	WebSocket *WebSocket `json:"websocket,omitempty"`
}

// Steps are the route's own policies, its integration last.
func (r *Route) Steps() []Policy {
	if r.Integration == nil {
		return r.Policies
	}
	return append(r.Policies[:len(r.Policies):len(r.Policies)], *r.Integration)
}

// Match is a route's condition. All parts that are given must hold.
type Match struct {
	Hosts   []string     `json:"hosts,omitempty"`   // empty: every host of the gateway
	Methods []string     `json:"methods,omitempty"` // empty: every allowed method; GET includes HEAD
	Path    string       `json:"path"`              // see gateway-edge/match.ParsePath for the syntax
	Headers []FieldMatch `json:"headers,omitempty"`
	Query   []FieldMatch `json:"query,omitempty"`
	// Claims are matched when it is known who calls, among routes that are equal
	// otherwise: names, or JSON pointers to claims inside others. Of an array one
	// element has to fit.
	Claims []FieldMatch `json:"claims,omitempty"`
}

// FieldMatch is a condition on one header field, query parameter or claim. Exactly one
// of Exact, Prefix, Regex and Present is given.
type FieldMatch struct {
	Name    string `json:"name"`
	Exact   string `json:"exact,omitempty"`
	Prefix  string `json:"prefix,omitempty"`
	Regex   string `json:"regex,omitempty"` // RE2, whole value
	Present *bool  `json:"present,omitempty"`
}

// UpstreamTLS is how https targets are verified.
type UpstreamTLS struct {
	CAPEM string `json:"ca_pem,omitempty"` // instead of the system's roots
	// ServerName is sent as SNI and is what the certificate must be for, instead of
	// the target's host: for targets that are addresses.
	ServerName string `json:"server_name,omitempty"`
	MinVersion string `json:"min_version,omitempty"` // "1.2" (default) or "1.3"
	// ClientCertificate names the secret with the certificate, its chain and its
	// private key in PEM that are shown to targets.
	ClientCertificate SecretRef `json:"client_certificate,omitzero"`
	// ClientPEM is that secret's value, filled in by the edge.
	ClientPEM  string `json:"-"`
	SkipVerify bool   `json:"skip_verify,omitempty"` // refused unless private upstreams are allowed
}

// UsagePlan is what a consumer of the gateway may do.
type UsagePlan struct {
	ID          string   `json:"id,omitempty"`
	Num         uint64   `json:"num,omitempty"`
	Name        string   `json:"name"`
	RateLimit   *Rate    `json:"rate_limit,omitempty"`
	Quota       *Quota   `json:"quota,omitempty"`
	Concurrency int      `json:"concurrency,omitempty"` // 0: no limit
	Routes      []string `json:"routes,omitempty"`      // route names; empty: all
}

// Rate is a token bucket: Rate tokens each Per, Burst at once.
type Rate struct {
	Rate  int64  `json:"rate"`
	Per   string `json:"per,omitempty"`   // second (default) | minute | hour
	Burst int64  `json:"burst,omitempty"` // default: one second's worth, at least 1
}

// Quota is a number of requests in a calendar period (UTC, weeks from Monday).
type Quota struct {
	Limit  int64  `json:"limit"`
	Period string `json:"period"` // hour | day | week | month
}

// Certificate serves TLS for hosts of the gateway.
type Certificate struct {
	Hosts     []string `json:"hosts"`
	ChainPEM  string   `json:"chain_pem"`
	SealedKey []byte   `json:"sealed_key"` // PKCS#8 PEM sealed for edges
}

// Organization is what edges must know of a tenant: its own limits hold beside
// those of every usage plan.
type Organization struct {
	Schema  int    `json:"schema"`
	ID      string `json:"id"`
	Num     uint64 `json:"num"`
	Version uint64 `json:"version"`
	Deleted bool   `json:"deleted,omitempty"`
	Plan    string `json:"plan"`
	PlanNum uint32 `json:"plan_num"`
	// Limits of the subscription plan; zero means no limit.
	RequestsPerPeriod int64 `json:"requests_per_period,omitempty"`
	PeriodStart       int64 `json:"period_start,omitempty"` // Unix seconds; the quota's period name
	PeriodEnd         int64 `json:"period_end,omitempty"`
	// Overage plans go on past RequestsPerPeriod and are billed for it; hard-cap
	// plans are refused with quota_exceeded.
	Overage         bool  `json:"overage,omitempty"`
	RequestsPerDay  int64 `json:"requests_per_day,omitempty"` // unverified organizations
	Rate            *Rate `json:"rate,omitempty"`
	Concurrency     int   `json:"concurrency,omitempty"`
	MaxBodyBytes    int64 `json:"max_body_bytes,omitempty"`
	Suspended       bool  `json:"suspended,omitempty"`
	StrictFreshness bool  `json:"strict_freshness,omitempty"` // fail closed after 30 s without a heartbeat
}
