package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/services/core"
)

// organizationHeader names the organization that a session speaks for.
const organizationHeader = "Tollgate-Organization"

// authenticate fills in who calls. Without credentials a public operation goes
// on; everything else is CodeUnauthenticated. Tokens and sessions are separate
// audiences: an operation takes only the kinds that the document names.
func (s *Server) authenticate(ctx context.Context, c *call) error {
	if c.op.Public() {
		return nil
	}
	if c.op.Developer {
		return s.authenticateDeveloper(ctx, c)
	}
	header := c.request.Header.Get("Authorization")
	if header != "" {
		return s.authenticateToken(ctx, c, header)
	}
	current, err := s.sessions.Load(c.request.WithContext(ctx))
	if err != nil {
		return err
	}
	if current == nil {
		return core.Errorf(core.CodeUnauthenticated, "send `Authorization: Bearer tgm_…`, or sign in")
	}
	if !c.op.Session {
		return core.Errorf(core.CodeForbidden, "this operation takes a management token, not a session")
	}
	if err := fromBrowser(c.request); err != nil {
		return err
	}
	c.session = current
	if c.user, err = s.Tenants.User(ctx, current.UserID); err != nil {
		return err
	}
	return s.findView(ctx, c)
}

func (s *Server) authenticateToken(ctx context.Context, c *call, header string) error {
	scheme, secret, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return core.Errorf(core.CodeUnauthenticated, "the Authorization header must be `Bearer tgm_…`")
	}
	id, err := s.Tenants.Authenticate(ctx, strings.TrimSpace(secret))
	if err != nil {
		return err
	}
	if !c.op.Token {
		return core.Errorf(core.CodeForbidden, "this operation needs a session: a management token can't call it")
	}
	c.user, c.token, c.role, c.org = id.User, &id.Token, id.Role, id.Token.Organization
	c.scopes = id.Token.Scopes
	if c.scopes == nil {
		c.scopes = []string{}
	}
	if h := c.request.Header.Get(organizationHeader); h != "" && h != string(c.org) {
		return core.NotFound("organization", h)
	}
	return nil
}

// authorize finds the organization and checks the caller's permission in it.
func (s *Server) authorize(ctx context.Context, c *call) error {
	if c.op.Scope == authz.ScopeOperator {
		return s.authorizeOperator(c)
	}
	if c.op.Scope != authz.ScopeOrganization && c.op.Scope != authz.ScopeGateway {
		return nil
	}
	if c.session != nil {
		if err := s.chooseOrganization(ctx, c); err != nil {
			return err
		}
	}
	if authz.Allowed(c.role, c.scopes, c.op.Permission) {
		return s.unlessSuspended(ctx, c)
	}
	if authz.Allowed(c.role, nil, c.op.Permission) {
		return core.Errorf(core.CodeForbidden, "the management token lacks the scope %s", c.op.Permission)
	}
	return core.Errorf(core.CodeForbidden, "the role %s lacks the permission %s", c.role, c.op.Permission)
}

// chooseOrganization reads which organization a session speaks for. One that the
// user is no member of does not exist for it.
func (s *Server) chooseOrganization(ctx context.Context, c *call) error {
	if c.view != nil {
		return c.chooseViewed()
	}
	if h := c.request.Header.Get(organizationHeader); h != "" {
		role, err := s.Tenants.RoleOf(ctx, core.OrganizationID(h), c.user.ID)
		if core.CodeOf(err) == core.CodeNotFound {
			return core.NotFound("organization", h)
		}
		c.org, c.role = core.OrganizationID(h), role
		return err
	}
	all, err := s.Tenants.Memberships(ctx, c.user.ID, core.Page{Limit: 2})
	if err != nil {
		return err
	}
	switch len(all.Items) {
	case 0:
		return core.Errorf(core.CodeForbidden, "the user belongs to no organization")
	case 1:
		c.org, c.role = all.Items[0].Organization.ID, all.Items[0].Role
		return nil
	}
	e := core.Errorf(core.CodeInvalid, "the user belongs to several organizations: name one in %s", organizationHeader)
	e.Fields.Add("/"+organizationHeader, "is missing")
	return e
}

// findGateway resolves the path's gateway inside the organization, before
// anything else of the request is looked at.
func (s *Server) findGateway(ctx context.Context, c *call, ref string) error {
	if c.op.Scope != authz.ScopeGateway {
		return nil
	}
	g, err := s.Gateways.Get(ctx, c.org, ref)
	if err != nil {
		return err
	}
	c.gateway = g
	return nil
}

// actor is who makes a change, for the audit log.
func (c *call) actor() core.Actor {
	a := core.Actor{Client: c.client, RequestID: c.requestID}
	switch {
	case c.token != nil:
		a.Kind, a.ID, a.Name = core.ActorToken, c.token.ID, c.token.Name
	case c.view != nil, c.user.ID != "" && c.op != nil && c.op.Scope == authz.ScopeOperator:
		a.Kind, a.ID, a.Name = core.ActorOperator, c.user.ID, c.user.Email
	case c.user.ID != "":
		a.Kind, a.ID, a.Name = core.ActorUser, c.user.ID, c.user.Email
	case c.developer != nil:
		a.Kind, a.ID, a.Name = core.ActorDeveloper, c.developer.Developer.ID, c.developer.Developer.Email
	default:
		a.Kind = core.ActorUser
	}
	return a
}

// crossOrigin refuses what a page of another site made a browser send with our
// cookie (CSRF): by Sec-Fetch-Site and Origin, never by the body's form.
func (s *Server) crossOrigin(r *http.Request) error {
	if err := s.csrf.Check(r); err != nil {
		return core.Wrap(core.CodeForbidden, err, "requests from pages of other origins are refused")
	}
	return nil
}

// fromBrowser refuses a change by cookie that no browser of today sends: each
// says with every such request where the page is from. What doesn't say it can't
// be told from a page of another origin.
func fromBrowser(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return core.Errorf(core.CodeForbidden, "a change by session cookie must say its Origin; programs use a management token")
	}
	return nil
}

// mayHandOn checks the scopes of a new token against the caller's own.
func (c *call) mayHandOn(scopes []string) error {
	e := &core.Error{Code: core.CodeInvalid, Detail: "the token would have scopes that do not exist or that the caller lacks"}
	for i, scope := range scopes {
		switch {
		case !authz.Known(scope):
			e.Fields.Add(pointerTo("scopes", i), "is no permission; see x-tollgate-permission in the API's document")
		case !authz.Within(c.role, c.scopes, scope):
			e.Fields.Add(pointerTo("scopes", i), "is more than the caller may do")
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}
