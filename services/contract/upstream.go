package contract

// Balancing algorithms of an upstream.
const (
	RoundRobin     = "round_robin"   // smooth weighted; the default
	LeastRequest   = "least_request" // the fewest requests in flight for its weight
	LeastTime      = "least_time"    // the shortest expected wait: peak EWMA of the time to the head × requests in flight
	Random         = "random"
	RandomOfTwo    = "random_of_two" // of two at random the one with fewer requests in flight
	IPHash         = "ip_hash"
	ConsistentHash = "consistent_hash"
)

// Upstream is a named pool of targets and how it is used.
type Upstream struct {
	ID        string            `json:"id,omitempty"`
	Num       uint64            `json:"num,omitempty"`
	Name      string            `json:"name"`
	Algorithm string            `json:"algorithm,omitempty"`
	HashOn    *HashOn           `json:"hash_on,omitempty"` // consistent_hash only
	Targets   []Target          `json:"targets"`
	Health    *HealthCheck      `json:"health,omitempty"`
	Outlier   *OutlierDetection `json:"outlier_detection,omitempty"`
	Breaker   *CircuitBreaker   `json:"circuit_breaker,omitempty"`
	Sessions  *Sessions         `json:"session_persistence,omitempty"`
	Keepalive *Keepalive        `json:"keepalive,omitempty"`
	Timeouts  *Timeouts         `json:"timeouts,omitempty"`
	Retries   *Retries          `json:"retries,omitempty"`
	TLS       *UpstreamTLS      `json:"tls,omitempty"`
	// MaxRequests bounds the requests in flight from one edge to each target;
	// 0 does not. What is over it waits in the queue.
	MaxRequests int    `json:"max_requests,omitempty"`
	Queue       *Queue `json:"queue,omitempty"`
	// SlowStart is how long a target that comes (back) into service takes to its
	// whole share of the requests; hashing algorithms know none.
	SlowStart Duration `json:"slow_start,omitempty"`
	// DrainTimeout is how long exchanges may go on with a target that was removed
	// or has weight 0 now; default 5m.
	DrainTimeout Duration `json:"drain_timeout,omitempty"`
	// WhenAllDown is "try_all" (default: with every target down, use them all)
	// or "refuse" (503 upstream_unavailable).
	WhenAllDown string `json:"when_all_down,omitempty"`
	// Protocol is "http1" (default) or "h2c"/"h2" for HTTP/2 backends such as gRPC.
	Protocol string `json:"protocol,omitempty"`
}

// Target is one address of an upstream. Weight 0 takes no new requests; nil is 1.
type Target struct {
	URL    string `json:"url"` // scheme://host[:port], nothing more; tcp:// and udp:// for streams
	Weight *int   `json:"weight,omitempty"`
	// Priority is the target's group: 0, the default, is used first, and another
	// only while no target of a lower one is usable.
	Priority int `json:"priority,omitempty"`
	// Backup puts the target into the group after all others.
	Backup bool `json:"backup,omitempty"`
	// MaxRequests replaces the upstream's.
	MaxRequests int `json:"max_requests,omitempty"`
	// SRV takes the host for the name of a service (RFC 2782): its records say
	// which addresses and ports there are.
	SRV bool `json:"srv,omitempty"`
}

// HashOn says what consistent_hash hashes.
type HashOn struct {
	Source string `json:"source"`         // header | cookie | query | path_param | ip
	Name   string `json:"name,omitempty"` // of the header, cookie, parameter
}

// HealthCheck is an active check of every target.
type HealthCheck struct {
	Type     string `json:"type"`           // http | tcp | grpc | udp
	Path     string `json:"path,omitempty"` // http; default "/"
	Host     string `json:"host,omitempty"` // http and grpc; default the target's
	Statuses []int  `json:"statuses,omitempty"`
	// Headers are sent with the request of a check of type http.
	Headers []HealthHeader `json:"headers,omitempty"`
	// BodyContains and BodyRegex (RE2) must be found in the first 64 KiB of the
	// answer to a check of type http, or of type udp with a payload.
	BodyContains string `json:"body_contains,omitempty"`
	BodyRegex    string `json:"body_regex,omitempty"`
	// Service is what a check of type grpc asks for (grpc.health.v1); empty: the
	// server as a whole.
	Service string `json:"service,omitempty"`
	// Payload is the datagram of a check of type udp (base64 in JSON): an answer must
	// come within Timeout. Without one an empty datagram is sent, and the target is
	// healthy unless its host refuses it (ICMP).
	Payload   []byte   `json:"payload,omitempty"`
	Interval  Duration `json:"interval,omitempty"` // default 2s
	Timeout   Duration `json:"timeout,omitempty"`  // default 1s
	Unhealthy int      `json:"unhealthy,omitempty"`
	Healthy   int      `json:"healthy,omitempty"`
}

