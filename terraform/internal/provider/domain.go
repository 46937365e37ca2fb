package provider

import (
	"context"
	"io"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

func domainKind() *kind {
	return &kind{
		name: "domain", input: "DomainInput", output: "Domain", key: attrHost, versioned: true,
		doc:   "A host of your own for a gateway. It is served once the DNS record in `proof` is seen; with `certificate = \"automatic\"` its certificate is issued and renewed by itself.",
		shown: []string{"state", "proof", "target", "problem", "verified_at"},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.PutDomainWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetDomain(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteDomain(ctx, at.gateway, at.key, nil))
		},
		found: func(body shape.Schema) {
			if c, ok := body["certificate"].(shape.Schema); ok { // what is asked for, not how it stands
				body["certificate"] = c["mode"]
			}
		},
	}
}
