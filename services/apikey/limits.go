package apikey

import (
	"fmt"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of a key's own limits, those of usage plans. A quota stays exact in a
// double, in which Redis counts.
const (
	maxRate        = 1<<31 - 1
	maxQuota       = int64(1) << 50
	maxConcurrency = 1_000_000
)

var periods = map[string]bool{"hour": true, "day": true, "week": true, "month": true}

// checkLimits says what is wrong with limits by themselves.
func checkLimits(l *contract.KeyLimits) (errs contract.FieldErrors) {
	if r := l.RateLimit; r != nil {
		if r.Rate < 1 || r.Rate > maxRate {
			errs.Add("/limits/rate_limit/rate", fmt.Sprintf("must be from 1 to %d", maxRate))
		}
		if per(r) == 0 {
			errs.Add("/limits/rate_limit/per", "must be second, minute or hour")
		}
		if r.Burst < 0 || r.Burst > maxRate {
			errs.Add("/limits/rate_limit/burst", fmt.Sprintf("must be from 0 to %d", maxRate))
		}
	}
	if q := l.Quota; q != nil {
		if q.Limit < 1 || q.Limit > maxQuota {
			errs.Add("/limits/quota/limit", fmt.Sprintf("must be from 1 to %d", maxQuota))
		}
		if !periods[q.Period] {
			errs.Add("/limits/quota/period", "must be hour, day, week or month")
		}
	}
	if l.Concurrency < 0 || l.Concurrency > maxConcurrency {
		errs.Add("/limits/concurrency", fmt.Sprintf("must be from 0 to %d", maxConcurrency))
	}
	return errs
}

// per is the length of a rate's unit; 0 for a word that is none.
func per(r *contract.Rate) time.Duration {
	switch r.Per {
	case "", "second":
		return time.Second
	case "minute":
		return time.Minute
	case "hour":
		return time.Hour
	}
	return 0
}

// within refuses limits above what the organization may have in all: they could
// never be reached, and whoever sets one believes in more than there is.
func within(l *contract.KeyLimits, org core.Limits) (errs contract.FieldErrors) {
	above := func(pointer string, what string, most int64) {
		errs.Add(pointer, fmt.Sprintf("is above the organization's own limit: the plan %q allows %d %s", org.Plan, most, what))
	}
	if r := l.RateLimit; r != nil {
		if most := org.RequestsPerSecond; most > 0 && float64(r.Rate)/per(r).Seconds() > float64(most) {
			above("/limits/rate_limit/rate", "requests a second", most)
		}
		if most := max(org.Burst, 1); org.RequestsPerSecond > 0 && r.Burst > most {
			above("/limits/rate_limit/burst", "requests at once", most)
		}
	}
	if q, most := l.Quota, org.RequestsPerPeriod; q != nil && most > 0 && q.Limit > most {
		above("/limits/quota/limit", "requests a month", most)
	}
	if most := org.Concurrency; most > 0 && l.Concurrency > most {
		above("/limits/concurrency", "requests at the same time", int64(most))
	}
	return errs
}