// HealthHeader is a header field of a health check.
type HealthHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// OutlierDetection ejects a target that fails real requests.
type OutlierDetection struct {
	// ConsecutiveErrors counts 502, 503, 504, resets, malformed answers and
	// timeouts in a row; default 5, and 0 in a given object keeps the default.
	ConsecutiveErrors int `json:"consecutive_errors,omitempty"`
	// Consecutive5xx counts every 5xx and error in a row; 0: only errors count.
	Consecutive5xx int `json:"consecutive_5xx,omitempty"`
	// MinSuccessPercent ejects a target of which fewer of the last ten seconds'
	// requests succeeded, once there were MinRequests (default 50); 0: not looked at.
	MinSuccessPercent int      `json:"min_success_percent,omitempty"`
	MinRequests       int      `json:"min_requests,omitempty"`
	BaseEjection      Duration `json:"base_ejection,omitempty"` // default 5s, doubled each time
	MaxEjection       Duration `json:"max_ejection,omitempty"`  // default 5m
	MaxEjectedPercent int      `json:"max_ejected_percent,omitempty"`
	Disabled          bool     `json:"disabled,omitempty"`
}

// CircuitBreaker stops sending to a target that fails or hangs: an open breaker
// sends nothing for a while, then a few requests as probes, and closes when they
// succeed.
type CircuitBreaker struct {
	// ErrorPercent of a window's requests, of which there must be MinRequests,
	// opens it. Defaults 50, 20 and 1s.
	ErrorPercent int      `json:"error_percent,omitempty"`
	MinRequests  int      `json:"min_requests,omitempty"`
	Window       Duration `json:"window,omitempty"`
	// MaxConcurrent opens it when more requests than this are in flight from one
	// edge to the target; 0: never.
	MaxConcurrent int      `json:"max_concurrent,omitempty"`
	Open          Duration `json:"open,omitempty"`   // default 5s
	Probes        int      `json:"probes,omitempty"` // at once, and successes that close it; default 1
}

// Sessions keep a caller with its target for as long as that is usable.
type Sessions struct {
	By     string         `json:"by"`               // cookie | header | ip
	Header string         `json:"header,omitempty"` // by header: its name
	Cookie *SessionCookie `json:"cookie,omitempty"` // by cookie; nil: all defaults
}

// SessionCookie is the cookie that names a session's target.
type SessionCookie struct {
	Name     string   `json:"name,omitempty"`      // default tollgate_session
	Path     string   `json:"path,omitempty"`      // default /
	Domain   string   `json:"domain,omitempty"`    // default: the host alone
	MaxAge   Duration `json:"max_age,omitempty"`   // default: until the browser is closed
	SameSite string   `json:"same_site,omitempty"` // lax (default) | strict | none
	Insecure bool     `json:"insecure,omitempty"`  // sent without TLS too
	Readable bool     `json:"readable,omitempty"`  // not HttpOnly
}

// Queue is where requests wait when every target has max_requests in flight.
type Queue struct {
	Length   int      `json:"length,omitempty"`  // on each edge; default 128
	Timeout  Duration `json:"timeout,omitempty"` // default 5s
	Disabled bool     `json:"disabled,omitempty"`
}

// Keepalive bounds the pool of idle connections of each target.
type Keepalive struct {
	MaxIdle     int      `json:"max_idle,omitempty"`     // default 512
	IdleTimeout Duration `json:"idle_timeout,omitempty"` // default 60s
}

// Timeouts of an upstream's exchanges.
type Timeouts struct {
	Connect Duration `json:"connect,omitempty"` // default 1s
	PerTry  Duration `json:"per_try,omitempty"` // to the response head; default 30s
	Total   Duration `json:"total,omitempty"`   // all tries to the response head; default 60s
	Idle    Duration `json:"idle,omitempty"`    // between two pieces of a body; default 60s
}

// Retries of requests that can be sent again without harm.
type Retries struct {
	Attempts      int      `json:"attempts,omitempty"`       // further tries; default 1
	BudgetPercent int      `json:"budget_percent,omitempty"` // of the requests; default 20
	On            []string `json:"on,omitempty"`             // reset | timeout | 500 | 502 | 503 | 504; connect always is
	// Backoff is the most that is waited before the first further try to the same
	// target, doubled for each next one up to MaxBackoff; the time is drawn at
	// random. Defaults 25ms and 250ms. Another target is tried at once.
	Backoff    Duration `json:"backoff,omitempty"`
	MaxBackoff Duration `json:"max_backoff,omitempty"`
}
