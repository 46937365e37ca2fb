package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// factorLasts is how long after its second factor a session opens the operator's
// console.
const factorLasts = 12 * time.Hour

// authorizeOperator lets operators in whose session was opened with a second
// factor. For everybody else the console's paths do not exist.
func (s *Server) authorizeOperator(c *call) error {
	if c.session == nil || !s.Tenants.IsOperator(&c.user) {
		return errNoPath()
	}
	switch {
	case !c.user.SecondFactor():
		return core.Errorf(core.CodeFactorRequired, "the operator's console needs a second factor: set one up in your account's security settings, then sign in again")
	case c.session.Factor.IsZero() || c.session.Factor.Before(c.user.SecondFactorAt):
		return core.Errorf(core.CodeFactorRequired, "this session was not opened with a second factor: sign in again with a code of your authenticator app")
	case s.clock().Sub(c.session.Factor) >= factorLasts:
		return core.Errorf(core.CodeFactorRequired, "the second factor was given more than 12 hours ago: sign in again with a code of your authenticator app")
	}
	return nil
}

// whileViewing are the operations that an operator's session may call beside
// reading the organization that it looks at.
var whileViewing = map[string]bool{"getMe": true, "getInstallation": true, "logout": true, "endView": true}

// findView finds out whether the session is an operator's that looks at an
// organization, and refuses then what is neither reading that organization nor
// ending it. Whoever is no operator any more looks at nothing.
func (s *Server) findView(ctx context.Context, c *call) error {
	if !s.Tenants.IsOperator(&c.user) || !c.user.SecondFactor() {
		return nil
	}
	v, err := s.Operators.View(ctx, c.session.ID)
	if err != nil || v == nil {
		return err
	}
	c.view = v
	reads := c.op.Method == http.MethodGet && (c.op.Scope == authz.ScopeOrganization || c.op.Scope == authz.ScopeGateway)
	if reads || whileViewing[c.op.ID] {
		return nil
	}
	return core.Errorf(core.CodeForbidden, "this session looks at %q as an operator and can only read it: end the view first", v.Name)
}

// chooseViewed makes the call one of a viewer of the organization that the session
// looks at; no other exists for it.
func (c *call) chooseViewed() error {
	if h := c.request.Header.Get(organizationHeader); h != "" && h != string(c.view.Organization) {
		return core.NotFound("organization", h)
	}
	c.org, c.role = c.view.Organization, tenant.RoleViewer
	return nil
}

// noteLook records a request of a view in the organization's audit. Without the
// line there is no answer.
func (s *Server) noteLook(ctx context.Context, c *call) error {
	if c.view == nil || c.org == "" {
		return nil
	}
	return s.Operators.Looked(core.WithActor(ctx, c.actor()), c.view, c.op.ID, c.request.URL.Path)
}

// meInView is what an operator's session is while it looks at an organization.
func (s *Server) meInView(ctx context.Context, me *gen.Me, v *operatorView) (*gen.Me, error) {
	o, err := s.Tenants.Organization(ctx, v.Organization)
	if err != nil {
		return nil, err
	}
	me.Organizations = []gen.Membership{{Organization: toOrganization(&o), Role: gen.Role(tenant.RoleViewer)}}
	me.Organization = new(string(v.Organization))
	me.View = new(toView(v))
	return me, nil
}

// unlessSuspended refuses changes of an organization that is suspended, and to delete
// it. It can still be read, paid for and left, and access can be taken back.
func (s *Server) unlessSuspended(ctx context.Context, c *call) error {
	if !c.op.Changes() {
		return nil
	}
	o, err := s.Tenants.Organization(ctx, c.org)
	if err != nil || !o.Suspended {
		return err
	}
	return core.Errorf(core.CodeOrganizationSuspended, "the organization is suspended: it can be read, paid for and left, but not changed or deleted; GET /v1/organization says why")
}
