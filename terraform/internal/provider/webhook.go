package provider

import (
	"context"
	"io"
	"net/http"

	"github.com/tollgate/tollgate/portal/client"
)

func webhookKind() *kind {
	return &kind{
		name: "webhook", input: "WebhookInput", output: "Webhook", key: "name", renamed: true,
		filled: []string{"events"},
		secret: map[string]string{"signing_secret_wo": "signing_secret"},
		doc: "Tells a receiver of yours what happens to a gateway: changes, keys, certificates, domains, releases and alerts. " +
			"Give it a signing secret of your own, which is sent and never stored: one that is made for it is shown to nobody by Terraform, and " +
			"`tollgate webhooks rotate` or the portal shows a new one once.",
		create: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.CreateWebhookWithBody(ctx, at.gateway, nil, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutWebhookWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetWebhook(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteWebhook(ctx, at.gateway, at.key, nil))
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit int, cursor *string) (*http.Response, error) {
			return c.ListWebhooks(ctx, gateway, &client.ListWebhooksParams{Limit: &limit, Cursor: cursor})
		},
	}
}
