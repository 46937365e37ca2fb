package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/developer"
	"github.com/tollgate/tollgate/services/developer/apidoc"
	"github.com/tollgate/tollgate/services/gateway"
)

// portalOf is a gateway as the domain of developer portals knows it.
func portalOf(g *gateway.Gateway) developer.Gateway {
	return developer.Gateway{Organization: g.Organization, ID: g.ID, GatewayName: g.Name, Label: g.Label}
}

func (s *Server) portalAnswer(p *developer.Overview) (gen.DeveloperPortalAnswerJSONResponse, error) {
	type shown struct {
		developer.Settings
		Plans          []developer.Offer `json:"plans"`
		Label          string            `json:"label"`
		URL            string            `json:"url"`
		AccentText     string            `json:"accent_text"`
		AccentDarkText string            `json:"accent_dark_text"`
		LogoURL        string            `json:"logo_url,omitempty"`
		OpenAPI        string            `json:"openapi"`
		Developers     int               `json:"developers"`
		Pending        int               `json:"pending"`
	}
	v := shown{
		Settings: p.Settings, Plans: p.Plans, Label: p.Label, URL: p.URL, LogoURL: logoURL(&p.Portal), OpenAPI: "generated",
		AccentText: developer.TextOn(p.Accent), AccentDarkText: developer.TextOn(p.AccentDark),
		Developers: p.Developers, Pending: p.Pending,
	}
	if p.HasDocument {
		v.OpenAPI = "uploaded"
	}
	if v.Plans == nil {
		v.Plans = []developer.Offer{}
	}
	body, err := recode[gen.DeveloperPortal](v)
	body.CreatedAt, body.UpdatedAt = instant(p.CreatedAt), instant(p.UpdatedAt)
	return gen.DeveloperPortalAnswerJSONResponse{
		Body: body, Headers: gen.DeveloperPortalAnswerResponseHeaders{ETag: etag(p.Revision)},
	}, err
}

// logoURL changes with the portal, so that browsers may keep the image.
func logoURL(p *developer.Portal) string {
	if !p.HasLogo {
		return ""
	}
	return "/v1/developer/" + p.Label + "/logo?v=" + versionText(p.Revision)
}

// GetDeveloperPortal shows a gateway's developer portal.
func (s *Server) GetDeveloperPortal(ctx context.Context, _ gen.GetDeveloperPortalRequestObject) (gen.GetDeveloperPortalResponseObject, error) {
	p, err := s.Developers.Portal(ctx, portalOf(callOf(ctx).gateway))
	if err != nil {
		return nil, err
	}
	a, err := s.portalAnswer(p)
	return gen.GetDeveloperPortal200JSONResponse{DeveloperPortalAnswerJSONResponse: a}, err
}

// PutDeveloperPortal sets a gateway's developer portal.
func (s *Server) PutDeveloperPortal(ctx context.Context, r gen.PutDeveloperPortalRequestObject) (gen.PutDeveloperPortalResponseObject, error) {
	c := callOf(ctx)
	settings, err := decode[developer.Settings](c)
	if err != nil {
		return nil, err
	}
	config, _, err := s.Gateways.Config(ctx, c.org, c.ref())
	if err != nil {
		return nil, err
	}
	in := developer.PutPortal{Gateway: portalOf(c.gateway), Settings: settings, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch))}
	for i := range config.UsagePlans {
		in.UsagePlans = append(in.UsagePlans, config.UsagePlans[i].Name)
	}
	p, err := s.Developers.PutPortal(ctx, in)
	if err != nil {
		return nil, err
	}
	a, err := s.portalAnswer(p)
	return gen.PutDeveloperPortal200JSONResponse{DeveloperPortalAnswerJSONResponse: a}, err
}

// PutDeveloperPortalLogo sets the logo.
func (s *Server) PutDeveloperPortalLogo(ctx context.Context, _ gen.PutDeveloperPortalLogoRequestObject) (gen.PutDeveloperPortalLogoResponseObject, error) {
	c := callOf(ctx)
	in, err := decode[struct {
		Image string `json:"image"`
	}](c)
	if err != nil {
		return nil, err
	}
	image, err := base64.StdEncoding.DecodeString(in.Image)
	if err != nil {
		return nil, core.Invalid(contract.FieldErrors{{Pointer: "/image", Detail: "must be base64 (RFC 4648, 4)"}})
	}
	width, height, err := s.Developers.PutLogo(ctx, portalOf(c.gateway), image)
	if err != nil {
		return nil, err
	}
	return gen.PutDeveloperPortalLogo200JSONResponse{Width: width, Height: height}, nil
}

// DeleteDeveloperPortalLogo takes the logo away.
func (s *Server) DeleteDeveloperPortalLogo(ctx context.Context, _ gen.DeleteDeveloperPortalLogoRequestObject) (gen.DeleteDeveloperPortalLogoResponseObject, error) {
	if _, _, err := s.Developers.PutLogo(ctx, portalOf(callOf(ctx).gateway), nil); err != nil {
		return nil, err
	}
	return gen.DeleteDeveloperPortalLogo204Response{}, nil
}

