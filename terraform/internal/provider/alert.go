package provider

import (
	"context"
	"io"
	"net/http"

	"github.com/tollgate/tollgate/portal/client"
)

func alertKind() *kind {
	return &kind{
		name: "alert", input: "AlertInput", output: "Alert", key: "name", renamed: true,
		// What they are by default depends on the kind and the threshold.
		filled: []string{"clear_for", "clear_threshold", "errors", "for", "latency", "min_requests", "percentile", "threshold", "window"},
		doc:    "Tells by mail or webhook when errors, latency, a quota or silence cross a line.",
		create: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.CreateAlertWithBody(ctx, at.gateway, nil, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutAlertWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetAlert(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteAlert(ctx, at.gateway, at.key, nil))
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int, cursor *string) (*http.Response, error) {
			return c.ListAlerts(ctx, gateway, &client.ListAlertsParams{Limit: &limit, Cursor: cursor})
		},
	}
}
