// Package client calls the management API: what openapi.yaml describes as
// generated methods and types (api.gen.go), with what every caller needs around
// them: credentials, retries that can't do a thing twice, pages as one sequence,
// and problem documents as errors.
//
//	api, err := client.New(client.Options{URL: "https://portal.example.com", Token: "tgm_…"})
//	res, err := api.GetGatewayWithResponse(ctx, "production")
//	gateway, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, err)
//
// The package keeps no state beside the HTTP client's connections and is safe for
// concurrent use.
package client

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config config.yaml ../api/openapi.yaml
