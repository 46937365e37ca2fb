package oidclogin

import "github.com/tollgate/tollgate/gateway-edge/policy"

// Credential implements policy.Method. The policy's own paths belong to it whatever
// else the browser brings along by itself.
func (p *login) Credential(x *policy.Exchange) policy.Place {
	switch {
	case p.own(x) || p.session(x).n > 0:
		return policy.PlaceCookie
	case navigates(x.Request()):
		return policy.PlaceLogin
	}
	return policy.PlaceNone
}

// Challenge implements policy.Method: there is no scheme for it that browsers know
// (a registered one stands in no RFC), and programs have to come with something else.
func (p *login) Challenge() string { return "" }

// OwnPaths implements policy.Owner.
func (p *login) OwnPaths() []policy.OwnPath {
	return []policy.OwnPath{{Field: "callback_path", Path: p.config.CallbackPath}, {Field: "logout_path", Path: p.config.LogoutPath}}
}

// own reports whether the request is for one of the policy's own paths.
func (p *login) own(x *policy.Exchange) bool {
	path := x.Request().Path
	return path.Is(p.config.CallbackPath) || path.Is(p.config.LogoutPath)
}

// navigates reports whether a browser opens a page: only then somebody is there to
// sign in. Browsers that don't say (Fetch Metadata, W3C) are known by wanting HTML.
func navigates(r *policy.Request) bool {
	if !r.Method.Is("GET") {
		return false
	}
	if mode, ok := r.Header.Get(policy.SecFetchMode); ok {
		dest, _ := r.Header.Get(policy.SecFetchDest)
		return mode.Is("navigate") && (dest.Empty() || dest.Is("document"))
	}
	for accept := range r.Header.All(policy.Accept) {
		for more := true; more; {
			var one policy.Text
			one, accept, more = accept.Cut(',')
			kind, _, _ := one.Cut(';')
			if kind.Trim().Fold("text/html") {
				return true
			}
		}
	}
	return false
}

// secure reports whether cookies can be kept from others on the request's way: over
// TLS, or on this machine.
func secure(r *policy.Request) bool {
	return r.Scheme.Is("https") || r.Host.Is("localhost") || r.Host.HasSuffix(".localhost") ||
		r.Host.HasPrefix("127.") && loopback(r.Host) || r.Host.Is("[::1]")
}

// loopback reports whether a host that begins with "127." is an address.
func loopback(host policy.Text) bool {
	for i := range host.Len() {
		if c := host.At(i); c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
