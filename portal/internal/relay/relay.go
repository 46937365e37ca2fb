package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Bounds of one request.
const (
	MaxBody   = 64 << 10  // sent
	MaxAnswer = 256 << 10 // shown of the answer's body
	maxHead   = 64 << 10  // of the answer
	Timeout   = 30 * time.Second
	maxOpen   = 64 // requests at once in this process
)

// Relay sends requests through one edge. It is safe for concurrent use.
type Relay struct {
	scheme    string
	transport *http.Transport
	open      chan struct{} // one token for each request under way
}

// New makes a relay to the edge at a URL such as http://edge:8000.
func New(edge *url.URL) (*Relay, error) {
	if edge == nil || edge.Scheme != "http" && edge.Scheme != "https" || edge.Hostname() == "" || strings.Trim(edge.Path, "/") != "" {
		return nil, fmt.Errorf("relay: %q is not the URL of an edge, such as http://edge:8000", edge)
	}
	addr := edge.Host
	if edge.Port() == "" {
		addr = net.JoinHostPort(edge.Hostname(), map[string]string{"http": "80", "https": "443"}[edge.Scheme])
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &Relay{
		scheme: edge.Scheme, open: make(chan struct{}, maxOpen),
		transport: &http.Transport{
			// Whatever a request says, there is one place to go.
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "tcp", addr)
			},
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			DisableCompression:     true, // the caller sees what the edge sent
			MaxResponseHeaderBytes: maxHead,
			MaxIdleConnsPerHost:    1,
			MaxIdleConns:           32,
			IdleConnTimeout:        30 * time.Second,
		},
	}, nil
}

// Answer is what came back.
type Answer struct {
	Status    int
	Header    http.Header
	Body      []byte
	Truncated bool // there was more, or it did not end in time
	RequestID string
	FirstByte time.Duration // until the head of the answer came
	Total     time.Duration
}

// Send sends in to the gateway with a host name and returns the edge's answer,
// whatever its status.
func (r *Relay) Send(ctx context.Context, host string, in *Request) (*Answer, error) {
	select {
	case r.open <- struct{}{}:
		defer func() { <-r.open }()
	default:
		e := core.Errorf(core.CodeUnavailable, "too many test requests are under way; try again in a moment")
		e.RetryAfter = time.Second
		return nil, e
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	var began, first time.Time
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotFirstResponseByte: func() { first = time.Now() },
	})
	req, err := in.build(ctx, r.scheme, host)
	if err != nil {
		return nil, err
	}
	began = time.Now()
	resp, err := r.transport.RoundTrip(req)
	if err != nil {
		return nil, failed(ctx, err)
	}
	defer resp.Body.Close()
	out := &Answer{Status: resp.StatusCode, Header: resp.Header, RequestID: resp.Header.Get("X-Request-Id"), FirstByte: first.Sub(began)}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	out.Total = time.Since(began)
	out.Truncated = err != nil || len(body) > MaxAnswer
	out.Body = body[:min(len(body), MaxAnswer)]
	return out, nil
}

// failed says why there was no answer, without the edge's address.
func failed(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return core.Wrap(core.CodeUnavailable, err, fmt.Sprintf("there was no answer within %s", Timeout))
	}
	return core.Wrap(core.CodeUnavailable, err, "the edge can't be reached from the portal at the moment")
}
