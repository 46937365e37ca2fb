package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// long says whether the tests run at the release gate's sizes.
var long = os.Getenv("TOLLGATE_LONG") != ""

// shop is a gateway with keys, as the tests use it.
type shop struct {
	*harness.Cluster
	api  *harness.API
	name string
	host string
	call *harness.Caller
	t    testing.TB
}

// newShop signs up, makes a gateway and an upstream over the backends with the
// weights (nil: all 1).
func newShop(t testing.TB, c *harness.Cluster, name string, backends []*harness.Backend, weights []int) *shop {
	t.Helper()
	s := &shop{Cluster: c, api: c.SignUp(name), name: name, call: harness.NewCaller(64), t: t}
	g := s.api.Must("POST", "/v1/gateways", harness.Object{"name": name})
	s.host = g["hostname"].(string)
	var targets []harness.Object
	for i, b := range backends {
		o := harness.Object{"url": b.URL()}
		if weights != nil {
			o["weight"] = weights[i]
		}
		targets = append(targets, o)
	}
	s.put("upstreams/app", harness.Object{"targets": targets})
	return s
}

func (s *shop) put(path string, body harness.Object) harness.Object {
	s.t.Helper()
	return s.api.Must("PUT", "/v1/gateways/"+s.name+"/"+path, body)
}

// keyed makes a route on path that wants an API key.
func (s *shop) keyed(name, path string, more ...harness.Object) {
	s.t.Helper()
	policies := []harness.Object{{"type": "api_key", "config": harness.Object{}}}
	s.put("routes/"+name, harness.Object{"match": harness.Object{"path": path}, "policies": append(policies, more...), "upstream": "app"})
}

// consumer makes a consumer with a key, on a usage plan unless that is "".
func (s *shop) consumer(name, usagePlan string) (id, key string) {
	s.t.Helper()
	in := harness.Object{}
	if usagePlan != "" {
		in["usage_plan"] = usagePlan
	}
	s.put("consumers/"+name, in)
	return s.api.Key(s.name, name, nil)
}

// waitKey waits until every edge accepts the key on path. The requests that it
// takes are returned, so that a test may subtract them.
func (s *shop) waitKey(path, key string) (sent int) {
	s.t.Helper()
	for _, e := range s.Edges {
		err := harness.Until(context.Background(), 30*time.Second, func() error {
			r := s.call.Get(e.Addr(), s.host, path, key)
			if r.Err == nil && r.Status/100 == 2 {
				sent++
				return nil
			}
			return fmt.Errorf("%d %s %v", r.Status, r.Body, r.Err)
		})
		if err != nil {
			s.t.Fatalf("%s does not take the key: %v", e.ID, err)
		}
	}
	return sent
}

// usage returns the billed totals by a dimension ("key", "route", …) once they
// stay the same as want, or whatever they are after the limit.
func (s *shop) usage(groupBy string, want map[string]int64, limit time.Duration) map[string]int64 {
	s.t.Helper()
	var got map[string]int64
	_ = harness.Until(context.Background(), limit, func() error {
		got = map[string]int64{}
		q := url.Values{
			"group_by": {groupBy}, "interval": {"hour"},
			"from": {time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)}, "to": {time.Now().Add(time.Hour).UTC().Format(time.RFC3339)},
		}
		o := s.api.Must("GET", "/v1/gateways/"+s.name+"/usage?"+q.Encode(), nil)
		series, _ := o["series"].([]any)
		for _, e := range series {
			g := e.(map[string]any)
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
		for k, n := range want {
			if got[k] != n {
				return fmt.Errorf("%s: %d, want %d", k, got[k], n)
			}
		}
		return nil
	})
	return got
}
