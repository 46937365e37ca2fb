package httpapi

import (
	"context"
	"encoding/json"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/importer"
)

// ImportOpenAPI says what an OpenAPI document would make of a gateway, or makes it.
func (s *Server) ImportOpenAPI(ctx context.Context, r gen.ImportOpenAPIRequestObject) (gen.ImportOpenAPIResponseObject, error) {
	a, err := s.imported(ctx, gateway.Import{Format: gateway.FormatOpenAPI, Apply: value(r.Params.Apply), IfMatch: core.ParseIfMatch(value(r.Params.IfMatch))})
	return gen.ImportOpenAPI200JSONResponse{ImportAnswerJSONResponse: a}, err
}

// ImportNginx says what an nginx configuration would make of a gateway, or makes it.
func (s *Server) ImportNginx(ctx context.Context, r gen.ImportNginxRequestObject) (gen.ImportNginxResponseObject, error) {
	a, err := s.imported(ctx, gateway.Import{Format: gateway.FormatNginx, Apply: value(r.Params.Apply), IfMatch: core.ParseIfMatch(value(r.Params.IfMatch))})
	return gen.ImportNginx200JSONResponse{ImportAnswerJSONResponse: a}, err
}

// importInput is the body of an import.
type importInput struct {
	Document string           `json:"document"`
	Options  importer.Options `json:"options"`
}

func (s *Server) imported(ctx context.Context, in gateway.Import) (a gen.ImportAnswerJSONResponse, err error) {
	c := callOf(ctx)
	body, err := decode[importInput](c)
	if err != nil {
		return a, err
	}
	in.Gateway, in.Text, in.Options = c.ref(), []byte(body.Document), body.Options
	done, err := s.Gateways.Import(ctx, c.org, in)
	if err != nil {
		return a, err
	}
	rows := done.Rows
	if rows == nil {
		rows = []importer.Row{}
	}
	a.Body, err = recode[gen.ImportResult](struct {
		Applied bool             `json:"applied"`
		Blocked bool             `json:"blocked"`
		Version uint64           `json:"version"`
		Report  []importer.Row   `json:"report"`
		Changes []gen.Difference `json:"changes"`
		Config  *gateway.Config  `json:"config,omitempty"`
	}{done.Applied, done.Blocked, done.Version, rows, each(done.Changes, toDifference), done.Config})
	a.Headers = gen.ImportAnswerResponseHeaders{ETag: etag(done.Version), TollgateVersion: versionHeader(done.Version)}
	return a, err
}

// ExportGateway writes a gateway as an OpenAPI document.
func (s *Server) ExportGateway(ctx context.Context, _ gen.ExportGatewayRequestObject) (gen.ExportGatewayResponseObject, error) {
	c := callOf(ctx)
	doc, version, err := s.Gateways.Export(ctx, c.org, c.ref())
	if err != nil {
		return nil, err
	}
	return gen.ExportGateway200JSONResponse{GatewayExportAnswerJSONResponse: gen.GatewayExportAnswerJSONResponse{
		Body: json.RawMessage(doc), Headers: gen.GatewayExportAnswerResponseHeaders{ETag: etag(version), TollgateVersion: versionHeader(version)},
	}}, nil
}
