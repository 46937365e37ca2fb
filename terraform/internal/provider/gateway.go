package provider

import (
	"context"
	"io"

	"github.com/tollgate/tollgate/portal/client"
)

func gatewayKind() *kind {
	return &kind{
		name: "gateway", input: "GatewayInput", output: "Gateway", key: "name", global: true, renamed: true, versioned: true,
		doc:    "One API front of the organization, production or staging: a host name and what hangs on it.",
		fixed:  []string{"mode"},
		filled: []string{"mode"},
		shown:  []string{"hostname", "url"},
		create: func(ctx context.Context, c *client.ClientWithResponses, _ address, body io.Reader) (answer, error) {
			return read(c.CreateGatewayWithBody(ctx, nil, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.UpdateGatewayWithBody(ctx, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetGateway(ctx, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteGateway(ctx, at.key, nil))
		},
	}
}
