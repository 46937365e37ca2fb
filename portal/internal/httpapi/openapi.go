package httpapi

import (
	"context"
	"encoding/json"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/openapi"
)

// GetOpenAPI shows the gateway's OpenAPI document, what is in it and who uses it.
func (s *Server) GetOpenAPI(ctx context.Context, _ gen.GetOpenAPIRequestObject) (gen.GetOpenAPIResponseObject, error) {
	c := callOf(ctx)
	doc, err := s.Gateways.OpenAPI(ctx, c.org, c.ref())
	if err != nil {
		return nil, err
	}
	a, err := openAPIAnswer(doc)
	return gen.GetOpenAPI200JSONResponse{OpenAPIAnswerJSONResponse: a}, err
}

// PutOpenAPI uploads the gateway's OpenAPI document.
func (s *Server) PutOpenAPI(ctx context.Context, r gen.PutOpenAPIRequestObject) (gen.PutOpenAPIResponseObject, error) {
	c := callOf(ctx)
	doc, err := s.Gateways.PutOpenAPI(ctx, c.org, gateway.PutOpenAPI{
		Gateway: c.ref(), Document: []byte(r.Body.Document), IfMatch: core.ParseIfMatch(value(r.Params.IfMatch)),
	})
	if err != nil {
		return nil, err
	}
	a, err := openAPIAnswer(doc)
	return gen.PutOpenAPI200JSONResponse{OpenAPIAnswerJSONResponse: a}, err
}

// DeleteOpenAPI takes the gateway's OpenAPI document away.
func (s *Server) DeleteOpenAPI(ctx context.Context, r gen.DeleteOpenAPIRequestObject) (gen.DeleteOpenAPIResponseObject, error) {
	c := callOf(ctx)
	version, err := s.Gateways.DeleteOpenAPI(ctx, c.org, c.ref(), core.ParseIfMatch(value(r.Params.IfMatch)))
	if err != nil {
		return nil, err
	}
	return gen.DeleteOpenAPI204Response{Headers: gen.DeletedAnswerResponseHeaders{TollgateVersion: versionHeader(version)}}, nil
}

func openAPIAnswer(d *gateway.OpenAPI) (gen.OpenAPIAnswerJSONResponse, error) {
	body, err := recode[gen.GatewayOpenAPI](struct {
		Version    uint64               `json:"version"`
		OpenAPI    string               `json:"openapi"`
		Title      string               `json:"title"`
		Release    string               `json:"release"`
		Size       int                  `json:"size"`
		Operations []openapi.Operation  `json:"operations"`
		UsedBy     []gateway.OpenAPIUse `json:"used_by"`
		Document   json.RawMessage      `json:"document"`
	}{d.Version, d.Document.Version, d.Title, d.Release, len(d.JSON), d.Operations, d.UsedBy, d.JSON})
	return gen.OpenAPIAnswerJSONResponse{
		Body: body, Headers: gen.OpenAPIAnswerResponseHeaders{ETag: etag(d.Version), TollgateVersion: versionHeader(d.Version)},
	}, err
}
