package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
)

// findPortal resolves the developer portal that a path names, before anything
// else of the request is looked at. Unpublished and unknown ones are the same.
func (s *Server) findPortal(ctx context.Context, c *call, label string) (err error) {
	if !c.op.AtPortal() {
		return nil
	}
	c.portal, err = s.Developers.Published(ctx, label)
	return err
}

// authenticateDeveloper takes the portal's own cookie and nothing else: users of
// Tollgate and their tokens are nobody here.
func (s *Server) authenticateDeveloper(ctx context.Context, c *call) error {
	if c.request.Header.Get("Authorization") != "" {
		return core.Errorf(core.CodeUnauthenticated, "developer portals take their own session only, no management token")
	}
	current, err := s.Developers.Session(ctx, c.portal, s.portalCookie(c.request))
	if err != nil {
		return err
	}
	c.developer = current
	return nil
}

// portalCookie is the secret of the session that a browser has at a portal, empty
// for none.
func (s *Server) portalCookie(r *http.Request) string {
	cookie, err := r.Cookie(s.portalCookieName())
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (s *Server) portalCookieName() string {
	if s.secure {
		return "__Secure-tollgate_developer"
	}
	return "tollgate_developer"
}

// setPortalCookie gives a browser a session of one portal, or takes it back. The
// path keeps it from every other portal and from the management API.
func (s *Server) setPortalCookie(w http.ResponseWriter, p *developer.Portal, secret string) {
	cookie := &http.Cookie{
		Name: s.portalCookieName(), Value: secret, Path: "/v1/developer/" + p.Label + "/",
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode,
		MaxAge: int(developer.SessionLasts / time.Second),
	}
	if secret == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}