// GetDeveloperPortalOpenAPI shows the API reference.
func (s *Server) GetDeveloperPortalOpenAPI(ctx context.Context, _ gen.GetDeveloperPortalOpenAPIRequestObject) (gen.GetDeveloperPortalOpenAPIResponseObject, error) {
	g := callOf(ctx).gateway
	p, err := s.Developers.Portal(ctx, portalOf(g))
	if err != nil {
		return nil, err
	}
	doc, err := s.reference(ctx, &p.Portal, g)
	if err != nil {
		return nil, err
	}
	out := gen.GetDeveloperPortalOpenAPI200JSONResponse{}
	return out, json.Unmarshal(doc, &out)
}

// PutDeveloperPortalOpenAPI uploads the API reference.
func (s *Server) PutDeveloperPortalOpenAPI(ctx context.Context, r gen.PutDeveloperPortalOpenAPIRequestObject) (gen.PutDeveloperPortalOpenAPIResponseObject, error) {
	g := callOf(ctx).gateway
	doc, err := apidoc.Check(ctx, []byte(r.Body.Document), s.gatewayURL(g))
	if err != nil {
		return nil, err
	}
	if err := s.Developers.PutDocument(ctx, portalOf(g), doc.JSON); err != nil {
		return nil, err
	}
	return gen.PutDeveloperPortalOpenAPI200JSONResponse{Source: gen.OpenAPIInfoSourceUploaded, Title: doc.Title, Operations: doc.Operations}, nil
}

// DeleteDeveloperPortalOpenAPI generates the API reference again.
func (s *Server) DeleteDeveloperPortalOpenAPI(ctx context.Context, _ gen.DeleteDeveloperPortalOpenAPIRequestObject) (gen.DeleteDeveloperPortalOpenAPIResponseObject, error) {
	if err := s.Developers.PutDocument(ctx, portalOf(callOf(ctx).gateway), nil); err != nil {
		return nil, err
	}
	return gen.DeleteDeveloperPortalOpenAPI204Response{}, nil
}

func toApplication(a *developer.Application) gen.DeveloperApplication {
	out := gen.DeveloperApplication{
		ID: a.ID, UsagePlan: a.UsagePlan, Message: a.Message, State: gen.DeveloperApplicationState(a.State),
		Reason: optional(a.Reason), DecidedBy: optional(a.DecidedBy), DecidedAt: instant(a.DecidedAt), CreatedAt: a.CreatedAt,
	}
	out.Developer.ID, out.Developer.Email, out.Developer.Name = a.Developer, a.Email, a.Name
	return out
}

// ListDeveloperApplications lists who asked for a usage plan.
func (s *Server) ListDeveloperApplications(ctx context.Context, r gen.ListDeveloperApplicationsRequestObject) (gen.ListDeveloperApplicationsResponseObject, error) {
	l, err := s.Developers.Applications(ctx, portalOf(callOf(ctx).gateway), string(value(r.Params.State)), page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListDeveloperApplications200JSONResponse{Items: each(l.Items, toApplication), NextCursor: optional(l.Next)}, nil
}

// ApproveDeveloperApplication gives a developer the plan.
func (s *Server) ApproveDeveloperApplication(ctx context.Context, r gen.ApproveDeveloperApplicationRequestObject) (gen.ApproveDeveloperApplicationResponseObject, error) {
	a, err := s.Developers.Approve(ctx, portalOf(callOf(ctx).gateway), r.Application)
	if err != nil {
		return nil, err
	}
	return gen.ApproveDeveloperApplication200JSONResponse(toApplication(a)), nil
}

// RefuseDeveloperApplication says no.
func (s *Server) RefuseDeveloperApplication(ctx context.Context, r gen.RefuseDeveloperApplicationRequestObject) (gen.RefuseDeveloperApplicationResponseObject, error) {
	a, err := s.Developers.Refuse(ctx, portalOf(callOf(ctx).gateway), r.Application, value(r.Body.Reason))
	if err != nil {
		return nil, err
	}
	return gen.RefuseDeveloperApplication200JSONResponse(toApplication(a)), nil
}

// ListDevelopers lists a portal's accounts.
func (s *Server) ListDevelopers(ctx context.Context, r gen.ListDevelopersRequestObject) (gen.ListDevelopersResponseObject, error) {
	l, err := s.Developers.Developers(ctx, portalOf(callOf(ctx).gateway), page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	items := each(l.Items, func(d *developer.Developer) gen.DeveloperAccount {
		return gen.DeveloperAccount{
			ID: d.ID, Email: d.Email, Name: d.Name, Verified: d.Verified(), Consumer: optional(d.Consumer),
			UsagePlan: optional(d.UsagePlan), CreatedAt: d.CreatedAt,
		}
	})
	return gen.ListDevelopers200JSONResponse{Items: items, NextCursor: optional(l.Next)}, nil
}

// DeleteDeveloper deletes an account.
func (s *Server) DeleteDeveloper(ctx context.Context, r gen.DeleteDeveloperRequestObject) (gen.DeleteDeveloperResponseObject, error) {
	if err := s.Developers.Remove(ctx, portalOf(callOf(ctx).gateway), r.Developer); err != nil {
		return nil, err
	}
	return gen.DeleteDeveloper204Response{}, nil
}
