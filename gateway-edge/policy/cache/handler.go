package cache

import (
	"sync"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// call is what the policy knows of one exchange. Calls are pooled; what points
// into the exchange is gone with its OnDone.
type call struct {
	p       *cache
	key     []byte
	scratch []byte
	base    uint64
	asks    directives // of the request

	item *policy.CacheItem // what was found, fresh or stale; nil: nothing
	have *stored
	why  string // why the request goes on (RFC 9211 2.2); "" while it does not

	flight    *flight
	leads     bool
	collapsed bool
	cached    bool // what is sent on may be stored
	own       bool // the validators that are sent on are ours
	kept      bool // the response is in the cache already
	unsafe    bool
	detached  bool  // it is no request of a client's
	sent      int64 // when it was sent on, CLOCK_BOOTTIME ns

	ifNoneMatch, ifModifiedSince   policy.Text // the client's
	hasNoneMatch, hasModifiedSince bool
	fill                           fill
	detail                         string
}

var calls = sync.Pool{New: func() any { return new(call) }}

func (p *cache) take() *call {
	c := calls.Get().(*call)
	c.p = p
	return c
}

// give returns a call to the pool.
func (c *call) give() {
	key, scratch := c.key[:0], c.scratch[:0]
	*c = call{key: key, scratch: scratch}
	calls.Put(c)
}

// OnRequest answers from what is stored, or sends the request on.
func (p *cache) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	q := x.Request()
	if p.store == nil || p.flights == nil {
		return x.Next()
	}
	get := q.Method.Is("GET") || q.Method.Is("HEAD")
	if !get && safe(q.Method) {
		return x.Next()
	}
	c := p.take()
	s.P = c
	if !get {
		c.unsafe, c.why = true, "method"
		return x.Next()
	}
	if q.Length != 0 || q.Header.Has(policy.IfMatch) || q.Header.Has(ifUnmodifiedSince) || q.Header.Has(policy.Upgrade) {
		return c.bypass(x, "")
	}
	var whyNot string
	if c.key, whyNot = p.appendKey(c.key[:0], x); whyNot != "" {
		return c.bypass(x, whyNot)
	}
	if len(c.key) > maxAhead {
		return c.bypass(x, "the key is too long")
	}
	c.asks = newDirectives()
	if !p.ignoreClient {
		c.asks.read(q.Header, policy.CacheControl)
		if v, ok := q.Header.Get(pragma); ok && !c.asks.present && v.Fold("no-cache") {
			c.asks.noCache = true
		}
	}
	c.cached = true
	p.find(x, c)
	if x.Explaining() {
		return p.explain(x, c)
	}
	return c.decide(x)
}

var (
	ifUnmodifiedSince = policy.FixedName("If-Unmodified-Since")
	ifRange           = policy.FixedName("If-Range")
	pragma            = policy.FixedName("Pragma")
)

// safe are methods that change nothing (RFC 9110 9.2.1, 18.2; RFC 9111 4.4).
func safe(m policy.Text) bool {
	return m.Is("OPTIONS") || m.Is("TRACE") || m.Is("PROPFIND") || m.Is("REPORT") || m.Is("SEARCH") || m.Is("QUERY")
}

// find looks up what is stored for the request.
func (p *cache) find(x *policy.Exchange, c *call) {
	c.item, c.have = nil, nil
	for _, i := range p.store.Peek(c.key) {
		st := i.Value.(*stored)
		switch {
		case st.pass:
			if c.item == nil {
				c.item, c.have = i, st
			}
		case c.chosen(x, st):
			c.item, c.have = i, st
			return
		}
	}
}

// chosen reports whether the request's fields are those that a stored response was
// chosen by (RFC 9111 4.1).
func (c *call) chosen(x *policy.Exchange, st *stored) bool {
	for i := range st.vary {
		v := &st.vary[i]
		var given bool
		c.scratch, given = normal(c.scratch[:0], x.Request().Header, v.name)
		if given != v.given || string(c.scratch) != v.value {
			return false
		}
	}
	return true
}

