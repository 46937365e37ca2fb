package provider

import (
	"context"
	"io"
	"net/http"

	"github.com/tollgate/tollgate/portal/client"
)

func usagePlanKind() *kind {
	return &kind{
		name: "usage_plan", input: "UsagePlanInput", output: "UsagePlan", key: "name", renamed: true, versioned: true, field: "usage_plans", part: "usage_plan",
		doc: "What consumers may do: rate, quota, concurrency, and which routes.",
		create: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.CreateUsagePlanWithBody(ctx, at.gateway, nil, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutUsagePlanWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetUsagePlan(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteUsagePlan(ctx, at.gateway, at.key, nil))
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int, cursor *string) (*http.Response, error) {
			return c.ListUsagePlans(ctx, gateway, &client.ListUsagePlansParams{Limit: &limit, Cursor: cursor})
		},
	}
}
