package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/boombuler/barcode/qr"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/portal/internal/signin"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// proof is what a request brings to show that it is the user who asks.
func (c *call) proof(password, code *string) tenant.Proof {
	p := tenant.Proof{Password: value(password), Code: value(code)}
	if c.session != nil {
		p.SignedInAt = c.session.Created
	}
	return p
}

// GetTOTP says whether there is a second factor.
func (s *Server) GetTOTP(ctx context.Context, _ gen.GetTOTPRequestObject) (gen.GetTOTPResponseObject, error) {
	f, err := s.Tenants.Factor(ctx, callOf(ctx).user.ID)
	if err != nil {
		return nil, err
	}
	return gen.GetTOTP200JSONResponse{
		Enabled: !f.EnabledAt.IsZero(), EnabledAt: instant(f.EnabledAt), RecoveryCodesLeft: f.RecoveryCodes,
	}, nil
}

// EnrolTOTP makes a secret for an authenticator app.
func (s *Server) EnrolTOTP(ctx context.Context, r gen.EnrolTOTPRequestObject) (gen.EnrolTOTPResponseObject, error) {
	c := callOf(ctx)
	in := gen.Proof{}
	if r.Body != nil {
		in = *r.Body
	}
	e, err := s.Tenants.EnrolTOTP(ctx, c.user.ID, c.proof(in.CurrentPassword, in.Code))
	if err != nil {
		return nil, err
	}
	rows, err := modules(e.URI)
	if err != nil {
		return nil, err
	}
	return gen.EnrolTOTP201JSONResponse{Secret: e.Secret, OtpauthURI: e.URI, Qr: rows, ExpiresAt: e.ExpiresAt}, nil
}

// modules draws a text as a QR code: a row of 0 and 1 for each line. A page draws
// it without a library and without an image, which the policy would refuse.
func modules(text string) ([]string, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	size := code.Bounds()
	rows := make([]string, 0, size.Dy())
	for y := size.Min.Y; y < size.Max.Y; y++ {
		row := make([]byte, 0, size.Dx())
		for x := size.Min.X; x < size.Max.X; x++ {
			bit := byte('0')
			if red, _, _, _ := code.At(x, y).RGBA(); red == 0 {
				bit = '1'
			}
			row = append(row, bit)
		}
		rows = append(rows, string(row))
	}
	return rows, nil
}

// ConfirmTOTP turns the second factor on.
func (s *Server) ConfirmTOTP(ctx context.Context, r gen.ConfirmTOTPRequestObject) (gen.ConfirmTOTPResponseObject, error) {
	c := callOf(ctx)
	codes, err := s.Tenants.ConfirmTOTP(ctx, c.user.ID, r.Body.Code, c.session.ID)
	if err != nil {
		return nil, err
	}
	return gen.ConfirmTOTP200JSONResponse{RecoveryCodesAnswerJSONResponse: gen.RecoveryCodesAnswerJSONResponse{RecoveryCodes: codes}}, nil
}

// RenewRecoveryCodes makes new recovery codes.
func (s *Server) RenewRecoveryCodes(ctx context.Context, r gen.RenewRecoveryCodesRequestObject) (gen.RenewRecoveryCodesResponseObject, error) {
	c := callOf(ctx)
	codes, err := s.Tenants.RenewRecoveryCodes(ctx, c.user.ID, c.proof(r.Body.CurrentPassword, r.Body.Code))
	if err != nil {
		return nil, err
	}
	return gen.RenewRecoveryCodes200JSONResponse{RecoveryCodesAnswerJSONResponse: gen.RecoveryCodesAnswerJSONResponse{RecoveryCodes: codes}}, nil
}

// DisableTOTP turns the second factor off.
func (s *Server) DisableTOTP(ctx context.Context, r gen.DisableTOTPRequestObject) (gen.DisableTOTPResponseObject, error) {
	c := callOf(ctx)
	if err := s.Tenants.DisableTOTP(ctx, c.user.ID, c.proof(r.Body.CurrentPassword, r.Body.Code)); err != nil {
		return nil, err
	}
	return gen.DisableTOTP204Response{}, nil
}

// ListIdentities lists what is linked.
func (s *Server) ListIdentities(ctx context.Context, _ gen.ListIdentitiesRequestObject) (gen.ListIdentitiesResponseObject, error) {
	all, err := s.Tenants.Identities(ctx, callOf(ctx).user.ID)
	if err != nil {
		return nil, err
	}
	return gen.ListIdentities200JSONResponse{Items: each(all, s.toIdentity)}, nil
}

