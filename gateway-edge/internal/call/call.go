package call

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// defaultLimit is how long an answer's body may be where the request does not say,
// in bytes.
const defaultLimit = 1 << 20

// caller implements policy.Caller over one version of an upstream.
type caller struct {
	up  *balance.Upstream
	now func() int64
}

// New makes the Caller of an upstream, a policy.Opener where the upstream speaks
// HTTP/1.1. now is CLOCK_BOOTTIME in nanoseconds.
func New(up *balance.Upstream, now func() int64) policy.Caller {
	c := &caller{up: up, now: now}
	if up.Protocol == "" || up.Protocol == "http1" {
		return &opener{c}
	}
	return c
}

// Upstream is the upstream that c calls.
func (c *caller) Upstream() *balance.Upstream { return c.up }

// Name is the upstream's name.
func (c *caller) Name() string { return c.up.Name }

// one is a call under way.
type one struct {
	*caller
	r       *policy.CallRequest
	place   balance.Call
	tries   int
	opening *opening // nil: it is a call
}

// Call is policy.Caller.
func (c *caller) Call(ctx context.Context, r *policy.CallRequest) (*policy.FetchResponse, error) {
	q := *r
	return (&one{caller: c, r: &q}).call(ctx)
}

// call makes the call. Its request is changed.
func (o *one) call(ctx context.Context) (*policy.FetchResponse, error) {
	if err := complete(o.r); err != nil {
		return nil, &policy.CallError{Code: contract.CodeRequestInvalid, Err: err}
	}
	total := o.up.Timeouts.Total
	if o.r.Timeout > 0 {
		total = min(total, o.r.Timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	if !o.up.Plain() {
		o.identify()
	}
	return o.run(ctx)
}

// complete fills in what a request leaves out, and refuses what would be another
// request on the wire.
func complete(q *policy.CallRequest) error {
	if q.Method == "" {
		q.Method = http.MethodGet
	}
	if q.Path == "" {
		q.Path = "/"
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	if f := gate.CheckField(q.Method, ""); f != nil || q.Method == http.MethodConnect {
		return fmt.Errorf("the method %.32q can't be sent", q.Method)
	}
	if canon, _, err := match.CanonPath(nil, q.Path); err != nil || canon != q.Path {
		return fmt.Errorf("the path %.140q is not canonical", q.Path)
	}
	for i := 0; i < len(q.Query); i++ {
		if b := q.Query[i]; b <= ' ' || b == '#' || b >= 0x7f {
			return errors.New("the query holds a character that is not allowed")
		}
	}
	if strings.ContainsAny(q.Host, " \t\r\n/@") {
		return fmt.Errorf("the host %.140q can't be sent", q.Host)
	}
	for name, values := range q.Header {
		for _, v := range values {
			if f := gate.CheckField(name, v); f != nil {
				return fmt.Errorf("field %.64q: %w", name, f)
			}
		}
	}
	return nil
}

// identify tells the balancer what the request is hashed by.
func (o *one) identify() {
	x := policy.EngineNew(o.now, match.CanonPath)
	e := policy.EngineOf(x)
	e.Req.Method, e.Req.Host = policy.Static(o.r.Method), policy.Static(o.r.Host)
	e.Req.Path, e.Req.Query = policy.Static(o.r.Path), policy.Static(o.r.Query)
	for name, values := range o.r.Header {
		for _, v := range values {
			e.ReqHeader.AppendString(name, v)
		}
	}
	o.up.Call(&o.place, &e.Req, o.r.Client, nil)
}

// run tries targets until one answers. Neither an answer nor an error: the channel is
// open.
func (o *one) run(ctx context.Context) (*policy.FetchResponse, error) {
	t, code := o.up.Pick(&o.place)
	if t == nil && code == contract.CodeUpstreamBusy {
		t, code = o.up.Wait(ctx, &o.place)
	}
	var last error = errNoTarget
	for t != nil {
		o.tries++
		began := o.now()
		resp, err := o.send(ctx, t)
		if err == nil && resp == nil {
			o.opening.channel.took = o.now() - began
			return nil, nil // the place is the channel's
		}
		if err == nil {
			o.place.End(balance.ResultOf(resp.Status), o.now()-began)
			if resp.Status < 500 || !o.again(ctx, nil, resp.Status) {
				return resp, nil
			}
		} else {
			o.place.End(resultOf(ctx, err), 0)
			code, last = transport.CodeOf(err), err
			if errors.Is(err, errTooLong) || errors.Is(err, errMalformed) || errors.Is(err, errSwitch) {
				code = contract.CodeUpstreamProtocol
			}
			if ctx.Err() != nil {
				code = contract.CodeUpstreamTimeout
			}
			if !o.again(ctx, err, 0) {
				break
			}
		}
		next := o.repick(ctx, !connecting(err))
		if next == nil && err == nil {
			return resp, nil // a bad answer is better than none
		}
		t = next
	}
	return nil, &policy.CallError{Code: code, Err: last}
}

var errNoTarget = errors.New("no target has room")

// connecting reports whether an error was made before anything was sent.
func connecting(err error) bool {
	var te *transport.Error
	return errors.As(err, &te)
}

// resultOf is what a failed try says of the target.
func resultOf(ctx context.Context, err error) balance.Result {
	var te *transport.Error
	switch {
	case errors.As(err, &te):
		return te.Result()
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, errTooLong):
		return balance.ResultNone
	}
	return balance.ResultError
}

// again reports whether another target is tried, by the rules of forwarded
// requests: a connection that could not be made always leads to the next;
// everything else where the method is idempotent, the upstream says so, and the
// budget allows.
func (o *one) again(ctx context.Context, err error, status int) bool {
	if o.tries >= balance.MaxTries || ctx.Err() != nil {
		return false
	}
	if connecting(err) {
		return true
	}
	r := &o.up.Retry
	want := false
	switch {
	case err == nil:
		want = r.On(status)
	case errors.Is(err, errTooLong), errors.Is(err, errMalformed), errors.Is(err, errSwitch):
	case transport.CodeOf(err) == contract.CodeUpstreamTimeout:
		want = r.OnTimeout
	default:
		want = r.OnReset
	}
	return want && o.tries <= r.Attempts && idempotent(o.r.Method) && o.up.AllowRetry()
}

// repick chooses a target for a further try: at once when there is another one,
// else, where same says so, one that was tried already, after a random while.
func (o *one) repick(ctx context.Context, same bool) *balance.Target {
	t, _ := o.up.Pick(&o.place)
	if t != nil || !same {
		return t
	}
	r := &o.up.Retry
	most := min(r.MaxBackoff, r.Backoff<<(o.tries-1))
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(most) + 1)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil
	}
	o.place.Again()
	t, _ = o.up.Pick(&o.place)
	return t
}

// idempotent are the methods that can be sent twice without harm (RFC 9110 9.2.2).
func idempotent(m string) bool {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, "QUERY", "PROPFIND", "SEARCH", "REPORT":
		return true
	}
	return false
}
