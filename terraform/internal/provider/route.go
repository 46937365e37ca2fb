package provider

import (
	"context"
	"io"
	"net/http"

	"github.com/tollgate/tollgate/portal/client"
)

func routeKind() *kind {
	return &kind{
		name: "route", input: "RouteInput", output: "Route", key: "name", renamed: true, versioned: true, field: "routes", part: "route",
		doc: "Which requests go where, and the policies on their way.",
		create: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.CreateRouteWithBody(ctx, at.gateway, nil, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutRouteWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetRoute(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteRoute(ctx, at.gateway, at.key, nil))
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int, cursor *string) (*http.Response, error) {
			return c.ListRoutes(ctx, gateway, &client.ListRoutesParams{Limit: &limit, Cursor: cursor})
		},
	}
}
