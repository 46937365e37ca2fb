package compress

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/quality"
)

// OnRequest notes the coding that the caller likes best, before policies behind ask
// the backend for a plain body.
func (p *compressor) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	s.N[0] = uint64(p.choose(x.Request().Header))
	return x.Next()
}

// choose returns the place of the coding that is used, counted from 1; 0: none. Of
// equally liked ones the first is taken.
func (p *compressor) choose(h policy.Headers) (best int) {
	if !h.Has(policy.AcceptEncoding) {
		return 0
	}
	most := liking(h, "identity", 1)
	for i, c := range p.codings {
		if q := liking(h, c.name, 0); q > 0 && q >= most && (best == 0 || q > most) {
			best, most = i+1, q
		}
	}
	return best
}

// liking is how much a caller likes a coding, in thousandths; def for one that
// nothing is said of.
func liking(h policy.Headers, name string, def int) int {
	q, exact := def, false
	for list := range h.All(policy.AcceptEncoding) {
		for more := true; more; {
			var one policy.Text
			one, list, more = list.Cut(',')
			c, params, _ := one.Cut(';')
			c = c.Trim()
			switch {
			case c.Fold(name), name == "gzip" && c.Fold("x-gzip"):
				q, exact = quality.Weight(params), true
			case !exact && c.Is("*"):
				q = quality.Weight(params)
			}
		}
	}
	return q
}

// OnResponse puts the encoder on the way of answers that are worth it.
func (p *compressor) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	r := x.Response()
	if r.Status == 304 {
		p.unchanged(x)
		return x.Next()
	}
	if !p.meant(r) {
		return x.Next()
	}
	// Whoever gets it another way must not be given this one.
	r.Header.Add(policy.Vary, "Accept-Encoding")
	if r.Status == 206 || s.N[0] == 0 || r.Length >= 0 && r.Length < p.min {
		return x.Next()
	}
	c := p.codings[s.N[0]-1]
	if !x.Request().Method.Is("HEAD") { // its head is the one that GET would get (RFC 9110 9.3.2)
		f := c.take(r.Length < 0)
		if f == nil {
			return x.Next() // the answer as it is means the same
		}
		s.P = f
		x.Filter(policy.OnTheResponse, f)
	}
	r.Header.Set(policy.ContentEncoding, c.name)
	r.Length = -1
	r.Header.Del(policy.AcceptRanges)
	for _, n := range digests {
		r.Header.Del(n)
	}
	weaken(r.Header)
	return x.Next()
}

// weaken makes the entity tag one of bytes that differ and mean the same.
func weaken(h policy.Headers) {
	if tag, ok := h.Get(policy.ETag); ok && !tag.HasPrefix("W/") {
		var buf [256]byte
		h.SetBytes(policy.ETag, tag.AppendTo(append(buf[:0], "W/"...)))
	}
}

// unchanged gives a 304 what its 200 had (RFC 9110 15.4.5): the weak tag for a caller
// that asked by it, who has what was compressed.
func (p *compressor) unchanged(x *policy.Exchange) {
	tag, ok := x.Response().Header.Get(policy.ETag)
	if !ok || tag.HasPrefix("W/") {
		return
	}
	for list := range x.Request().Header.All(policy.IfNoneMatch) {
		for more := true; more; {
			var one policy.Text
			one, list, more = list.Cut(',') // a comma inside a tag makes pieces that are no tag's
			if one = one.Trim(); one.HasPrefix("W/") && one.Len() == tag.Len()+2 && one.Slice(2, one.Len()).Equal(tag) {
				weaken(x.Response().Header)
				x.Response().Header.Add(policy.Vary, "Accept-Encoding")
				return
			}
		}
	}
}

// meant reports whether the answer is one of those that are compressed for callers
// who take it, or a part of one.
func (p *compressor) meant(r *policy.Response) bool {
	switch {
	case r.Status < 200, r.Status == 204, r.Status == 205, r.Status != 206 && r.Header.Has(contentRange):
		return false
	}
	if ce, ok := r.Header.Get(policy.ContentEncoding); ok && !ce.Trim().Fold("identity") {
		return false
	}
	for cc := range r.Header.All(policy.CacheControl) {
		for more := true; more; {
			var one policy.Text
			if one, cc, more = cc.Cut(','); one.Trim().Fold("no-transform") {
				return false
			}
		}
	}
	ct, _ := r.Header.Get(policy.ContentType)
	ct, _, _ = ct.Cut(';')
	return p.compresses(ct.Trim())
}

func (p *compressor) compresses(ct policy.Text) bool {
	if ct.Fold("text/event-stream") {
		return false
	}
	for _, t := range p.types {
		if ct.Fold(t) {
			return true
		}
	}
	for _, t := range p.prefixes {
		if ct.HasPrefixFold(t) {
			return true
		}
	}
	return false
}

// OnDone gives the encoder back.
func (p *compressor) OnDone(_ *policy.Exchange, s *policy.Slot) {
	if f, ok := s.P.(*filter); ok {
		f.release()
		s.P = nil
	}
}

var contentRange = policy.FixedName("Content-Range")

// digests are fields that were computed from the plain bytes.
var digests = []policy.Name{policy.FixedName("Content-MD5"), policy.FixedName("Digest"), policy.FixedName("Content-Digest"), policy.FixedName("Repr-Digest")}
