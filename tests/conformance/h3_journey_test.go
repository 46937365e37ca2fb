package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestHTTP3Journey walks what callers of the other versions walk: where HTTP/3 is
// announced, keys, refusals, limits, quotas; then the log, the metrics and the bill
// say the same as the caller counted.
func TestHTTP3Journey(t *testing.T) {
	s := newSite(t)
	put := func(path string, body harness.Object) { s.api.Must("PUT", "/v1/gateways/conf/"+path, body) }
	const quota, burst = 40, 8
	put("usage-plans/capped", harness.Object{"quota": harness.Object{"limit": quota, "period": "month"}})
	put("usage-plans/slow", harness.Object{"rate_limit": harness.Object{"rate": 1, "per": "minute", "burst": burst}})
	put("routes/inside", harness.Object{
		"match": harness.Object{"path": "/inside/*"}, "upstream": "app", "public": true,
		"policies": []harness.Object{{"type": "ip_filter", "config": harness.Object{"allow": []string{"192.0.2.0/24"}}}},
	})
	put("consumers/bob", harness.Object{"usage_plan": "capped"})
	put("consumers/carol", harness.Object{"usage_plan": "slow"})
	s.api.Must("POST", "/v1/gateways", harness.Object{"name": "second"})
	s.api.WaitLive("conf")
	s.api.WaitLive("second")
	keyID, key := s.api.Key("conf", "bob", nil)
	_, slow := s.api.Key("conf", "carol", nil)
	cl := s.h3Client(t)
	var billed int64
	call := func(method, host, path, key string, body io.Reader) (int, string, http.Header) {
		t.Helper()
		r, err := http.NewRequest(method, "https://"+s.host+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if key != "" {
			r.Header.Set("X-API-Key", key)
		}
		resp, err := cl.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		if resp.ProtoMajor != 3 {
			t.Errorf("answered over %s", resp.Proto)
		}
		code := resp.Header.Get("Tollgate-Error")
		if resp.StatusCode == 200 && code == "" {
			billed++
		}
		return resp.StatusCode, code, resp.Header
	}
	for _, k := range []string{key, slow} {
		if err := harness.Until(t.Context(), 5*time.Second, func() error {
			if status, code, _ := call("GET", s.host, "/admin/x", k, nil); status != 200 {
				return fmt.Errorf("%d %s", status, code)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	large := strings.Repeat("x", 100_000)
	for _, r := range []struct {
		name, method, host, path, key string
		body                          io.Reader
		status                        int
		code                          string
	}{
		{"no key", "GET", s.host, "/admin/x", "", nil, 401, "key_missing"},
		{"a wrong key", "GET", s.host, "/admin/x", "tg_live_0000000000_00000000000000000000000000000000000000", nil, 401, "key_invalid"},
		{"an address that is not let in", "GET", s.host, "/inside/x", "", nil, 403, "forbidden"},
		{"no route", "GET", s.host, "/nowhere", "", nil, 404, "no_route"},
		{"no gateway", "GET", "nobody.localhost", "/public/x", "", nil, 404, "no_route"},
		{"another gateway's host", "GET", "second.localhost", "/public/x", "", nil, 421, "misdirected"},
		{"no such method", "TRACE", s.host, "/public/x", "", nil, 405, "method_not_allowed"},
		{"a body", "POST", s.host, "/public/x", "", strings.NewReader(large), 200, ""},
		{"a body of no known length", "PUT", s.host, "/public/x", "", io.LimitReader(strings.NewReader(large), 99_999), 200, ""},
		{"nothing but a head", "HEAD", s.host, "/public/x", "", nil, 200, ""},
	} {
		if status, code, _ := call(r.method, r.host, r.path, r.key, r.body); status != r.status || code != r.code {
			t.Errorf("%s: %d %s, want %d %s", r.name, status, code, r.status, r.code)
		}
	}
	for i := 1; i <= burst; i++ { // one was spent above
		status, code, header := call("GET", s.host, "/admin/slow", slow, nil)
		if want := i < burst; (status == 200) != want || !want && (status != 429 || code != "rate_limited" || header.Get("Retry-After") == "") {
			t.Errorf("request %d at a rate of %d: %d %s", i+1, burst, status, code)
		}
	}
	spent := 1
	for {
		status, code, _ := call("GET", s.host, "/admin/quota", key, nil)
		if status == 200 {
			spent++
			continue
		}
		if status != 429 || code != "quota_exceeded" {
			t.Errorf("behind the quota: %d %s", status, code)
		}
		break
	}
	if spent != quota {
		t.Errorf("%d of a quota of %d were answered", spent, quota)
	}
	s.api.Must("POST", "/v1/gateways/conf/keys/"+keyID+"/revoke", nil)
	if err := harness.Until(t.Context(), 2*time.Second, func() error {
		if status, code, _ := call("GET", s.host, "/admin/x", key, nil); status != 401 || code != "key_revoked" {
			return fmt.Errorf("%d %s", status, code)
		}
		return nil
	}); err != nil {
		t.Errorf("a revoked key: %v", err)
	}
	s.announced(t)
	s.toldOf(t, billed)
}

// announced checks that HTTP/2 over TLS says where HTTP/3 is.
func (s *site) announced(t *testing.T) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: h3TLS(s.host), ForceAttemptHTTP2: true}
	tr.TLSClientConfig.NextProtos = nil
	defer tr.CloseIdleConnections()
	r, err := http.NewRequest("GET", "https://"+s.secureAddr()+"/public/alt", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "nobody.localhost" // refused, and not counted
	resp, err := (&http.Client{Transport: tr}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	_, port, _ := strings.Cut(s.secureAddr(), ":")
	if got, want := resp.Header.Get("Alt-Svc"), `h3=":`+port+`"; ma=86400`; resp.ProtoMajor != 2 || got != want {
		t.Errorf("%s: Alt-Svc is %q, want %q", resp.Proto, got, want)
	}
}

// toldOf checks the log's protocol, the metrics and the bill.
func (s *site) toldOf(t *testing.T, billed int64) {
	t.Helper()
	const before = 1 // newSite's own, over HTTP/1.1
	if err := harness.Until(t.Context(), 15*time.Second, func() error {
		q := url.Values{"interval": {"total"}, "group_by": {"route"}}
		var got int64
		series, _ := s.api.Must("GET", "/v1/gateways/conf/usage?"+q.Encode(), nil)["series"].([]any)
		for _, e := range series {
			points, _ := e.(harness.Object)["points"].([]any)
			for _, p := range points {
				n, _ := p.(harness.Object)["billed"].(float64)
				got += int64(n)
			}
		}
		if got != billed+before {
			return fmt.Errorf("billed %d, the caller counted %d", got, billed+before)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := harness.Until(t.Context(), 10*time.Second, func() error {
		r, err := s.api.Do("GET", "/v1/gateways/conf/logs?code=forbidden", nil)
		if err != nil || r.Status != 200 || !strings.Contains(string(r.Body), `"protocol":"HTTP/3.0"`) {
			return fmt.Errorf("%v %.400s", err, r.Body)
		}
		return nil
	}); err != nil {
		t.Errorf("the log: %v", err)
	}
	m := s.metrics(t)
	if m[`tollgate_edge_requests_total{class="2xx",protocol="http3"}`] != float64(billed) || m["tollgate_edge_http3_connections"] < 1 || m["tollgate_edge_http3_connections_total"] < 1 {
		t.Errorf("metrics: %v answered of %d", m[`tollgate_edge_requests_total{class="2xx",protocol="http3"}`], billed)
	}
}

// metrics reads the edge's.
func (s *site) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("http://127.0.0.1:%d/metrics", s.c.Edges[0].Admin), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		var v float64
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			if _, err := fmt.Sscan(value, &v); err == nil {
				out[name] = v
			}
		}
	}
	return out
}