// decide chooses between an answer, a wait, and sending on.
func (c *call) decide(x *policy.Exchange) policy.Action {
	st, now := c.have, x.Now()
	switch {
	case st == nil:
		return c.miss(x, "uri-miss")
	case st.pass:
		if c.why = "uri-miss"; st.age(now) < st.lifetime && !c.asks.onlyIfCached {
			return c.alone(x, "")
		}
		return c.miss(x, "uri-miss")
	case c.asks.noCache:
		if c.why = "request"; c.asks.onlyIfCached {
			return c.miss(x, c.why)
		}
		return c.ask(x)
	case st.fresh(now) && !st.mustAsk:
		if c.tooOld(st, now) {
			return c.miss(x, "request")
		}
		return c.serve(x, st)
	case !st.mustAsk && c.allowsStale(st, now):
		return c.serve(x, st)
	case !st.mustAsk && st.overdue(now) < st.staleWhile && c.asks.maxAge == absent && c.asks.minFresh == absent:
		return c.refresh(x)
	}
	return c.miss(x, "stale")
}

// tooOld applies what the request asks of freshness (RFC 9111 5.2.1).
func (c *call) tooOld(st *stored, now int64) bool {
	a := &c.asks
	return a.maxAge != absent && st.age(now) > a.maxAge*second || a.minFresh != absent && -st.overdue(now) < a.minFresh*second
}

// allowsStale applies the request's max-stale.
func (c *call) allowsStale(st *stored, now int64) bool {
	a := &c.asks
	return !st.noStale && a.maxStale != absent && st.overdue(now) <= a.maxStale*second &&
		(a.maxAge == absent || st.age(now) <= a.maxAge*second)
}

const second = int64(1e9)

// miss sends the request on, or lets it wait for one that is under way.
func (c *call) miss(x *policy.Exchange, why string) policy.Action {
	if c.why = why; c.asks.onlyIfCached {
		return x.RejectDetail(contract.CodeUpstreamTimeout, 0, "only-if-cached was asked for, and nothing that fits is stored")
	}
	if !c.mayShare(x) {
		return c.ask(x)
	}
	fl, leads := c.p.flights.join(c.key)
	if fl == nil {
		return c.ask(x)
	}
	if c.flight, c.leads = fl, leads; leads {
		return c.ask(x)
	}
	return x.Wait()
}

// mayShare reports whether the answer to this very request would be one for
// others.
func (c *call) mayShare(x *policy.Exchange) bool {
	q := x.Request()
	if !c.p.c.Collapse || !q.Method.Is("GET") || c.asks.noStore || q.Header.Has(policy.Range) {
		return false
	}
	if !c.p.personal(x) && (q.Header.Has(policy.Authorization) || q.Header.Has(policy.Cookie)) {
		return false
	}
	conditional := q.Header.Has(policy.IfNoneMatch) || q.Header.Has(policy.IfModifiedSince)
	return !conditional || c.have != nil && c.have.validators()
}

// alone sends the request on without waiting for another or leading others.
func (c *call) alone(x *policy.Exchange, detail string) policy.Action {
	c.flight, c.detail = nil, detail
	if c.why == "" {
		c.why = "uri-miss"
	}
	return c.ask(x)
}

// bypass sends the request on; nothing of it is stored.
func (c *call) bypass(x *policy.Exchange, detail string) policy.Action {
	c.why, c.detail = "bypass", detail
	if x.Tracing() && detail != "" {
		x.TraceDetail(detail)
	}
	return x.Next()
}

// ask sends the request on, with the stored validators where there are some.
func (c *call) ask(x *policy.Exchange) policy.Action {
	c.sent = x.Now()
	if st := c.have; st != nil && !st.pass && st.validators() && st.status == 200 {
		h := x.Request().Header
		c.ifNoneMatch, c.hasNoneMatch = h.Get(policy.IfNoneMatch)
		c.ifModifiedSince, c.hasModifiedSince = h.Get(policy.IfModifiedSince)
		if h.Has(policy.Range) || !c.hasNoneMatch && c.hasModifiedSince && st.modified == 0 {
			return x.Next() // what comes is another part, or for another question
		}
		c.own = true
		h.Del(ifRange)
		h.Del(policy.IfNoneMatch)
		h.Del(policy.IfModifiedSince)
		if st.etag != "" {
			h.Set(policy.IfNoneMatch, st.etag)
		}
		if st.modified != 0 {
			h.Set(policy.IfModifiedSince, st.lastModified)
		}
	}
	return x.Next()
}

// OnDone ends what is still under way.
func (p *cache) OnDone(_ *policy.Exchange, s *policy.Slot) {
	c, ok := s.P.(*call)
	if !ok {
		return
	}
	c.fill.release(p)
	c.land(failed)
	c.give()
}
