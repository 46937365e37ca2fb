package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

// logFilters are flags that the API narrows logs by.
var logFilters = [][2]string{
	{"q", "text in the path, query, host, consumer, target, user agent or request id"},
	{"status", "a status or class: 404, 5xx"},
	{"method", "only this method"},
	{"path", "only paths that begin so"},
	{"route", "only this route"},
	{"consumer", "only this consumer"},
	{"key", "only this key's id"},
	{"code", "only what the edge answered with this error code"},
	{"outcome", "refused (by the edge), failed (5xx or broken off) or ok"},
	{"client", "only this client address"},
	{"target", "only what was sent to this target's URL"},
	{"request-id", "only this request"},
}

func (a *App) logsCommand() *cobra.Command {
	var follow bool
	var limit int
	var from, to string
	c := &cobra.Command{
		Use: "logs", Short: "Requests as edges logged them, live with --follow", GroupID: groupInsight, Args: cobra.NoArgs,
		Long: "Requests as edges logged them, the oldest of those shown first. With --follow new ones are printed as they come, until\n" +
			"Ctrl-C; a connection that breaks is made again where it ended. With -o json there is one JSON object a line.",
		Example: "  tollgate logs --status 5xx --from 1h\n  tollgate logs -f --route orders",
		RunE: a.do(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 10_000 {
				return fault.Mistake(fmt.Errorf("--limit %d: from 1 to 10000", limit))
			}
			p := &client.GetLogsParams{
				Q: said(cmd, "q"), Status: said(cmd, "status"), Method: said(cmd, "method"), Path: said(cmd, "path"), Route: said(cmd, "route"),
				Consumer: said(cmd, "consumer"), Key: said(cmd, "key"), Code: said(cmd, "code"), Client: said(cmd, "client"),
				Target: said(cmd, "target"), RequestID: said(cmd, "request-id"),
			}
			if o := said(cmd, "outcome"); o != nil {
				p.Outcome = new(client.GetLogsParamsOutcome(*o))
			}
			var err error
			now := time.Now().UTC()
			if p.From, err = chosenTime("from", from, now); err != nil {
				return err
			}
			if p.To, err = chosenTime("to", to, now); err != nil {
				return err
			}
			c, gateway, err := a.gateway(ctx)
			if err != nil {
				return err
			}
			if follow {
				return a.follow(ctx, c, gateway, p)
			}
			return a.oldLogs(ctx, c, gateway, p, limit)
		}),
	}
	f := c.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "print new ones as they come")
	f.IntVar(&limit, "limit", 50, "at most so many")
	f.StringVar(&from, "from", "", "not before: how long ago (1h, 7d), or an instant")
	f.StringVar(&to, "to", "", "not after: how long ago, or an instant")
	for _, filter := range logFilters {
		f.String(filter[0], "", filter[1])
	}
	return c
}

// oldLogs prints the newest records that there are, the oldest of them first.
func (a *App) oldLogs(ctx context.Context, c *client.ClientWithResponses, gateway string, p *client.GetLogsParams, limit int) error {
	var items []json.RawMessage
	for len(items) < limit {
		p.Limit = new(min(limit-len(items), 200))
		res, err := read(c.GetLogs(ctx, gateway, p))
		if err != nil {
			return err
		}
		var got page
		if err := json.Unmarshal(res.raw, &got); err != nil {
			return fmt.Errorf("read the logs: %w", err)
		}
		items = append(items, got.Items...)
		if got.Next == nil || *got.Next == "" {
			break
		}
		p.Cursor = got.Next
	}
	slices.Reverse(items)
	for _, raw := range items {
		if err := a.logLine(raw); err != nil {
			return err
		}
	}
	return nil
}

// logLine prints one record.
func (a *App) logLine(raw json.RawMessage) error {
	switch a.out.Format {
	case show.JSON:
		var b bytes.Buffer
		if err := json.Compact(&b, raw); err != nil {
			return fmt.Errorf("read the logs: %w", err)
		}
		b.WriteByte('\n')
		_, err := a.out.Out.Write(b.Bytes())
		return err
	case show.YAML:
		fmt.Fprintln(a.out.Out, "---")
		return a.out.Value(raw, nil)
	}
	var r client.LogRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("read the logs: %w", err)
	}
	status := fmt.Sprint(r.Status)
	if a.colour {
		colour := show.Green
		switch {
		case r.Status >= 500 || r.Status == 0:
			colour = show.Red
		case r.Status >= 400:
			colour = show.Yellow
		}
		status = "\x1b[" + colour + "m" + status + "\x1b[0m"
	}
	parts := []string{r.Time.Format("2006-01-02T15:04:05.000Z07:00"), status, show.Clean(r.Method), show.Clean(r.Host + r.Path)}
	for _, f := range []struct {
		name  string
		value *string
	}{{"route", r.Route}, {"consumer", r.Consumer}, {"code", r.Code}, {"target", r.Target}, {"aborted", r.Aborted}} {
		if f.value != nil && *f.value != "" {
			parts = append(parts, f.name+"="+show.Clean(*f.value))
		}
	}
	if r.UpstreamMs != nil {
		parts = append(parts, fmt.Sprintf("backend=%.0fms", *r.UpstreamMs))
	}
	parts = append(parts, "id="+show.Clean(r.RequestID))
	_, err := fmt.Fprintln(a.out.Out, strings.Join(parts, " "))
	return err
}

// Bounds of following.
const (
	followPause   = time.Second
	followPauseTo = 30 * time.Second
	// followSilence is how long a stream may say nothing: the portal gives a sign of
	// life more often.
	followSilence = time.Minute
	maxEvent      = 1 << 20 // bytes of a line
)

// follow prints new records until the context ends. A stream that breaks is opened
// again after the last record that was printed.
func (a *App) follow(ctx context.Context, c *client.ClientWithResponses, gateway string, p *client.GetLogsParams) error {
	p.Follow = new(true)
	pause := followPause
	for {
		began := time.Now()
		err := a.stream(ctx, c, gateway, p)
		if ctx.Err() != nil {
			return nil // Ctrl-C is how it ends
		}
		var api *client.Error
		var out *outputError
		if errors.As(err, &out) || errors.As(err, &api) && api.Status < 500 && api.Status != http.StatusTooManyRequests {
			return err
		}
		if time.Since(began) > followPauseTo {
			pause = followPause
		}
		why := "the stream ended"
		if err != nil {
			why = err.Error()
		}
		a.out.Note("%s; connecting again in %s", show.Clean(why), pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, followPauseTo)
	}
}

// outputError is a failure to print: nobody reads any more.
type outputError struct{ error }

// stream prints the records of one connection, and notes the last one's id in p.
func (a *App) stream(ctx context.Context, c *client.ClientWithResponses, gateway string, p *client.GetLogsParams) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	res, err := c.GetLogs(ctx, gateway, p)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		_, err := read(res, nil)
		return err
	}
	silence := time.AfterFunc(followSilence, cancel)
	defer silence.Stop()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 64<<10), maxEvent)
	var id, event string
	for lines.Scan() {
		silence.Reset(followSilence)
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "event":
			event = value
		case name == "id":
			id = value
		case name == "data" && event == "gap":
			a.out.Note("Some records were left out: there were more than this terminal could take")
		case name == "data":
			if err := a.logLine(json.RawMessage(value)); err != nil {
				return &outputError{err}
			}
			if id != "" {
				p.After = new(id)
			}
		case lines.Text() == "":
			id, event = "", ""
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the stream broke: %w", err)
	}
	return nil
}
