package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tollgate/tollgate/gateway-edge/otlp"
	"github.com/tollgate/tollgate/services/contract"
)

// TestJobs: what fails is always a span, what goes well by the share; and a collector
// that is away holds nothing up.
func TestJobs(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var spans []*trace.Span
	taken := make(chan struct{}, 9)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m trace.TracesData
		if err := proto.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		mu.Lock()
		spans = append(spans, m.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()...)
		mu.Unlock()
		taken <- struct{}{}
	}))
	defer collector.Close()
	o := &otlp.Operator{Client: &otlp.Client{Endpoint: collector.URL, HTTP: collector.Client()}, Tracing: contract.Tracing{Sample: 0}}
	traces := otlp.NewExporter(o.Client, map[string]string{"service.name": "tollgate-worker"}, slog.New(slog.DiscardHandler))
	j := newJobs(prometheus.NewRegistry(), o, traces)
	broken := errors.New("the database is away")
	for _, err := range []error{nil, broken} {
		if got := j.of(jobPeriods, func(context.Context) error { return err })(t.Context()); !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	j.done(jobAlert, time.Now().Add(-time.Second), broken)
	ended, end := context.WithCancel(t.Context())
	end()
	_ = j.of(jobDomains, func(context.Context) error { return context.Canceled })(ended) // the worker's end is no failure
	running, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- traces.Run(running) }()
	<-taken
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(spans) != 2 || spans[0].GetName() != "job periods" || spans[1].GetName() != "job alert" || spans[0].GetStatus().GetCode() != trace.Status_STATUS_CODE_ERROR {
		t.Errorf("%v", spans)
	}
	if took := spans[1].GetEndTimeUnixNano() - spans[1].GetStartTimeUnixNano(); took < uint64(time.Second) {
		t.Errorf("the second took %d ns", took)
	}
	for job, want := range map[string]float64{jobPeriods: 1, jobAlert: 1, jobDomains: 0} {
		var m dto.Metric
		if err := j.failures.WithLabelValues(job).Write(&m); err != nil || m.GetCounter().GetValue() != want {
			t.Errorf("%s: %v failures, want %v (%v)", job, m.GetCounter().GetValue(), want, err)
		}
	}
}

// TestJobsWithoutCollector: spans that find no room are dropped and counted.
func TestJobsWithoutCollector(t *testing.T) {
	t.Parallel()
	o := &otlp.Operator{Client: &otlp.Client{Endpoint: "http://127.0.0.1:9"}, Tracing: contract.Tracing{Sample: 1}}
	traces := otlp.NewExporter(o.Client, nil, slog.New(slog.DiscardHandler)) // nothing runs it, as if the collector hung
	j := newJobs(prometheus.NewRegistry(), o, traces)
	for range 40_000 {
		j.done(jobTelemetry, time.Now(), nil)
	}
	if traces.Stats().Dropped == 0 {
		t.Error("nothing was dropped")
	}
}
