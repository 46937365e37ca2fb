package provider

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tollgate/tollgate/portal/client"
	"github.com/tollgate/tollgate/terraform/internal/shape"
)

func tokenKind() *kind {
	return &kind{
		name: "management_token", input: "TokenInput", output: "Token", key: attrID, global: true,
		doc: "A token for the management API. The token itself is shown to nobody by Terraform: the ephemeral resource of the same name " +
			"makes one for the time of a run, and the portal shows one once. " +
			"One that an apply made within the last hour, which was cut off before its state was stored, is taken over if it is asked for alike and nobody has used it.",
		fixed:     []string{attrName, "scopes", "expires_at"},
		shown:     []string{"prefix"},
		leftovers: leftoverTokens,
		create: func(ctx context.Context, c *client.ClientWithResponses, _ address, body io.Reader) (answer, error) {
			return read(c.CreateTokenWithBody(ctx, nil, mediaJSON, body))
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.GetToken(ctx, at.key))
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, at address, _ io.Reader) (answer, error) {
			return read(c.DeleteToken(ctx, at.key))
		},
	}
}

// leftoverTokens finds tokens of the same name, permissions and end.
func leftoverTokens(ctx context.Context, c *client.ClientWithResponses, _ address, body shape.Schema, _ func(shape.Schema) bool) (out []shape.Schema, err error) {
	var cursor *string
	for {
		got, err := read(c.ListTokens(ctx, &client.ListTokensParams{Cursor: cursor}))
		if err != nil {
			return nil, err
		}
		items, _ := got.body["items"].([]any)
		for _, i := range items {
			if token, ok := i.(shape.Schema); ok && sameToken(token, body) {
				out = append(out, token)
			}
		}
		next, _ := got.body["next_cursor"].(string)
		if next == "" {
			return out, nil
		}
		cursor = &next
	}
}

func sameToken(a, b shape.Schema) bool {
	return a[attrName] == b[attrName] && slices.Equal(scopes(a), scopes(b)) && sameTime(a["expires_at"], b["expires_at"])
}

func scopes(token shape.Schema) []string {
	list, _ := token["scopes"].([]any)
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprint(s))
	}
	slices.Sort(out)
	return out
}

func sameTime(a, b any) bool {
	x, _ := a.(string)
	y, _ := b.(string)
	if x == "" || y == "" {
		return x == y
	}
	s, errS := time.Parse(time.RFC3339, x)
	u, errU := time.Parse(time.RFC3339, y)
	return errS == nil && errU == nil && s.Equal(u)
}
