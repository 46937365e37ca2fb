package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/portal/client"
)

// confirm asks a person; where there is none to ask, only --yes goes on.
func (a *App) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !terminal(a.cfg.In) || !terminal(a.cfg.Err) {
		return fault.New(fault.Refused, "say --yes where nobody can be asked", "nothing is changed without being confirmed")
	}
	fmt.Fprintf(a.cfg.Err, "%s [y/N] ", question)
	line, err := bufio.NewReader(io.LimitReader(a.cfg.In, maxLine)).ReadString('\n')
	if err == nil && (strings.EqualFold(strings.TrimSpace(line), "y") || strings.EqualFold(strings.TrimSpace(line), "yes")) {
		return nil
	}
	return fault.New(fault.Refused, "", "not confirmed: nothing was changed")
}

// waitSteps is how often, ten seconds each, edges are waited for.
const waitSteps = 6

// waitLive waits until every live edge serves a version, and says how long that took.
func (a *App) waitLive(ctx context.Context, c *client.ClientWithResponses, gateway string, version int64) error {
	if version == 0 {
		return nil
	}
	const step = client.Duration("10s")
	var waiting []string
	for range waitSteps {
		res, err := c.GetLiveWithResponse(ctx, gateway, &client.GetLiveParams{Version: &version, Wait: new(step)})
		if err != nil {
			return err
		}
		report, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
		if err != nil {
			return err
		}
		if report.Live {
			var slowest int64
			for _, e := range report.Edges {
				if e.TookMs != nil {
					slowest = max(slowest, *e.TookMs)
				}
			}
			a.out.Note("Version %d is live on every edge (%d of %d) after %d ms", version, len(report.Edges), len(report.Edges), slowest)
			return nil
		}
		if report.Reason != nil && *report.Reason != "" {
			return fault.New(fault.Invalid, "", fmt.Sprintf("version %d is held back: %s", version, *report.Reason))
		}
		waiting = waiting[:0]
		for _, e := range report.Edges {
			if !e.Live {
				waiting = append(waiting, e.Edge)
			}
		}
		a.out.Note("Waiting for %d of %d edges: %s", len(waiting), len(report.Edges), strings.Join(waiting, ", "))
	}
	return fault.New(fault.Unavailable, "see the edges on the gateway's page in the portal; the change itself is stored", fmt.Sprintf("version %d is not served by every live edge after a minute", version))
}
