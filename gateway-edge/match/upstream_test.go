package match

import (
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

func TestCheckUpstream(t *testing.T) {
	t.Parallel()
	base := func() contract.Upstream {
		return contract.Upstream{Name: "u", Targets: []contract.Target{{URL: "http://a.example"}, {URL: "https://b.example"}}}
	}
	long := contract.Duration(2 * time.Hour)
	weight := MaxWeight + 1
	for name, c := range map[string]struct {
		edit func(*contract.Upstream)
		want string // pointers; empty: accepted
	}{
		"plain":             {func(u *contract.Upstream) {}, ""},
		"algorithm":         {func(u *contract.Upstream) { u.Algorithm = "x" }, "/algorithm"},
		"no targets":        {func(u *contract.Upstream) { u.Targets = nil }, "/targets"},
		"too many targets":  {func(u *contract.Upstream) { u.Targets = make([]contract.Target, MaxTargets+1) }, "/targets"},
		"weight":            {func(u *contract.Upstream) { u.Targets[1].Weight = &weight }, "/targets/1/weight"},
		"twice":             {func(u *contract.Upstream) { u.Targets[1].URL = "http://A.example:80" }, "/targets/1/url"},
		"forbidden":         {func(u *contract.Upstream) { u.Targets[0].URL = "http://10.0.0.1" }, "/targets/0/url"},
		"h2 in clear text":  {func(u *contract.Upstream) { u.Protocol = "h2" }, "/targets/0/url"},
		"h2c over TLS":      {func(u *contract.Upstream) { u.Protocol = "h2c" }, "/targets/1/url"},
		"hash missing":      {func(u *contract.Upstream) { u.Algorithm = contract.ConsistentHash }, "/hash_on"},
		"hash not wanted":   {func(u *contract.Upstream) { u.HashOn = &contract.HashOn{Source: "ip"} }, "/hash_on"},
		"hash of nothing":   {hashes("header", ""), "/hash_on/name"},
		"hash of a header":  {hashes("header", "X-User"), ""},
		"hash of no header": {hashes("header", "X User"), "/hash_on/name"},
		"hash of a query":   {hashes("query", "a b"), ""},
		"hash of ip":        {hashes("ip", ""), ""},
		"hash of named ip":  {hashes("ip", "x"), "/hash_on/name"},
		"hash of what":      {hashes("body", "x"), "/hash_on/source"},
		"check":             {func(u *contract.Upstream) { u.Health = &contract.HealthCheck{Type: "http", Path: "/h?x=1"} }, ""},
		"check of what":     {func(u *contract.Upstream) { u.Health = &contract.HealthCheck{} }, "/health/type"},
		"tcp with a path":   {func(u *contract.Upstream) { u.Health = &contract.HealthCheck{Type: "tcp", Path: "/"} }, "/health"},
		"check path (SSR13)": {func(u *contract.Upstream) {
			u.Health = &contract.HealthCheck{Type: "http", Path: "/x HTTP/1.1\r\nX: y", Host: "a\r\nb"}
		}, "/health/path /health/host"},
		"check query (SSR13)": {func(u *contract.Upstream) { u.Health = &contract.HealthCheck{Type: "http", Path: "/x?a b"} }, "/health/path"},
		"timeouts": {func(u *contract.Upstream) {
			u.Timeouts = &contract.Timeouts{Connect: long, PerTry: -1, Total: long, Idle: long}
		}, "/timeouts/connect /timeouts/per_try /timeouts/total /timeouts/idle"},
		"outlier": {func(u *contract.Upstream) {
			u.Outlier = &contract.OutlierDetection{ConsecutiveErrors: -1, BaseEjection: long}
		}, "/outlier_detection/consecutive_errors /outlier_detection/base_ejection"},
		"keepalive": {func(u *contract.Upstream) { u.Keepalive = &contract.Keepalive{IdleTimeout: long} }, "/keepalive/idle_timeout"},
		"retries": {func(u *contract.Upstream) {
			u.Retries = &contract.Retries{BudgetPercent: 101, On: []string{"reset", "5xx"}}
		}, "/retries/budget_percent /retries/on/1"},
		"not verified": {func(u *contract.Upstream) { u.TLS = &contract.UpstreamTLS{SkipVerify: true} }, "/tls/skip_verify"},
	} {
		u := base()
		c.edit(&u)
		urls, errs := CheckUpstream(&u, &Guard{})
		var got []string
		for _, e := range errs {
			got = append(got, e.Pointer)
		}
		if strings.Join(got, " ") != c.want || c.want == "" && len(urls) != len(u.Targets) {
			t.Errorf("%s: %v, want %q", name, errs, c.want)
		}
	}
}

func hashes(source, name string) func(*contract.Upstream) {
	return func(u *contract.Upstream) {
		u.Algorithm, u.HashOn = contract.ConsistentHash, &contract.HashOn{Source: source, Name: name}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	var all Methods
	for _, name := range MethodNames() {
		m := MethodOf(name)
		if m == 0 || all&m != 0 || !m.Take(m) || !Methods(0).Take(m) {
			t.Errorf("%s is %b", name, m)
		}
		all |= m
	}
	for _, name := range []string{"", "get", "TRACE", "CONNECT", "PRI", "BREW"} {
		if MethodOf(name) != 0 {
			t.Errorf("%s can be routed", name)
		}
	}
	get, post := MethodOf("GET"), MethodOf("POST")
	if !get.Take(MethodOf("HEAD")) || post.Take(get) || post.Take(0) || !Methods(0).Take(0) {
		t.Error("GET and HEAD")
	}
	if s := (get | post | MethodOf("DELETE")).String(); s != "GET, HEAD, POST, DELETE" {
		t.Error(s)
	}
}
