package conformance

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// sharingRows are what tests each row.
var sharingRows = map[string]func(*testing.T, *sharing){
	"ISO01": twoTenants, "ISO02": callersAnswers, "ISO03": unkeyed, "ISO04": deception, "ISO05": notStored, "ISO06": keysAndBytes, "ISO07": stampede,
	"ISO08": manyTenants, "ISO10": copies, "ISO11": longVerdict, "ISO12": operatorsPort,
	"QTA01": writtenOtherwise, "QTA02": manyKeys, "QTA03": billedKinds, "QTA04": whoseError, "QTA05": atOnce, "QTA06": clientsCost, "QTA08": floodAtTheDoor,
	"QTA09": retried, "QTA10": extremes,
	"MSC01": endlessBody, "MSC02": growing, "MSC03": sameBytes, "MSC06": operations, "MSC08": badConfigurations, "MSC09": templates,
}

// sharing is two organizations on two edges in front of one backend.
type sharing struct {
	c       *harness.Cluster
	call    *harness.Caller
	backend *talker
	a, b    *tenantSite
}

// tenantSite is one organization's gateway.
type tenantSite struct {
	s    *sharing
	api  *harness.API
	name string
	host string
}

// TestSharingRows has a subtest for each row, over real edges.
func TestSharingRows(t *testing.T) {
	s := &sharing{c: harness.New(t, harness.Options{Edges: 2}), call: harness.NewCaller(64), backend: newTalker(t)}
	s.a, s.b = s.tenant(t, "alpha"), s.tenant(t, "beta")
	for _, r := range SharingRows {
		t.Run(r.ID, func(t *testing.T) {
			f := sharingRows[r.ID]
			if f == nil {
				t.Fatalf("nothing tests that %s", r.Asks)
			}
			s.backend.forget()
			f(t, s)
		})
	}
	if len(sharingRows) != len(SharingRows) {
		t.Errorf("%d rows, %d tests", len(SharingRows), len(sharingRows))
	}
}

// tenant signs up and points a gateway at the backend; it is told the tenant's name.
func (s *sharing) tenant(t *testing.T, name string) *tenantSite {
	t.Helper()
	x := &tenantSite{s: s, api: s.c.SignUp(name), name: name}
	x.host = x.api.Must("POST", "/v1/gateways", harness.Object{"name": name})["hostname"].(string)
	x.put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": s.backend.url}}})
	x.put("policies", harness.Object{"items": []harness.Object{{"type": "request_headers", "config": harness.Object{"set": harness.Object{"X-Tenant": name}}}}})
	return x
}

func (x *tenantSite) put(path string, body harness.Object) {
	x.api.Must("PUT", "/v1/gateways/"+x.name+"/"+path, body)
}

// route makes a route /name/* with policies. Without an api_key among them it is
// public.
func (x *tenantSite) route(name string, more harness.Object, policies ...harness.Object) {
	r := harness.Object{"match": harness.Object{"path": "/" + name + "/*"}, "upstream": "app", "policies": append([]harness.Object{}, policies...), "public": true}
	for _, p := range policies {
		if p["type"] == "api_key" {
			delete(r, "public")
		}
	}
	for k, v := range more {
		r[k] = v
	}
	x.put("routes/"+name, r)
}

// live waits until what was changed is served, and until a key is known at the first
// edge: elsewhere it would lease a part of its quota.
func (x *tenantSite) live(t *testing.T, path, key string) {
	t.Helper()
	x.api.WaitLive(x.name)
	if key == "" {
		return
	}
	x.known(t, x.s.c.Edges[0], path, key)
}

func (x *tenantSite) known(t *testing.T, e *harness.Edge, path, key string) {
	t.Helper()
	if err := harness.Until(t.Context(), 10*time.Second, func() error {
		if r := x.s.call.Get(e.Addr(), x.host, path, key); r.Status != 200 {
			return fmt.Errorf("%d %s", r.Status, r.Body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func (x *tenantSite) get(path string, headers ...string) harness.Result {
	return x.s.call.Get(x.s.c.Edges[0].Addr(), x.host, path, "", headers...)
}

func (x *tenantSite) send(t *testing.T, method, path string, body io.Reader, headers ...string) harness.Result {
	t.Helper()
	return x.s.call.Send(t.Context(), method, x.s.c.Edges[0].Addr(), x.host, path, "", body, headers...)
}

func policy(typ string, config harness.Object) harness.Object {
	return harness.Object{"type": typ, "config": config}
}

// talker is a backend that answers as the path's second part says, with a body that
// tells the tenant, what was asked and which answer it is.
type talker struct {
	url  string
	mu   sync.Mutex
	seen []*heard
	hold atomic.Pointer[chan struct{}] // answers of /…/held wait for it
	open atomic.Int64
	most atomic.Int64
}

// heard is a request that came.
type heard struct {
	method, uri, body string
	header            http.Header
}

func newTalker(t *testing.T) *talker {
	b := &talker{}
	s := httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

func (b *talker) serve(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.seen = append(b.seen, &heard{r.Method, r.RequestURI, string(text), r.Header.Clone()})
	n := len(b.seen)
	b.mu.Unlock()
	defer b.open.Add(-1)
	if open := b.open.Add(1); open > b.most.Load() {
		b.most.Store(open)
	}
	how := "plain"
	if parts := strings.SplitN(r.URL.Path, "/", 4); len(parts) > 2 {
		how = parts[2]
	}
	h := w.Header()
	h.Set("Cache-Control", "max-age=60")
	status := 200
	switch how {
	case "private":
		h.Set("Cache-Control", "private, max-age=60")
	case "cookie":
		h.Set("Set-Cookie", "sid="+fmt.Sprint(n))
	case "varystar":
		h.Set("Vary", "*")
	case "part":
		h.Set("Content-Range", "bytes 0-3/10")
		status = 206
	case "500", "503", "403", "429":
		_, _ = fmt.Sscan(how, &status)
	case "304":
		status = 304
	case "once": // the first try fails
		if n == 1 {
			hijacked(w)
			return
		}
	case "held":
		if hold := b.hold.Load(); hold != nil {
			select {
			case <-*hold:
			case <-r.Context().Done():
			}
		}
	case "slow":
		time.Sleep(50 * time.Millisecond)
	}
	w.WriteHeader(status)
	if status != 304 {
		_, _ = fmt.Fprintf(w, "%s %s %d %s", r.Header.Get("X-Tenant"), r.RequestURI, n, strings.Join(r.Header["X-Forwarded-Host"], ","))
	}
}

// hijacked ends a connection without an answer.
func hijacked(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if c, _, err := h.Hijack(); err == nil {
			_ = c.Close()
		}
	}
}

// take returns what came since the last time.
func (b *talker) take() []*heard {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.seen
	b.seen = nil
	return out
}

func (b *talker) forget() {
	b.take()
	b.most.Store(0)
}
