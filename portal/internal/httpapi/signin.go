package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/portal/internal/signin"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// Tickets of sign-ins that are under way, and how long each is good.
const (
	ticketFlow   = "flow"   // sent to a provider
	ticketSecond = "second" // the second factor is missing
	ticketLink   = "link"   // an identity waits for the owner of its address

	flowLasts   = 10 * time.Minute
	secondLasts = 5 * time.Minute
	linkLasts   = 10 * time.Minute
)

// halfSession is a sign-in whose second factor is missing.
type halfSession struct {
	ID   string `json:"id"`
	User string `json:"user"`
	Mark string `json:"mark"` // of what the first factor was checked against
}

// waitingLink is an identity whose address has an account already.
type waitingLink struct {
	User     string          `json:"user"`
	External tenant.External `json:"external"`
}

// factorMark changes when the password or the second factor does: a half session
// from before is worth nothing then.
func factorMark(u *tenant.User) string {
	return hashed(u.ID, u.PasswordHash, u.SecondFactorAt.String())
}

// starter starts a user's session, and links what waited for it, when the answer
// is written. Factored says that the second factor was given.
func (s *Server) starter(ctx context.Context, u *tenant.User, factored bool) func(http.ResponseWriter) error {
	c := callOf(ctx)
	return func(w http.ResponseWriter) error {
		if err := s.sessions.Start(w, c.request.WithContext(ctx), u.ID, factored); err != nil {
			return err
		}
		var link waitingLink
		if s.tickets.Get(c.request, ticketLink, &link) {
			s.tickets.Clear(w, ticketLink)
			if link.User == u.ID {
				if err := s.Tenants.LinkExternal(ctx, u.ID, &link.External); err != nil {
					s.log.Warn("an identity was not linked", "request_id", c.requestID, "error", err)
				}
			}
		}
		s.tickets.Clear(w, ticketSecond)
		return nil
	}
}

// loginAnswer is the answer to a login after the cookie was set.
type loginAnswer struct {
	start func(http.ResponseWriter) error
	gen.MeAnswerJSONResponse
}

// VisitLoginResponse sets the session cookie and answers.
func (a loginAnswer) VisitLoginResponse(w http.ResponseWriter) error {
	if err := a.start(w); err != nil {
		return err
	}
	return gen.Login200JSONResponse{MeAnswerJSONResponse: a.MeAnswerJSONResponse}.VisitLoginResponse(w)
}

// VisitLoginSecondFactorResponse does the same for the second step.
func (a loginAnswer) VisitLoginSecondFactorResponse(w http.ResponseWriter) error {
	return a.VisitLoginResponse(w)
}

// Login checks a password and starts a session, or asks for the second factor.
func (s *Server) Login(ctx context.Context, r gen.LoginRequestObject) (gen.LoginResponseObject, error) {
	u, err := s.Tenants.Login(ctx, r.Body.Email, r.Body.Password)
	if err != nil {
		return nil, err
	}
	if u.SecondFactor() {
		if err := s.halfStart(callOf(ctx).response, &u); err != nil {
			return nil, err
		}
		return gen.Login202JSONResponse{SecondFactor: gen.Totp, ExpiresAt: s.clock().Add(secondLasts)}, nil
	}
	return s.signedIn(ctx, &u, false)
}

func (s *Server) halfStart(w http.ResponseWriter, u *tenant.User) error {
	return s.tickets.Set(w, ticketSecond, halfSession{ID: core.NewID("half"), User: u.ID, Mark: factorMark(u)}, secondLasts)
}

func (s *Server) signedIn(ctx context.Context, u *tenant.User, factored bool) (loginAnswer, error) {
	me, err := s.me(ctx, u, &call{})
	if err != nil {
		return loginAnswer{}, err
	}
	return loginAnswer{start: s.starter(ctx, u, factored), MeAnswerJSONResponse: gen.MeAnswerJSONResponse(*me)}, nil
}

// LoginSecondFactor checks the code of a half session and starts a whole one.
func (s *Server) LoginSecondFactor(ctx context.Context, r gen.LoginSecondFactorRequestObject) (gen.LoginSecondFactorResponseObject, error) {
	c := callOf(ctx)
	errHalf := core.Errorf(core.CodeUnauthenticated, "sign in with your password first; this step is good for 5 minutes after it")
	var half halfSession
	if !s.tickets.Get(c.request, ticketSecond, &half) {
		return nil, errHalf
	}
	u, err := s.Tenants.User(ctx, half.User)
	if core.CodeOf(err) == core.CodeNotFound || err == nil && factorMark(&u) != half.Mark {
		return nil, errHalf
	}
	if err != nil {
		return nil, err
	}
	code := value(r.Body.Code)
	if r.Body.RecoveryCode != nil {
		code = *r.Body.RecoveryCode
	}
	if u, err = s.Tenants.SecondFactor(ctx, u.ID, code); err != nil {
		return nil, err
	}
	if err := s.Tenants.Spend(ctx, half.ID); err != nil {
		return nil, errHalf
	}
	return s.signedIn(ctx, &u, u.SecondFactor()) // not where it was turned off meanwhile
}

// ListLoginProviders lists whom one can sign in with.
func (s *Server) ListLoginProviders(context.Context, gen.ListLoginProvidersRequestObject) (gen.ListLoginProvidersResponseObject, error) {
	items := []gen.LoginProvider{}
	for _, p := range s.providers.List() {
		items = append(items, gen.LoginProvider{
			Name: p.Name, Title: p.Title, Kind: gen.LoginProviderKind(p.Kind), URL: "/v1/login/oidc/" + p.Name,
		})
	}
	return gen.ListLoginProviders200JSONResponse{Items: items}, nil
}

