package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

func (a *App) rotateCommand(k *kind) *cobra.Command {
	var overlap, expires string
	c := &cobra.Command{
		Use: "rotate ID", Short: "Make a new key in the place of one, which goes on working for a while", Args: cobra.ExactArgs(1),
		ValidArgsFunction: a.completeKind(k),
		Example:           "  tollgate keys rotate key_… --overlap 1h",
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, args []string) error {
			body := object{}
			if overlap != "" {
				body["overlap"] = overlap
			}
			if expires != "" {
				body["expires_at"] = expires
			}
			raw, err := json.Marshal(body)
			if err != nil {
				return err
			}
			c, gateway, err := a.gateway(ctx)
			if err != nil {
				return err
			}
			if err := checkKey(args[0]); err != nil {
				return err
			}
			res, err := read(c.RotateKeyWithBody(ctx, gateway, args[0], nil, mediaJSON, bytes.NewReader(raw)))
			if err != nil {
				return err
			}
			if a.out.Format != show.Table {
				return a.out.Value(res.raw, nil)
			}
			a.out.Note("Made key %s; %s works until %s", textAt(res.body, keyID), textAt(res.body, "replaces.id"), textAt(res.body, "replaces.expires_at"))
			shownKey(a, res.body)
			return nil
		}),
	}
	c.Flags().StringVar(&overlap, "overlap", "", "how long the old key goes on working, at most 720h; default 24h, 0s: not at all")
	c.Flags().StringVar(&expires, "expires-at", "", "when the new key ends, such as 2027-01-31T00:00:00Z; default as the old one")
	return c
}

func (a *App) revokeCommand(k *kind) *cobra.Command {
	var yes bool
	var wait time.Duration
	c := &cobra.Command{
		Use: "revoke ID", Short: "Revoke a key for good, and show which edges refuse it", Args: cobra.ExactArgs(1),
		Long: "Revokes a key for good, and shows the receipt: which edges have confirmed that they refuse it, after how long, and\n" +
			"which could not be reached. Where an edge has not confirmed in time, the exit code is 8; the key is revoked all the same.",
		Example:           "  tollgate keys revoke key_…\n  tollgate keys revoke key_… --yes --wait 30s",
		SuggestFor:        []string{"delete", "rm", "remove"}, // a key is never deleted: its end stays on record
		ValidArgsFunction: a.completeKind(k),
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, args []string) error {
			if wait < 0 || wait > time.Minute {
				return fault.Mistake(fmt.Errorf("--wait %s: at most 60s", wait))
			}
			if err := checkKey(args[0]); err != nil {
				return err
			}
			c, gateway, err := a.gateway(ctx)
			if err != nil {
				return err
			}
			if err := a.confirm(ctx, yes, "Revoke key "+args[0]+" for good?"); err != nil {
				return err
			}
			res, err := c.RevokeKeyWithResponse(ctx, gateway, args[0], &client.RevokeKeyParams{Wait: new(client.Duration(wait.String()))})
			if err != nil {
				return err
			}
			receipt, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
			if err != nil {
				return err
			}
			return a.receipt(receipt)
		}),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().DurationVar(&wait, "wait", 5*time.Second, "how long to wait for the edges, at most 60s")
	return c
}

// receipt shows which edges refuse a revoked key.
func (a *App) receipt(r *client.RevokeReceipt) error {
	a.out.Note("Revoked key %s", r.ID)
	err := a.out.Value(r, func(w io.Writer) error {
		rows := [][]string{}
		for _, e := range r.Confirmed {
			took := ""
			if e.TookMs != nil {
				took = fmt.Sprintf("%d ms", *e.TookMs)
			}
			rows = append(rows, []string{e.Edge, "refuses it", took})
		}
		for _, e := range r.Waiting {
			rows = append(rows, []string{e, "has not confirmed", ""})
		}
		for _, e := range r.Unreachable {
			rows = append(rows, []string{e.Edge, "can't be reached", "last seen " + e.LastSeen.Format(time.RFC3339)})
		}
		return show.Rows(w, []string{"edge", "the key", "after"}, rows)
	})
	if err != nil || r.Complete && len(r.Unreachable) == 0 {
		return err
	}
	var late []string
	late = append(late, r.Waiting...)
	for _, e := range r.Unreachable {
		late = append(late, e.Edge)
	}
	return fault.New(fault.Unavailable, "the key is revoked; these edges refuse it as soon as they are heard from", "not every edge has confirmed: "+strings.Join(late, ", "))
}
