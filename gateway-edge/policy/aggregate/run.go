package aggregate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/services/contract"
)

// run is one request's calls. Its calls' goroutines read what was there before
// they began, and what the calls that they waited for left.
type run struct {
	*aggregate
	b       policy.Blocking
	until   time.Time
	request map[string]any
	forward map[string][]string
	client  netip.Addr
	done    []chan struct{} // closed when the call has ended
	results []result
}

type result struct {
	value any
	code  contract.Code // of the failure
	err   error         // nil: none; for decisions only, it is not shown
}

var (
	errNeeded = errors.New("a call that it uses failed")
	errStatus = errors.New("the status is no success")
	errJSON   = errors.New("the answer is no JSON")
	errPanic  = errors.New("the call panicked")
)

// all makes the calls and waits for them.
func (r *run) all() {
	var wg sync.WaitGroup
	for i := range r.calls {
		wg.Go(func() {
			defer close(r.done[i])
			defer func() {
				if recover() != nil {
					r.results[i] = result{code: contract.CodeInternal, err: errPanic}
				}
			}()
			r.results[i] = r.one(i)
		})
	}
	wg.Wait()
}

// one makes a call once those that it uses have ended.
func (r *run) one(i int) result {
	c := &r.calls[i]
	values := make(map[string]any, len(c.after))
	for _, j := range c.after {
		<-r.done[j]
		got := &r.results[j]
		if got.err != nil && !r.calls[j].optional {
			return result{code: got.code, err: errNeeded}
		}
		values[r.calls[j].name] = got.value
	}
	v, err := r.ask(c, map[string]any{"request": r.request, "calls": values})
	if err != nil {
		return result{value: c.fallback, code: codeOf(err), err: err}
	}
	return result{value: v}
}

// codeOf is what the caller may be told of a failure.
func codeOf(err error) contract.Code {
	var ce *policy.CallError
	switch {
	case errors.As(err, &ce):
		return ce.Code
	case errors.Is(err, errText):
		return contract.CodeRequestInvalid
	case errors.Is(err, errStatus), errors.Is(err, errJSON), errors.Is(err, errPick):
		return contract.CodeUpstreamProtocol
	}
	return policy.CodeOf(err)
}

var (
	errText   = errors.New("a text of the call can't be made")
	errNoPath = errors.New("a value can't stand in the path")
	errPick   = errors.New("pick can't be made of the answer")
)

// ask makes the request of a call and reads its answer.
func (r *run) ask(c *call, doc map[string]any) (any, error) {
	ctx := r.b.Context()
	q, err := c.compose(doc)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errText, err)
	}
	q.Timeout, q.Limit, q.Client = min(c.timeout, time.Until(r.until)), maxBody, r.client
	if q.Timeout <= 0 {
		return nil, context.DeadlineExceeded
	}
	var got *policy.FetchResponse
	if c.up != nil {
		header := maps.Clone(r.forward)
		maps.Copy(header, q.Header)
		q.Header = header
		got, err = c.up.Call(ctx, q)
	} else {
		got, err = r.outside(c, q)
	}
	switch {
	case err != nil:
		return nil, err
	case got.Status < 200 || got.Status > 299:
		return nil, fmt.Errorf("%w: %d", errStatus, got.Status)
	case len(got.Body) == 0:
		return nil, nil
	}
	v, err := document.ParseJSON(got.Body)
	if err != nil {
		return nil, errJSON
	}
	if c.pick != nil {
		if v, err = c.pick.Run(v); err != nil {
			return nil, fmt.Errorf("%w: %w", errPick, err)
		}
	}
	return v, nil
}

// outside asks an address that is no upstream. Nothing of the caller is told.
func (r *run) outside(c *call, q *policy.CallRequest) (*policy.FetchResponse, error) {
	address := c.base + q.Path
	if q.Query != "" {
		address += "?" + q.Query
	}
	return r.fetch.Do(r.b, &policy.FetchRequest{
		Method: q.Method, URL: address, Header: q.Header, Body: q.Body, Limit: q.Limit, Timeout: q.Timeout,
	})
}

// compose makes the request of a call. Values stand in the path and the query
// escaped, so that none becomes another segment or parameter.
func (c *call) compose(doc any) (*policy.CallRequest, error) {
	q := &policy.CallRequest{Method: c.method, Header: map[string][]string{"Accept": {"application/json"}}}
	path, err := c.path.expand(doc, query.AppendEscaped)
	if err != nil {
		return nil, err
	}
	if q.Path, _, err = match.CanonPath(nil, path); err != nil || strings.Count(q.Path, "/") != strings.Count(path, "/") {
		return nil, errNoPath // a value would be no segment, or another one
	}
	var raw []byte
	for i := range c.query {
		v, err := c.query[i].text.expand(doc, plain)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			raw = append(raw, '&')
		}
		raw = append(query.AppendEscaped(raw, c.query[i].name), '=')
		raw = query.AppendEscaped(raw, v)
	}
	q.Query = string(raw)
	for i := range c.headers {
		v, err := c.headers[i].text.expand(doc, plain)
		if err != nil {
			return nil, err
		}
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, errNoText
		}
		q.Header[canonical(c.headers[i].name)] = []string{v}
	}
	if c.body != nil {
		v, err := c.body.Run(doc)
		if err != nil {
			return nil, err
		}
		if q.Body, err = document.AppendJSON(nil, v, maxMade); err != nil {
			return nil, err
		}
		if q.Header["Content-Type"] == nil {
			q.Header["Content-Type"] = []string{"application/json"}
		}
	}
	return q, nil
}

// canonical writes a field's name as net/http does.
func canonical(name string) string {
	b := []byte(strings.ToLower(name))
	up := true
	for i, c := range b {
		if up && c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
		up = c == '-'
	}
	return string(b)
}

// failed names the calls that failed, sorted, with their codes.
func (r *run) failed() (names []string, codes map[string]any) {
	codes = map[string]any{}
	for i := range r.results {
		if r.results[i].err != nil {
			names = append(names, r.calls[i].name)
			codes[r.calls[i].name] = r.results[i].code.String()
		}
	}
	slices.Sort(names)
	return names, codes
}
