package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
)

// Paths of the signals below an endpoint (OTLP 1.x, "OTLP/HTTP Request").
const (
	PathTraces  = "/v1/traces"
	PathMetrics = "/v1/metrics"
	PathLogs    = "/v1/logs"
)

// Client sends messages to one collector.
type Client struct {
	Endpoint string            // base URL, without a signal's path
	Header   map[string]string // sent with every message
	HTTP     *http.Client      // must have a timeout
	Gzip     bool
}

// Error is a message that was not taken.
type Error struct {
	// Status is the collector's; 0: there was no answer.
	Status int
	// Retry says that the same message may be taken later; After is how long the
	// collector wants to be left alone, 0: it did not say.
	Retry bool
	After time.Duration
	Err   error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("the endpoint answered %d %s", e.Status, http.StatusText(e.Status))
}

func (e *Error) Unwrap() error { return e.Err }

// maxAnswer bounds what is read of an answer: its text says nothing that is used.
const maxAnswer = 64 << 10

// maxAfter bounds how long an endpoint can keep one from trying again.
const maxAfter = 10 * time.Minute

// Send sends one message to the signal's path. Every error is an *Error.
func (c *Client) Send(ctx context.Context, path string, m proto.Message) error {
	body, err := proto.Marshal(m)
	if err != nil {
		return &Error{Err: fmt.Errorf("encode for %s: %w", path, err)}
	}
	header := map[string]string{"Content-Type": "application/x-protobuf"}
	if c.Gzip {
		header["Content-Encoding"] = "gzip"
		body = Compress(body)
	}
	for k, v := range c.Header {
		header[k] = v
	}
	return Post(ctx, c.HTTP, c.Endpoint+path, header, body)
}

// Compress is p by gzip.
func Compress(p []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(p) // into memory
	_ = w.Close()
	return b.Bytes()
}

// Post sends a body and judges the answer as OTLP does: any 2xx is taken; 429, 502,
// 503 and 504 may be tried again, after Retry-After where there is one; nothing else
// may. Every error is an *Error, and none holds the address: it may hold a secret.
func Post(ctx context.Context, client *http.Client, address string, header map[string]string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return &Error{Err: errors.New("the endpoint is not a URL")}
	}
	return Do(client, r, header)
}

// Do sends a request with header fields and judges the answer as Post does.
func Do(client *http.Client, r *http.Request, header map[string]string) error {
	r.Header.Set("User-Agent", "Tollgate")
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return &Error{Retry: true, Err: err}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection can be used again
	switch s := resp.StatusCode; s {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &Error{Status: s, Retry: true, After: after(resp.Header.Get("Retry-After"))}
	default:
		if s < 200 || s > 299 {
			return &Error{Status: s}
		}
	}
	return nil
}

// after reads a Retry-After in seconds; a date counts as not given.
func after(text string) time.Duration {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxAfter)
}
