package cache

import (
	"context"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// refresh serves what is stale and has it asked about (RFC 5861 3): in the
// background where the route has an upstream. Else one request pays for it by
// waiting for the answer, and all others go on meanwhile.
func (c *call) refresh(x *policy.Exchange) policy.Action {
	if !c.mayShare(x) {
		return c.serve(x, c.have)
	}
	to := c.p.upstream
	if chosen := x.SentTo(); chosen != nil {
		to = chosen
	}
	if to != nil {
		if c.have.refreshing.CompareAndSwap(false, true) && !c.behind(x, to) {
			c.have.refreshing.Store(false)
		}
		return c.serve(x, c.have)
	}
	if fl, leads := c.p.flights.join(c.key); leads {
		c.flight, c.leads, c.why = fl, true, "stale"
		return c.ask(x)
	} else if fl != nil {
		c.p.flights.leave(c.key)
	}
	return c.serve(x, c.have)
}

// behind asks the upstream in the background; false: there is no room for that.
func (c *call) behind(x *policy.Exchange, to policy.Caller) bool {
	y, p := x.Detach(), c.p
	b := &call{p: p, key: append([]byte(nil), c.key...), asks: newDirectives(), item: c.item, have: c.have, base: c.item.Base, detached: true}
	return p.store.Later(func(ctx context.Context) {
		defer b.item.Value.(*stored).refreshing.Store(false)
		defer b.fill.release(p)
		b.again(ctx, y, to)
	})
}

// again asks the upstream about what is stored, and stores what it says. An error
// leaves things as they are: the next request asks again.
func (b *call) again(ctx context.Context, y *policy.Exchange, to policy.Caller) {
	h := y.Request().Header
	h.Del(policy.IfNoneMatch)
	h.Del(policy.IfModifiedSince)
	b.ask(y)
	r := y.Call()
	r.Method, r.Limit = "GET", b.p.c.MaxBody
	got, err := to.Call(ctx, r)
	if err != nil {
		return
	}
	y.Receive(got)
	var tags []string
	if b.p.tags.String() != "" {
		tags = b.p.takeTags(y.Response().Header)
	}
	switch {
	case erring(got.Status) && b.have.staleError > 0:
	case got.Status == 304 && b.own:
		b.freshen(y, tags)
	default:
		b.store(y, tags)
		if b.fill.st != nil {
			if b.fill.take(got.Body) {
				b.fill.done(y.Now())
			}
		}
	}
}
