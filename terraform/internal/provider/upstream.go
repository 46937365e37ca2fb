package provider

import (
	"context"
	"io"
	"net/http"

	"github.com/tollgate/tollgate/portal/client"
)

func upstreamKind() *kind {
	return &kind{
		name: "upstream", input: "UpstreamInput", output: "Upstream", key: "name", renamed: true, versioned: true, field: "upstreams", part: "upstream",
		doc: "A pool of backends and how requests are spread over them.",
		create: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.CreateUpstreamWithBody(ctx, at.gateway, nil, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutUpstreamWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetUpstream(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteUpstream(ctx, at.gateway, at.key, nil))
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int, cursor *string) (*http.Response, error) {
			return c.ListUpstreams(ctx, gateway, &client.ListUpstreamsParams{Limit: &limit, Cursor: cursor})
		},
	}
}
