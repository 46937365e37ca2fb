package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

func webhookKind() *kind {
	return &kind{
		use: "webhooks", one: "webhook", short: "Receivers of yours that are told what happens to a gateway", key: keyName,
		example: "  tollgate webhooks create audit --url https://hooks.example.com/tollgate --event key.created --event key.revoked",
		columns: []column{
			field("name", "name"), field("state", "state.status"), field("url", "url"),
			{"events", eventsText},
			field("waiting", "state.waiting"), field("error", "state.error"),
		},
		flags: []flag{
			textFlag("url", "url", "where messages are sent; https"),
			listFlag("event", "events", "type of events that it is told; default all"),
			textFlag("description", "description", "what it is for"),
			boolFlag("enabled", "enabled", "whether anything is sent; default true"),
		},
		list: func(ctx context.Context, c *client.ClientWithResponses, gateway string, limit *int, cursor *string) (*http.Response, error) {
			return c.ListWebhooks(ctx, gateway, &client.ListWebhooksParams{Limit: limit, Cursor: cursor})
		},
		get: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.GetWebhook(ctx, gateway, key)
		},
		create: func(ctx context.Context, c *client.ClientWithResponses, gateway string, body io.Reader) (*http.Response, error) {
			return c.CreateWebhookWithBody(ctx, gateway, nil, mediaJSON, body)
		},
		put: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string, body io.Reader) (*http.Response, error) {
			return c.PutWebhookWithBody(ctx, gateway, key, nil, mediaJSON, body)
		},
		remove: func(ctx context.Context, c *client.ClientWithResponses, gateway, key string) (*http.Response, error) {
			return c.DeleteWebhook(ctx, gateway, key, nil)
		},
		made: shownSigningSecret,
	}
}

// eventsText is the types that a webhook is told, or how many they are.
func eventsText(o object) string {
	list, _ := o["events"].([]any)
	if len(list) > 3 {
		return fmt.Sprintf("%d types", len(list))
	}
	var out []string
	for _, typ := range list {
		out = append(out, plainText(typ))
	}
	return strings.Join(out, ", ")
}

// shownSigningSecret prints the secret that signs messages, alone, where there is one.
func shownSigningSecret(a *App, o object) {
	secret := textAt(o, "signing_secret")
	if secret == "" {
		return
	}
	a.out.Note("This is the secret that signs its messages. It is shown now and never again:")
	fmt.Fprintln(a.out.Out, show.Clean(secret))
}

// onWebhook is a command about one webhook.
func (a *App) onWebhook(k *kind, use, short string, run func(ctx context.Context, c *client.ClientWithResponses, gateway, name string) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeKind(k),
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, args []string) error {
			c, gateway, err := a.gateway(ctx)
			if err != nil {
				return err
			}
			if err := checkKey(args[0]); err != nil {
				return err
			}
			return run(ctx, c, gateway, args[0])
		}),
	}
}

func (a *App) testWebhookCommand(k *kind) *cobra.Command {
	return a.onWebhook(k, "test", "Send webhook.test now, and show what came back", func(ctx context.Context, c *client.ClientWithResponses, gateway, name string) error {
		res, err := read(c.TestWebhook(ctx, gateway, name, nil))
		if err != nil {
			return err
		}
		if a.out.Format != show.Table {
			if err := a.out.Value(res.raw, nil); err != nil {
				return err
			}
		} else {
			a.out.Note("Sent %s; the answer took %s ms", textAt(res.body, keyID), textAt(res.body, "took_ms"))
			fmt.Fprintln(a.out.Out, strings.TrimSpace(show.Clean(textAt(res.body, "status_code")+" "+textAt(res.body, "answer"))))
		}
		if ok, _ := res.body["ok"].(bool); !ok {
			return fault.New(fault.Failed, "look at the receiver, and try again", "the webhook did not take it: "+show.Clean(textAt(res.body, "error")))
		}
		return nil
	})
}

func (a *App) rotateWebhookCommand(k *kind) *cobra.Command {
	return a.onWebhook(k, "rotate", "Make a new signing secret; the former one signs as well for 24 hours", func(ctx context.Context, c *client.ClientWithResponses, gateway, name string) error {
		res, err := read(c.RotateWebhookSecret(ctx, gateway, name))
		if err != nil {
			return err
		}
		if a.out.Format != show.Table {
			return a.out.Value(res.raw, nil)
		}
		a.out.Note("The former secret signs as well until %s", textAt(res.body, "old_secret_until"))
		shownSigningSecret(a, res.body)
		return nil
	})
}
