package provider

import (
	"context"
	"io"
	"net/http"

	"github.com/tollgate/tollgate/portal/client"
)

func streamKind() *kind {
	return &kind{
		name: "stream", input: "StreamInput", output: "Stream", key: "name", renamed: true, versioned: true, field: "streams", part: "stream",
		doc: "A TCP, UDP or TLS listener in front of an upstream.",
		create: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.CreateStreamWithBody(ctx, at.gateway, nil, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutStreamWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetStream(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteStream(ctx, at.gateway, at.key, nil))
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int, cursor *string) (*http.Response, error) {
			return c.ListStreams(ctx, gateway, &client.ListStreamsParams{Limit: &limit, Cursor: cursor})
		},
	}
}
