package contract

// LogRecord is one line of the access log, and what GET requests/{id} keeps.
// Credentials never stand in it: the key appears as its kid, and query
// parameters that carried credentials are removed.
type LogRecord struct {
	Time         int64   `json:"time"` // Unix milliseconds of arrival
	RequestID    string  `json:"request_id"`
	Edge         string  `json:"edge"`
	Organization uint64  `json:"organization"`
	Gateway      uint64  `json:"gateway"`
	Version      uint64  `json:"version"` // of the gateway's configuration
	RouteNum     uint64  `json:"route_num,omitempty"`
	Route        string  `json:"route,omitempty"`
	Method       string  `json:"method"`
	Host         string  `json:"host"`
	Path         string  `json:"path"`
	Query        string  `json:"query,omitempty"`
	Protocol     string  `json:"protocol"` // HTTP/1.1, HTTP/2.0
	Client       string  `json:"client"`
	UserAgent    string  `json:"user_agent,omitempty"`
	Consumer     string  `json:"consumer,omitempty"`
	ConsumerNum  uint64  `json:"consumer_num,omitempty"`
	Key          string  `json:"key,omitempty"` // kid
	Status       int     `json:"status"`
	Code         string  `json:"code,omitempty"` // the edge's own answer
	Billed       bool    `json:"billed"`
	Target       string  `json:"target,omitempty"` // never shown to consumers
	Tries        int     `json:"tries,omitempty"`
	BytesIn      int64   `json:"bytes_in"`
	BytesOut     int64   `json:"bytes_out"`
	EdgeMS       float64 `json:"edge_ms"`
	UpstreamMS   float64 `json:"upstream_ms"`
	// DurationMS is how long a stream's connection or flow lasted.
	DurationMS float64 `json:"duration_ms,omitempty"`
	Aborted    string  `json:"aborted,omitempty"` // client | upstream | timeout
	// Trace is the decision, kept for refused and failed requests and the sample.
	Trace *Trace `json:"trace,omitempty"`
	// TraceID (32 hexadecimal digits), SpanID and ParentID (16; empty: the trace
	// began here) are the request's place in a trace (W3C Trace Context).
	TraceID  string `json:"trace_id,omitempty"`
	SpanID   string `json:"span_id,omitempty"`
	ParentID string `json:"parent_id,omitempty"`
	// Traced says that the gateway's Tracing wants the request; Spans are its parts.
	Traced bool   `json:"traced,omitempty"`
	Spans  []Span `json:"spans,omitempty"`
	// TookUS is a traced request's whole time in microseconds, its body included.
	TookUS int64 `json:"took_us,omitempty"`
}

// Ask is an explain question to a live edge: what would happen to this request?
type Ask struct {
	ID       string              `json:"id"`
	Gateway  string              `json:"gateway"` // gateway id; the URL's host must be one of its own
	Method   string              `json:"method"`
	URL      string              `json:"url"`
	Headers  map[string][]string `json:"headers,omitempty"`
	Body     []byte              `json:"body,omitempty"`
	Client   string              `json:"client,omitempty"`
	Deadline int64               `json:"deadline"` // Unix milliseconds
	// Purge makes it an order instead: to remove stored responses of the gateway.
	Purge *Purge `json:"purge,omitempty"`
}

// Purge says which stored responses of a gateway go. One field is set.
type Purge struct {
	All bool `json:"all,omitempty"`
	// Path is a path with its query, as clients ask for it; Prefix the beginning of
	// one; Tag one of those that the origin gave with the response.
	Path   string `json:"path,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	Tag    string `json:"tag,omitempty"`
}

// Answer is an edge's answer to an Ask.
type Answer struct {
	ID    string `json:"id"`
	Edge  string `json:"edge"`
	Error string `json:"error,omitempty"`
	Trace *Trace `json:"trace,omitempty"`
	// Purged is how many responses a purge removed; nil: there was none.
	Purged *int64 `json:"purged,omitempty"`
	// Pushed is what came of a Push; nil: there was none.
	Pushed *Pushed `json:"pushed,omitempty"`
	// Done says that an Order was carried out.
	Done bool `json:"done,omitempty"`
}

// Trace says why a request got the response it got.
type Trace struct {
	Edge       string        `json:"edge"`
	Gateway    string        `json:"gateway"`
	Version    uint64        `json:"version"`
	Host       string        `json:"host"`
	Method     string        `json:"method"`
	Path       string        `json:"path"`
	Route      string        `json:"route,omitempty"`
	Candidates []Candidate   `json:"candidates,omitempty"`
	Policies   []PolicyTrace `json:"policies,omitempty"`
	Consumer   string        `json:"consumer,omitempty"`
	Key        string        `json:"key,omitempty"`
	Limits     []LimitTrace  `json:"limits,omitempty"`
	Target     string        `json:"target,omitempty"`
	TargetWhy  string        `json:"target_why,omitempty"`
	Status     int           `json:"status"` // 0: it would be sent on
	Code       string        `json:"code,omitempty"`
	Detail     string        `json:"detail,omitempty"`
}

// Candidate is a route that was looked at.
type Candidate struct {
	Route   string `json:"route"`
	Matched bool   `json:"matched"`
	Why     string `json:"why"`
}

// PolicyTrace is one policy's verdict.
type PolicyTrace struct {
	Type    string `json:"type"`
	Phase   string `json:"phase"`
	From    string `json:"from"`    // gateway | route | usage_plan | organization
	Verdict string `json:"verdict"` // next | wait | reject | answer | skipped
	Code    string `json:"code,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// LimitTrace is one limit's state.
type LimitTrace struct {
	Name   string `json:"name"`
	Limit  int64  `json:"limit"`
	Left   int64  `json:"left"`   // of what this edge holds
	Window string `json:"window"` // second | minute | hour | day | week | month; empty for concurrency
	From   string `json:"from"`
}
