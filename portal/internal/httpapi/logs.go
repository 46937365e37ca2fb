package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tollgate/tollgate/portal/internal/csvsafe"
	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/usage"
)

// toLogRecord shows a stored record; its time is Unix milliseconds inside.
func toLogRecord(e *usage.LogEntry) (gen.LogRecord, error) {
	type shape contract.LogRecord // without its own JSON name for the time
	return recode[gen.LogRecord](struct {
		shape
		ID   string    `json:"id"`
		Time time.Time `json:"time"`
	}{shape(e.LogRecord), strconv.FormatInt(e.ID, 10), core.FromMillis(e.Time)})
}

// GetLogs lists the access log, follows it, or gives it out as a table.
func (s *Server) GetLogs(ctx context.Context, r gen.GetLogsRequestObject) (gen.GetLogsResponseObject, error) {
	c := callOf(ctx)
	p := &r.Params
	f := usage.LogFilter{
		From: value(p.From), To: value(p.To), Route: value(p.Route), Consumer: value(p.Consumer), Key: value(p.Key),
		Method: value(p.Method), Path: value(p.Path), Status: value(p.Status), Code: value(p.Code),
		Client: value(p.Client), Outcome: string(value(p.Outcome)), Query: value(p.Q), Target: value(p.Target), RequestID: value(p.RequestID),
	}
	if value(p.Follow) {
		after := value(p.After)
		if id := value(p.LastEventID); id != "" {
			after = id // newer than what the URL says
		}
		// What is no number was never ours: the stream begins now.
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			n = 0
		}
		return &logStream{s: s, ctx: ctx, c: c, in: usage.FollowInput{Gateway: c.ref(), Filter: f, After: n}}, nil
	}
	in := usage.LogsInput{Gateway: c.ref(), Filter: f, Page: page(p.Limit, p.Cursor)}
	if wantsCSV(c, string(value(p.Format))) {
		body, err := s.logsCSV(ctx, c, in)
		if err != nil {
			return nil, err
		}
		return gen.GetLogs200TextCsvResponse{Body: body, ContentLength: int64(body.Len())}, nil
	}
	l, err := s.Usage.Logs(ctx, c.org, in)
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toLogRecord)
	return gen.GetLogs200JSONResponse{Items: items, NextCursor: optional(l.Next)}, err
}

// maxLogRows bounds a table of log records.
const maxLogRows = 10_000

// logsCSV is a table of log records, newest first.
func (s *Server) logsCSV(ctx context.Context, c *call, in usage.LogsInput) (*bytes.Buffer, error) {
	var out bytes.Buffer
	w := csvsafe.NewWriter(&out)
	err := w.Write([]string{
		"time", "request_id", "method", "host", "path", "query", "status", "code", "route", "consumer", "key", "client", "target", "tries",
		"edge_ms", "upstream_ms", "bytes_in", "bytes_out", "billed", "edge", "version", "user_agent", "aborted",
	})
	if err != nil {
		return nil, err
	}
	if in.Page.Limit == 0 {
		in.Page.Limit = maxLogRows
	}
	for rows := in.Page.Limit; rows > 0; {
		in.Page.Limit = min(rows, core.MaxPage)
		l, err := s.Usage.Logs(ctx, c.org, in)
		if err != nil {
			return nil, err
		}
		for i := range l.Items {
			if err := w.Write(logRow(&l.Items[i].LogRecord)); err != nil {
				return nil, err
			}
		}
		rows -= in.Page.Limit
		if in.Page.Cursor = l.Next; in.Page.Cursor == "" {
			break
		}
	}
	return &out, w.Flush()
}

func logRow(r *contract.LogRecord) []string {
	ms := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	return []string{
		core.FromMillis(r.Time).Format(time.RFC3339Nano), r.RequestID, r.Method, r.Host, r.Path, r.Query, strconv.Itoa(r.Status), r.Code,
		r.Route, r.Consumer, r.Key, r.Client, r.Target, strconv.Itoa(r.Tries), ms(r.EdgeMS), ms(r.UpstreamMS), n(r.BytesIn), n(r.BytesOut),
		strconv.FormatBool(r.Billed), r.Edge, strconv.FormatUint(r.Version, 10), r.UserAgent, r.Aborted,
	}
}

// logStream sends log records as server-sent events until the caller goes or the
// portal drains.
type logStream struct {
	s   *Server
	ctx context.Context // of the request, whose answer this is
	c   *call
	in  usage.FollowInput
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
	err := l.s.Usage.Follow(ctx, l.c.org, l.in, func(t usage.Tail) error {
		if err := rc.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
			return err
		}
		if !begun { // until here a mistake is answered as a problem
			begun = true
			h.Set("Content-Type", "text/event-stream")
			h.Set("Cache-Control", "no-store, no-transform") // a proxy that compresses would hold events back
			h.Set("X-Accel-Buffering", "no")                 // nginx must not wait for more
			w.WriteHeader(http.StatusOK)
			// How soon a browser comes back after the connection broke.
			if _, err := fmt.Fprint(w, "retry: 2000\n\n"); err != nil {
				return err
			}
		}
		return sendEvents(w, rc, &t)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// sendEvents writes records as events; none at all is a comment, as a sign of life.
func sendEvents(w http.ResponseWriter, rc *http.ResponseController, t *usage.Tail) error {
	if t.Gap {
		if _, err := fmt.Fprint(w, "event: gap\ndata: {}\n\n"); err != nil {
			return err
		}
	}
	if len(t.Entries) == 0 {
		if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
			return err
		}
	}
	for i := range t.Entries {
		record, err := toLogRecord(&t.Entries[i])
		if err != nil {
			return err
		}
		js, err := json.Marshal(record)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "id: %s\ndata: %s\n\n", record.ID, js); err != nil {
			return err
		}
	}
	return rc.Flush()
}
