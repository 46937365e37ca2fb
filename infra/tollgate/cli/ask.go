package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/portal/client"
)

// confirm asks a person; where there is none to ask, only --yes goes on.
func (a *App) confirm(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	if !terminal(a.cfg.In) || !terminal(a.cfg.Err) {
		return fault.New(fault.Refused, "say --yes where nobody can be asked", "nothing is changed without being confirmed")
	}
	fmt.Fprintf(a.cfg.Err, "%s [y/N] ", question)
	line, err := readLine(ctx, a.cfg.In)
	if ctx.Err() != nil {
		fmt.Fprintln(a.cfg.Err)
		return fault.New(fault.Interrupted, "", "interrupted: nothing was changed")
	}
	if err == nil && (strings.EqualFold(strings.TrimSpace(line), "y") || strings.EqualFold(strings.TrimSpace(line), "yes")) {
		return nil
	}
	return fault.New(fault.Refused, "", "not confirmed: nothing was changed")
}

// readLine reads a line, or what there is before the end. It returns when ctx ends: a
// read of a terminal goes on over a Ctrl-C, so it is left behind.
func readLine(ctx context.Context, in io.Reader) (string, error) {
	return await(ctx, func() (string, error) {
		return bufio.NewReader(io.LimitReader(in, maxLine)).ReadString('\n')
	})
}

// readHidden is readLine without what is typed being shown.
func readHidden(ctx context.Context, in *os.File) (string, error) {
	fd := int(in.Fd())
	was, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("keep the terminal from showing it: %w", err)
	}
	line, err := await(ctx, func() (string, error) {
		b, err := term.ReadPassword(fd)
		return string(b), err
	})
	if ctx.Err() != nil {
		_ = term.Restore(fd, was) // the reader that was left behind won't
	}
	return line, err
}

// await is what read returns, or ctx's error as soon as that ends.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := read()
		done <- result{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
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
