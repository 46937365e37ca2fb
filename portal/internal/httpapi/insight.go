package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/publish"
	"github.com/tollgate/tollgate/services/usage"
)

// Explain asks a live edge what would happen to a request.
func (s *Server) Explain(ctx context.Context, r gen.ExplainRequestObject) (gen.ExplainResponseObject, error) {
	c := callOf(ctx)
	in := usage.ExplainInput{
		Gateway: c.ref(), Method: http.MethodGet, URL: r.Body.URL, Headers: value(r.Body.Headers),
		Body: []byte(value(r.Body.Body)), Client: value(r.Body.Client),
	}
	if m := value(r.Body.Method); m != "" {
		in.Method = m
	}
	if strings.HasPrefix(in.URL, "/") {
		in.URL = "http://" + c.gateway.Hostname + in.URL
	}
	trace, err := s.Usage.Explain(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	out, err := recode[gen.Trace](trace)
	return gen.Explain200JSONResponse(out), err
}

// GetRequest shows what is kept of one request.
func (s *Server) GetRequest(ctx context.Context, r gen.GetRequestRequestObject) (gen.GetRequestResponseObject, error) {
	c := callOf(ctx)
	e, err := s.Usage.Request(ctx, c.org, c.ref(), r.RequestID)
	if err != nil {
		return nil, err
	}
	out, err := toLogRecord(&e)
	return gen.GetRequest200JSONResponse(out), err
}

// toLogRecord shows a stored record; its time is Unix milliseconds inside.
func toLogRecord(e *usage.LogEntry) (gen.LogRecord, error) {
	type shape contract.LogRecord // without its own JSON name for the time
	return recode[gen.LogRecord](struct {
		shape
		Time time.Time `json:"time"`
	}{shape(e.LogRecord), core.FromMillis(e.Time)})
}

// GetUsage answers a usage query.
func (s *Server) GetUsage(ctx context.Context, r gen.GetUsageRequestObject) (gen.GetUsageResponseObject, error) {
	c := callOf(ctx)
	series, err := s.Usage.Series(ctx, c.org, usage.SeriesInput{
		Gateway: c.ref(), From: value(r.Params.From), To: value(r.Params.To),
		Interval: usage.Interval(value(r.Params.Interval)), GroupBy: usage.Group(value(r.Params.GroupBy)),
		Route: value(r.Params.Route), Consumer: value(r.Params.Consumer), Key: value(r.Params.Key),
	})
	if err != nil {
		return nil, err
	}
	out, err := toUsageReport(&series)
	return gen.GetUsage200JSONResponse(out), err
}

func toUsagePoint(p *usage.Point) gen.UsagePoint {
	return gen.UsagePoint{
		Time: p.Time, Requests: p.Requests, Billed: p.Billed, Refused: p.Refused, Errors: p.Errors,
		Status2Xx: p.Status2xx, Status3Xx: p.Status3xx, Status4Xx: p.Status4xx, Status5Xx: p.Status5xx,
		BytesIn: p.BytesIn, BytesOut: p.BytesOut, EdgeMs: toLatency(p.Edge), UpstreamMs: toLatency(p.Upstream),
	}
}

func toLatency(p *usage.Percentiles) *gen.Latency {
	if p == nil {
		return nil
	}
	return &gen.Latency{P50: p.P50, P95: p.P95, P99: p.P99}
}

func toUsageReport(s *usage.Series) (gen.UsageReport, error) {
	type group struct {
		ID     string           `json:"id,omitempty"`
		Name   string           `json:"name,omitempty"`
		Total  gen.UsagePoint   `json:"total"`
		Points []gen.UsagePoint `json:"points"`
	}
	report := map[string]any{
		"from": s.From, "to": s.To, "interval": s.Interval, "total": toUsagePoint(&s.Total),
		"series": each(s.Groups, func(g *usage.GroupSeries) group {
			return group{ID: g.ID, Name: g.Name, Total: toUsagePoint(&g.Total), Points: each(g.Points, toUsagePoint)}
		}),
	}
	if s.GroupBy != usage.GroupNone {
		report["group_by"] = s.GroupBy
	}
	if s.Other != nil {
		report["other"] = toUsagePoint(s.Other)
	}
	return recode[gen.UsageReport](report)
}

// GetLogs lists the access log, or follows it.
func (s *Server) GetLogs(ctx context.Context, r gen.GetLogsRequestObject) (gen.GetLogsResponseObject, error) {
	c := callOf(ctx)
	p := &r.Params
	f := usage.LogFilter{
		From: value(p.From), To: value(p.To), Route: value(p.Route), Consumer: value(p.Consumer), Key: value(p.Key),
		Method: value(p.Method), Path: value(p.Path), Status: value(p.Status), Code: value(p.Code),
		Client: value(p.Client), Outcome: string(value(p.Outcome)),
	}
	if value(p.Follow) {
		return &logStream{s: s, ctx: ctx, c: c, filter: f}, nil
	}
	l, err := s.Usage.Logs(ctx, c.org, usage.LogsInput{Gateway: c.ref(), Filter: f, Page: page(p.Limit, p.Cursor)})
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toLogRecord)
	return gen.GetLogs200JSONResponse{Items: items, NextCursor: optional(l.Next)}, err
}

