package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// observed is a cluster whose telemetry goes to the receiver of the OpenTelemetry
// Collector.
type observed struct {
	*shop
	tool string // test-otel
	file string // what the collector took, a line a message
}

// newObserved starts the collector and a cluster: only what a caller asks for, and
// what fails, is traced.
func newObserved(t *testing.T) *observed {
	t.Helper()
	o := &observed{tool: otelTool(t), file: filepath.Join(t.TempDir(), "collected")}
	port := testport.Free(t)
	out, err := os.Create(o.file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	addr := "127.0.0.1:" + strconv.Itoa(port)
	p := &harness.Process{Name: "collector", Path: o.tool, Args: []string{"collector", addr}, Output: out}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	c := harness.New(t, harness.Options{Env: []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + addr, "OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_METRIC_EXPORT_INTERVAL=1000",
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0",
	}})
	o.shop = newShop(t, c, "observed", []*harness.Backend{harness.StartBackend(t, "one")}, nil)
	return o
}

// otelTool builds test-otel, which is a module of its own, beside the other binaries.
func otelTool(t *testing.T) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(harness.Bin(t, "gateway-edge")), "test-otel")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir, cmd.Env = filepath.Join("..", "otel"), append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build test-otel: %v\n%s", err, out)
	}
	return path
}

// Messages of OTLP in JSON, as far as the tests look at them.
type (
	attribute struct {
		Key   string
		Value struct{ StringValue, IntValue string }
	}
	attributes []attribute
	resource   struct{ Attributes attributes }
	span       struct {
		TraceID, SpanID, ParentSpanID, Name string
		Kind                                int
		Attributes                          attributes
		Status                              struct{ Code int }
		service                             string
	}
	point struct {
		Attributes     attributes
		AsDouble       float64
		Count          string
		Sum            float64
		ExplicitBounds []float64
		BucketCounts   []string
	}
	points struct{ DataPoints []point }
	metric struct {
		Name                  string
		Sum, Gauge, Histogram *points
	}
	message struct {
		ResourceSpans []struct {
			Resource   resource
			ScopeSpans []struct{ Spans []span }
		}
		ResourceMetrics []struct {
			Resource     resource
			ScopeMetrics []struct{ Metrics []metric }
		}
	}
)

func (a attributes) get(key string) string {
	for i := range a {
		if a[i].Key == key {
			return a[i].Value.StringValue + a[i].Value.IntValue
		}
	}
	return ""
}

// collected reads what the collector took: all spans, and the newest metrics of each
// service.
func (o *observed) collected() (spans []span, metrics map[string][]metric) {
	o.t.Helper()
	raw, err := os.ReadFile(o.file)
	if err != nil {
		o.t.Fatal(err)
	}
	metrics = map[string][]metric{}
	for line := range bytes.Lines(raw) {
		signal, js, _ := bytes.Cut(line, []byte(" "))
		var m message
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // being written
		}
		if err := json.Unmarshal(js, &m); err != nil {
			o.t.Fatalf("%s: %v\n%s", signal, err, js)
		}
		for _, r := range m.ResourceSpans {
			for _, s := range r.ScopeSpans {
				for i := range s.Spans {
					s.Spans[i].service = r.Resource.Attributes.get("service.name")
				}
				spans = append(spans, s.Spans...)
			}
		}
		for _, r := range m.ResourceMetrics {
			metrics[r.Resource.Attributes.get("service.name")] = r.ScopeMetrics[0].Metrics
		}
	}
	return spans, metrics
}

// eventually tries until there is no error.
func (o *observed) eventually(ok func() error) {
	o.t.Helper()
	if err := harness.Until(o.t.Context(), 30*time.Second, ok); err != nil {
		o.t.Error(err)
	}
}

