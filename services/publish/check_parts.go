package publish

import (
	"math"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// upstream asks the code that the edge compiles upstreams with.
func (c *Checker) upstream(f *findings, at string, u *contract.Upstream) {
	_, errs := match.CheckUpstream(u, &c.Guard)
	f.addAt(at, errs.Err())
}

// Bounds of a usage plan. A quota stays exact in a double, in which Redis counts.
const (
	maxRate        = math.MaxInt32
	maxQuota       = int64(1) << 50
	maxConcurrency = 1_000_000
)

func usagePlan(f *findings, at string, p *contract.UsagePlan, routes map[string]bool) {
	if r := p.RateLimit; r != nil {
		if r.Rate < 1 || r.Rate > maxRate {
			f.addf(at+"/rate_limit/rate", "must be from 1 to %d", maxRate)
		}
		if r.Per != "" {
			oneOf(f, at+"/rate_limit/per", r.Per, "second", "minute", "hour")
		}
		if r.Burst < 0 || r.Burst > maxRate {
			f.addf(at+"/rate_limit/burst", "must be from 0 to %d", maxRate)
		}
	}
	if q := p.Quota; q != nil {
		if q.Limit < 1 || q.Limit > maxQuota {
			f.addf(at+"/quota/limit", "must be from 1 to %d", maxQuota)
		}
		oneOf(f, at+"/quota/period", q.Period, "hour", "day", "week", "month")
	}
	if p.Concurrency < 0 || p.Concurrency > maxConcurrency {
		f.addf(at+"/concurrency", "must be from 0 to %d", maxConcurrency)
	}
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

func oneOf(f *findings, at, value string, allowed ...string) {
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
