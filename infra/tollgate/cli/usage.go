package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
	"github.com/tollgate/tollgate/infra/tollgate/cli/show"
	"github.com/tollgate/tollgate/portal/client"
)

// maxDays is the longest ago that is understood.
const maxDays = 10_000

// chosenTime reads when, an instant as RFC 3339 writes it or how long ago: 24h, 7d.
func chosenTime(name, when string, now time.Time) (*time.Time, error) {
	if when == "" {
		return nil, nil
	}
	if t, err := time.Parse(time.RFC3339, when); err == nil {
		return &t, nil
	}
	ago, err := time.ParseDuration(when)
	if days, ok := strings.CutSuffix(when, "d"); ok {
		var n int
		if n, err = strconv.Atoi(days); err == nil && n > maxDays {
			err = errors.New("too long ago")
		}
		ago = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || ago < 0 {
		return nil, fault.Mistake(fmt.Errorf("--%s %q: say how long ago, such as 24h or 7d, or an instant such as 2026-11-01T00:00:00Z", name, when))
	}
	return new(now.Add(-ago)), nil
}

func (a *App) usageCommand() *cobra.Command {
	var from, to, interval, group, sort string
	var limit int
	c := &cobra.Command{
		Use: "usage", Short: "Requests, errors, bytes and latency over time", GroupID: groupInsight, Args: cobra.NoArgs,
		Example: "  tollgate usage --from 7d --interval day\n  tollgate usage --by route --from 24h",
		RunE: a.do(func(ctx context.Context, cmd *cobra.Command, _ []string) error {
			p := &client.GetUsageParams{Compare: new(true)}
			var err error
			now := time.Now().UTC()
			if p.From, err = chosenTime("from", from, now); err != nil {
				return err
			}
			if p.To, err = chosenTime("to", to, now); err != nil {
				return err
			}
			given(cmd, "interval", &p.Interval, client.GetUsageParamsInterval(interval))
			given(cmd, "by", &p.GroupBy, client.GetUsageParamsGroupBy(group))
			given(cmd, "sort", &p.Sort, client.GetUsageParamsSort(sort))
			given(cmd, "limit", &p.Limit, limit)
			p.Route, p.Consumer, p.Key, p.Status, p.Code, p.Target = said(cmd, "route"), said(cmd, "consumer"), said(cmd, "key"), said(cmd, "status"), said(cmd, "code"), said(cmd, "target")
			if group != "" {
				p.Compare = nil
			}
			c, gateway, err := a.gateway(ctx)
			if err != nil {
				return err
			}
			res, err := c.GetUsageWithResponse(ctx, gateway, p)
			if err != nil {
				return err
			}
			report, err := client.Result(res.JSON200, res.HTTPResponse, res.Body, nil)
			if err != nil {
				return err
			}
			return a.out.Value(report, func(w io.Writer) error { return usageTable(w, report) })
		}),
	}
	f := c.Flags()
	f.StringVar(&from, "from", "24h", "since when: how long ago (24h, 7d), or an instant")
	f.StringVar(&to, "to", "", "until when; default now")
	f.StringVar(&interval, "interval", "", "width of a point: minute, hour, day, total")
	f.StringVar(&group, "by", "", "a line for each route, key, consumer, status, target or code")
	f.StringVar(&sort, "sort", "", "what makes a group large: requests, errors, refused, upstream_errors, billed, bytes_in, bytes_out")
	f.IntVar(&limit, "limit", 20, "at most so many groups")
	for name, help := range map[string]string{
		"route": "only this route", "consumer": "only this consumer", "key": "only this key's id",
		"status": "only this status or class: 404, 5xx", "code": "only this error code of the edge's", "target": "only this target's URL",
	} {
		f.String(name, "", help)
	}
	return c
}

// said is a flag's value, nil where it was not given.
func said(cmd *cobra.Command, name string) *string {
	v, err := cmd.Flags().GetString(name)
	if err != nil || v == "" {
		return nil
	}
	return &v
}

// given sets a parameter to a flag's value where it was given.
func given[T any](cmd *cobra.Command, name string, to **T, v T) {
	if cmd.Flags().Changed(name) {
		*to = &v
	}
}

func usageTable(w io.Writer, r *client.UsageReport) error {
	fmt.Fprintf(w, "%s to %s, a point each %s\n\n", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), r.Interval)
	head := []string{"", "requests", "billed", "refused", "errors", "bytes in", "bytes out", "p50/p95/p99 ms", "over time"}
	var rows [][]string
	grouped := r.GroupBy != nil && *r.GroupBy != ""
	if grouped {
		for _, s := range r.Series {
			name := "(none)"
			if s.ID != nil && *s.ID != "" {
				name = *s.ID
			}
			if s.Name != nil && *s.Name != "" {
				name = *s.Name
			}
			rows = append(rows, usageRow(name, &s.Total, s.Points))
		}
		if r.Other != nil {
			rows = append(rows, usageRow("(others)", r.Other, nil))
		}
	}
	rows = append(rows, usageRow("total", &r.Total, r.Points))
	if r.Previous != nil {
		rows = append(rows, usageRow("before", &r.Previous.Total, r.Previous.Points))
	}
	return show.Rows(w, head, rows)
}

func usageRow(name string, p *client.UsagePoint, points []client.UsagePoint) []string {
	latency := ""
	if l := p.UpstreamMs; l != nil {
		latency = fmt.Sprintf("%.0f/%.0f/%.0f", l.P50, l.P95, l.P99)
	}
	var line []float64
	for i := range points {
		line = append(line, float64(points[i].Requests))
	}
	return []string{
		name, fmt.Sprint(p.Requests), fmt.Sprint(p.Billed), fmt.Sprint(p.Refused), fmt.Sprint(p.Errors),
		size(p.BytesIn), size(p.BytesOut), latency, sparkline(line, 40),
	}
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n) / 1024
	for _, unit := range []string{"KiB", "MiB", "GiB"} {
		if f < 1024 {
			return fmt.Sprintf("%.1f %s", f, unit)
		}
		f /= 1024
	}
	return fmt.Sprintf("%.1f TiB", f)
}

// bars are the eight heights of a sparkline.
var bars = []rune("▁▂▃▄▅▆▇█")

// sparkline draws values as at most width bars, each the largest of its share; a
// zero has a bar of its own height, the lowest.
func sparkline(values []float64, width int) string {
	if len(values) == 0 {
		return ""
	}
	n := min(width, len(values))
	top := slices.Max(values)
	var b strings.Builder
	for i := range n {
		v := slices.Max(values[i*len(values)/n : (i+1)*len(values)/n])
		at := 0
		if top > 0 && v > 0 {
			at = 1 + int(v/top*float64(len(bars)-2)+0.5)
		}
		b.WriteRune(bars[at])
	}
	return b.String()
}
