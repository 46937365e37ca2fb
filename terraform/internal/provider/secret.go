package provider

import (
	"context"
	"io"
	"net/http"

	"github.com/tollgate/tollgate/portal/client"
)

func secretKind() *kind {
	return &kind{
		name: "secret", input: "SecretInput", output: "Secret", key: "name", versioned: true,
		secret: map[string]string{"value_wo": "value"},
		doc:    "A value that policies and upstreams refer to by its name. It is sent and never stored: not in the plan, not in the state.",
		create: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			none := client.PutSecretParamsIfNoneMatch("*") // one of another value is somebody's
			return read(c.PutSecretWithBody(ctx, at.gateway, at.key, &client.PutSecretParams{IfNoneMatch: &none}, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutSecretWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetSecret(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteSecret(ctx, at.gateway, at.key, nil))
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int, cursor *string) (*http.Response, error) {
			return c.ListSecrets(ctx, gateway, &client.ListSecretsParams{Limit: &limit, Cursor: cursor})
		},
	}
}
