package cache

import (
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// OnResponse judges what came back: it stores it, freshens what is stored with it,
// or puts what is stale in its place.
func (p *cache) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	c, ok := s.P.(*call)
	if !ok {
		return x.Next()
	}
	r := x.Response()
	var tags []string
	if p.tags.String() != "" && r.Origin != policy.FromEdge {
		tags = p.takeTags(r.Header)
	}
	switch {
	case c.unsafe:
		if r.Origin != policy.FromEdge && r.Status >= 200 && r.Status < 400 {
			c.invalidate(x)
		}
	case !c.cached:
	case r.Origin == policy.FromEdge || erring(r.Status) && c.have != nil:
		if st := c.have; st != nil && r.Status >= 500 && c.bridges(st, x.Now()) {
			return c.inPlace(x, st, erred)
		}
		if r.Origin != policy.FromEdge {
			c.store(x, tags)
			break
		}
		c.land(erred)
	case r.Status == 304 && c.own:
		return c.answer(x, c.freshen(x, tags), 304)
	default:
		c.store(x, tags)
	}
	c.mark(x, r.Status)
	return x.Next()
}

// erring are the statuses that count as an origin's failure (RFC 5861 4).
func erring(status int) bool {
	return status == 500 || status == 502 || status == 503 || status == 504
}

// bridges reports whether a stored response may stand in for a failing origin.
func (c *call) bridges(st *stored, now int64) bool {
	if st.pass || st.mustAsk {
		return false
	}
	window := st.staleError
	if a := c.asks.staleError; a != absent && !st.noStale {
		window = max(window, a*second)
	}
	return st.fresh(now) || st.overdue(now) < window
}

// inPlace answers with what is stored in the place of what came.
func (c *call) inPlace(x *policy.Exchange, st *stored, how landing) policy.Action {
	status := x.Response().Status
	if x.Response().Origin == policy.FromEdge {
		status = 0 // nobody answered
	}
	x.DropResponse()
	c.land(how)
	if how == erred {
		c.detail = "stale-if-error"
	}
	return c.answer(x, st, status)
}

// takeTags reads the surrogate keys and takes their field away: they are between
// the origin and the cache.
func (p *cache) takeTags(h policy.Headers) (out []string) {
	for v := range h.All(p.tags) {
		for i, from := 0, 0; i <= v.Len(); i++ {
			if i < v.Len() && v.At(i) != ' ' && v.At(i) != ',' && v.At(i) != '\t' {
				continue
			}
			if n := i - from; n > 0 && n <= maxTag && len(out) < maxTags {
				out = append(out, v.Slice(from, i).Clone())
			}
			from = i + 1
		}
	}
	h.Del(p.tags)
	return out
}

// store begins to keep the response, where it may be kept.
func (c *call) store(x *policy.Exchange, tags []string) {
	p, q, r := c.p, x.Request(), x.Response()
	if !q.Method.Is("GET") || r.Status == 304 {
		c.land(open)
		return
	}
	wall := p.wall()
	t := p.terms(x, r.Status, wall)
	why := p.whyNot(x, c, &t)
	var st *stored
	if why == "" {
		st, why = c.make(x, &t, wall)
	}
	if why != "" && erring(r.Status) {
		c.detail = why
		c.land(erred) // what is stored may still be right
		return
	}
	if why != "" {
		c.detail = why
		c.notStored(x.Now(), t.d)
		return
	}
	c.fill.begin(c, st, c.path(x), tags, r.Length)
	if r.Status == 204 || r.Length == 0 {
		c.fill.done(x.Now())
		return
	}
	if c.fill.st != nil && !c.detached {
		x.Filter(policy.OnTheResponse, &c.fill)
	}
}

// make puts together what is stored of the head of the response under way.
func (c *call) make(x *policy.Exchange, t *terms, wall time.Time) (st *stored, whyNot string) {
	r, now := x.Response(), x.Now()
	st = &stored{status: r.Status}
	var ok bool
	if st.vary, ok = varies(x, c); !ok {
		return nil, "vary"
	}
	if st.fields, ok = keepFields(r.Header, c.p.tags); !ok {
		return nil, "fields"
	}
	c.dates(x, st, wall, now)
	c.p.windows(st, t)
	if st.mustAsk || st.lifetime <= 0 {
		if !st.validators() && (st.mustAsk || st.staleWhile+st.staleError == 0) {
			return nil, "no freshness"
		}
	}
	return st, ""
}

// windows applies the terms to a stored response.
func (p *cache) windows(st *stored, t *terms) {
	st.lifetime = min(t.lifetime, int64(maxTTL))
	st.mustAsk, st.noStale = t.d.noCache, t.noStale
	st.staleWhile, st.staleError = 0, 0
	if t.hard {
		return
	}
	window := func(origin int64, ours time.Duration) int64 {
		switch {
		case origin != absent:
			return min(origin*second, int64(maxTTL))
		case t.noStale:
			return 0
		}
		return int64(ours)
	}
	st.staleWhile = window(t.d.staleWhile, p.c.StaleWhileRevalidate.Std())
	st.staleError = window(t.d.staleError, p.c.StaleIfError.Std())
}

