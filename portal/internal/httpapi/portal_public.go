package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/developer/apidoc"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/tenant"
)

func versionText(n uint64) string { return strconv.FormatUint(n, 10) }

// portalGateway is the gateway that a portal belongs to.
func (s *Server) portalGateway(ctx context.Context, p *developer.Portal) (*gateway.Gateway, error) {
	return s.Gateways.Get(ctx, p.Organization, p.ID)
}

// portalPlan is a usage plan as developers see it.
type portalPlan struct {
	UsagePlan   string          `json:"usage_plan"`
	Title       string          `json:"title"`
	Description string          `json:"description,omitempty"`
	Approval    bool            `json:"approval"`
	RateLimit   *contract.Rate  `json:"rate_limit,omitempty"`
	Quota       *contract.Quota `json:"quota,omitempty"`
	Concurrency int             `json:"concurrency,omitempty"`
}

// GetPortalInfo shows a published portal.
func (s *Server) GetPortalInfo(ctx context.Context, _ gen.GetPortalInfoRequestObject) (gen.GetPortalInfoResponseObject, error) {
	p := callOf(ctx).portal
	g, err := s.portalGateway(ctx, p)
	if err != nil {
		return nil, err
	}
	plans := []portalPlan{}
	for _, o := range p.Plans {
		it, err := s.Gateways.UsagePlans.Get(ctx, p.Organization, p.ID, o.UsagePlan)
		if core.CodeOf(err) == core.CodeNotFound && err != nil {
			continue // renamed or deleted since
		}
		if err != nil {
			return nil, err
		}
		plan := portalPlan{
			UsagePlan: o.UsagePlan, Title: o.Title, Description: o.Description, Approval: o.Approval,
			RateLimit: it.Value.RateLimit, Quota: it.Value.Quota, Concurrency: it.Value.Concurrency,
		}
		if plan.Title == "" {
			plan.Title = o.UsagePlan
		}
		plans = append(plans, plan)
	}
	out, err := recode[gen.PortalInfo](map[string]any{
		"label": p.Label, "name": p.Name, "accent": p.Accent, "accent_text": developer.TextOn(p.Accent),
		"accent_dark": p.AccentDark, "accent_dark_text": developer.TextOn(p.AccentDark), "gateway_url": s.gatewayURL(g),
		"mail": s.mail, "try_it": s.relay != nil, "password_min": tenant.MinPassword, "plans": plans,
	})
	out.Tagline, out.Text, out.Support, out.LogoURL = optional(p.Tagline), optional(p.Text), optional(p.Support), optional(logoURL(p))
	return gen.GetPortalInfo200JSONResponse(out), err
}

// logoAnswer sends an image that can be nothing else.
type logoAnswer struct {
	png    []byte
	forAll bool // its address changes with it
}

// VisitGetPortalLogoResponse sends the image.
func (a logoAnswer) VisitGetPortalLogoResponse(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Content-Length", strconv.Itoa(len(a.png)))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Disposition", "inline; filename=logo.png")
	if a.forAll {
		h.Set("Cache-Control", "public, max-age=3600")
	}
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(a.png)
	return err
}

// GetPortalLogo sends a portal's logo.
func (s *Server) GetPortalLogo(ctx context.Context, in gen.GetPortalLogoRequestObject) (gen.GetPortalLogoResponseObject, error) {
	png, err := s.Developers.Logo(ctx, callOf(ctx).portal.Gateway)
	if err != nil {
		return nil, err
	}
	return logoAnswer{png, in.Params.V != nil}, nil
}

// GetPortalOpenAPI sends a portal's API reference.
func (s *Server) GetPortalOpenAPI(ctx context.Context, _ gen.GetPortalOpenAPIRequestObject) (gen.GetPortalOpenAPIResponseObject, error) {
	p := callOf(ctx).portal
	g, err := s.portalGateway(ctx, p)
	if err != nil {
		return nil, err
	}
	doc, err := s.reference(ctx, p, g)
	if err != nil {
		return nil, err
	}
	return documentAnswer(doc), nil
}

// documentAnswer sends a document as it is kept.
type documentAnswer []byte

// VisitGetPortalOpenAPIResponse sends the document.
func (d documentAnswer) VisitGetPortalOpenAPIResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, err := bytes.NewReader(d).WriteTo(w)
	return err
}

// reference is a portal's API reference: uploaded, or generated from the routes
// and remembered until they or the portal change.
func (s *Server) reference(ctx context.Context, p *developer.Portal, g *gateway.Gateway) ([]byte, error) {
	if p.HasDocument {
		return s.Developers.Document(ctx, p.Gateway)
	}
	key := g.ID + " " + versionText(g.Version) + " " + versionText(p.Revision)
	if doc := s.references.get(key); doc != nil {
		return doc, nil
	}
	config, _, err := s.Gateways.Config(ctx, g.Organization, g.ID)
	if err != nil {
		return nil, err
	}
	doc, err := apidoc.Generate(apidoc.Input{
		Title: p.Name, Description: p.Text, URL: s.gatewayURL(g), Policies: config.Policies, Routes: config.Routes,
		Only: reachable(p, config.UsagePlans),
	})
	if err != nil {
		return nil, err
	}
	s.references.put(key, doc)
	return doc, nil
}

