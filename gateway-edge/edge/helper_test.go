package edge_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tollgate/tollgate/gateway-edge/edge"
	"github.com/tollgate/tollgate/gateway-edge/internal/edgetest"
	"github.com/tollgate/tollgate/services/contract"
)

// A closed client of go-redis whose Redis was away wakes once more, after a second,
// before its dialling goroutine sees that it is closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// world is a Redis, a publisher and a backend.
type world struct {
	redis   *edgetest.Redis
	pub     *edgetest.Publisher
	backend *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{redis: edgetest.StartRedis(t)}
	client := w.redis.Client()
	t.Cleanup(func() { _ = client.Close() })
	w.pub = edgetest.NewPublisher(t, client)
	w.pub.Heartbeat(100 * time.Millisecond)
	w.backend = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(rw, "hello %s %s key=%q", r.URL.Path, r.Header.Get("Tollgate-Consumer"), r.Header.Get("X-Api-Key"))
	}))
	t.Cleanup(w.backend.Close)
	return w
}

// organization publishes the organization that every gateway of a test is of.
func (w *world) organization(version uint64, change ...func(*contract.Organization)) {
	o := &contract.Organization{Schema: 1, ID: "org_1", Num: 1, Version: version, Plan: "pro", PlanNum: 2}
	for _, f := range change {
		f(o)
	}
	w.pub.Organization(o)
}

// document is a gateway "shop" with one route that needs a key.
func (w *world) document(version uint64, change ...func(*contract.Gateway)) *contract.Gateway {
	g := &contract.Gateway{
		Schema: 1, ID: "gw_shop", Num: 11, Name: "shop", Label: "shop", Organization: "org_1", OrganizationNum: 1,
		Mode: contract.ModeLive, Version: version, Hosts: []string{"shop.edge.test"},
		Policies:  []contract.Policy{{Type: "api_key"}},
		Upstreams: []contract.Upstream{{ID: "up_1", Num: 21, Name: "main", Targets: []contract.Target{{URL: w.backend.URL}}}},
		Routes:    []contract.Route{{ID: "rt_1", Num: 31, Name: "hello", Match: contract.Match{Path: "/hello"}, Upstream: "main"}},
	}
	for _, f := range change {
		f(g)
	}
	return g
}

// running is an edge under test.
type running struct {
	*edge.Edge
	cancel context.CancelFunc
	ended  chan error
}

func (w *world) config(t *testing.T, dir string) edge.Config {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return edge.Config{
		DataDir: dir, EdgeID: "edge-a", Keys: &w.pub.Keys.Edge, RedisURL: w.redis.URL(),
		Addr: "127.0.0.1:0", TLSAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Domain: "edge.test",
		AllowPrivate: true, DrainTimeout: time.Second, DrainDelay: 50 * time.Millisecond, ConfirmTimeout: -1, Version: "test", Logger: log,
	}
}

func (w *world) start(t *testing.T, dir string) *running {
	t.Helper()
	return w.startWith(t, w.config(t, dir))
}

func (w *world) startWith(t *testing.T, cfg edge.Config) *running {
	t.Helper()
	e, err := edge.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Edge: e, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- e.Run(ctx) }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

// stop drains the edge and waits for its end; it may be called twice.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Errorf("edge ended with %v", err)
		}
		r.ended <- nil
	case <-time.After(30 * time.Second):
		t.Fatal("the edge did not end")
	}
}

func (r *running) waitReady(t *testing.T) {
	t.Helper()
	select {
	case <-r.Ready():
	case err := <-r.ended:
		t.Fatalf("edge ended: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the edge did not become ready")
	}
}

// answer is what the edge said.
type answer struct {
	status int
	body   string
	header http.Header
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

func (r *running) get(t *testing.T, host, path, key string) answer {
	t.Helper()
	a, err := r.ask(t.Context(), host, path, key)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// ask is get for goroutines that can't end the test.
func (r *running) ask(ctx context.Context, host, path, key string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Addrs()[0].String()+path, nil)
	if err != nil {
		return answer{}, err
	}
	req.Host = host
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(b), resp.Header}, err
}

func (r *running) admin(t *testing.T, path string) answer {
	t.Helper()
	resp, err := client.Get("http://" + r.AdminAddr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(b), resp.Header}
}

// within waits until ok, at most d.
func within(t *testing.T, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("it did not come about: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}

func code(a answer) string { return a.header.Get("Tollgate-Error") }

func has(a answer, text string) bool { return strings.Contains(a.body, text) }
