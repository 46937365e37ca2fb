package httpapi

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

// toDomain shows a domain of the call's gateway.
func (s *Server) toDomain(ctx context.Context) func(*gateway.Domain) gen.Domain {
	target := callOf(ctx).gateway.Hostname
	return func(d *gateway.Domain) gen.Domain {
		proof := s.Gateways.Proof(d)
		out := gen.Domain{
			ID: d.ID, Host: d.Host, State: gen.DomainState(d.State), Problem: optional(d.Problem), Target: &target,
			CheckedAt: instant(d.CheckedAt), VerifiedAt: instant(d.VerifiedAt), NextCheckAt: instant(d.NextCheckAt),
			Certificate: s.toDomainCertificate(d), CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
		}
		out.Proof.Type, out.Proof.Name, out.Proof.Value = gen.TXT, proof.Name, proof.Value
		return out
	}
}

func (s *Server) toDomainCertificate(d *gateway.Domain) gen.DomainCertificate {
	c := &d.Certificate
	out := gen.DomainCertificate{
		Mode: gen.DomainCertificateModeUploaded, State: gen.DomainCertificateState(s.Gateways.CertificateState(d)),
		Problem: optional(s.Gateways.CertificateProblem(d)), NextAttemptAt: instant(nextOrder(c)),
		IssuedAt: instant(c.IssuedAt), NotAfter: instant(c.NotAfter),
	}
	if c.Automatic {
		out.Mode = gen.DomainCertificateModeAutomatic
	}
	if c.Attempts > 0 {
		out.Attempts = &c.Attempts
	}
	if facts, ok := c.Facts(); ok {
		out.Issuer, out.FingerprintSha256, out.Names = &facts.Issuer, &facts.Fingerprint, &facts.Names
	}
	return out
}

// nextOrder is when a certificate is ordered next: not when the authority is only
// asked whether it is time.
func nextOrder(c *gateway.DomainCertificate) time.Time {
	if c.ChainPEM != "" && c.Attempts == 0 && !c.NextAt.IsZero() && !c.RenewAt.IsZero() {
		return c.RenewAt
	}
	return c.NextAt
}

func (s *Server) domainAnswer(ctx context.Context, d *gateway.Domain) gen.DomainAnswerJSONResponse {
	return gen.DomainAnswerJSONResponse{Body: s.toDomain(ctx)(d), Headers: gen.DomainAnswerResponseHeaders{ETag: etag(d.Revision)}}
}

// ListDomains lists the gateway's custom domains.
func (s *Server) ListDomains(ctx context.Context, r gen.ListDomainsRequestObject) (gen.ListDomainsResponseObject, error) {
	c := callOf(ctx)
	l, err := s.Gateways.ListDomains(ctx, c.org, c.ref(), page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListDomains200JSONResponse{Items: each(l.Items, s.toDomain(ctx)), NextCursor: optional(l.Next)}, nil
}

// GetDomain shows a custom domain.
func (s *Server) GetDomain(ctx context.Context, r gen.GetDomainRequestObject) (gen.GetDomainResponseObject, error) {
	c := callOf(ctx)
	d, err := s.Gateways.GetDomain(ctx, c.org, c.ref(), r.Host)
	if err != nil {
		return nil, err
	}
	return gen.GetDomain200JSONResponse{DomainAnswerJSONResponse: s.domainAnswer(ctx, d)}, nil
}

// PutDomain adds a custom domain or changes one.
func (s *Server) PutDomain(ctx context.Context, r gen.PutDomainRequestObject) (gen.PutDomainResponseObject, error) {
	c := callOf(ctx)
	in := gateway.PutDomain{Gateway: c.ref(), Host: r.Host, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch))}
	if r.Body != nil && r.Body.Certificate != nil {
		automatic := *r.Body.Certificate == gen.DomainInputCertificateAutomatic
		in.Automatic = &automatic
	}
	d, created, err := s.Gateways.PutDomain(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	a := s.domainAnswer(ctx, d)
	if created {
		return gen.PutDomain201JSONResponse{Body: a.Body, Headers: gen.PutDomain201ResponseHeaders(a.Headers)}, nil
	}
	return gen.PutDomain200JSONResponse{DomainAnswerJSONResponse: a}, nil
}

// DeleteDomain deletes a custom domain.
func (s *Server) DeleteDomain(ctx context.Context, r gen.DeleteDomainRequestObject) (gen.DeleteDomainResponseObject, error) {
	c := callOf(ctx)
	version, err := s.Gateways.DeleteDomain(ctx, c.org, gateway.Delete{
		Gateway: c.ref(), Name: r.Host, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	return gen.DeleteDomain204Response{Headers: gen.DeletedAnswerResponseHeaders{TollgateVersion: versionHeader(version)}}, nil
}

// VerifyDomain looks for a domain's record now.
func (s *Server) VerifyDomain(ctx context.Context, r gen.VerifyDomainRequestObject) (gen.VerifyDomainResponseObject, error) {
	c := callOf(ctx)
	d, err := s.Gateways.VerifyDomain(ctx, c.org, c.ref(), r.Host)
	if err != nil {
		return nil, err
	}
	return gen.VerifyDomain200JSONResponse{DomainAnswerJSONResponse: s.domainAnswer(ctx, d)}, nil
}

// OrderDomainCertificate has a domain's certificate ordered now.
func (s *Server) OrderDomainCertificate(ctx context.Context, r gen.OrderDomainCertificateRequestObject) (gen.OrderDomainCertificateResponseObject, error) {
	c := callOf(ctx)
	d, err := s.Gateways.RenewCertificate(ctx, c.org, c.ref(), r.Host)
	if err != nil {
		return nil, err
	}
	return gen.OrderDomainCertificate200JSONResponse{DomainAnswerJSONResponse: s.domainAnswer(ctx, d)}, nil
}
