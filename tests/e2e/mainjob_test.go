package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestMainJob is a customer's first hour: from nothing to metered traffic.
func TestMainJob(t *testing.T) {
	t.Parallel()
	c := harness.New(t, harness.Options{})
	one, two := harness.StartBackend(t, "one"), harness.StartBackend(t, "two")
	s := newShop(t, c, "shop", []*harness.Backend{one, two}, nil)
	s.put("usage-plans/small", harness.Object{"quota": harness.Object{"limit": 20, "period": "month"}})
	s.keyed("orders", "/orders/*")
	s.api.WaitLive(s.name)
	_, key := s.consumer("alice", "small")
	edge := c.Edges[0].Addr()

	if r := s.call.Get(edge, s.host, "/orders/1", ""); r.Status != 401 || r.Code != "key_missing" {
		t.Fatalf("without a key: %d %s %v", r.Status, r.Body, r.Err)
	}
	sent := s.waitKey("/orders/1", key)
	r := s.call.Get(edge, s.host, "/orders/2?x=1", key)
	sent++
	if r.Status != 200 || !strings.Contains(r.Body, `"consumer":"alice"`) || r.Header.Get("X-Request-Id") == "" {
		t.Fatalf("with a key: %d %s %v", r.Status, r.Body, r.Header)
	}
	if r.Header.Get("RateLimit") == "" || r.Header.Get("RateLimit-Policy") == "" {
		t.Errorf("no RateLimit fields: %v", r.Header)
	}
	for sent < 20 {
		if r = s.call.Get(edge, s.host, "/orders/3", key); r.Status != 200 {
			t.Fatalf("request %d of 20: %d %s", sent+1, r.Status, r.Body)
		}
		sent++
	}
	r = s.call.Get(edge, s.host, "/orders/4", key)
	if r.Status != 429 || r.Code != "quota_exceeded" || r.Header.Get("Retry-After") == "" {
		t.Fatalf("request 21 of 20: %d %s %v", r.Status, r.Body, r.Header)
	}
	var problem harness.Object
	if err := json.Unmarshal([]byte(r.Body), &problem); err != nil || problem["code"] != "quota_exceeded" || problem["request_id"] != r.Header.Get("X-Request-Id") || !strings.Contains(r.Header.Get("Content-Type"), "application/problem+json") {
		t.Errorf("the refusal is no problem document: %s %v", r.Body, err)
	}
	if r = s.call.Get(edge, s.host, "/nothing", key); r.Status != 404 || r.Code != "no_route" {
		t.Errorf("no route: %d %s", r.Status, r.Body)
	}
	if r = s.call.Get(edge, "unknown.localhost", "/orders/1", key); r.Status != 404 || r.Code != "no_route" {
		t.Errorf("unknown host: %d %s", r.Status, r.Body)
	}
	began := time.Now()
	if got := s.usage("route", map[string]int64{"orders": 20}, 30*time.Second); got["orders"] != 20 {
		t.Errorf("usage by route %v, want 20", got)
	}
	t.Logf("usage visible after %v", time.Since(began).Round(10*time.Millisecond))
	if n := one.Counts(t).Requests + two.Counts(t).Requests; n != 20 {
		t.Errorf("the backends saw %d requests, want 20", n)
	}
	if k := one.Counts(t).Keys + two.Counts(t).Keys; k != 0 {
		t.Errorf("%d requests carried the key to the backend", k)
	}
	s.explains(edge, key)
}

// explains checks that the refused request and a question are both answered.
func (s *shop) explains(edge, key string) {
	s.t.Helper()
	r := s.call.Get(edge, s.host, "/orders/5", key)
	id := r.Header.Get("X-Request-Id")
	err := harness.Until(s.t.Context(), 30*time.Second, func() error {
		rep, err := s.api.Do("GET", "/v1/gateways/"+s.name+"/requests/"+id, nil)
		if err != nil {
			return err
		}
		if rep.Status != 200 || !strings.Contains(string(rep.Body), "quota_exceeded") {
			return &apiError{rep}
		}
		return nil
	})
	if err != nil {
		s.t.Errorf("request %s is not explained: %v", id, err)
	}
	o := s.api.Must("POST", "/v1/gateways/"+s.name+"/explain", harness.Object{"method": "GET", "url": "http://" + s.host + "/orders/9", "headers": harness.Object{"X-API-Key": []string{key}}})
	b, _ := json.Marshal(o)
	if !strings.Contains(string(b), `"orders"`) || !strings.Contains(string(b), "quota_exceeded") {
		s.t.Errorf("explain says %s", b)
	}
	if strings.Contains(string(b), key) {
		s.t.Error("explain shows the key")
	}
}

type apiError struct{ r *harness.Reply }

func (e *apiError) Error() string { return string(e.r.Body) }

// TestTenantsAreApart checks that one organization's key and objects are nothing
// to another.
func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	c := harness.New(t, harness.Options{})
	b := harness.StartBackend(t, "only")
	a1, a2 := newShop(t, c, "north", []*harness.Backend{b}, nil), newShop(t, c, "south", []*harness.Backend{b}, nil)
	for _, s := range []*shop{a1, a2} {
		s.keyed("all", "/*")
		s.api.WaitLive(s.name)
	}
	id, key := a1.consumer("alice", "")
	a1.waitKey("/x", key)
	for _, host := range []string{a2.host} {
		if r := a1.call.Get(c.Edges[0].Addr(), host, "/x", key); r.Status != 401 || r.Code != "key_invalid" {
			t.Errorf("north's key at south: %d %s", r.Status, r.Body)
		}
	}
	for _, path := range []string{"/v1/gateways/north", "/v1/gateways/north/keys", "/v1/gateways/north/routes/all", "/v1/gateways/north/keys/" + id} {
		r, err := a2.api.Do("GET", path, nil)
		if err != nil || r.Status != 404 {
			t.Errorf("south reads %s: %d %s %v", path, r.Status, r.Body, err)
		}
	}
	r, err := a2.api.Do("POST", "/v1/gateways/north/keys/"+id+"/revoke", nil)
	if err != nil || r.Status != 404 {
		t.Errorf("south revokes north's key: %d %v", r.Status, err)
	}
	if r := a1.call.Get(c.Edges[0].Addr(), a1.host, "/x", key); r.Status != 200 {
		t.Errorf("north's key after south tried to revoke it: %d %s", r.Status, r.Body)
	}
	a1.revokedIsNamed(id, key, "alice")
}

// revokedIsNamed revokes a key and checks that the log says whose was refused.
func (s *shop) revokedIsNamed(id, key, consumer string) {
	s.t.Helper()
	s.api.Must("POST", "/v1/gateways/"+s.name+"/keys/"+id+"/revoke", nil)
	err := harness.Until(context.Background(), 15*time.Second, func() error {
		if r := s.call.Get(s.Edges[0].Addr(), s.host, "/x", key); r.Status != 401 || r.Code != "key_revoked" {
			return fmt.Errorf("a revoked key: %d %s", r.Status, r.Body)
		}
		r, err := s.api.Do("GET", "/v1/gateways/"+s.name+"/logs?code=key_revoked&consumer="+consumer+"&key="+id, nil)
		if err == nil && (r.Status != 200 || !strings.Contains(string(r.Body), `"code":"key_revoked"`)) {
			err = fmt.Errorf("the log does not name the key's owner: %d %s", r.Status, r.Body)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}
