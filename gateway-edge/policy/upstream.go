package policy

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Caller makes requests to one upstream of the gateway as the engine does: a
// target by the upstream's algorithm, its health, outlier detection, circuit
// breaker, TLS identity, time limits and retries, through the SSRF guard. It is
// safe for concurrent use, and outlives the exchange: what is refreshed in the
// background uses it with a context of its own.
type Caller interface {
	// Call sends a request and reads the whole answer, whatever its status. The
	// error is a *CallError.
	Call(ctx context.Context, r *CallRequest) (*FetchResponse, error)
}

// CallRequest is a request to an upstream. Nothing of the caller's own request is
// sent but what stands here.
type CallRequest struct {
	Method string // "": GET
	Host   string // sent as Host; "": the target's
	Path   string // canonical, beginning with "/"; "": "/"
	Query  string // without "?"
	// Header is by canonical name. Framing and what concerns one connection only is
	// left out.
	Header map[string][]string
	Body   []byte
	// Client is whom hashing by address goes by; not valid: nobody.
	Client netip.Addr
	// Limit bounds the answer's body in bytes; a longer one is an error. 0: 1 MiB.
	Limit int64
	// Timeout bounds the whole call, its tries and the answer's body included; 0,
	// and more than that: the upstream's total timeout.
	Timeout time.Duration
}

// CallError is why a call gave no answer. Err is for logs: it may name addresses,
// and is never shown to callers.
type CallError struct {
	Code contract.Code
	Err  error
}

// Error tells both.
func (e *CallError) Error() string { return e.Code.String() + ": " + e.Err.Error() }

// Unwrap is Err.
func (e *CallError) Unwrap() error { return e.Err }

// CodeOf is the code of a failed call or fetch: what the caller may be told of
// it. An error that is no CallError is upstream_timeout when its time was up, else
// upstream_unavailable.
func CodeOf(err error) contract.Code {
	var e *CallError
	var slow interface{ Timeout() bool }
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return contract.CodeUpstreamTimeout
	}
	return contract.CodeUpstreamUnavailable
}

// SendTo makes the request go to another upstream than the route's: one of
// Deps.Upstream. The last one counts.
func (x *Exchange) SendTo(c Caller) { x.e.SentTo = c }

// SentTo is the upstream that a policy chose by SendTo; nil: the route's.
func (x *Exchange) SentTo() Caller { return x.e.SentTo }

// Forwarding are the fields that tell a backend of the caller, as the engine sends
// them with a request that it forwards: for requests that an integration makes on
// the caller's behalf.
func (x *Exchange) Forwarding() map[string][]string {
	out := map[string][]string{
		"X-Forwarded-For":   {x.e.ClientAddr.String()},
		"X-Forwarded-Proto": {x.e.Req.Scheme.Clone()},
		"X-Forwarded-Host":  {x.e.Req.Host.Clone()},
	}
	if !x.e.RequestID.Empty() {
		out["X-Request-Id"] = []string{x.e.RequestID.Clone()}
	}
	if x.e.Traced[0] != 0 {
		out["Traceparent"] = []string{string(x.e.Traced[:])}
	} else if t, ok := x.e.Req.Header.Get(Traceparent); ok {
		out["Traceparent"] = []string{t.Clone()}
	}
	if p := x.e.principal; p != nil && p.ConsumerName != "" {
		out["Tollgate-Consumer"] = []string{string(EngineAppendPercent(nil, p.ConsumerName))}
	}
	return out
}

// EngineAppendPercent appends s with everything but printable ASCII, and "%",
// escaped.
func EngineAppendPercent(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '%' {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}
