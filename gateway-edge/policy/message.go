package policy

// Request is the request as policies see and edit it. Host, Path and Query are
// canonical: the one form used for matching, authentication, limits, cache, log
// and forwarding.
type Request struct {
	Method Text
	Scheme Text // "http" or "https", as the client came
	Host   Text // lower case, without port
	Path   Text // decoded and resolved; begins with "/"
	Query  Text // without "?", byte for byte as sent

	Header  Headers
	Trailer Headers // filled when the body has ended
	Length  int64   // of the body; -1: not known
}

// Response is the answer on its way to the client.
type Response struct {
	Status  int
	Origin  Origin
	Header  Headers
	Trailer Headers
	Length  int64 // of the body; -1: not known
}

// Origin says who made a response.
type Origin uint8

// Origins of a response.
const (
	FromEdge Origin = iota
	FromBackend
	FromCache
	FromIntegration
)

// Side is a direction of an exchange.
type Side uint8

// The two sides.
const (
	OnTheRequest Side = iota
	OnTheResponse
)

// Ended says who ended an exchange.
type Ended uint8

// Ends of an exchange.
const (
	EndedWell Ended = iota
	EndedByClient
	EndedByUpstream
	EndedByTimeout
	EndedByEdge
)

// String returns the word that the access log uses; "" for EndedWell.
func (e Ended) String() string {
	switch e {
	case EndedByClient:
		return "client"
	case EndedByUpstream:
		return "upstream"
	case EndedByTimeout:
		return "timeout"
	case EndedByEdge:
		return "edge"
	}
	return ""
}

// Outcome is what became of an exchange; metering and credit use nothing else.
type Outcome struct {
	// Committed: the first byte of the final head was written.
	Committed bool
	// Billable: committed, and the response came from a backend, an integration or a cache.
	Billable bool
	Status   int
	BytesIn  int64 // of the request's body
	BytesOut int64 // of the response's body
	Ended    Ended
}

// Param is a path parameter of the matched route.
type Param struct {
	Name  string
	Value Text
}

// Route is the matched route. It is immutable and may be kept; the numbers are
// stable across renames and versions.
type Route struct {
	ID, Name                               string
	Num, Gateway, Organization             uint64
	GatewayID, GatewayName, OrganizationID string
	Version                                uint64 // of the gateway's configuration
	Public                                 bool
	PreserveHost                           bool // the backend gets the client's Host
	Test                                   bool // the gateway's mode is test: free limits, never billed
}