func (s *Server) toIdentity(i *tenant.LinkedIdentity) gen.Identity {
	return gen.Identity{
		ID: i.ID, Provider: i.Provider, Title: s.providers.Title(i.Provider), Email: i.Email,
		CreatedAt: i.CreatedAt, UpdatedAt: i.UsedAt,
	}
}

// linkStart is the answer to who begins to link an identity.
type linkStart struct {
	set func(http.ResponseWriter) error
	gen.LinkIdentity201JSONResponse
}

// VisitLinkIdentityResponse ties the flow to the browser and answers.
func (a linkStart) VisitLinkIdentityResponse(w http.ResponseWriter) error {
	if err := a.set(w); err != nil {
		return err
	}
	return a.LinkIdentity201JSONResponse.VisitLinkIdentityResponse(w)
}

// LinkIdentity begins to link an identity to the user. It is a POST with a proof,
// unlike signing in: nobody else can make a browser begin it.
func (s *Server) LinkIdentity(ctx context.Context, r gen.LinkIdentityRequestObject) (gen.LinkIdentityResponseObject, error) {
	c := callOf(ctx)
	if !s.providers.Has(r.Body.Provider) {
		return nil, core.NotFound("sign-in provider", r.Body.Provider)
	}
	if err := s.Tenants.Prove(ctx, c.user.ID, c.proof(r.Body.CurrentPassword, r.Body.Code)); err != nil {
		return nil, err
	}
	to := signin.ReturnTo(value(r.Body.ReturnTo))
	if to == "/" {
		to = "/account/security"
	}
	f, u, err := s.providers.Begin(ctx, signin.Flow{Provider: r.Body.Provider, ReturnTo: to, LinkUser: c.user.ID, LinkSession: c.session.ID})
	if err != nil {
		return nil, core.Wrap(core.CodeUnavailable, err, "the sign-in provider can't be reached")
	}
	return linkStart{
		set:                         func(w http.ResponseWriter) error { return s.tickets.Set(w, ticketFlow, f, flowLasts) },
		LinkIdentity201JSONResponse: gen.LinkIdentity201JSONResponse{URL: u},
	}, nil
}

// UnlinkIdentity takes an identity from the user.
func (s *Server) UnlinkIdentity(ctx context.Context, r gen.UnlinkIdentityRequestObject) (gen.UnlinkIdentityResponseObject, error) {
	if err := s.Tenants.Unlink(ctx, callOf(ctx).user.ID, r.Identity); err != nil {
		return nil, err
	}
	return gen.UnlinkIdentity204Response{}, nil
}

// UpdateMe changes what a user says of itself.
func (s *Server) UpdateMe(ctx context.Context, r gen.UpdateMeRequestObject) (gen.UpdateMeResponseObject, error) {
	u, err := s.Tenants.UpdateUser(ctx, callOf(ctx).user.ID, tenant.UserPatch{Name: r.Body.Name, Organization: r.Body.Organization})
	if err != nil {
		return nil, err
	}
	me, err := s.me(ctx, &u, callOf(ctx))
	if err != nil {
		return nil, err
	}
	return gen.UpdateMe200JSONResponse{MeAnswerJSONResponse: gen.MeAnswerJSONResponse(*me)}, nil
}

// ChangeEmail mails a link to a new address.
func (s *Server) ChangeEmail(ctx context.Context, r gen.ChangeEmailRequestObject) (gen.ChangeEmailResponseObject, error) {
	c := callOf(ctx)
	if err := s.Tenants.ChangeEmail(ctx, c.user.ID, r.Body.Email, c.proof(r.Body.CurrentPassword, r.Body.Code)); err != nil {
		return nil, err
	}
	return gen.ChangeEmail202Response{}, nil
}

// deletedAnswer takes the cookie back.
type deletedAnswer struct {
	end func(http.ResponseWriter) error
	gen.DeleteAccount204Response
}

// VisitDeleteAccountResponse ends the session and answers.
func (a deletedAnswer) VisitDeleteAccountResponse(w http.ResponseWriter) error {
	if err := a.end(w); err != nil {
		return err
	}
	return a.DeleteAccount204Response.VisitDeleteAccountResponse(w)
}

// DeleteAccount deletes the user.
func (s *Server) DeleteAccount(ctx context.Context, r gen.DeleteAccountRequestObject) (gen.DeleteAccountResponseObject, error) {
	c := callOf(ctx)
	if err := s.Tenants.DeleteUser(ctx, c.user.ID, c.proof(r.Body.CurrentPassword, r.Body.Code)); err != nil {
		return nil, err
	}
	return deletedAnswer{end: func(w http.ResponseWriter) error { return s.sessions.End(w, c.session) }}, nil
}
