package chaos

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// Bars of the test.
const (
	releaseUsers = 60
	releaseStop  = 60 * time.Second // from the first bad answer to nobody there
)

// TestRelease (8.7): a canary goes from 10 to 50 percent on its schedule, on two
// edges, and no consumer flips back; then it turns bad, and within a minute nobody
// reaches it on either edge, with the reason in the audit log.
func TestRelease(t *testing.T) {
	c := harness.New(t, harness.Options{Edges: 2})
	var bad atomic.Bool
	var badSince, lastCanary atomic.Int64
	stable := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "stable") }))
	defer stable.Close()
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now := time.Now().UnixNano()
		lastCanary.Store(now)
		if bad.Load() {
			badSince.CompareAndSwap(0, now)
			w.WriteHeader(500)
		}
		fmt.Fprint(w, "canary")
	}))
	defer canary.Close()

	api := c.SignUp("release")
	host := api.Must("POST", "/v1/gateways", harness.Object{"name": "release"})["hostname"].(string)
	put := func(path string, body harness.Object) { api.Must("PUT", "/v1/gateways/release/"+path, body) }
	put("upstreams/stable", harness.Object{"targets": []harness.Object{{"url": stable.URL}}})
	put("upstreams/canary", harness.Object{"targets": []harness.Object{{"url": canary.URL}}})
	put("routes/all", harness.Object{
		"match": harness.Object{"path": "/*"}, "upstream": "stable", "public": true,
		"policies": []harness.Object{{"type": "release", "config": harness.Object{
			"stick_by": harness.Object{"from": "header", "name": "X-User"},
			"variants": []harness.Object{{"name": "canary", "upstream": "canary", "schedule": harness.Object{
				"steps": []harness.Object{{"percent": 10, "for": "15s"}, {"percent": 50, "for": "10m"}},
			}}},
		}}},
	})
	api.WaitLive("release")

	l := &releaseLoad{in: map[string]bool{}, call: harness.NewCaller(32), host: host, edges: []string{c.Edges[0].Addr(), c.Edges[1].Addr()}}
	began := time.Now()
	if !l.until(90*time.Second, func() bool { return l.inside() >= releaseUsers/4 }) {
		t.Fatalf("%d of %d users are in after %s: %v", l.inside(), releaseUsers, time.Since(began), l.state(api))
	}
	t.Logf("%d of %d users in after %.0f s (10 percent for 15 s, then 50)", l.inside(), releaseUsers, time.Since(began).Seconds())
	api.WaitLive("release")
	l.until(2*time.Second, func() bool { return false })
	if l.flipped > 0 || l.failed > 0 || 2*l.inside() != len(l.in) {
		t.Errorf("%d answers came from the stable version to a user who was in, %d requests failed; %d users are in on both edges, %d on one", l.flipped, l.failed, l.inside(), len(l.in)-2*l.inside())
	}

	bad.Store(true)
	stopped := func() bool {
		return badSince.Load() > 0 && time.Since(time.Unix(0, lastCanary.Load())) > 3*time.Second && strings.Contains(l.state(api), "stopped")
	}
	if !l.until(2*time.Minute, stopped) {
		t.Fatalf("the canary is still reached: %s", l.state(api))
	}
	took := time.Duration(lastCanary.Load() - badSince.Load())
	t.Logf("bar: a bad canary is at 0 percent within %s; the last request reached it after %.1f s", releaseStop, took.Seconds())
	if took > releaseStop {
		t.Errorf("it took %s", took)
	}
	lines := api.Must("GET", "/v1/audit?action=release.stop", nil)["items"].([]any)
	if len(lines) != 1 {
		t.Fatalf("%d lines in the audit log: %v", len(lines), lines)
	}
	said := fmt.Sprint(lines[0])
	t.Logf("audit: %s", said)
	if !strings.Contains(said, "worker") || !strings.Contains(said, "percent of") {
		t.Errorf("the audit log says %s", said)
	}
}

// releaseLoad asks both edges for every user, again and again.
type releaseLoad struct {
	call  *harness.Caller
	host  string
	edges []string

	mu              sync.Mutex
	in              map[string]bool // guarded by mu: users and edges on which they have been in
	flipped, failed int             // guarded by mu
}

// inside is how many users have been in on both edges.
func (l *releaseLoad) inside() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for i := range releaseUsers {
		user := fmt.Sprint("user-", i)
		if l.in[user+" "+l.edges[0]] && l.in[user+" "+l.edges[1]] {
			n++
		}
	}
	return n
}

// until asks until done, or the time is up.
func (l *releaseLoad) until(most time.Duration, done func() bool) bool {
	for end := time.Now().Add(most); time.Now().Before(end); {
		harness.Rate(2*releaseUsers, time.Second, func(i int) {
			l.ask(fmt.Sprint("user-", i%releaseUsers), l.edges[i/releaseUsers%2])
		})
		if done() {
			return true
		}
	}
	return false
}

func (l *releaseLoad) ask(user, edge string) {
	r := l.call.Get(edge, l.host, "/", "", "X-User", user)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case r.Err != nil || r.Status != 200:
		l.failed++
	case r.Body == "canary":
		l.in[user+" "+edge] = true
	case l.in[user+" "+edge]:
		l.flipped++
	}
}

// state is the release's, as the management API has it.
func (l *releaseLoad) state(api *harness.API) string {
	route := api.Must("GET", "/v1/gateways/release/routes/all", nil)
	return fmt.Sprint(route["policies"])
}
