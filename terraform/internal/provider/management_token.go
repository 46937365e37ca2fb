package provider

import (
	"context"
	"io"

	"github.com/tollgate/tollgate/portal/client"
)

func tokenKind() *kind {
	return &kind{
		name: "management_token", input: "TokenInput", output: "Token", key: attrID, global: true,
		doc: "A token for the management API. The token itself is shown to nobody by Terraform: the ephemeral resource of the same name " +
			"makes one for the time of a run, and the portal shows one once.",
		fixed: []string{attrName, "scopes", "expires_at"},
		shown: []string{"prefix"},
		create: func(ctx context.Context, c *client.ClientWithResponses, _ address, body io.Reader) (answer, error) {
			return read(c.CreateTokenWithBody(ctx, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetToken(ctx, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteToken(ctx, at.key))
		},
	}
}
