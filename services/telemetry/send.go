package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"github.com/tollgate/tollgate/gateway-edge/otlp"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/outbound"
)

// outcomes of requests, in the words of the access log's filter.
var outcomes = []string{"ok", "refused", "failed"}

// outcomeOf classes a record as the access log does.
func outcomeOf(r *contract.LogRecord) string {
	switch {
	case r.Code != "":
		return outcomes[1]
	case r.Status >= 500 || r.Aborted != "":
		return outcomes[2]
	}
	return outcomes[0]
}

// wants reports whether a record is among those that are sent. The share is by the
// request's id, so that a batch that is sent again is the same one.
func (s *Spec) wants(r *contract.LogRecord) bool {
	o := outcomeOf(r)
	if len(s.Outcomes) > 0 && !slices.Contains(s.Outcomes, o) {
		return false
	}
	if s.Sample == nil || o != "ok" {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(r.RequestID))
	// FNV's upper bits hardly differ for ids that begin alike: mixed, they do.
	return float64(contract.ChildSpan(h.Sum64(), 1))/math.MaxUint64 < *s.Sample
}

// batch is what is sent at once.
type batch struct {
	id      string // of its first and last record: the same when it is sent again
	records []Record
	name    map[uint64]string // gateways by number; one that is not there is not sent
}

// resource is what an organization's telemetry is of.
var resource = map[string]string{"service.name": "tollgate", "service.namespace": "tollgate"}

// send sends a batch and returns how many records of it were of interest. Every
// error is an *otlp.Error.
func (s *Service) send(ctx context.Context, d *Destination, b *batch) (int, error) {
	header, err := s.headers(d)
	if err != nil {
		return 0, &otlp.Error{Err: err}
	}
	// The configuration of addresses may have become stricter since.
	if err := s.guard.CheckWebhook(d.Spec.URL); err != nil {
		return 0, &otlp.Error{Err: err}
	}
	if d.Spec.Type == TypeHTTP {
		return s.sendJSON(ctx, d, b, header)
	}
	c := s.collector(d, header)
	var lines []*logs.LogRecord
	var spans []*trace.Span
	n := 0
	for i := range b.records {
		r := &b.records[i].LogRecord
		gateway, ours := b.name[r.Gateway]
		if !ours {
			continue
		}
		log, traced := d.Spec.Sends(SignalLogs) && d.Spec.wants(r), d.Spec.Sends(SignalTraces) && r.Traced
		if log {
			lines = append(lines, otlp.Log(r, gateway))
		}
		if traced {
			spans = append(spans, otlp.Spans(r, gateway)...)
		}
		if log || traced {
			n++
		}
	}
	if len(spans) > 0 {
		if err := c.Send(ctx, otlp.PathTraces, otlp.ResourceSpans(resource, spans)); err != nil {
			return 0, err
		}
	}
	if len(lines) > 0 {
		return n, c.Send(ctx, otlp.PathLogs, otlp.ResourceLogs(resource, lines))
	}
	return n, nil
}

func (s *Service) collector(d *Destination, header map[string]string) *otlp.Client {
	return &otlp.Client{Endpoint: trimSlash(d.Spec.URL), HTTP: s.client, Header: header, Gzip: d.Spec.Gzip}
}

func trimSlash(u string) string {
	for len(u) > 0 && u[len(u)-1] == '/' {
		u = u[:len(u)-1]
	}
	return u
}

// line is a record as JSON: names instead of our numbers, without the decision
// trace, which only the management API shows.
type line struct {
	contract.LogRecord
	Time         string    `json:"time"`
	Gateway      string    `json:"gateway"`
	Organization *struct{} `json:"organization,omitempty"`
	RouteNum     *struct{} `json:"route_num,omitempty"`
	ConsumerNum  *struct{} `json:"consumer_num,omitempty"`
	Trace        *struct{} `json:"trace,omitempty"`
}

// sendJSON sends a batch's log records as JSON.
func (s *Service) sendJSON(ctx context.Context, d *Destination, b *batch, header map[string]string) (int, error) {
	var body bytes.Buffer
	n := 0
	for i := range b.records {
		r := &b.records[i].LogRecord
		gateway, ours := b.name[r.Gateway]
		if !ours || !d.Spec.wants(r) {
			continue
		}
		js, err := json.Marshal(&line{LogRecord: *r, Time: time.UnixMilli(r.Time).UTC().Format("2006-01-02T15:04:05.000Z07:00"), Gateway: gateway})
		if err != nil {
			return 0, &otlp.Error{Err: fmt.Errorf("encode record: %w", err)}
		}
		switch {
		case d.Spec.Format == FormatNDJSON:
			js = append(js, '\n')
		case n == 0:
			body.WriteByte('[')
		default:
			body.WriteByte(',')
		}
		body.Write(js)
		n++
	}
	if n == 0 {
		return 0, nil
	}
	header["Content-Type"] = "application/json"
	if d.Spec.Format == FormatNDJSON {
		header["Content-Type"] = "application/x-ndjson"
	} else {
		body.WriteByte(']')
	}
	header["Tollgate-Batch"] = b.id
	out := body.Bytes()
	if d.Spec.Gzip {
		header["Content-Encoding"] = "gzip"
		out = otlp.Compress(out)
	}
	return n, otlp.Post(ctx, s.client, d.Spec.URL, header, out)
}

// told is what the tenant is told of an error: never an address of ours, never what
// was sent.
func told(err error) (text string, status int) {
	if err == nil {
		return "", 0
	}
	var e *otlp.Error
	switch {
	case !errors.As(err, &e):
		return "it can't be sent", 0
	case e.Status != 0:
		return fmt.Sprintf("the endpoint answered %d", e.Status), e.Status
	case e.Retry:
		return outbound.Reason(e.Err).Error(), 0
	}
	return fmt.Sprintf("%.300v", e.Err), 0
}

// sendTest sends a made-up record of every signal.
func (s *Service) sendTest(ctx context.Context, d *Destination) error {
	now := s.clock()
	r := Record{ID: 0, LogRecord: contract.LogRecord{
		Time: now.UnixMilli(), RequestID: "test", Edge: "test", Gateway: 1, Method: "GET", Host: "test.invalid", Path: "/tollgate-telemetry-test",
		Protocol: "HTTP/1.1", Client: "192.0.2.1", Status: 500, Code: "test", EdgeMS: 1, TookUS: 1000,
		TraceID: fmt.Sprintf("%032x", now.UnixNano()), SpanID: "00000000000000aa", Traced: true,
	}}
	all := *d
	all.Spec.Outcomes, all.Spec.Sample = nil, nil
	if _, err := s.send(ctx, &all, &batch{id: "test", records: []Record{r}, name: map[uint64]string{1: "test"}}); err != nil {
		return err
	}
	if d.Spec.Sends(SignalMetrics) {
		return s.sendMetrics(ctx, d, pushOf(now, 1, nil))
	}
	return nil
}
