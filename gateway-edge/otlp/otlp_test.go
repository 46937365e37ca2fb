package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tollgate/tollgate/services/contract"
)

// collector takes messages as a real one does, by the protocol's own types.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	status  []int // of the next answers; then 200
	spans   []*trace.Span
	metrics []*metrics.Metric
	header  http.Header
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if from, err = gzip.NewReader(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	body, err := io.ReadAll(from)
	if err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.header = r.Header
	if len(c.status) > 0 {
		s := c.status[0]
		c.status = c.status[1:]
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(s)
		return
	}
	switch r.URL.Path {
	case PathTraces:
		var m trace.TracesData
		err = proto.Unmarshal(body, &m)
		for _, rs := range m.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				c.spans = append(c.spans, ss.GetSpans()...)
			}
		}
	case PathMetrics:
		var m metrics.MetricsData
		err = proto.Unmarshal(body, &m)
		c.metrics = m.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics()
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (c *collector) client() *Client {
	return &Client{Endpoint: c.URL, HTTP: c.Server.Client(), Header: map[string]string{"Authorization": "Bearer t"}, Gzip: true}
}

func record() *contract.LogRecord {
	return &contract.LogRecord{
		Time: 1_795_000_000_123, RequestID: "r1", Edge: "edge-1", Version: 7, Route: "orders", Method: "GET", Host: "shop.example", Path: "/v1/orders",
		Protocol: "HTTP/1.1", Client: "192.0.2.1", Status: 502, Code: "upstream_reset", EdgeMS: 1, UpstreamMS: 4, TookUS: 6000,
		TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "00000000000000ab", ParentID: "b7ad6b7169203331", Traced: true,
		Spans: []contract.Span{
			{Kind: contract.SpanPolicy, Name: "jwt", At: 100, Took: 900},
			{Kind: contract.SpanTry, Name: "http://10.0.0.1:80", At: 1000, Took: 2000, ID: "0000000000000011", Failed: true, Code: "upstream_reset"},
			{Kind: contract.SpanTry, Name: "http://10.0.0.2:80", At: 3000, Took: 2000, ID: "0000000000000012"},
		},
	}
}

func attribute(s *trace.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return strings.Trim(strings.SplitN(a.GetValue().String(), ":", 2)[1], `"`)
		}
	}
	return ""
}

func TestSpans(t *testing.T) {
	t.Parallel()
	list := Spans(record(), "shop")
	if len(list) != 4 {
		t.Fatalf("%d spans", len(list))
	}
	root := list[0]
	if root.GetName() != "GET orders" || root.GetKind() != trace.Span_SPAN_KIND_SERVER || root.GetStatus().GetCode() != trace.Status_STATUS_CODE_ERROR ||
		root.GetEndTimeUnixNano()-root.GetStartTimeUnixNano() != 6_000_000 || attribute(root, "tollgate.gateway") != "shop" || attribute(root, "error.type") != "upstream_reset" {
		t.Errorf("%v", root)
	}
	seen := map[string]bool{}
	for _, s := range list {
		seen[string(s.GetSpanId())] = true
		if len(s.GetSpanId()) != 8 || len(s.GetTraceId()) != 16 || s.GetStartTimeUnixNano() < root.GetStartTimeUnixNano() || s.GetEndTimeUnixNano() > root.GetEndTimeUnixNano() {
			t.Errorf("%v", s)
		}
		if s != root && !bytes.Equal(s.GetParentSpanId(), root.GetSpanId()) {
			t.Errorf("%v is nobody's", s)
		}
	}
	if len(seen) != 4 {
		t.Error("two spans have one id")
	}
	if s := list[2]; s.GetKind() != trace.Span_SPAN_KIND_CLIENT || s.GetStatus().GetCode() != trace.Status_STATUS_CODE_ERROR || list[3].GetStatus().GetCode() != 0 {
		t.Errorf("%v, %v", s, list[3])
	}
	for name, spoil := range map[string]func(*contract.LogRecord){
		"no trace": func(r *contract.LogRecord) { r.TraceID = "" }, "no hex": func(r *contract.LogRecord) { r.TraceID = strings.Repeat("x", 32) },
		"short": func(r *contract.LogRecord) { r.SpanID = "ab" },
	} {
		r := record()
		spoil(r)
		if Spans(r, "") != nil {
			t.Errorf("%s: there are spans", name)
		}
	}
}

func TestLogSeverity(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]contract.LogRecord{
		"INFO": {Status: 404}, "WARN": {Status: 401, Code: "key_missing"}, "ERROR": {Status: 502, Code: "upstream_reset"},
	} {
		if got := Log(&r, ""); got.GetSeverityText() != want {
			t.Errorf("%d %s is %s, want %s", r.Status, r.Code, got.GetSeverityText(), want)
		}
	}
}

