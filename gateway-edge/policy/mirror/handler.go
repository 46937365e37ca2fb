package mirror

import (
	"context"
	"math/rand/v2"
	"net/netip"

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
		go p.send(r)
	default:
	}
	return x.Next()
}

// own are fields of the caller's that a copy does not carry: credentials, and what
// would make the answer another one than the request's.
var own = []policy.Name{policy.Authorization, policy.Cookie, policy.XAPIKey, policy.ProxyAuthorization}

// copyOf keeps nothing of the exchange.
func (p *mirror) copyOf(x *policy.Exchange) *policy.CallRequest {
	q := x.Request()
	r := &policy.CallRequest{
		Method: q.Method.Clone(), Path: q.Path.Clone(), Query: q.Query.Clone(), Header: x.Forwarding(),
		Client: netip.AddrFrom16(x.Client().As16()).Unmap(), Limit: 64 << 10, Timeout: p.timeout,
	}
fields:
	for name, v := range q.Header.Each() {
		for i := range own {
			if name.Fold(own[i].String()) {
				continue fields
			}
		}
		n := name.Clone()
		r.Header[n] = append(r.Header[n], v.Clone())
	}
	r.Header["X-Mirrored"] = []string{"1"}
	for c := range x.Body().Chunks() {
		r.Body = append(r.Body, c...)
	}
	return r
}

// send makes the call. Nobody hears how it went but the upstream's own health; the
// copy outlives the request, and is bounded by its timeout.
func (p *mirror) send(r *policy.CallRequest) {
	defer func() {
		<-p.slots
		_ = recover() // a copy ends nothing but itself
	}()
	ctx, cancel := context.WithTimeout(context.Background(), p.timeout)
	defer cancel()
	_, _ = p.to.Call(ctx, r)
}
