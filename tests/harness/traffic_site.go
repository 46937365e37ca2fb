package harness

import (
	"fmt"
	"net/url"
	"testing"
	"time"
)

// TrafficSite is a gateway for Traffic, with a backend for each kind of it.
type TrafficSite struct {
	*Cluster
	API     *API
	Name    string
	Host    string
	Key     string
	Backend *Backend
}

// NewTrafficSite makes one in a new cluster.
func NewTrafficSite(t testing.TB, o Options, name string) *TrafficSite {
	t.Helper()
	c := New(t, o)
	s := &TrafficSite{Cluster: c, API: c.SignUp(name), Name: name, Backend: StartBackend(t, "only")}
	s.Host = s.API.Must("POST", "/v1/gateways", Object{"name": name})["hostname"].(string)
	target := func(url string) []Object { return []Object{{"url": url}} }
	s.Put("upstreams/app", Object{"targets": target(s.Backend.URL())})
	s.Put("upstreams/ws", Object{"targets": target(WebSocketOrigin(t, func(error) {}))})
	s.Put("upstreams/rpc", Object{"targets": target(GRPCOrigin(t)), "protocol": "h2c"})
	s.Route("http", "/http/*", "app", nil)
	s.Route("ws", "/ws/*", "ws", Object{"websocket": Object{}})
	s.Route("rpc", "/grpc.testing.TestService/*", "rpc", nil)
	s.Put("consumers/alice", Object{})
	_, s.Key = s.API.Key(name, "alice", nil)
	s.API.WaitLive(name)
	return s
}

// Put puts a part of the gateway.
func (s *TrafficSite) Put(path string, body Object) Object {
	s.T.Helper()
	return s.API.Must("PUT", "/v1/gateways/"+s.Name+"/"+path, body)
}

// Route puts a route that needs a key.
func (s *TrafficSite) Route(name, path, upstream string, more Object) {
	s.T.Helper()
	r := Object{"match": Object{"path": path}, "upstream": upstream, "policies": []Object{{"type": "api_key", "config": Object{}}}}
	for k, v := range more {
		r[k] = v
	}
	s.Put("routes/"+name, r)
}

// Billed returns what is billed by route.
func (s *TrafficSite) Billed() map[string]int64 {
	s.T.Helper()
	q := url.Values{"group_by": {"route"}, "interval": {"hour"}, "from": {time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)}, "to": {time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}}
	o := s.API.Must("GET", "/v1/gateways/"+s.Name+"/usage?"+q.Encode(), nil)
	got := map[string]int64{}
	series, _ := o["series"].([]any)
	for _, e := range series {
		g, _ := e.(map[string]any)
		name, _ := g["name"].(string)
		points, _ := g["points"].([]any)
		for _, p := range points {
			if n, _ := p.(map[string]any)["billed"].(float64); n > 0 {
				got[name] += int64(n)
			}
		}
	}
	return got
}

// Settled waits until what is billed is what callers received, and fails the test
// if it never is.
func (s *TrafficSite) Settled(f *Traffic) {
	s.T.Helper()
	want := map[string]int64{"http": f.Requests.Good.Load(), "ws": f.WS.Good.Load(), "rpc": f.GRPC.Good.Load() + f.Unary.Good.Load()}
	began := time.Now()
	err := Until(s.T.Context(), 40*time.Second, func() error {
		got := s.Billed()
		for name, n := range want {
			if got[name] != n {
				return fmt.Errorf("route %s: %d received, %d billed", name, n, got[name])
			}
		}
		return nil
	})
	if err != nil {
		s.T.Error(err)
		return
	}
	s.T.Logf("billed is what was received, %v after the end: %v", time.Since(began).Round(100*time.Millisecond), want)
}
