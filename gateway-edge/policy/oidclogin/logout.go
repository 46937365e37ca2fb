package oidclogin

import (
	"net/url"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// revokeFor bounds the request that revokes a refresh token: nobody waits longer to
// be signed out.
const revokeFor = 2 * time.Second

// logout ends the session in this browser and, where the provider can, there too
// (OpenID Connect RP-Initiated Logout 1.0). Another site must not sign people out.
func (p *login) logout(b policy.Blocking, x *policy.Exchange) policy.Action {
	r, h := x.Request(), x.Response().Header
	if !r.Method.Is("GET") && !r.Method.Is("POST") {
		h.Set(policy.Allow, "GET, POST")
		return x.Reject(contract.CodeMethodNotAllowed, 0)
	}
	if site, ok := r.Header.Get(policy.SecFetchSite); ok && site.Is("cross-site") {
		return x.RejectDetail(contract.CodeForbidden, 0, "Another site asks to sign you out")
	}
	to := p.config.AfterLogout
	if s := p.end(x); s != nil {
		if there := p.endThere(b, x, s); there != "" {
			to = there
		}
	}
	p.dropPieces(x, 0)
	return p.redirect(x, 303, to)
}

// end finds the session and ends it on this edge; nil: there is none.
func (p *login) end(x *policy.Exchange) *session {
	c := p.session(x)
	if c.n == 0 || c.bad {
		return nil
	}
	hash := p.hash(&c)
	e := p.state.sessions.Get(&hash)
	if e == nil {
		if e = p.admit(string(c.appendTo(nil)), hash, x.Now(), p.wall().Unix()); e == nil {
			return nil
		}
	}
	e.over.Store(true)
	e.known.End()
	s := e.session
	if next := e.next.Load(); next != nil {
		next.entry.over.Store(true)
		next.entry.known.End()
		s = next.entry.session
	}
	return s
}

// endThere revokes the refresh token and returns where the provider ends its own
// session; "": it has no such place, or can't be asked.
func (p *login) endThere(b policy.Blocking, x *policy.Exchange, s *session) string {
	m, err := p.state.provider.Metadata(b, p.fetch, x.Now())
	if err != nil {
		x.Note("signed out here only: " + err.Error())
		return ""
	}
	if m.Revocation != "" && s.Refresh != "" {
		form := url.Values{"token": {s.Refresh}, "token_type_hint": {"refresh_token"}}
		if got, err := p.post(b, m.Revocation, form, revokeFor); err != nil || got.Status != 200 {
			x.Note("the provider did not revoke the refresh token")
		}
	}
	if m.EndSession == "" {
		return ""
	}
	return withQuery(m.EndSession, url.Values{
		"client_id": {p.config.ClientID}, "id_token_hint": {s.ID},
		"post_logout_redirect_uri": {origin(x) + p.config.AfterLogout},
	})
}
