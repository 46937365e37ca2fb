package call

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Bounds of an answer's head.
const (
	maxHead = 64 << 10 // bytes, interim answers included
	max1xx  = 16
)

var (
	errTooLong   = errors.New("the answer's body is longer than allowed")
	errMalformed = errors.New("the answer is malformed")
	errSlow      = timeoutError{}
)

// timeoutError: the target's own time is up.
type timeoutError struct{}

func (timeoutError) Error() string { return "the target took too long" }
func (timeoutError) Timeout() bool { return true }

// send sends the request to a target and reads its answer. An error that is a
// *transport.Error was made before anything was sent.
func (o *one) send(ctx context.Context, t *balance.Target) (*policy.FetchResponse, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(o.up.Timeouts.PerTry, func() { cancel(errSlow) })
	defer timer.Stop()
	head := func() { timer.Stop() }
	pool := transport.Of(t)
	if pool == nil {
		return nil, errNoTarget
	}
	host := o.r.Host
	if host == "" {
		host = t.URL.HostPort()
	}
	var resp *policy.FetchResponse
	var err error
	switch {
	case o.opening != nil:
		resp, err = o.open(ctx, pool, host, head)
	case pool.HTTP2():
		resp, err = o.over2(ctx, pool, host, head)
	default:
		resp, err = o.over1(ctx, pool, host, head)
	}
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		err = errSlow
	}
	return resp, err
}

// over1 sends over HTTP/1.1. A kept connection that broke before the first byte of
// an answer was probably closed by a backend that did not know of the request: it
// goes out once more, on a new one, if it can be sent twice.
func (o *one) over1(ctx context.Context, pool *transport.Pool, host string, head func()) (*policy.FetchResponse, error) {
	c := pool.Idle(o.now())
	if c != nil {
		resp, began, err := o.on(ctx, pool, c, host, head)
		if err == nil || began || ctx.Err() != nil || !idempotent(o.r.Method) {
			return resp, err
		}
	}
	c, err := pool.Dial(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	resp, _, err := o.on(ctx, pool, c, host, head)
	return resp, err
}

// on makes the exchange on a connection, which is the pool's again afterwards.
// began says that something of an answer came.
func (o *one) on(ctx context.Context, pool *transport.Pool, c *transport.Conn, host string, head func()) (resp *policy.FetchResponse, began bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	in := &counted{r: c, left: maxHead}
	br := readers.Get().(*bufio.Reader)
	br.Reset(in)
	keep := false
	defer func() {
		keep = stop() && keep && br.Buffered() == 0
		br.Reset(nil)
		readers.Put(br)
		if keep {
			pool.Put(c, o.now())
		} else {
			pool.Discard(c)
		}
	}()
	if _, err = c.Write(o.appendHead(nil, host)); err == nil && len(o.r.Body) > 0 {
		_, err = c.Write(o.r.Body)
	}
	// A failed write is not the last word: the backend may have answered before it
	// stopped reading.
	r, rerr := o.final(br)
	if rerr != nil {
		if err == nil {
			err = rerr
		}
		return nil, in.some, err
	}
	head()
	in.left = math.MaxInt64
	resp, rerr = o.read(r)
	if rerr != nil {
		return nil, true, rerr
	}
	keep = err == nil && !r.Close && !transport.Binds(transport.Value(http.Header(o.r.Header).Get("Authorization")))
	return resp, true, nil
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 8<<10) }}

// counted notes whether anything was read, and bounds how much may be.
type counted struct {
	r    io.Reader
	left int64
	some bool
}

func (c *counted) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errMalformed
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.some = c.some || n > 0
	return n, err
}

// final reads the head of the final answer.
func (o *one) final(br *bufio.Reader) (*http.Response, error) {
	for range max1xx + 1 {
		r, err := http.ReadResponse(br, &http.Request{Method: o.r.Method})
		switch {
		case err != nil && (err == io.ErrUnexpectedEOF || err == io.EOF):
			return nil, err
		case err != nil:
			var timeout interface{ Timeout() bool }
			if errors.As(err, &timeout) {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %w", errMalformed, err)
		case r.StatusCode == http.StatusSwitchingProtocols && o.opening != nil:
			return r, nil
		case r.StatusCode == http.StatusSwitchingProtocols || r.StatusCode < 100 || r.StatusCode > 599:
			return nil, errMalformed
		case r.StatusCode >= 200:
			return r, nil
		}
	}
	return nil, errMalformed
}

// read reads a body within the bound.
func (o *one) read(r *http.Response) (*policy.FetchResponse, error) {
	if r.ContentLength > o.r.Limit && o.r.Method != http.MethodHead {
		return nil, errTooLong
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, o.r.Limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > o.r.Limit {
		return nil, errTooLong
	}
	header := make(map[string][]string, len(r.Header))
	for name, values := range r.Header {
		if gate.ResponseField(name) {
			header[name] = values
		}
	}
	return &policy.FetchResponse{Status: r.StatusCode, Header: header, Body: body}, nil
}

// kept are fields that a call does not send: they frame the message or concern
// one connection only, or the edge writes them itself.
var kept = []string{
	"Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Expect", "Proxy-Connection",
	"Proxy-Authorization", "Http2-Settings", "Te", "Trailer",
}

func sent(name string) bool {
	return !slices.ContainsFunc(kept, func(k string) bool { return strings.EqualFold(k, name) })
}

const agent = "Tollgate"

// appendHead appends a request's head. All of it was checked.
func (o *one) appendHead(out []byte, host string) []byte {
	out = append(append(append(out, o.r.Method...), ' '), o.r.Path...)
	if o.r.Query != "" {
		out = append(append(out, '?'), o.r.Query...)
	}
	out = gate.AppendField(append(out, " HTTP/1.1\r\n"...), "Host", host)
	named := false
	for name, values := range o.r.Header {
		if !sent(name) {
			continue
		}
		named = named || strings.EqualFold(name, "User-Agent")
		for _, v := range values {
			out = gate.AppendField(out, name, v)
		}
	}
	if !named {
		out = gate.AppendField(out, "User-Agent", agent)
	}
	out = gate.AppendField(out, "Via", "1.1 "+gate.Pseudonym)
	if o.opening != nil {
		out = o.opening.append(out)
	}
	if len(o.r.Body) > 0 || o.r.Method == http.MethodPost || o.r.Method == http.MethodPut || o.r.Method == http.MethodPatch {
		out = gate.AppendField(out, "Content-Length", strconv.Itoa(len(o.r.Body)))
	}
	return append(out, "\r\n"...)
}

// over2 sends over HTTP/2.
func (o *one) over2(ctx context.Context, pool *transport.Pool, host string, head func()) (*policy.FetchResponse, error) {
	r := (&http.Request{
		Method: o.r.Method, Host: host, URL: &url.URL{Path: "/", Opaque: o.r.Path, RawQuery: o.r.Query},
		ProtoMajor: 2, Header: make(http.Header, len(o.r.Header)+2),
	}).WithContext(ctx)
	for name, values := range o.r.Header {
		if sent(name) {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", agent)
	}
	r.Header.Add("Via", "2.0 "+gate.Pseudonym)
	if len(o.r.Body) > 0 {
		r.ContentLength = int64(len(o.r.Body))
		r.Body = io.NopCloser(bytes.NewReader(o.r.Body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.r.Body)), nil }
	}
	resp, err := pool.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 599 {
		return nil, errMalformed
	}
	head()
	return o.read(resp)
}
