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

func (a *App) explainCommand() *cobra.Command {
	var headers []string
	var data, from, request string
	c := &cobra.Command{
		Use: "explain [METHOD] URL", Short: "What would happen to a request, and why", GroupID: groupInsight, Args: cobra.MaximumNArgs(2),
		Long: "Asks a live edge's own engine what it would do with a request: which route and why not the others, what each policy\n" +
			"says, which limits are left, where it would go. Nothing is sent on and nothing is counted. With --request it shows what\n" +
			"was kept of a request that was made, by its X-Request-Id.",
		Example: "  tollgate explain GET /orders/7 -H 'X-API-Key: tg_live_…'\n  tollgate explain --request 0199f0c4-…",
		RunE: a.do(func(ctx context.Context, _ *cobra.Command, args []string) error {
			if request != "" {
				if len(args) > 0 {
					return fault.Mistake(fmt.Errorf("say --request or a URL, not both"))
				}
				return a.explainRequest(ctx, request)
			}
			in, err := explainInput(args, headers, data, from)
			if err != nil {
				return err
			}
			c, gateway, err := a.gateway(ctx)
			if err != nil {
				return err
			}
			res, err := c.ExplainWithResponse(ctx, gateway, *in)
			if err != nil {
				return err
			}
			trace, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
			if err != nil {
				return err
			}
			return a.out.Value(trace, func(w io.Writer) error { return a.traceTree(w, trace) })
		}),
	}
	c.Flags().StringArrayVarP(&headers, "header", "H", nil, "a header field, 'Name: value'; may be given several times")
	c.Flags().StringVarP(&data, "data", "d", "", "the body")
	c.Flags().StringVar(&from, "client", "", "the client's address")
	c.Flags().StringVar(&request, "request", "", "instead, a request that was made, by its X-Request-Id")
	return c
}

func explainInput(args, headers []string, data, from string) (*client.ExplainInput, error) {
	in := &client.ExplainInput{}
	switch len(args) {
	case 1:
		in.URL = args[0]
	case 2:
		in.Method, in.URL = new(strings.ToUpper(args[0])), args[1]
	default:
		return nil, fault.Mistake(fmt.Errorf("say which request: tollgate explain GET /path"))
	}
	if data != "" {
		in.Body = &data
		if in.Method == nil {
			in.Method = new(http.MethodPost)
		}
	}
	if from != "" {
		in.Client = &from
	}
	fields := map[string][]string{}
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(name) == "" {
			// The value may be a key: it is not repeated.
			return nil, fault.Mistake(fmt.Errorf("--header: say 'Name: value'"))
		}
		name = strings.TrimSpace(name)
		fields[name] = append(fields[name], strings.TrimSpace(value))
	}
	if len(fields) > 0 {
		in.Headers = &fields
	}
	return in, nil
}

func (a *App) explainRequest(ctx context.Context, id string) error {
	c, gateway, err := a.gateway(ctx)
	if err != nil {
		return err
	}
	if err := checkKey(id); err != nil {
		return err
	}
	res, err := c.GetRequestWithResponse(ctx, gateway, id)
	if err != nil {
		return err
	}
	r, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
	if err != nil {
		return err
	}
	return a.out.Value(r, func(w io.Writer) error {
		if r.Trace == nil {
			a.out.Note("Its decision was not kept: that is done for requests refused or failed, and a sample of the others. What was logged:")
			t, err := show.ToYAML(res.Body)
			if err != nil {
				return err
			}
			_, err = w.Write(t)
			return err
		}
		return a.traceTree(w, r.Trace)
	})
}

// traceTree draws a decision.
func (a *App) traceTree(w io.Writer, t *client.Trace) error {
	var tree branch
	tree.text = fmt.Sprintf("%s %s%s", t.Method, t.Host, t.Path)
	tree.add(fmt.Sprintf("gateway %s, version %d, by edge %s", t.Gateway, t.Version, t.Edge))
	route := tree.add("route " + orNone(t.Route))
	if t.Candidates != nil {
		for _, c := range *t.Candidates {
			route.add(fmt.Sprintf("%s %s: %s", mark(c.Matched), c.Route, c.Why))
		}
	}
	if t.Consumer != nil && *t.Consumer != "" {
		text := "consumer " + *t.Consumer
		if t.Key != nil && *t.Key != "" {
			text += ", key " + *t.Key
		}
		tree.add(text)
	}
	if t.Policies != nil && len(*t.Policies) > 0 {
		policies := tree.add("policies")
		for _, p := range *t.Policies {
			text := fmt.Sprintf("%s %s (%s, of the %s): %s", mark(p.Verdict != "reject"), p.Type, p.Phase, strings.ReplaceAll(p.From, "_", " "), p.Verdict)
			if p.Code != nil && *p.Code != "" {
				text += " " + *p.Code
			}
			if p.Detail != nil && *p.Detail != "" {
				text += ": " + *p.Detail
			}
			policies.add(text)
		}
	}
	if t.Limits != nil && len(*t.Limits) > 0 {
		limits := tree.add("limits")
		for _, l := range *t.Limits {
			limits.add(fmt.Sprintf("%s: %s (of the %s)", l.Name, leftOf(l.Left, l.Limit, l.Window), strings.ReplaceAll(l.From, "_", " ")))
		}
	}
	switch {
	case t.Status != 0:
		text := fmt.Sprintf("the edge answers %d", t.Status)
		if t.Code != nil && *t.Code != "" {
			text += " " + *t.Code
		}
		if t.Detail != nil && *t.Detail != "" {
			text += ": " + *t.Detail
		}
		tree.add(text)
	case t.Target != nil && *t.Target != "":
		text := "sent on to " + *t.Target
		if t.TargetWhy != nil && *t.TargetWhy != "" {
			text += ": " + *t.TargetWhy
		}
		tree.add(text)
	default:
		tree.add("sent on")
	}
	return tree.draw(w, "", "")
}

func orNone(s *string) string {
	if s == nil || *s == "" {
		return "(none)"
	}
	return *s
}

func mark(good bool) string {
	if good {
		return "✓"
	}
	return "✗"
}

// branch is a line of a tree with what hangs on it.
type branch struct {
	text  string
	below []*branch
}

func (b *branch) add(text string) *branch {
	n := &branch{text: text}
	b.below = append(b.below, n)
	return n
}

// draw prints a tree; first stands before its line, and rest before those below.
func (b *branch) draw(w io.Writer, first, rest string) error {
	if _, err := fmt.Fprintln(w, first+show.Clean(b.text)); err != nil {
		return err
	}
	for i, n := range b.below {
		corner, line := "├─ ", "│  "
		if i == len(b.below)-1 {
			corner, line = "└─ ", "   "
		}
		if err := n.draw(w, rest+corner, rest+line); err != nil {
			return err
		}
	}
	return nil
}

// leftOf says what is left of a limit. A rate may have more left than it allows in its
// window: its burst.
func leftOf(left, limit int64, window string) string {
	switch {
	case window == "":
		return fmt.Sprintf("%d of %d left", left, limit)
	case left > limit:
		return fmt.Sprintf("%d left, and %d more a %s", left, limit, window)
	}
	return fmt.Sprintf("%d of %d left this %s", left, limit, window)
}
