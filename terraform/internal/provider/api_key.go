package provider

import (
	"context"
	"io"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

func apiKeyKind() *kind {
	return &kind{
		name: "api_key", input: "KeyInput", output: "Key", key: attrID,
		doc: "An API key of a consumer. The key itself is shown to nobody by Terraform: `tollgate keys rotate` or the portal shows a new one once, " +
			"and the ephemeral resource of the same name makes one for the time of a run.",
		required: []string{attrName},
		fixed:    []string{"consumer", "not_before"},
		left:     []string{"consumer", "not_before"},
		shown:    []string{"prefix", "state"},
		gone: func(body shape.Schema) bool {
			return body["state"] == "revoked" || body["state"] == "deleted"
		},
		made: unfinishedKey,
		create: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.CreateKeyWithBody(ctx, at.gateway, nil, mediaJSON, body))
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, at address, body io.Reader) (answer, error) {
			return read(c.UpdateKeyWithBody(ctx, at.gateway, at.key, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetKey(ctx, at.gateway, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.RevokeKey(ctx, at.gateway, at.key, nil))
		},
	}
}

// unfinishedKey finds a key of the same consumer and name: a consumer's keys have
// names of their own in Terraform, so that an apply that was cut off does not leave
// a second key behind.
func unfinishedKey(ctx context.Context, c *client.ClientWithResponses, at address, body shape.Schema) (answer, bool, error) {
	consumer, _ := body["consumer"].(string)
	name, _ := body[attrName].(string)
	var cursor *string
	for {
		got, err := read(c.ListKeys(ctx, at.gateway, &client.ListKeysParams{Consumer: &consumer, Cursor: cursor}))
		if err != nil {
			return answer{}, false, err
		}
		items, _ := got.body["items"].([]any)
		for _, i := range items {
			if key, ok := i.(shape.Schema); ok && key[attrName] == name && key["state"] == "active" {
				return answer{body: key}, true, nil
			}
		}
		next, _ := got.body["next_cursor"].(string)
		if next == "" {
			return answer{}, false, nil
		}
		cursor = &next
	}
}
