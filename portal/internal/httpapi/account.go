package httpapi

import (
	"context"
	"net/http"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// Signup makes a user with an organization, or by invitation.
func (s *Server) Signup(ctx context.Context, r gen.SignupRequestObject) (gen.SignupResponseObject, error) {
	made, err := s.Tenants.Signup(ctx, tenant.SignupInput{
		Email: r.Body.Email, Password: r.Body.Password,
		Organization: value(r.Body.Organization), Invitation: value(r.Body.Invitation), NoToken: value(r.Body.Session),
	})
	if err != nil {
		return nil, err
	}
	answer := gen.Signup201JSONResponse{User: toUser(&made.User), Organization: toOrganization(&made.Organization)}
	if value(r.Body.Session) {
		return signupAnswer{start: s.starter(ctx, &made.User, false), Signup201JSONResponse: answer}, nil
	}
	answer.Token = &made.Token.Secret
	return answer, nil
}

// signupAnswer is the answer to a signup that signs in.
type signupAnswer struct {
	start func(http.ResponseWriter) error
	gen.Signup201JSONResponse
}

// VisitSignupResponse sets the session cookie and answers.
func (a signupAnswer) VisitSignupResponse(w http.ResponseWriter) error {
	if err := a.start(w); err != nil {
		return err
	}
	return a.Signup201JSONResponse.VisitSignupResponse(w)
}

// logoutAnswer takes the cookie back.
type logoutAnswer struct {
	end func(http.ResponseWriter) error
	gen.Logout204Response
}

// VisitLogoutResponse ends the session and answers.
func (a logoutAnswer) VisitLogoutResponse(w http.ResponseWriter) error {
	if err := a.end(w); err != nil {
		return err
	}
	return a.Logout204Response.VisitLogoutResponse(w)
}

// Logout ends the session.
func (s *Server) Logout(ctx context.Context, _ gen.LogoutRequestObject) (gen.LogoutResponseObject, error) {
	c := callOf(ctx)
	return logoutAnswer{end: func(w http.ResponseWriter) error { return s.sessions.End(w, c.session) }}, nil
}

// ForgotPassword queues a reset mail.
func (s *Server) ForgotPassword(ctx context.Context, r gen.ForgotPasswordRequestObject) (gen.ForgotPasswordResponseObject, error) {
	if err := s.Tenants.Forgot(ctx, r.Body.Email); err != nil {
		return nil, err
	}
	return gen.ForgotPassword202Response{}, nil
}

// ResetPassword sets a password by a mailed link.
func (s *Server) ResetPassword(ctx context.Context, r gen.ResetPasswordRequestObject) (gen.ResetPasswordResponseObject, error) {
	if err := s.Tenants.Reset(ctx, r.Body.Token, r.Body.Password); err != nil {
		return nil, err
	}
	return gen.ResetPassword204Response{}, nil
}

// ChangePassword sets a password by the old one.
func (s *Server) ChangePassword(ctx context.Context, r gen.ChangePasswordRequestObject) (gen.ChangePasswordResponseObject, error) {
	c := callOf(ctx)
	proof := c.proof(r.Body.CurrentPassword, r.Body.Code)
	if err := s.Tenants.ChangePassword(ctx, c.user.ID, r.Body.Password, c.session.ID, proof); err != nil {
		return nil, err
	}
	return gen.ChangePassword204Response{}, nil
}

// VerifyEmail proves an address.
func (s *Server) VerifyEmail(ctx context.Context, r gen.VerifyEmailRequestObject) (gen.VerifyEmailResponseObject, error) {
	signedIn := ""
	current, err := s.sessions.Load(callOf(ctx).request.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if current != nil {
		signedIn = current.UserID
	}
	if err := s.Tenants.Verify(ctx, r.Body.Token, signedIn); err != nil {
		return nil, err
	}
	return gen.VerifyEmail204Response{}, nil
}

// ResendVerification queues another verification mail.
func (s *Server) ResendVerification(ctx context.Context, _ gen.ResendVerificationRequestObject) (gen.ResendVerificationResponseObject, error) {
	if err := s.Tenants.ResendVerification(ctx, callOf(ctx).user.ID); err != nil {
		return nil, err
	}
	return gen.ResendVerification202Response{}, nil
}

// GetMe says who calls.
func (s *Server) GetMe(ctx context.Context, _ gen.GetMeRequestObject) (gen.GetMeResponseObject, error) {
	c := callOf(ctx)
	me, err := s.me(ctx, &c.user, c)
	if err != nil {
		return nil, err
	}
	return gen.GetMe200JSONResponse{MeAnswerJSONResponse: gen.MeAnswerJSONResponse(*me)}, nil
}

// me describes a user. A token sees only its own organization, and an operator's
// view only the one that it is of.
func (s *Server) me(ctx context.Context, u *tenant.User, c *call) (*gen.Me, error) {
	me := &gen.Me{User: toUser(u), Organizations: []gen.Membership{}, Operator: c.token == nil && s.Tenants.IsOperator(u)}
	if c.view != nil {
		return s.meInView(ctx, me, c.view)
	}
	all, err := s.Tenants.Memberships(ctx, u.ID, core.Page{Limit: core.MaxPage})
	if err != nil {
		return nil, err
	}
	for i := range all.Items {
		if m := &all.Items[i]; c.token == nil || m.Organization.ID == c.token.Organization {
			me.Organizations = append(me.Organizations, toMembership(m))
			if string(m.Organization.ID) == u.LastOrganization {
				me.Organization = &u.LastOrganization
			}
		}
	}
	if c.token != nil {
		me.Token = new(toToken(c.token))
	}
	return me, nil
}

// ListSessions lists the user's sign-ins.
func (s *Server) ListSessions(ctx context.Context, r gen.ListSessionsRequestObject) (gen.ListSessionsResponseObject, error) {
	c := callOf(ctx)
	l, err := s.Tenants.Sessions(ctx, c.user.ID, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListSessions200JSONResponse{Items: each(l.Items, toSession(c.session.ID)), NextCursor: optional(l.Next)}, nil
}

// DeleteOtherSessions ends all sign-ins but this one.
func (s *Server) DeleteOtherSessions(ctx context.Context, _ gen.DeleteOtherSessionsRequestObject) (gen.DeleteOtherSessionsResponseObject, error) {
	c := callOf(ctx)
	if err := s.Tenants.RevokeSessions(ctx, c.user.ID, c.session.ID); err != nil {
		return nil, err
	}
	return gen.DeleteOtherSessions204Response{}, nil
}

// DeleteSession ends one sign-in.
func (s *Server) DeleteSession(ctx context.Context, r gen.DeleteSessionRequestObject) (gen.DeleteSessionResponseObject, error) {
	if err := s.Tenants.RevokeSession(ctx, callOf(ctx).user.ID, r.Session); err != nil {
		return nil, err
	}
	return gen.DeleteSession204Response{}, nil
}
