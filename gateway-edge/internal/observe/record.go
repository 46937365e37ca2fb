package observe

import (
	"math"
	"math/rand/v2"
	"net/netip"

	"github.com/tollgate/tollgate/services/contract"
)

// Record is one finished request as the engine hands it to Log.Write. Its
// strings may be views over the exchange's buffers: they are read during the
// call only.
type Record struct {
	Time         int64 // Unix milliseconds of arrival
	RequestID    string
	Organization uint64
	Gateway      uint64
	Version      uint64 // of the gateway's configuration
	RouteNum     uint64
	Route        string
	Method       string
	Host         string
	Path         string
	Query        string // raw, as it arrived; credentials are removed here
	Protocol     string // HTTP/1.1, HTTP/2.0
	Client       netip.Addr
	UserAgent    string
	Consumer     string
	ConsumerNum  uint64
	Key          uint64 // kid; 0: none
	Status       int    // 0: no response was begun
	Code         string // of the edge's own error answer; empty: none
	Billed       bool
	Target       string
	Tries        int
	BytesIn      int64
	BytesOut     int64
	// EdgeMicros is the time the edge itself added, UpstreamMicros what it
	// waited for the upstream, in microseconds.
	EdgeMicros     int64
	UpstreamMicros int64
	// DurationMicros is how long a stream's connection or flow lasted; 0: a request.
	DurationMicros int64
	Aborted        string // client | upstream | timeout
	// Credential is the name of the query parameter that may carry the
	// route's credential; common names are removed anyway.
	Credential string
	Trace      *contract.Trace
	// Place is where the request stands in a trace. Traced says that its gateway
	// wants it traced, Export that the operator does; then Parts say where its time
	// went and TookMicros how long it took in all.
	Place      Place
	Traced     bool
	Export     bool
	Parts      []Part
	TookMicros int64
	// Unlogged: the record is made for Export alone.
	Unlogged bool
}

// important reports whether the record is of a refused or failed request: always
// logged, dropped last.
func (r *Record) important() bool { return r.Code != "" || r.Status >= 500 || r.Aborted != "" }

// Share is the share of successful requests that are logged.
type Share uint32

// ShareOf converts a gateway's log_sample; nil is everything. It is done once,
// when the gateway is compiled.
func ShareOf(sample *float64) Share {
	if sample == nil || *sample >= 1 {
		return math.MaxUint32
	}
	if !(*sample > 0) { // NaN too
		return 0
	}
	return Share(*sample * math.MaxUint32)
}

// Wants reports whether a request's record should be made: always for the
// edge's own errors, failures and aborts, by chance for the others.
func (s Share) Wants(status int, code, aborted string) bool {
	if s == math.MaxUint32 || code != "" || status >= 500 || aborted != "" {
		return true
	}
	return s != 0 && rand.Uint32() < uint32(s)
}
