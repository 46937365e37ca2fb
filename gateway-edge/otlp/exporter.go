package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"github.com/tollgate/tollgate/services/contract"
)

// Bounds and timing of an Exporter.
const (
	queueBytes  = 4 << 20 // records that wait
	batchSpans  = 512
	exportEvery = time.Second
	exportTries = 4
	firstPause  = 500 * time.Millisecond
	longPause   = 10 * time.Second
	lastSend    = 2 * time.Second // at the end
)

// Exporter sends spans of requests to the operator's collector. Add never waits.
type Exporter struct {
	client   *Client
	resource map[string]string
	log      *slog.Logger

	mu    sync.Mutex // guards queue
	queue []byte     // records, one JSON line each

	sent, dropped, failed atomic.Uint64
}

// NewExporter makes an Exporter; Run sends what Add takes.
func NewExporter(c *Client, resource map[string]string, log *slog.Logger) *Exporter {
	return &Exporter{client: c, resource: resource, log: log}
}

// Add takes a copy of a request's record: a contract.LogRecord in JSON without line
// breaks, which names its trace. One that finds no room is dropped and counted.
func (e *Exporter) Add(line []byte) {
	e.mu.Lock()
	room := len(e.queue)+len(line) < queueBytes
	if room {
		e.queue = append(append(e.queue, line...), '\n')
	}
	e.mu.Unlock()
	if !room {
		e.dropped.Add(1)
	}
}

// ExporterStats are totals since the start, in requests.
type ExporterStats struct {
	Sent    uint64 // that the collector took
	Dropped uint64 // that found no room, or that the collector did not take
	Failed  uint64 // messages that were not taken at the first try
}

// Stats returns the exporter's totals.
func (e *Exporter) Stats() ExporterStats {
	return ExporterStats{e.sent.Load(), e.dropped.Load(), e.failed.Load()}
}

// Run sends what was added until ctx ends, then what is left, once.
func (e *Exporter) Run(ctx context.Context) error {
	t := time.NewTicker(exportEvery)
	defer t.Stop()
	var spare []byte
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		e.mu.Lock()
		lines := e.queue
		e.queue = spare[:0]
		e.mu.Unlock()
		e.flush(ctx, lines)
		spare = lines
	}
	return nil
}

// flush sends lines in batches.
func (e *Exporter) flush(ctx context.Context, lines []byte) {
	var spans []*trace.Span
	requests := uint64(0)
	send := func() {
		if len(spans) > 0 && e.send(ctx, spans) {
			e.sent.Add(requests)
		} else {
			e.dropped.Add(requests)
		}
		spans, requests = nil, 0
	}
	for len(lines) > 0 {
		line, rest, _ := bytes.Cut(lines, []byte("\n"))
		lines = rest
		var r contract.LogRecord
		requests++
		if err := json.Unmarshal(line, &r); err == nil {
			spans = append(spans, Spans(&r, "")...)
		}
		if len(spans) >= batchSpans || len(lines) == 0 {
			send()
		}
	}
}

// send sends a batch, again after a while where it may be taken then.
func (e *Exporter) send(ctx context.Context, spans []*trace.Span) bool {
	m := ResourceSpans(e.resource, spans)
	for try := range exportTries {
		in, cancel := ctx, context.CancelFunc(func() {})
		if ctx.Err() != nil {
			in, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastSend)
		}
		err := e.client.Send(in, PathTraces, m)
		cancel()
		if err == nil {
			return true
		}
		e.failed.Add(1)
		var told *Error
		if errors.As(err, &told) && !told.Retry || ctx.Err() != nil || try == exportTries-1 {
			e.log.Warn("otlp: the collector does not take traces", "spans", len(spans), "error", err)
			return false
		}
		pause := min(firstPause<<try, longPause)
		sleep(ctx, max(pause/2+rand.N(pause), min(told.After, longPause)))
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
