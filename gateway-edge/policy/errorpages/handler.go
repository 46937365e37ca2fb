package errorpages

import "github.com/tollgate/tollgate/gateway-edge/policy"

// OnRequest has nothing to do.
func (p *pages) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Next() }

// WantsBody wants none: what stood there is not read.
func (p *pages) WantsBody(*policy.Exchange, policy.Side) bool { return false }

// OnResponse writes the page.
func (p *pages) OnResponse(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if !p.meant(x) {
		return x.Next()
	}
	r := x.Response()
	as := p.choose(x.Request().Header)
	if _, own := x.Refusal(); own && as == formProblem {
		r.Header.Add(policy.Vary, "Accept") // the edge has written it
		return x.Next()
	}
	body, contentType, err := p.write(as, describe(x))
	if err != nil {
		return x.Next() // what the edge wrote stands
	}
	x.ReplaceBody(body)
	r.Header.Set(policy.ContentType, contentType)
	r.Header.Add(policy.Vary, "Accept")
	if r.Origin != policy.FromEdge {
		for _, n := range []policy.Name{policy.ContentEncoding, policy.ETag, policy.LastModified, policy.AcceptRanges} {
			r.Header.Del(n)
		}
		r.Header.Set(policy.CacheControl, "no-store")
	}
	return x.Next()
}

// meant reports whether the answer gets a page: a refusal of the edge's, or a
// failure of the backend where the configuration says so.
func (p *pages) meant(x *policy.Exchange) bool {
	if _, own := x.Refusal(); own {
		return true
	}
	r := x.Response()
	if r.Origin != policy.FromBackend || r.Status < 500 || x.Request().Method.Is("HEAD") {
		return false
	}
	if ct, _ := r.Header.Get(policy.ContentType); ct.HasPrefixFold("application/grpc") {
		return false
	}
	return p.all || p.bare && r.Length == 0
}
