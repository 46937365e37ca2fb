package publish

import (
	"crypto/x509"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of an upstream.
const (
	maxTargets   = 256
	maxWeight    = 1000
	maxIdleConns = 10_000
	maxRetries   = 10
	maxCAPEM     = 256 << 10
	maxStatuses  = 64
)

func (c *Checker) upstream(f *findings, at string, u *contract.Upstream) {
	oneOf(f, at+"/algorithm", u.Algorithm, contract.RoundRobin, contract.LeastRequest, contract.Random, contract.IPHash, contract.ConsistentHash)
	oneOf(f, at+"/protocol", u.Protocol, "http1", "h2", "h2c")
	oneOf(f, at+"/when_all_down", u.WhenAllDown, "try_all", "refuse")
	c.targets(f, at, u)
	hashOn(f, at, u)
	if h := u.Health; h != nil {
		health(f, at+"/health", h)
	}
	if o := u.Outlier; o != nil {
		count(f, at+"/outlier_detection/consecutive_errors", o.ConsecutiveErrors, 1000)
		count(f, at+"/outlier_detection/max_ejected_percent", o.MaxEjectedPercent, 100)
		duration(f, at+"/outlier_detection/base_ejection", o.BaseEjection, 5*time.Minute)
	}
	if k := u.Keepalive; k != nil {
		count(f, at+"/keepalive/max_idle", k.MaxIdle, maxIdleConns)
		duration(f, at+"/keepalive/idle_timeout", k.IdleTimeout, time.Hour)
	}
	if t := u.Timeouts; t != nil {
		duration(f, at+"/timeouts/connect", t.Connect, time.Minute)
		duration(f, at+"/timeouts/per_try", t.PerTry, maxTimeout)
		duration(f, at+"/timeouts/total", t.Total, maxTimeout)
		duration(f, at+"/timeouts/idle", t.Idle, maxTimeout)
	}
	if r := u.Retries; r != nil {
		count(f, at+"/retries/attempts", r.Attempts, maxRetries)
		count(f, at+"/retries/budget_percent", r.BudgetPercent, 100)
		for i, on := range r.On {
			required(f, at+contract.Pointer("retries", "on", i), on, "reset", "timeout", "502", "503", "504")
		}
	}
	c.tls(f, at, u)
}

func (c *Checker) targets(f *findings, at string, u *contract.Upstream) {
	if len(u.Targets) == 0 {
		f.add(at+"/targets", "must have at least one target")
	}
	if len(u.Targets) > maxTargets {
		f.addf(at+"/targets", "has %d targets, at most %d are allowed", len(u.Targets), maxTargets)
		return
	}
	seen := map[string]int{}
	scheme := ""
	for i := range u.Targets {
		t := &u.Targets[i]
		here := at + contract.Pointer("targets", i)
		if t.Weight != nil && (*t.Weight < 0 || *t.Weight > maxWeight) {
			f.addf(here+"/weight", "must be from 0 to %d", maxWeight)
		}
		url, err := c.Guard.CheckUpstreamURL(t.URL)
		if err != nil {
			f.add(here+"/url", err.Error())
			continue
		}
		if first, ok := seen[url.String()]; ok {
			f.addf(here+"/url", "stands at %s already; raise its weight instead", contract.Pointer("targets", first))
		}
		seen[url.String()] = i
		if s, _, _ := strings.Cut(url.String(), ":"); scheme == "" {
			scheme = s
		} else if s != scheme {
			f.addf(here+"/url", "begins with %s, another target with %s: an upstream's targets share one scheme", s, scheme)
		}
		switch {
		case u.Protocol == "h2c" && strings.HasPrefix(url.String(), "https:"):
			f.add(here+"/url", "is https, but the protocol h2c is HTTP/2 in clear text: use h2")
		case u.Protocol == "h2" && strings.HasPrefix(url.String(), "http:"):
			f.add(here+"/url", "is http, but the protocol h2 needs TLS: use h2c")
		}
	}
}

func hashOn(f *findings, at string, u *contract.Upstream) {
	h := u.HashOn
	switch {
	case u.Algorithm == contract.ConsistentHash && h == nil:
		f.add(at+"/hash_on", "says what consistent_hash hashes: it must be given")
	case u.Algorithm != contract.ConsistentHash && h != nil:
		f.add(at+"/hash_on", "is for the algorithm consistent_hash only")
	case h == nil:
		return
	}
	if h == nil {
		return
	}
	required(f, at+"/hash_on/source", h.Source, "header", "cookie", "query", "path_param", "ip")
	if h.Source == "ip" && h.Name != "" {
		f.add(at+"/hash_on/name", "has no meaning for ip")
	}
	if h.Source != "ip" && (h.Name == "" || len(h.Name) > 128) {
		f.add(at+"/hash_on/name", "must be 1 to 128 characters")
	}
}

func health(f *findings, at string, h *contract.HealthCheck) {
	required(f, at+"/type", h.Type, "http", "tcp")
	if h.Type == "tcp" && (h.Path != "" || h.Host != "" || len(h.Statuses) > 0) {
		f.add(at, "path, host and statuses are for http checks only")
	}
	if h.Path != "" {
		path, query, _ := strings.Cut(h.Path, "?")
		if canon, err := match.PathString(path); err != nil {
			f.add(at+"/path", err.Error())
		} else if canon != path {
			f.addf(at+"/path", "is not canonical: write %.200q", canon)
		}
		if err := match.CheckQuery(query); err != nil {
			f.add(at+"/path", err.Error())
		}
	}
	if h.Host != "" {
		if _, _, err := match.HostString(h.Host); err != nil {
			f.add(at+"/host", err.Error())
		}
	}
	if len(h.Statuses) > maxStatuses {
		f.addf(at+"/statuses", "has more than %d entries", maxStatuses)
	}
	for i, s := range h.Statuses {
		if s < http.StatusOK || s > 599 {
			f.add(at+contract.Pointer("statuses", i), "must be from 200 to 599")
		}
	}
	if h.Interval != 0 && h.Interval.Std() < 100*time.Millisecond {
		f.add(at+"/interval", "must be at least 100ms")
	}
	duration(f, at+"/interval", h.Interval, 10*time.Minute)
	duration(f, at+"/timeout", h.Timeout, time.Minute)
	count(f, at+"/unhealthy", h.Unhealthy, 100)
	count(f, at+"/healthy", h.Healthy, 100)
}

func (c *Checker) tls(f *findings, at string, u *contract.Upstream) {
	if u.TLS == nil {
		return
	}
	if u.TLS.SkipVerify && !c.Guard.AllowPrivate {
		f.add(at+"/tls/skip_verify", "is allowed only where private upstreams are; give the CA's certificate in ca_pem instead")
	}
	if pem := u.TLS.CAPEM; pem != "" {
		if len(pem) > maxCAPEM {
			f.addf(at+"/tls/ca_pem", "is larger than %d bytes", maxCAPEM)
		} else if !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) {
			f.add(at+"/tls/ca_pem", "holds no certificate in PEM form")
		}
	}
}

