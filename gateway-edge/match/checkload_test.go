package match

import (
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// TestCheckBalancing: each bad field of limits, sessions, breakers, checks and
// service names has its pointer, and what is good has none.
func TestCheckBalancing(t *testing.T) {
	t.Parallel()
	cookie := func(c contract.SessionCookie) func(*contract.Upstream) {
		return func(u *contract.Upstream) { u.Sessions = &contract.Sessions{By: "cookie", Cookie: &c} }
	}
	check := func(h contract.HealthCheck) func(*contract.Upstream) {
		return func(u *contract.Upstream) { u.Health = &h }
	}
	srv := func(url string) func(*contract.Upstream) {
		return func(u *contract.Upstream) { u.Targets[0] = contract.Target{URL: url, SRV: true} }
	}
	for name, c := range map[string]struct {
		edit func(*contract.Upstream)
		want string // pointers; empty: accepted
	}{
		"everything": {func(u *contract.Upstream) {
			u.Algorithm, u.MaxRequests, u.Queue = contract.LeastTime, 5, &contract.Queue{Length: 10, Timeout: contract.Duration(time.Second)}
			u.Targets[0].Priority, u.Targets[1].Backup, u.Targets[1].MaxRequests = 9, true, 3
			u.SlowStart, u.DrainTimeout = contract.Duration(time.Minute), contract.Duration(time.Minute)
			u.Breaker = &contract.CircuitBreaker{ErrorPercent: 50, MinRequests: 1, Window: contract.Duration(time.Second), MaxConcurrent: 9, Open: contract.Duration(time.Second), Probes: 2}
			u.Outlier = &contract.OutlierDetection{Consecutive5xx: 3, MinSuccessPercent: 90, MinRequests: 10, MaxEjection: contract.Duration(time.Minute)}
			u.Retries = &contract.Retries{On: []string{"500"}, Backoff: contract.Duration(time.Millisecond), MaxBackoff: contract.Duration(time.Second)}
			u.Sessions = &contract.Sessions{By: "header", Header: "X-User"}
		}, ""},
		"targets": {func(u *contract.Upstream) {
			u.Targets[0].Priority, u.Targets[0].MaxRequests = 10, -1
			u.Targets[1].Priority, u.Targets[1].Backup = 1, true
		}, "/targets/0/priority /targets/0/max_requests /targets/1/backup"},
		"load": {func(u *contract.Upstream) {
			u.MaxRequests, u.SlowStart, u.DrainTimeout = -1, -1, contract.Duration(2*time.Hour)
		}, "/max_requests /slow_start /drain_timeout"},
		"slow start of a hash": {func(u *contract.Upstream) { u.Algorithm, u.SlowStart = contract.IPHash, contract.Duration(time.Second) }, "/slow_start"},
		"a queue for nothing":  {func(u *contract.Upstream) { u.Queue = &contract.Queue{} }, "/queue"},
		"a queue of one target": {func(u *contract.Upstream) {
			u.Targets[1].MaxRequests, u.Queue = 1, &contract.Queue{Length: -1, Timeout: -1}
		}, "/queue/length /queue/timeout"},
		"breaker": {func(u *contract.Upstream) {
			u.Breaker = &contract.CircuitBreaker{ErrorPercent: 101, MinRequests: -1, MaxConcurrent: -1, Probes: 101, Window: 1, Open: 1}
		}, "/circuit_breaker/error_percent /circuit_breaker/min_requests /circuit_breaker/max_concurrent /circuit_breaker/probes /circuit_breaker/window /circuit_breaker/open"},
		"outlier": {func(u *contract.Upstream) {
			u.Outlier = &contract.OutlierDetection{Consecutive5xx: -1, MinSuccessPercent: 101, MinRequests: -1, MaxEjection: -1}
		}, "/outlier_detection/consecutive_5xx /outlier_detection/min_success_percent /outlier_detection/min_requests /outlier_detection/max_ejection"},
		"retries": {func(u *contract.Upstream) {
			u.Retries = &contract.Retries{Backoff: -1, MaxBackoff: contract.Duration(time.Hour)}
		}, "/retries/backoff /retries/max_backoff"},
		"sessions by what":      {func(u *contract.Upstream) { u.Sessions = &contract.Sessions{By: "moon"} }, "/session_persistence/by"},
		"sessions twice":        {func(u *contract.Upstream) { u.Algorithm, u.Sessions = contract.IPHash, &contract.Sessions{By: "ip"} }, "/session_persistence"},
		"sessions of no header": {func(u *contract.Upstream) { u.Sessions = &contract.Sessions{By: "header"} }, "/session_persistence/header"},
		"a header too many":     {func(u *contract.Upstream) { u.Sessions = &contract.Sessions{By: "ip", Header: "X"} }, "/session_persistence/header"},
		"a cookie too many": {func(u *contract.Upstream) {
			u.Sessions = &contract.Sessions{By: "ip", Cookie: &contract.SessionCookie{}}
		}, "/session_persistence/cookie"},
		"cookie": {cookie(contract.SessionCookie{Name: "__Host-s", SameSite: "none", MaxAge: contract.Duration(time.Hour)}), ""},
		"cookie fields": {
			cookie(contract.SessionCookie{Name: "a=b", Path: "x;y", Domain: "127.0.0.1", MaxAge: 1, SameSite: "Lax"}),
			"/session_persistence/cookie/name /session_persistence/cookie/path /session_persistence/cookie/domain /session_persistence/cookie/max_age /session_persistence/cookie/same_site",
		},
		"cookie of a host": {cookie(contract.SessionCookie{Name: "__Host-s", Path: "/a"}), "/session_persistence/cookie/name"},
		"cookie over TLS":  {cookie(contract.SessionCookie{Name: "__Secure-s", SameSite: "none", Insecure: true}), "/session_persistence/cookie/name /session_persistence/cookie/same_site"},
		"check of all":     {check(contract.HealthCheck{Type: "http", Headers: []contract.HealthHeader{{Name: "X-Probe", Value: "a b"}}, BodyContains: "ok", BodyRegex: "^o"}), ""},
		"grpc over http1":  {check(contract.HealthCheck{Type: "grpc", Service: "a.B"}), "/health/type"},
		"grpc with a path": {func(u *contract.Upstream) {
			u.Protocol = "h2"
			u.Targets = u.Targets[1:]
			u.Health = &contract.HealthCheck{Type: "grpc", Path: "/", Service: "a b"}
		}, "/health /health/service"},
		"service of http":   {check(contract.HealthCheck{Type: "http", Service: "x"}), "/health/service"},
		"regex":             {check(contract.HealthCheck{Type: "http", BodyRegex: "("}), "/health/body_regex"},
		"headers (SSR13)":   {check(contract.HealthCheck{Type: "http", Headers: []contract.HealthHeader{{Name: "host", Value: "x"}, {Name: "X", Value: "a\r\nb"}, {Name: "a b", Value: "x"}}}), "/health/headers/0/name /health/headers/1/value /health/headers/2/name"},
		"srv":               {srv("https://_web._tcp.shop.example"), ""},
		"srv of no service": {srv("http://shop.example"), "/targets/0/url"},
		"srv with a port":   {srv("http://_web._tcp.shop.example:80"), "/targets/0/url"},
		"srv over udp":      {srv("http://_web._udp.shop.example"), "/targets/0/url"},
		"srv inside":        {srv("http://_web._tcp.localhost"), "/targets/0/url"},
		"srv of an address": {srv("http://_web._tcp.192.0.2.1"), "/targets/0/url"},
	} {
		u := contract.Upstream{Name: "u", Targets: []contract.Target{{URL: "http://a.example"}, {URL: "https://b.example"}}}
		c.edit(&u)
		_, errs := CheckUpstream(&u, &Guard{})
		var got []string
		for _, e := range errs {
			got = append(got, e.Pointer)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %q", name, errs, c.want)
		}
	}
}
