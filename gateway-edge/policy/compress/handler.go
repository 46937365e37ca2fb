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
	if !p.meant(x) {
		return x.Next()
	}
	// Whoever gets it another way must not be given this one.
	r.Header.Add(policy.Vary, "Accept-Encoding")
	if s.N[0] == 0 || r.Length >= 0 && r.Length < p.min || x.Request().Method.Is("HEAD") {
		return x.Next()
	}
	c := p.codings[s.N[0]-1]
	f := c.take(r.Length < 0)
	s.P = f
	x.Filter(policy.OnTheResponse, f)
	r.Header.Set(policy.ContentEncoding, c.name)
	r.Length = -1
	r.Header.Del(policy.AcceptRanges)
	for _, n := range digests {
		r.Header.Del(n)
	}
	if tag, ok := r.Header.Get(policy.ETag); ok && !tag.HasPrefix("W/") {
		var buf [256]byte
		r.Header.SetBytes(policy.ETag, tag.AppendTo(append(buf[:0], "W/"...)))
	}
	return x.Next()
}

// meant reports whether the answer is one of those that are compressed for callers
// who take it.
func (p *compressor) meant(x *policy.Exchange) bool {
	r := x.Response()
	if r.Status < 200 || r.Status == 204 || r.Status == 205 || r.Status == 206 || r.Status == 304 || r.Header.Has(contentRange) {
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
	}
}

var contentRange = policy.FixedName("Content-Range")

// digests are fields that were computed from the plain bytes.
var digests = []policy.Name{policy.FixedName("Content-MD5"), policy.FixedName("Digest"), policy.FixedName("Content-Digest"), policy.FixedName("Repr-Digest")}
