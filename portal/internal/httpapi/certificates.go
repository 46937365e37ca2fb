package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
)

func (s *Server) toCertificate(v *gateway.Certificate) gen.Certificate {
	now := s.clock()
	return gen.Certificate{
		ID: v.ID, Name: v.Name, Hosts: v.Hosts, Names: &v.Names, CommonName: v.CommonName, Issuer: v.Issuer,
		NotBefore: v.NotBefore, NotAfter: v.NotAfter, DaysLeft: v.DaysLeft(now), State: gen.CertificateState(v.State(now)),
		FingerprintSha256: v.Fingerprint, KeyType: v.KeyType, ChainLength: &v.Chain, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
}

func (s *Server) certificateAnswer(v *gateway.Certificate, version uint64) gen.CertificateAnswerJSONResponse {
	return gen.CertificateAnswerJSONResponse{
		Body:    s.toCertificate(v),
		Headers: gen.CertificateAnswerResponseHeaders{ETag: etag(v.Revision), TollgateVersion: versionHeader(version)},
	}
}

// ListCertificates lists the gateway's certificates.
func (s *Server) ListCertificates(ctx context.Context, r gen.ListCertificatesRequestObject) (gen.ListCertificatesResponseObject, error) {
	c := callOf(ctx)
	l, err := s.Gateways.ListCertificates(ctx, c.org, c.ref(), page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListCertificates200JSONResponse{Items: each(l.Items, s.toCertificate), NextCursor: optional(l.Next)}, nil
}

// GetCertificate shows a certificate without its key.
func (s *Server) GetCertificate(ctx context.Context, r gen.GetCertificateRequestObject) (gen.GetCertificateResponseObject, error) {
	c := callOf(ctx)
	v, err := s.Gateways.GetCertificate(ctx, c.org, c.ref(), r.Name)
	if err != nil {
		return nil, err
	}
	return gen.GetCertificate200JSONResponse{CertificateAnswerJSONResponse: s.certificateAnswer(v, 0)}, nil
}

// PutCertificate uploads a certificate.
func (s *Server) PutCertificate(ctx context.Context, r gen.PutCertificateRequestObject) (gen.PutCertificateResponseObject, error) {
	c := callOf(ctx)
	v, err := s.Gateways.PutCertificate(ctx, c.org, gateway.PutCertificate{
		Gateway: c.ref(), Name: r.Name, ChainPEM: r.Body.ChainPem, KeyPEM: r.Body.KeyPem, Hosts: value(r.Body.Hosts),
		IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	a := s.certificateAnswer(&v.Certificate, v.Version)
	if v.Created {
		return gen.PutCertificate201JSONResponse{Body: a.Body, Headers: gen.PutCertificate201ResponseHeaders(a.Headers)}, nil
	}
	return gen.PutCertificate200JSONResponse{CertificateAnswerJSONResponse: a}, nil
}

// DeleteCertificate deletes a certificate.
func (s *Server) DeleteCertificate(ctx context.Context, r gen.DeleteCertificateRequestObject) (gen.DeleteCertificateResponseObject, error) {
	c := callOf(ctx)
	version, err := s.Gateways.DeleteCertificate(ctx, c.org, gateway.Delete{
		Gateway: c.ref(), Name: r.Name, IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	return gen.DeleteCertificate204Response{Headers: gen.DeletedAnswerResponseHeaders{TollgateVersion: versionHeader(version)}}, nil
}