func usagePlan(f *findings, at string, p *contract.UsagePlan, routes map[string]bool) {
	if r := p.RateLimit; r != nil {
		if r.Rate < 1 || r.Rate > math.MaxInt32 {
			f.addf(at+"/rate_limit/rate", "must be from 1 to %d", math.MaxInt32)
		}
		oneOf(f, at+"/rate_limit/per", r.Per, "second", "minute", "hour")
		if r.Burst < 0 || r.Burst > math.MaxInt32 {
			f.addf(at+"/rate_limit/burst", "must be from 0 to %d", math.MaxInt32)
		}
	}
	if q := p.Quota; q != nil {
		if q.Limit < 1 || q.Limit > 1<<50 {
			f.addf(at+"/quota/limit", "must be from 1 to %d", int64(1)<<50)
		}
		required(f, at+"/quota/period", q.Period, "hour", "day", "week", "month")
	}
	count(f, at+"/concurrency", p.Concurrency, 1_000_000)
	seen := map[string]bool{}
	for i, name := range p.Routes {
		here := at + contract.Pointer("routes", i)
		switch {
		case !routes[name]:
			f.addf(here, "the gateway has no route %.140q", name)
		case seen[name]:
			f.addf(here, "%.140q is listed twice", name)
		}
		seen[name] = true
	}
}

// oneOf accepts an empty value too, which means the default.
func oneOf(f *findings, at, value string, allowed ...string) {
	if value != "" {
		required(f, at, value, allowed...)
	}
}

func required(f *findings, at, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	text := "must be one of " + strings.Join(allowed, ", ")
	if near, ok := contract.Closest(value, allowed); ok {
		text += "; did you mean " + near + "?"
	}
	f.add(at, text)
}

func count(f *findings, at string, n, most int) {
	if n < 0 || n > most {
		f.addf(at, "must be from 0 to %d", most)
	}
}