// redirect sends a browser on.
type redirect struct {
	to     string
	before func(http.ResponseWriter) error // may be nil
}

func (a redirect) visit(w http.ResponseWriter) error {
	if a.before != nil {
		if err := a.before(w); err != nil {
			return err
		}
	}
	w.Header().Set("Location", a.to)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// VisitStartLoginResponse sends the browser to the provider.
func (a redirect) VisitStartLoginResponse(w http.ResponseWriter) error { return a.visit(w) }

// VisitFinishLoginResponse sends the browser into the portal.
func (a redirect) VisitFinishLoginResponse(w http.ResponseWriter) error { return a.visit(w) }

// page is a path of the portal with a query; empty values are left out.
func pageURL(path string, query ...string) string {
	u, err := url.Parse(path)
	if err != nil {
		return "/"
	}
	q := u.Query()
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" && query[i+1] != "/" {
			q.Set(query[i], query[i+1])
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// StartLogin sends the browser to a provider.
func (s *Server) StartLogin(ctx context.Context, r gen.StartLoginRequestObject) (gen.StartLoginResponseObject, error) {
	if !s.providers.Has(r.Provider) {
		return nil, core.NotFound("sign-in provider", r.Provider)
	}
	f, to, err := s.providers.Begin(ctx, signin.Flow{Provider: r.Provider, ReturnTo: signin.ReturnTo(value(r.Params.ReturnTo))})
	if errors.Is(err, signin.ErrUnavailable) {
		s.log.Warn("sign-in provider can't be reached", "provider", r.Provider, "error", err)
		return redirect{to: pageURL("/login", "error", "provider_unavailable", "provider", r.Provider)}, nil
	}
	if err != nil {
		return nil, err
	}
	return redirect{to: to, before: func(w http.ResponseWriter) error { return s.tickets.Set(w, ticketFlow, f, flowLasts) }}, nil
}

// errFlow is the one answer to a callback that does not fit.
func errFlow() error {
	return core.Errorf(core.CodeBadRequest, "this does not belong to a sign-in that this browser has begun: begin again")
}

// FinishLogin checks what a provider sent the browser back with.
func (s *Server) FinishLogin(ctx context.Context, r gen.FinishLoginRequestObject) (gen.FinishLoginResponseObject, error) {
	c := callOf(ctx)
	var f signin.Flow
	if !s.tickets.Get(c.request, ticketFlow, &f) {
		return nil, errFlow()
	}
	s.tickets.Clear(c.response, ticketFlow)
	p := r.Params
	e, err := s.providers.Finish(ctx, &f, signin.Callback{
		Provider: r.Provider, Code: value(p.Code), State: value(p.State), Issuer: value(p.Iss), Error: value(p.Error),
	}, s.Tenants.Spend)
	back := "/login"
	if f.LinkUser != "" {
		back = f.ReturnTo
	}
	switch {
	case errors.Is(err, signin.ErrDenied):
		return redirect{to: pageURL(back, "error", "denied", "provider", f.Provider)}, nil
	case errors.Is(err, signin.ErrUnavailable):
		s.log.Warn("sign-in provider can't be reached", "provider", f.Provider, "error", err)
		return redirect{to: pageURL(back, "error", "provider_unavailable", "provider", f.Provider)}, nil
	case errors.Is(err, signin.ErrMisuse):
		s.log.Info("sign-in refused", "request_id", c.requestID, "provider", f.Provider, "error", err)
		return nil, errFlow()
	case core.CodeOf(err) == core.CodeConflict && err != nil:
		return nil, errFlow() // the flow was used before
	case err != nil:
		return nil, err
	}
	if f.LinkUser != "" {
		return s.finishLink(ctx, &f, e)
	}
	return s.finishExternal(ctx, &f, e)
}

// finishExternal signs in who a provider vouches for.
func (s *Server) finishExternal(ctx context.Context, f *signin.Flow, e *tenant.External) (gen.FinishLoginResponseObject, error) {
	u, outcome, err := s.Tenants.SignInExternal(ctx, e)
	if err != nil {
		return nil, err
	}
	switch {
	case outcome == tenant.Unverified:
		return redirect{to: pageURL("/login", "error", "unverified_email", "provider", f.Provider)}, nil
	case outcome == tenant.AccountExists:
		return redirect{
			to: pageURL("/login", "error", "account_exists", "provider", f.Provider, "return_to", f.ReturnTo),
			before: func(w http.ResponseWriter) error {
				return s.tickets.Set(w, ticketLink, waitingLink{User: u.ID, External: *e}, linkLasts)
			},
		}, nil
	case u.SecondFactor():
		return redirect{
			to:     pageURL("/login", "step", "second", "return_to", f.ReturnTo),
			before: func(w http.ResponseWriter) error { return s.halfStart(w, &u) },
		}, nil
	}
	return redirect{to: f.ReturnTo, before: s.starter(ctx, &u, false)}, nil
}

// finishLink links an identity to the user who asked for it, if the browser is
// still signed in by the same session.
func (s *Server) finishLink(ctx context.Context, f *signin.Flow, e *tenant.External) (gen.FinishLoginResponseObject, error) {
	current, err := s.sessions.Load(callOf(ctx).request.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if current == nil || current.ID != f.LinkSession || current.UserID != f.LinkUser {
		return nil, errFlow()
	}
	err = s.Tenants.LinkExternal(ctx, f.LinkUser, e)
	if core.CodeOf(err) == core.CodeConflict && err != nil {
		return redirect{to: pageURL(f.ReturnTo, "error", "identity_taken", "provider", f.Provider)}, nil
	}
	if err != nil {
		return nil, err
	}
	return redirect{to: pageURL(f.ReturnTo, "linked", f.Provider)}, nil
}