func line(t *testing.T, r *contract.LogRecord) []byte {
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExporter: what was added arrives, also after the collector was away for a
// moment; what it refuses is counted.
func TestExporter(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	c.status = []int{503}
	e := NewExporter(c.client(), map[string]string{"service.name": "x"}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	for range 300 {
		e.Add(line(t, record()))
	}
	deadline := time.Now().Add(10 * time.Second)
	for e.Stats().Sent < 300 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	c.mu.Lock()
	if len(c.spans) != 1200 || c.header.Get("Authorization") != "Bearer t" {
		t.Errorf("%d spans, %v", len(c.spans), c.header)
	}
	c.status = []int{400}
	c.mu.Unlock()
	e.Add(line(t, record()))
	e.Add([]byte(`not json`))
	cancel()
	<-ended
	if s := e.Stats(); s.Sent != 300 || s.Dropped != 2 || s.Failed != 2 {
		t.Errorf("%+v", s)
	}
}

// TestExporterIsBounded: without a collector nothing grows, and nobody waits.
func TestExporterIsBounded(t *testing.T) {
	t.Parallel()
	e := NewExporter(&Client{}, nil, slog.New(slog.DiscardHandler))
	big := bytes.Repeat([]byte("x"), 64<<10)
	for range 200 {
		e.Add(big)
	}
	if s := e.Stats(); len(e.queue) > queueBytes || s.Dropped < 100 {
		t.Errorf("%d bytes, %+v", len(e.queue), s)
	}
}

func TestErrorsSayWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	for status, again := range map[int]bool{400: false, 401: false, 404: false, 413: false, 429: true, 500: false, 502: true, 503: true, 504: true, 302: false} {
		c := newCollector(t)
		c.status = []int{status}
		err := c.client().Send(context.Background(), PathTraces, &trace.TracesData{})
		var told *Error
		if !errors.As(err, &told) || told.Retry != again || told.Status != status || again && told.After != time.Second {
			t.Errorf("%d: %+v", status, told)
		}
	}
	gone := newCollector(t)
	gone.Close()
	c := gone.client()
	c.Endpoint += "/secret-in-the-path"
	err := c.Send(context.Background(), PathTraces, &trace.TracesData{})
	var told *Error
	if !errors.As(err, &told) || !told.Retry || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestPrometheusBecomesOTLP(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	n := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "n_total", Help: "N."}, []string{"class"})
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: []float64{1, 2}})
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g"})
	r.MustRegister(n, h, g)
	n.WithLabelValues("2xx").Add(3)
	for _, v := range []float64{0.5, 1.5, 1.6, 7} {
		h.Observe(v)
	}
	g.Set(-2)
	c := newCollector(t)
	p := Pusher{Client: c.client(), From: r, Every: time.Hour, Logger: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.Run(ctx); err != nil { // ended at once: one push
		t.Fatal(err)
	}
	got := map[string]*metrics.Metric{}
	for _, m := range c.metrics {
		got[m.GetName()] = m
	}
	sum := got["n_total"].GetSum()
	if d := sum.GetDataPoints(); !sum.GetIsMonotonic() || len(d) != 1 || d[0].GetAsDouble() != 3 || d[0].GetAttributes()[0].GetValue().GetStringValue() != "2xx" || d[0].GetStartTimeUnixNano() == 0 {
		t.Errorf("%v", got["n_total"])
	}
	d := got["h"].GetHistogram().GetDataPoints()[0]
	if d.GetCount() != 4 || math.Abs(d.GetSum()-10.6) > 1e-9 || len(d.GetExplicitBounds()) != 2 || d.GetBucketCounts()[0] != 1 || d.GetBucketCounts()[1] != 2 || d.GetBucketCounts()[2] != 1 {
		t.Errorf("%v", d)
	}
	if v := got["g"].GetGauge().GetDataPoints()[0].GetAsDouble(); v != -2 {
		t.Errorf("gauge %v", v)
	}
}

func TestFromEnv(t *testing.T) {
	t.Parallel()
	env := func(m map[string]string) func(string) string { return func(k string) string { return m[k] } }
	const at = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for name, m := range map[string]map[string]string{"unset": {}, "disabled": {at: "http://c:4318", "OTEL_SDK_DISABLED": "true"}} {
		if o, err := FromEnv(env(m), "x"); o != nil || err != nil {
			t.Errorf("%s: %v %v", name, o, err)
		}
	}
	o, err := FromEnv(env(map[string]string{
		at: "https://c.example/base/", "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20t, x-a=b", "OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=prod",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "2000", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
	}), "x")
	if err != nil {
		t.Fatal(err)
	}
	if o.Client.Endpoint != "https://c.example/base" || o.Client.Header["Authorization"] != "Bearer t" || o.Client.Header["x-a"] != "b" || !o.Client.Gzip || o.Client.HTTP.Timeout != 2*time.Second ||
		o.Resource["service.name"] != "mine" || o.Resource["deployment.environment"] != "prod" || o.Tracing != (contract.Tracing{Sample: 0.5, Parent: "caller"}) {
		t.Errorf("%+v %+v", o, o.Client)
	}
	_, err = FromEnv(env(map[string]string{
		at: "c:4318", "OTEL_EXPORTER_OTLP_HEADERS": "topsecret", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_SAMPLER": "sometimes",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "-1", "OTEL_EXPORTER_OTLP_COMPRESSION": "zip",
	}), "x")
	if err == nil {
		t.Fatal("nonsense is taken")
	}
	for _, want := range []string{"_ENDPOINT", "_HEADERS", "_PROTOCOL", "_SAMPLER", "_TIMEOUT", "_COMPRESSION"} {
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%v does not name %s, or tells a secret", err, want)
		}
	}
}
