package telemetry_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/telemetry"
)

// canary is a secret that may stand nowhere but in the request to the receiver.
const canary = "Bearer canary-0451"

// guard lets telemetry go to this machine unless it is told not to.
type guard struct{ denyDial bool }

func (guard) CheckWebhook(url string) error {
	if !strings.HasPrefix(url, "http") {
		return errors.New("is not allowed")
	}
	return nil
}

func (g *guard) CheckDial(netip.AddrPort) error {
	if g.denyDial {
		return errors.New("the address is not allowed")
	}
	return nil
}

// receiver takes what is sent, by the protocol's own types.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	status  int // 0: 200
	paths   []string
	header  http.Header
	bodies  []string
	lines   []*logs.LogRecord
	spans   []*trace.Span
	metrics []*metrics.Metric
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		from, _ = gzip.NewReader(r.Body)
	}
	body, _ := io.ReadAll(from)
	c.paths, c.header = append(c.paths, r.URL.Path), r.Header
	if c.status != 0 {
		w.WriteHeader(c.status)
		_, _ = io.WriteString(w, r.Header.Get("Authorization")) // a receiver that repeats what it got
		return
	}
	var err error
	switch r.URL.Path {
	case "/v1/logs":
		var m logs.LogsData
		err = proto.Unmarshal(body, &m)
		c.lines = append(c.lines, m.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()...)
	case "/v1/traces":
		var m trace.TracesData
		err = proto.Unmarshal(body, &m)
		c.spans = append(c.spans, m.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()...)
	case "/v1/metrics":
		var m metrics.MetricsData
		err = proto.Unmarshal(body, &m)
		c.metrics = m.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics()
	default:
		c.bodies = append(c.bodies, string(body))
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// figures are what metrics are made of.
type figures struct{}

func (figures) Day(_ context.Context, _ core.OrganizationID, g telemetry.Gateway, _ time.Time) ([]telemetry.RouteFigures, error) {
	return []telemetry.RouteFigures{{Route: "orders", Status: [4]int64{7, 0, 2, 1}, Refused: 2, Bounds: []float64{0.1}, Edge: []uint64{9, 1}}}, nil
}

func (figures) Quota(context.Context, core.OrganizationID) (used, limit int64, err error) {
	return 10, 100, nil
}

type world struct {
	t     *testing.T
	db    *store.DB
	org   core.OrganizationID
	num   uint64
	gw    *gateway.Gateway
	svc   *telemetry.Service
	ship  *telemetry.Shipper
	guard *guard
	mu    sync.Mutex
	now   time.Time
	log   strings.Builder
	made  int
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	d := storetest.NewDomain(t, db)
	w := &world{t: t, db: db, org: storetest.Organization(t, db, "acme"), guard: &guard{}, now: time.Now().UTC().Truncate(time.Millisecond)}
	w.gw = d.Gateway(t, w.org, "shop")
	if err := db.Tx(t.Context(), func(tx *store.Txn) error {
		return tx.Table("organizations").Select("num").Where("id = ?", string(w.org)).Scan(&w.num).Error
	}); err != nil {
		t.Fatal(err)
	}
	var err error
	w.svc, err = telemetry.New(telemetry.Options{Store: store.Telemetry{DB: db}, Guard: w.guard, Root: storetest.Root(t), Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	w.ship = &telemetry.Shipper{Service: w.svc, Figures: figures{}, Logger: slog.New(slog.NewTextHandler(&w.log, nil))}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// turns lets time pass and serves what is due, some times.
func (w *world) turns(n int, step time.Duration) {
	w.t.Helper()
	for range n {
		w.mu.Lock()
		w.now = w.now.Add(step)
		w.mu.Unlock()
		if err := w.ship.Ship(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// requests stores access log records.
func (w *world) requests(n int, edit func(*contract.LogRecord)) {
	w.t.Helper()
	var list []contract.LogRecord
	for range n {
		w.made++
		r := contract.LogRecord{
			Time: w.clock().UnixMilli(), RequestID: fmt.Sprintf("req-%d", w.made), Edge: "edge-1", Organization: w.num, Gateway: w.gw.Num, Route: "orders",
			Method: "GET", Host: "shop.localhost", Path: fmt.Sprintf("/%d", w.made), Protocol: "HTTP/1.1", Client: "192.0.2.1", Status: 200,
		}
		if edit != nil {
			edit(&r)
		}
		list = append(list, r)
	}
	if err := store.NewUsage(w.db).AppendLogs(w.t.Context(), list); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(s telemetry.Spec) *telemetry.Destination {
	w.t.Helper()
	d, _, err := w.svc.Put(w.t.Context(), w.org, telemetry.Put{Spec: s})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) state(name string) (telemetry.State, string) {
	w.t.Helper()
	d, err := w.svc.Get(w.t.Context(), w.org, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return d.State, d.Status()
}

// TestShipOTLP: logs, traces and metrics arrive, each once while all goes well.
func TestShipOTLP(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		w.requests(3, nil) // from before: nobody asked for them
		w.put(telemetry.Spec{
			Name: "collector", Type: "otlp", URL: r.URL + "/", Signals: []string{"logs", "traces", "metrics"}, Gzip: true, Headers: map[string]string{"Authorization": canary},
		})
		w.turns(1, time.Second)
		w.requests(5, nil)
		w.requests(1, func(r *contract.LogRecord) {
			r.Traced, r.TraceID, r.SpanID, r.Status = true, strings.Repeat("ab", 16), strings.Repeat("cd", 8), 502
			r.Spans = []contract.Span{{Kind: contract.SpanTry, Name: "http://a", Took: 5}}
		})
		w.turns(4, 4*time.Second)
		if len(r.lines) != 6 || len(r.spans) != 2 || len(r.metrics) == 0 || r.header.Get("Authorization") != canary {
			t.Fatalf("%d lines, %d spans, %d metrics, %v", len(r.lines), len(r.spans), len(r.metrics), r.header)
		}
		for _, m := range r.metrics {
			switch m.GetName() {
			case "tollgate.requests":
				sum := int64(0)
				for _, p := range m.GetSum().GetDataPoints() {
					sum += p.GetAsInt()
				}
				if sum != 10 {
					t.Errorf("requests: %v", m)
				}
			case "tollgate.quota.limit":
				if m.GetGauge().GetDataPoints()[0].GetAsInt() != 100 {
					t.Errorf("%v", m)
				}
			}
		}
		if st, status := w.state("collector"); status != telemetry.StatusOK || st.Sent != 6 || st.Dropped != 0 {
			t.Errorf("%s %+v", status, st)
		}
	})
}

// TestShipJSON: filters, shares and both forms; and only the organization's own.
func TestShipJSON(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		none := 0.0
		w.put(telemetry.Spec{Name: "all", Type: "http", URL: r.URL + "/all"})
		w.put(telemetry.Spec{Name: "bad", Type: "http", URL: r.URL + "/bad", Format: "ndjson", Outcomes: []string{"refused", "failed"}, Gateways: []string{"shop"}})
		w.put(telemetry.Spec{Name: "some", Type: "http", URL: r.URL + "/some", Sample: &none})
		w.turns(1, time.Second)
		w.requests(2, nil)
		w.requests(1, func(r *contract.LogRecord) { r.Status, r.Code = 401, "key_missing" })
		w.requests(1, func(r *contract.LogRecord) { r.Status = 503 })
		w.requests(2, func(r *contract.LogRecord) { r.Organization++ }) // somebody else's
		w.turns(3, 4*time.Second)
		byPath := map[string]string{}
		for i, p := range r.paths {
			byPath[p] += r.bodies[i]
		}
		var all []map[string]any
		if err := json.Unmarshal([]byte(byPath["/all"]), &all); err != nil || len(all) != 4 {
			t.Fatalf("%v %s", err, byPath["/all"])
		}
		if all[0]["gateway"] != "shop" || all[0]["organization"] != nil || all[0]["route_num"] != nil || !strings.HasSuffix(all[0]["time"].(string), "Z") {
			t.Errorf("%v", all[0])
		}
		if strings.Count(byPath["/bad"], "\n") != 2 || strings.Count(byPath["/some"], `"request_id"`) != 2 {
			t.Errorf("%q, %q", byPath["/bad"], byPath["/some"])
		}
	})
}

// TestShipAgain: what was not taken is sent again, later each time, and arrives; the
// destination's state says what happens meanwhile, and no secret is told.
func TestShipAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		w.put(telemetry.Spec{Name: "out", Type: "http", URL: r.URL, Headers: map[string]string{"Authorization": canary}})
		w.turns(1, time.Second)
		w.requests(3, nil)
		r.status = 503
		w.turns(6, 4*time.Second)
		st, status := w.state("out")
		tries := len(r.paths)
		if status != telemetry.StatusFailing || st.Failures == 0 || st.StatusCode != 503 || st.Sent != 0 || tries >= 5 {
			t.Errorf("%d tries, %s %+v", tries, status, st)
		}
		if d, err := w.svc.Get(t.Context(), w.org, "out"); err != nil || d.Waiting != 3 {
			t.Errorf("%+v wait, %v", d, err)
		}
		if name, since, err := w.svc.Failing(t.Context(), w.org, w.gw.ID, "shop"); err != nil || name != "out" || since.After(st.LastFailure) || w.clock().Sub(since) > time.Minute {
			t.Errorf("failing: %s %s %v", name, since, err)
		}
		batch := r.header.Get("Tollgate-Batch")
		r.status = 0
		w.turns(10, time.Minute)
		if st, status := w.state("out"); status != telemetry.StatusOK || st.Sent != 3 || len(r.bodies) != 1 || r.header.Get("Tollgate-Batch") != batch {
			t.Errorf("%s %+v, %d bodies", status, st, len(r.bodies))
		}
		if name, _, err := w.svc.Failing(t.Context(), w.org, w.gw.ID, "shop"); err != nil || name != "" {
			t.Errorf("still failing: %s %v", name, err)
		}
		if l, err := w.svc.List(t.Context(), w.org, core.Listing{}); err != nil || len(l.Items) != 1 || l.Items[0].Waiting != 0 {
			t.Errorf("%+v %v", l, err)
		}
		// A batch that is refused as such does not stop what follows for ever.
		r.status = 400
		w.requests(2, nil)
		w.turns(12, 10*time.Minute)
		if st, _ := w.state("out"); st.Dropped != 2 {
			t.Errorf("%+v", st)
		}
		r.status = 0
		w.requests(1, nil)
		w.turns(6, 11*time.Minute)
		if st, status := w.state("out"); status != telemetry.StatusOK || st.Sent != 4 {
			t.Errorf("%s %+v", status, st)
		}
		w.guard.denyDial = true
		r.CloseClientConnections()
		w.requests(1, nil)
		w.turns(4, 4*time.Second)
		st, _ = w.state("out")
		shown, err := json.Marshal(st)
		if err != nil || strings.Contains(st.Error+string(shown)+w.log.String(), "canary") || st.Error == "" {
			t.Errorf("%+v %s", st, w.log.String())
		}
	})
}

// TestDestinations: what is checked, kept, counted and recorded.
func TestDestinations(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, r := newWorld(t, db), newReceiver(t)
		_, _, err := w.svc.Put(t.Context(), w.org, telemetry.Put{Spec: telemetry.Spec{
			Name: "x y", Type: "ftp", URL: "ftp://a", Signals: []string{"logs", "logs"}, Outcomes: []string{"good"}, Sample: new(2.0),
			Headers: map[string]string{"Host": "a", "X A": "b", "X-B": "c\r\nd"},
		}})
		for _, at := range []string{"/name", "/type", "/url", "/signals/1", "/outcomes/0", "/sample", "/headers/Host", "/headers/X A", "/headers/X-B"} {
			if err == nil || !strings.Contains(fieldsOf(err), at) {
				t.Errorf("%v does not name %s", err, at)
			}
		}
		if _, _, err := w.svc.Put(t.Context(), w.org, telemetry.Put{Spec: telemetry.Spec{Name: "a", Type: "http", URL: r.URL, Gateways: []string{"nobody"}}}); core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("a gateway that is not there: %v", err)
		}
		d := w.put(telemetry.Spec{Name: "a", Type: "otlp", URL: r.URL, Signals: []string{"logs"}, Headers: map[string]string{"Authorization": canary}})
		js, err := json.Marshal(d)
		if err != nil || strings.Contains(string(js), "canary") || len(d.Spec.HeaderNames) != 1 {
			t.Errorf("%s", js)
		}
		// The fields stay when they are not given, but never follow the URL elsewhere.
		w.put(telemetry.Spec{Name: "a", Type: "otlp", URL: r.URL + "/other", Signals: []string{"logs"}})
		if got, err := w.svc.Test(t.Context(), w.org, "a"); err != nil || !got.OK || r.header.Get("Authorization") != canary || r.paths[len(r.paths)-1] != "/other/v1/logs" {
			t.Errorf("%+v %v %v", got, err, r.paths)
		}
		_, _, err = w.svc.Put(t.Context(), w.org, telemetry.Put{Spec: telemetry.Spec{Name: "a", Type: "otlp", URL: "http://evil.example", Signals: []string{"logs"}}})
		if core.CodeOf(err) != core.CodeInvalid {
			t.Errorf("the header fields go to another host: %v", err)
		}
		r.status = 401
		if got, err := w.svc.Test(t.Context(), w.org, "a"); err != nil || got.OK || got.StatusCode != 401 || strings.Contains(got.Error, "canary") {
			t.Errorf("%+v %v", got, err)
		}
		if n := storetest.Count(t, db, "audit", "action LIKE 'telemetry.%'"); n != 4 {
			t.Errorf("%d audit lines", n)
		}
		if n := storetest.Count(t, db, "audit", "detail LIKE '%canary%'"); n != 0 {
			t.Error("the audit log holds a secret")
		}
		for i := range telemetry.MaxDestinations - 1 {
			w.put(telemetry.Spec{Name: fmt.Sprintf("d%d", i), Type: "http", URL: r.URL})
		}
		if _, _, err := w.svc.Put(t.Context(), w.org, telemetry.Put{Spec: telemetry.Spec{Name: "more", Type: "http", URL: r.URL}}); core.CodeOf(err) != core.CodeLimitReached {
			t.Errorf("one too many: %v", err)
		}
		other := storetest.Organization(t, db, "other")
		if _, err := w.svc.Get(t.Context(), other, "a"); core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("somebody else reads it: %v", err)
		}
		if err := w.svc.Delete(t.Context(), other, "a", core.IfMatch{}); core.CodeOf(err) != core.CodeNotFound {
			t.Errorf("somebody else deletes it: %v", err)
		}
		if err := w.svc.Delete(t.Context(), w.org, "a", core.IfMatch{}); err != nil {
			t.Error(err)
		}
	})
}

// fieldsOf are the places of an error's fields.
func fieldsOf(err error) (out string) {
	var e *core.Error
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			out += f.Pointer + "\n"
		}
	}
	return out
}