// logStream sends log records as server-sent events until the caller goes or the
// portal drains.
type logStream struct {
	s      *Server
	ctx    context.Context // of the request, whose answer this is
	c      *call
	filter usage.LogFilter
}

// streamWrite bounds how long one event may take to be taken: a caller that
// stopped reading is let go.
const streamWrite = 10 * time.Second

// VisitGetLogsResponse streams until the request ends.
func (l *logStream) VisitGetLogsResponse(w http.ResponseWriter) error {
	ctx, stop := context.WithCancel(l.ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer stop()
	watch.Go(func() {
		select {
		case <-ctx.Done():
		case <-l.s.draining:
			stop()
		}
	})
	h := w.Header()
	rc := http.NewResponseController(w)
	begun := false
	err := l.s.Usage.Follow(ctx, l.c.org, l.c.ref(), l.filter, func(entries []usage.LogEntry) error {
		if !begun { // until here a mistake is answered as a problem
			begun = true
			h.Set("Content-Type", "text/event-stream")
			h.Set("X-Accel-Buffering", "no") // nginx must not wait for more
			w.WriteHeader(http.StatusOK)
		}
		if err := rc.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
			return err
		}
		return sendEvents(w, rc, entries)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// sendEvents writes records as events; none at all is a comment, as a sign of life.
func sendEvents(w http.ResponseWriter, rc *http.ResponseController, entries []usage.LogEntry) error {
	if len(entries) == 0 {
		if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
			return err
		}
	}
	for i := range entries {
		record, err := toLogRecord(&entries[i])
		if err != nil {
			return err
		}
		js, err := json.Marshal(record)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", entries[i].ID, js); err != nil {
			return err
		}
	}
	return rc.Flush()
}

// GetHealth shows every target as every edge sees it.
func (s *Server) GetHealth(ctx context.Context, _ gen.GetHealthRequestObject) (gen.GetHealthResponseObject, error) {
	c := callOf(ctx)
	reports, err := s.Status.Edges(ctx)
	if err != nil {
		return nil, err
	}
	down, err := s.Status.Targets(ctx, c.ref())
	if err != nil {
		return nil, err
	}
	config, _, err := s.Gateways.Config(ctx, c.org, c.ref())
	if err != nil {
		return nil, err
	}
	out, err := toHealth(reports, down, config.Upstreams, s.clock())
	return gen.GetHealth200JSONResponse(out), err
}

// toHealth joins the configured targets with what edges report: they report
// only what is down.
func toHealth(reports []contract.EdgeReport, down []publish.TargetState, upstreams []contract.Upstream, now time.Time) (gen.HealthReport, error) {
	type edge struct {
		Edge      string    `json:"edge"`
		Ready     bool      `json:"ready"`
		Draining  bool      `json:"draining"`
		Reachable bool      `json:"reachable"`
		LastSeen  time.Time `json:"last_seen"`
	}
	type target struct {
		Upstream string     `json:"upstream"`
		Target   string     `json:"target"`
		Edge     string     `json:"edge"`
		Healthy  bool       `json:"healthy"`
		Reason   string     `json:"reason,omitempty"`
		Since    *time.Time `json:"since,omitempty"`
	}
	edges, targets := []edge{}, []target{}
	for i := range reports {
		r := &reports[i]
		e := edge{
			Edge: r.ID, Ready: r.Ready, Draining: r.Draining, LastSeen: core.FromMillis(r.Time),
			Reachable: now.UnixMilli()-r.Time <= contract.EdgeGone,
		}
		edges = append(edges, e)
		if !e.Reachable || r.Draining {
			continue
		}
		for j := range upstreams {
			for _, t := range upstreams[j].Targets {
				at := target{Upstream: upstreams[j].Name, Target: t.URL, Edge: r.ID, Healthy: true}
				for k := range down {
					if d := &down[k]; d.Edge == r.ID && d.Upstream == at.Upstream && d.Target == at.Target {
						at.Healthy, at.Reason, at.Since = false, d.Reason, instant(core.FromMillis(d.Since))
					}
				}
				targets = append(targets, at)
			}
		}
	}
	return recode[gen.HealthReport](map[string]any{"edges": edges, "targets": targets})
}