// reachable are the routes that the plans on offer open; nil: all of them.
func reachable(p *developer.Portal, plans []contract.UsagePlan) []string {
	only := []string{}
	for i := range plans {
		if _, offered := p.Offer(plans[i].Name); !offered {
			continue
		}
		if len(plans[i].Routes) == 0 {
			return nil
		}
		only = append(only, plans[i].Routes...)
	}
	if len(p.Plans) == 0 {
		return nil
	}
	return only
}

// PortalSignup makes an account at a portal.
func (s *Server) PortalSignup(ctx context.Context, r gen.PortalSignupRequestObject) (gen.PortalSignupResponseObject, error) {
	confirm, err := s.Developers.Signup(ctx, callOf(ctx).portal, developer.Signup{Email: r.Body.Email, Password: r.Body.Password, Name: r.Body.Name})
	if err != nil {
		return nil, err
	}
	return gen.PortalSignup202JSONResponse{Confirm: confirm}, nil
}

// PortalVerify proves an address.
func (s *Server) PortalVerify(ctx context.Context, r gen.PortalVerifyRequestObject) (gen.PortalVerifyResponseObject, error) {
	if err := s.Developers.Verify(ctx, callOf(ctx).portal, r.Body.Token); err != nil {
		return nil, err
	}
	return gen.PortalVerify204Response{}, nil
}

// PortalResend queues another confirmation mail.
func (s *Server) PortalResend(ctx context.Context, r gen.PortalResendRequestObject) (gen.PortalResendResponseObject, error) {
	if err := s.Developers.Resend(ctx, callOf(ctx).portal, r.Body.Email); err != nil {
		return nil, err
	}
	return gen.PortalResend202Response{}, nil
}

// PortalForgotPassword queues a reset mail.
func (s *Server) PortalForgotPassword(ctx context.Context, r gen.PortalForgotPasswordRequestObject) (gen.PortalForgotPasswordResponseObject, error) {
	if err := s.Developers.Forgot(ctx, callOf(ctx).portal, r.Body.Email); err != nil {
		return nil, err
	}
	return gen.PortalForgotPassword202Response{}, nil
}

// PortalResetPassword sets a password by a mailed link.
func (s *Server) PortalResetPassword(ctx context.Context, r gen.PortalResetPasswordRequestObject) (gen.PortalResetPasswordResponseObject, error) {
	if err := s.Developers.Reset(ctx, callOf(ctx).portal, r.Body.Token, r.Body.Password); err != nil {
		return nil, err
	}
	return gen.PortalResetPassword204Response{}, nil
}

// portalLoginAnswer is the answer to a login after the cookie was set.
type portalLoginAnswer struct {
	set func(http.ResponseWriter)
	gen.PortalLogin200JSONResponse
}

// VisitPortalLoginResponse sets the cookie and answers.
func (a portalLoginAnswer) VisitPortalLoginResponse(w http.ResponseWriter) error {
	a.set(w)
	return a.PortalLogin200JSONResponse.VisitPortalLoginResponse(w)
}

// PortalLogin checks a password and starts a session of this portal.
func (s *Server) PortalLogin(ctx context.Context, r gen.PortalLoginRequestObject) (gen.PortalLoginResponseObject, error) {
	c := callOf(ctx)
	d, secret, err := s.Developers.Login(ctx, c.portal, developer.Login{
		Email: r.Body.Email, Password: r.Body.Password, UserAgent: c.request.UserAgent(), Replaces: s.portalCookie(c.request),
	})
	if err != nil {
		return nil, err
	}
	profile, err := s.Developers.Profile(ctx, c.portal, d.ID)
	if err != nil {
		return nil, err
	}
	return portalLoginAnswer{
		set:                        func(w http.ResponseWriter) { s.setPortalCookie(w, c.portal, secret) },
		PortalLogin200JSONResponse: gen.PortalLogin200JSONResponse(toPortalDeveloper(profile)),
	}, nil
}

func toPortalDeveloper(p *developer.Profile) gen.PortalDeveloper {
	out := gen.PortalDeveloper{
		ID: p.ID, Email: p.Email, Name: p.Name, State: gen.PortalDeveloperState(p.State), UsagePlan: optional(p.UsagePlan), CreatedAt: p.CreatedAt,
	}
	if a := p.Application; a != nil {
		out.Application = &struct {
			CreatedAt time.Time                           `json:"created_at"`
			ID        string                              `json:"id"`
			Reason    *string                             `json:"reason,omitempty"`
			State     gen.PortalDeveloperApplicationState `json:"state"`
			UsagePlan string                              `json:"usage_plan"`
		}{a.CreatedAt, a.ID, optional(a.Reason), gen.PortalDeveloperApplicationState(a.State), a.UsagePlan}
	}
	return out
}
