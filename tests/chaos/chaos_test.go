package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// site is a gateway with one keyed route over one backend.
type site struct {
	*harness.Cluster
	api     *harness.API
	name    string
	host    string
	call    *harness.Caller
	backend *harness.Backend
	t       testing.TB
}

func newSite(t testing.TB, o harness.Options, name string) *site {
	t.Helper()
	c := harness.New(t, o)
	s := &site{Cluster: c, api: c.SignUp(name), name: name, call: harness.NewCaller(256), backend: harness.StartBackend(t, "only"), t: t}
	s.host = s.api.Must("POST", "/v1/gateways", harness.Object{"name": name})["hostname"].(string)
	s.put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": s.backend.URL()}}})
	s.route("all", "/*")
	s.put("consumers/alice", harness.Object{})
	s.api.WaitLive(name)
	return s
}

func (s *site) put(path string, body harness.Object) harness.Object {
	s.t.Helper()
	return s.api.Must("PUT", "/v1/gateways/"+s.name+"/"+path, body)
}

func (s *site) route(name, path string, more ...harness.Object) {
	s.t.Helper()
	s.put("routes/"+name, harness.Object{
		"match": harness.Object{"path": path}, "upstream": "app",
		"policies": append([]harness.Object{{"type": "api_key", "config": harness.Object{}}}, more...),
	})
}

// get sends one request to an edge.
func (s *site) get(e *harness.Edge, path, key string) harness.Result {
	return s.call.Get(e.Addr(), s.host, path, key)
}

// accepted waits until an edge answers 200 for the key.
func (s *site) accepted(e *harness.Edge, path, key string, limit time.Duration) (int64, error) {
	n := int64(0)
	return n + 1, harness.Until(context.Background(), limit, func() error {
		r := s.get(e, path, key)
		if r.Err != nil {
			return r.Err
		}
		if r.Status != 200 {
			return fmt.Errorf("%d %s", r.Status, r.Body)
		}
		return nil
	})
}

// billed returns the billed total of the gateway by route.
func (s *site) billed(groupBy string) map[string]int64 {
	s.t.Helper()
	q := url.Values{"group_by": {groupBy}, "interval": {"hour"}, "from": {time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)}, "to": {time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}}
	o := s.api.Must("GET", "/v1/gateways/"+s.name+"/usage?"+q.Encode(), nil)
	got := map[string]int64{}
	series, _ := o["series"].([]any)
	for _, e := range series {
		g, _ := e.(map[string]any)
		name, _ := g["name"].(string)
		if id, _ := g["id"].(string); groupBy == "key" {
			name = id
		}
		points, _ := g["points"].([]any)
		for _, p := range points {
			if n, _ := p.(map[string]any)["billed"].(float64); n > 0 {
				got[name] += int64(n)
			}
		}
	}
	return got
}

// spread describes times by their quantiles.
type spread []time.Duration

func (s spread) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	o := slices.Clone(s)
	slices.Sort(o)
	return o[min(len(o)-1, int(q*float64(len(o))))]
}

func (s spread) String() string {
	return fmt.Sprintf("n=%d p50=%v p90=%v p99=%v max=%v", len(s), s.at(0.5).Round(100*time.Microsecond), s.at(0.9).Round(100*time.Microsecond), s.at(0.99).Round(100*time.Microsecond), s.at(1).Round(100*time.Microsecond))
}

// bestOf runs f up to three times, prints each, and fails only if none is good.
func bestOf(t *testing.T, f func() (string, error)) {
	t.Helper()
	var all []error
	for try := range 3 {
		text, err := f()
		t.Logf("run %d: %s", try+1, text)
		if err == nil {
			return
		}
		all = append(all, err)
	}
	t.Error(errors.Join(all...))
}
