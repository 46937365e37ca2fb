package static

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest answers with the path's document.
func (p *documents) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	r := x.Request()
	d, ok := policy.Find(p.byPath, r.Path)
	if !ok {
		if d = p.rest; d == nil {
			return x.Reject(contract.CodeNoRoute, 0)
		}
	}
	h := x.Response().Header
	if !r.Method.Is("GET") && !r.Method.Is("HEAD") {
		h.Set(policy.Allow, "GET, HEAD")
		return x.Reject(contract.CodeMethodNotAllowed, 0)
	}
	h.Set(policy.ETag, d.etag)
	h.Set(policy.CacheControl, p.cache)
	if fresh(r.Header, d.etag) {
		return x.Answer(304, "", nil)
	}
	return x.Answer(200, d.contentType, d.body)
}

// fresh reports whether the caller has this document: If-None-Match compares
// weakly (RFC 9110 13.1.2).
func fresh(h policy.Headers, etag string) bool {
	for v := range h.All(policy.IfNoneMatch) {
		for more := true; more; {
			var one policy.Text
			one, v, more = v.Cut(',')
			one = one.Trim()
			if one.HasPrefix("W/") {
				one = one.Slice(2, one.Len())
			}
			if one.Is("*") || one.Is(etag) {
				return true
			}
		}
	}
	return false
}
