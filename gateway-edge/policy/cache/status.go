package cache

import (
	"strconv"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

var cacheStatus = policy.FixedName("Cache-Status")

// cacheName is how the cache calls itself.
const cacheName = "Tollgate"

// markHit says that a stored response answers (RFC 9211 2). status as in answer.
func (c *call) markHit(h policy.Headers, st *stored, now int64, status int) {
	if !c.p.c.CacheStatus {
		return
	}
	b := append(c.scratch[:0], cacheName...)
	switch {
	case status >= 0 || c.collapsed:
		b = append(append(b, "; fwd="...), c.why...)
		if status > 0 {
			b = strconv.AppendInt(append(b, "; fwd-status="...), int64(status), 10)
		}
		if c.collapsed {
			b = append(b, "; collapsed"...)
		}
	default:
		b = append(b, "; hit"...)
	}
	b = strconv.AppendInt(append(b, "; ttl="...), floor(-st.overdue(now)), 10)
	c.finish(h, b)
}

// floor is a time in whole seconds, rounded down.
func floor(ns int64) int64 {
	if ns < 0 {
		return -((-ns + second - 1) / second)
	}
	return ns / second
}

// mark says on an answer that is not the cache's why it was asked for.
func (c *call) mark(x *policy.Exchange, status int) {
	if !c.p.c.CacheStatus {
		return
	}
	b := append(append(append(c.scratch[:0], cacheName...), "; fwd="...), c.why...)
	if c.own && x.Response().Origin != policy.FromEdge {
		b = strconv.AppendInt(append(b, "; fwd-status="...), int64(status), 10)
	}
	if c.fill.st != nil || c.kept {
		b = append(b, "; stored"...)
	}
	c.finish(x.Response().Header, b)
}

func (c *call) finish(h policy.Headers, b []byte) {
	if c.detail != "" {
		b = append(append(append(b, "; detail=\""...), c.detail...), '"')
	}
	c.scratch = b
	h.AddBytes(cacheStatus, b)
}

// explain tells, for a decision trace, what would be done, and does nothing.
func (p *cache) explain(x *policy.Exchange, c *call) policy.Action {
	detail := "nothing is stored for this request: it would be sent on"
	if st := c.have; st != nil && !st.pass {
		detail = "stored, but stale: the origin would be asked"
		if st.fresh(x.Now()) && !st.mustAsk {
			detail = "stored and fresh for another " + strconv.FormatInt(floor(-st.overdue(x.Now())), 10) + " s: it would be the answer"
		}
	}
	x.TraceDetail(detail)
	c.cached = false
	return x.Next()
}
