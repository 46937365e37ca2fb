package cors

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Fields that vary a preflight's answer.
const preflightVary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

// OnRequest answers preflights. For the others it notes whether the origin is
// allowed, as the client sent it: later policies may change the field for the
// backend.
func (p *sharing) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	r := x.Request()
	origin, ok := r.Header.Get(policy.OriginHeader)
	if ok {
		s.N[0] = p.origins.find(origin)
	}
	if !ok || !r.Method.Is("OPTIONS") || !r.Header.Has(policy.AccessControlRequestMethod) {
		return x.Next()
	}
	h := x.Response().Header
	h.Set(policy.Vary, preflightVary)
	if s.N[0] != notAllowed {
		p.setOrigin(h, s.N[0], origin)
		h.Set(policy.AccessControlAllowMethods, p.methods)
		p.setHeaders(h, r.Header)
		h.Set(policy.AccessControlMaxAge, p.maxAge)
	}
	return x.Answer(204, "", nil)
}

// setHeaders allows the configured fields, or those that were asked for: a
// literal "*" would not cover Authorization.
func (p *sharing) setHeaders(h, request policy.Headers) {
	if !p.anyHeader {
		if p.headers != "" {
			h.Set(policy.AccessControlAllowHeaders, p.headers)
		}
		return
	}
	if asked, ok := request.Get(policy.AccessControlRequestHeaders); ok && nameList(asked) {
		h.SetText(policy.AccessControlAllowHeaders, asked)
	}
}

// nameList reports whether t is a list of field names.
func nameList(t policy.Text) bool {
	if t.Empty() || t.Len() > 4096 {
		return false
	}
	for i := range t.Len() {
		c := t.At(i)
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == ',' || c == ' ') {
			return false
		}
	}
	return true
}

func (p *sharing) setOrigin(h policy.Headers, how uint64, origin policy.Text) {
	if how == byWildcard {
		h.Set(policy.AccessControlAllowOrigin, "*")
		return
	}
	h.SetText(policy.AccessControlAllowOrigin, origin)
	if p.credentials {
		h.Set(policy.AccessControlAllowCredentials, "true")
	}
}

// OnResponse puts the edge's decision in the place of the backend's.
func (p *sharing) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	h := x.Response().Header
	for _, n := range [...]policy.Name{
		policy.AccessControlAllowOrigin, policy.AccessControlAllowCredentials, policy.AccessControlAllowMethods,
		policy.AccessControlAllowHeaders, policy.AccessControlExposeHeaders, policy.AccessControlMaxAge,
	} {
		h.Del(n)
	}
	if !p.origins.any && !varies(h) {
		h.Add(policy.Vary, "Origin")
	}
	if s.N[0] == notAllowed {
		return x.Next()
	}
	origin, _ := x.Request().Header.Get(policy.OriginHeader)
	if s.N[0] == byList && p.origins.find(origin) == notAllowed {
		// A later policy changed the field for the backend: there is no value left to
		// echo, and none is better than a wrong one.
		return x.Next()
	}
	p.setOrigin(h, s.N[0], origin)
	if p.expose != "" {
		h.Set(policy.AccessControlExposeHeaders, p.expose)
	}
	return x.Next()
}

// varies reports whether the answer says already that it varies by origin.
func varies(h policy.Headers) bool {
	for v := range h.All(policy.Vary) {
		for more := true; more; {
			var one policy.Text
			one, v, more = v.Cut(',')
			if one = one.Trim(); one.Is("*") || one.Fold("Origin") {
				return true
			}
		}
	}
	return false
}