// dates reads what is computed with of the head under way (RFC 9111 4.2.3).
func (c *call) dates(x *policy.Exchange, st *stored, wall time.Time, now int64) {
	h := x.Response().Header
	if v, ok := h.Get(policy.ETag); ok {
		st.etag = v.Clone()
	}
	if m, _, ok := dateField(h, policy.LastModified); ok {
		v, _ := h.Get(policy.LastModified)
		st.modified, st.lastModified = m.Unix(), v.Trim().Clone()
	}
	at, given, ok := dateField(h, policy.Date)
	if !ok {
		at = wall
	}
	if !given {
		st.fields = append(st.fields, field{name: policy.Date, value: wall.UTC().Format(dateLayouts[0]), brief: true})
	}
	st.date = at.Unix()
	age := ageField(h)*second + now - c.sent
	st.born = now - max(age, int64(min(max(wall.Sub(at), 0), maxTTL)), 0)
}

// path is what purges go by.
func (c *call) path(x *policy.Exchange) string {
	b := x.Asked().AppendTo(c.scratch[:0])
	if q := x.Request().Query; !q.Empty() {
		b = q.AppendTo(append(b, '?'))
	}
	path := string(b)
	c.scratch, c.base = base(b[:0], x.Request().Host, x.Asked(), x.Request().Query)
	return path
}

// passFor is for how long nobody waits for an answer that can't be shared.
const passFor = 10 * second

// notStored ends the flight of a response that is not kept. What was stored before
// is no longer what the origin says.
func (c *call) notStored(now int64, d directives) {
	if c.leads || c.have != nil && !c.have.pass && (d.noStore || d.private) {
		st := &stored{pass: true, born: now, lifetime: passFor}
		c.put(st, c.item, "", nil)
	}
	c.land(open)
}

// put makes an item and hands it to the store.
func (c *call) put(st *stored, old *policy.CacheItem, path string, tags []string) bool {
	i := &policy.CacheItem{Key: string(c.key), Base: c.base, Path: path, Tags: tags, Began: c.sent, Expires: st.expires(), Value: st}
	i.Size = st.size(i.Key, tags) + int64(len(path))
	return c.p.store.Put(i, old)
}

// freshen makes what is stored fresh again by a 304 (RFC 9111 4.3.4).
func (c *call) freshen(x *policy.Exchange, tags []string) *stored {
	p, r, now, wall := c.p, x.Response(), x.Now(), c.p.wall()
	old := c.have
	st := &stored{status: old.status, body: old.body, vary: old.vary}
	c.dates(x, st, wall, now)
	fields, ok := keepFields(r.Header, p.tags)
	if !ok {
		fields = nil
	}
	st.fields = update(old.fields, fields)
	x.DropResponse()
	for i := range st.fields {
		r.Header.Add(st.fields[i].name, st.fields[i].value)
	}
	t := p.terms(x, st.status, wall)
	st.etag, st.lastModified, st.modified = old.etag, old.lastModified, old.modified
	if m, _, ok := dateField(r.Header, policy.LastModified); ok {
		v, _ := r.Header.Get(policy.LastModified)
		st.modified, st.lastModified = m.Unix(), v.Clone()
	}
	p.windows(st, &t)
	x.DropResponse()
	if tags == nil {
		tags = c.item.Tags
	}
	c.base = c.item.Base
	if t.d.noStore || t.d.private {
		c.notStored(now, t.d)
	} else {
		c.put(st, c.item, c.item.Path, tags)
		c.land(kept)
	}
	c.have = st
	return st
}

// invalidate removes what is stored of the request's target, and of what Location
// and Content-Location name on the same host (RFC 9111 4.4).
func (c *call) invalidate(x *policy.Exchange) {
	q, now := x.Request(), x.Now()
	c.scratch, c.base = base(c.scratch[:0], q.Host, x.Asked(), q.Query)
	c.p.store.Invalidate(c.base, now)
	for _, n := range [...]policy.Name{policy.Location, contentLocation} {
		v, ok := x.Response().Header.Get(n)
		if !ok {
			continue
		}
		if path, query, ok := sameHost(v, q.Host); ok {
			c.scratch, c.base = base(c.scratch[:0], q.Host, path, query)
			c.p.store.Invalidate(c.base, now)
		}
	}
}

var contentLocation = policy.FixedName("Content-Location")

// sameHost reads a URL on a host, or an absolute path.
func sameHost(v, host policy.Text) (path, query policy.Text, ok bool) {
	for _, scheme := range [...]string{"http://", "https://"} {
		if v.HasPrefixFold(scheme) {
			rest := v.Slice(len(scheme), v.Len())
			i := rest.Index('/')
			if i < 0 {
				return path, query, false
			}
			name, _, _ := rest.Slice(0, i).Cut(':')
			if !name.Fold(host.Clone()) {
				return path, query, false
			}
			v = rest.Slice(i, rest.Len())
		}
	}
	if !v.HasPrefix("/") || v.HasPrefix("//") {
		return path, query, false
	}
	v, _, _ = v.Cut('#')
	path, query, _ = v.Cut('?')
	canon, _, err := match.CanonPath(nil, path.Clone())
	return policy.Static(canon), query, err == nil
}