// get sends a request to the edge, with a caller's trace context unless it is "".
func (o *observed) get(path, traceparent string) int {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, "http://"+o.Edges[0].Addr()+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	r.Host = o.host
	if traceparent != "" {
		r.Header.Set("Traceparent", traceparent)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (o *observed) edgeMetrics() []harness.Sample {
	return harness.Scrape(o.t, fmt.Sprintf("http://127.0.0.1:%d/metrics", o.Edges[0].Admin))
}

// TestTelemetry: what the receiver of the OpenTelemetry Collector takes of a whole
// Tollgate, and that dashboards and alert rules ask for what there is.
func TestTelemetry(t *testing.T) {
	if !long {
		t.Skip("builds a collector: make e2e")
	}
	t.Parallel()
	o := newObserved(t)
	var mu sync.Mutex
	told := map[string]string{} // what the backend was told, by path
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		told[r.URL.Path] = r.Header.Get("Traceparent")
		mu.Unlock()
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer backend.Close()
	o.put("upstreams/traced", harness.Object{"targets": []harness.Object{{"url": backend.URL}}})
	o.put("routes/all", harness.Object{"match": harness.Object{"path": "/*"}, "upstream": "traced", "public": true})
	o.api.WaitLive(o.name)
	t.Run("traces", func(t *testing.T) {
		o.traces(t, func(path string) string { mu.Lock(); defer mu.Unlock(); return told[path] })
	})
	t.Run("metrics", o.sameMetrics)
	t.Run("dashboards", o.dashboards)
}

// traces: one trace from the caller's header over the edge's span to the backend's,
// failures without being asked for, and nothing else.
func (o *observed) traces(t *testing.T, told func(path string) string) {
	const trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	if got := o.get("/asked", "00-"+trace+"-"+parent+"-01"); got != 200 {
		t.Fatalf("status %d", got)
	}
	o.get("/unasked", "00-"+strings.Replace(trace, "4", "5", 1)+"-"+parent+"-00")
	o.get("/quiet", "")
	if got := o.get("/broken", ""); got != 500 {
		t.Fatalf("status %d", got)
	}
	find := func(path string) (server, client *span) {
		spans, _ := o.collected()
		for i := range spans {
			if s := &spans[i]; s.Attributes.get("url.path") == path {
				server = s
			}
		}
		for i := range spans {
			if s := &spans[i]; server != nil && s.Kind == 3 && s.ParentSpanID == server.SpanID {
				client = s
			}
		}
		return server, client
	}
	o.eventually(func() error {
		server, client := find("/asked")
		if server == nil || client == nil {
			return fmt.Errorf("the request that was asked for has the spans %+v, %+v", server, client)
		}
		if server.TraceID != trace || server.ParentSpanID != parent || server.Kind != 2 || server.service != "tollgate-edge" {
			return fmt.Errorf("the edge's span: %+v", server)
		}
		if want := "00-" + trace + "-" + client.SpanID + "-01"; client.TraceID != trace || told("/asked") != want {
			return fmt.Errorf("the backend was told %q, want %q", told("/asked"), want)
		}
		if server, client = find("/broken"); server == nil || client == nil || server.Status.Code != 2 || server.Attributes.get("http.response.status_code") != "500" {
			return fmt.Errorf("the failure: %+v, %+v", server, client)
		}
		if !strings.HasPrefix(told("/broken"), "00-"+server.TraceID+"-"+client.SpanID) {
			return fmt.Errorf("the backend of the failure was told %q", told("/broken"))
		}
		return nil
	})
	for _, path := range []string{"/unasked", "/quiet"} {
		if server, _ := find(path); server != nil {
			t.Errorf("%s is traced: %+v", path, server)
		}
	}
}

// sameMetrics: what came by OTLP is what is scraped.
func (o *observed) sameMetrics(t *testing.T) {
	o.eventually(func() error {
		_, all := o.collected()
		for _, service := range []string{"tollgate-edge", "tollgate-portal", "tollgate-worker"} {
			if len(all[service]) == 0 {
				return fmt.Errorf("no metrics of %s", service)
			}
		}
		pushed := map[string]float64{}
		for _, m := range all["tollgate-edge"] {
			for _, of := range []*points{m.Sum, m.Gauge, m.Histogram} {
				for i := range of.list() {
					flat(m.Name, &of.DataPoints[i], pushed)
				}
			}
		}
		compared := 0
		for _, s := range o.edgeMetrics() {
			// Only what traffic counts stands still when there is none.
			if !strings.HasPrefix(s.Name, "tollgate_edge_requests_total") && !strings.HasPrefix(s.Name, "tollgate_edge_refused_total") &&
				!strings.HasPrefix(s.Name, "tollgate_edge_integration") && !strings.HasPrefix(s.Name, "tollgate_edge_added") && !strings.HasPrefix(s.Name, "tollgate_edge_upstream") {
				continue
			}
			got, there := pushed[s.Key()]
			if !there || got-s.Value > 1e-9 || s.Value-got > 1e-9 {
				return fmt.Errorf("%s was pushed as %v (%v), is %v", s.Key(), got, there, s.Value)
			}
			compared++
		}
		if compared < 100 || pushed[`tollgate_edge_integration_seconds_countmap[kind:http]`] < 4 {
			return fmt.Errorf("%d figures were compared", compared)
		}
		return nil
	})
	if t.Failed() {
		t.Log(o.Edges[0].Log())
	}
}

func (p *points) list() []point {
	if p == nil {
		return nil
	}
	return p.DataPoints
}

// flat writes a point under the keys that Prometheus's text has for it.
func flat(name string, p *point, to map[string]float64) {
	labels := map[string]string{}
	for _, a := range p.Attributes {
		labels[a.Key] = a.Value.StringValue
	}
	key := func(suffix string) string { s := harness.Sample{Name: name + suffix, Labels: labels}; return s.Key() }
	if p.BucketCounts == nil {
		to[key("")] = p.AsDouble
		return
	}
	count, _ := strconv.ParseFloat(p.Count, 64)
	to[key("_count")], to[key("_sum")] = count, p.Sum
	sum := 0.0
	for i, n := range p.BucketCounts {
		v, _ := strconv.ParseFloat(n, 64)
		sum += v
		labels["le"] = "+Inf"
		if i < len(p.ExplicitBounds) {
			labels["le"] = strconv.FormatFloat(p.ExplicitBounds[i], 'g', -1, 64)
		}
		to[key("_bucket")] = sum
	}
}
