package provider

import (
	"context"
	"io"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

func gatewayPoliciesKind() *kind {
	return &kind{
		name: "gateway_policies", input: "Policies", output: "Policies", versioned: true, field: policiesField, called: map[string]string{"items": "policies"},
		doc: "The policies on a whole gateway, in their order. A route's own policy of the same type stands in its place; limits add up.",
		blank: func(body shape.Schema) bool {
			items, _ := body["items"].([]any)
			return len(items) == 0
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutGatewayPoliciesWithBody(ctx, at.gateway, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetGatewayPolicies(ctx, at.gateway))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.PutGatewayPolicies(ctx, at.gateway, nil, client.Policies{Items: []client.Policy{}}))
		},
	}
}
