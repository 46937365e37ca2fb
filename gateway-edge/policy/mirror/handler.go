package mirror

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// WantsBody lets a body pass that is too long for a copy, or of no known length:
// the request must not be refused for the copy's sake.
func (p *mirror) WantsBody(x *policy.Exchange, _ policy.Side) bool {
	n := x.Request().Length
	return n > 0 && n <= p.max && p.takes(x)
}

func (p *mirror) takes(x *policy.Exchange) bool {
	for _, m := range p.methods {
		if x.Request().Method.Is(m) {
			return true
		}
	}
	return false
}

// OnRequest sends a copy, if there is room for one.
func (p *mirror) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	q := x.Request()
	if x.Explaining() || !p.takes(x) || q.Length < 0 || q.Length > p.max || rand.Float64()*100 >= p.percent || q.Header.Has(policy.Upgrade) {
		return x.Next()
	}
	select {
	case p.slots <- struct{}{}:
		r := p.copyOf(x)
		if !p.behind.Go(func(ctx context.Context) { p.send(ctx, r) }) {
			<-p.slots
		}
	default:
		p.behind.Dropped()
	}
	return x.Next()
}

// own are fields of the caller's that a copy does not carry: credentials, and those
// that the route's backend was given.
var own = []policy.Name{
	policy.Authorization, policy.Cookie, policy.XAPIKey, policy.ProxyAuthorization, policy.FixedName("X-Amz-Security-Token"),
}

// copyOf keeps nothing of the exchange.
func (p *mirror) copyOf(x *policy.Exchange) *policy.CallRequest {
	r := x.Call()
	r.Limit, r.Timeout = 64<<10, p.timeout
	for name := range r.Header {
		if slices.ContainsFunc(own, func(n policy.Name) bool { return strings.EqualFold(name, n.String()) }) {
			delete(r.Header, name)
		}
	}
	r.Header["X-Mirrored"] = []string{"1"}
	for c := range x.Body().Chunks() {
		r.Body = append(r.Body, c...)
	}
	return r
}

// send makes the call. Nobody hears how it went but the upstream's own health; the
// copy outlives the request, and is bounded by its timeout.
func (p *mirror) send(ctx context.Context, r *policy.CallRequest) {
	defer func() { <-p.slots }()
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	_, _ = p.to.Call(ctx, r)
}
