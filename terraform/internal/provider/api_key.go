package provider

import (
	"context"
	"io"
	"slices"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

func apiKeyKind() *kind {
	return &kind{
		name: "api_key", input: "KeyInput", output: "Key", key: attrID,
		doc: "An API key of a consumer. The key itself is shown to nobody by Terraform: `tollgate keys rotate` or the portal shows a new one once, " +
			"and the ephemeral resource of the same name makes one for the time of a run. " +
			"One that an apply made within the last hour, which was cut off before its state was stored, is taken over if it is asked for alike and nobody has used it.",
		required: []string{attrName},
		fixed:    []string{"consumer", "not_before"},
		left:     []string{"consumer", "not_before"},
		shown:    []string{"prefix", "state"},
		gone: func(body shape.Schema) bool {
			return body["state"] == "revoked" || body["state"] == "deleted"
		},
		leftovers: leftoverKeys,
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

// leftoverKeys finds keys of the same consumer that are as they are asked for. One that
// was rotated or came of a rotation is somebody's: its secret was shown.
func leftoverKeys(ctx context.Context, c *client.ClientWithResponses, at address, body shape.Schema, same func(shape.Schema) bool) (out []shape.Schema, err error) {
	consumer, _ := body["consumer"].(string)
	shown := map[any]bool{}
	var cursor *string
	for {
		got, err := read(c.ListKeys(ctx, at.gateway, &client.ListKeysParams{Consumer: &consumer, Cursor: cursor}))
		if err != nil {
			return nil, err
		}
		items, _ := got.body["items"].([]any)
		for _, i := range items {
			key, _ := i.(shape.Schema)
			if to := key["rotated_to"]; to != nil {
				shown[to] = true
				continue
			}
			if usable := key["state"] == "active" || key["state"] == "pending"; usable && same(key) {
				out = append(out, key)
			}
		}
		next, _ := got.body["next_cursor"].(string)
		if next == "" {
			return slices.DeleteFunc(out, func(key shape.Schema) bool { return shown[key[attrID]] }), nil
		}
		cursor = &next
	}
}
