package alert

import (
	"fmt"
	"math"
	"net/mail"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

// Bounds of a rule.
const (
	minWindow      = time.Minute
	maxWindow      = 24 * time.Hour
	maxFor         = 24 * time.Hour
	maxChannels    = 10
	maxRecipients  = 20
	maxDescription = 500
	maxDays        = 825 // no longer are certificates that browsers accept
	// MaxAlerts is how many alerts a gateway may have.
	MaxAlerts = 200
)

// complete fills in what is left out, so that what is stored says all.
func (r *Rule) complete() {
	set := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	if r.Enabled == nil {
		r.Enabled = new(true)
	}
	switch r.Kind {
	case KindErrorRate:
		set(&r.Errors, "all")
	case KindLatency:
		set(&r.Latency, "upstream")
		set(&r.Percentile, "p95")
	case KindNoTraffic, KindRelease:
		if r.Threshold == 0 {
			r.Threshold = 1
		}
	case KindCertificate:
		if r.Threshold == 0 {
			r.Threshold = 14
		}
	case KindTelemetry:
		if r.Threshold == 0 {
			r.Threshold = 15
		}
	}
	if r.ClearThreshold == nil {
		r.ClearThreshold = new(r.clear())
	}
	if r.Window == 0 && r.windowed() {
		r.Window = contract.Duration(5 * time.Minute)
	}
	if r.MinRequests == nil && (r.Kind == KindErrorRate || r.Kind == KindLatency) {
		r.MinRequests = new(int64(20))
	}
	if r.Channels == nil {
		r.Channels = []Channel{}
	}
}

// check names every bad field at once.
func (r *Rule) check(g Guard) error {
	var bad contract.FieldErrors
	if err := core.CheckName(r.Name); err != nil {
		bad.Add("/name", err.Error())
	}
	if !utf8.ValidString(r.Description) || len(r.Description) > maxDescription {
		bad.Add("/description", "must be text of at most 500 bytes")
	}
	r.checkKind(&bad)
	r.checkBounds(&bad)
	r.checkChannels(g, &bad)
	return core.Invalid(bad.Err())
}

// checkKind looks at the fields that belong to some kinds only.
func (r *Rule) checkKind(bad *contract.FieldErrors) {
	if !slices.Contains([]string{KindErrorRate, KindLatency, KindQuota, KindNoTraffic, KindRelease, KindCertificate, KindTelemetry}, r.Kind) {
		bad.Add("/kind", "must be error_rate, latency, quota, no_traffic, release, certificate or telemetry")
		return
	}
	oneOf := func(field, value string, of ...string) {
		if value != "" && !slices.Contains(of, value) {
			bad.Add("/"+field, fmt.Sprintf("must be one of %v", of))
		}
	}
	only := func(field string, given bool, kinds ...string) {
		if given && !slices.Contains(kinds, r.Kind) {
			bad.Add("/"+field, fmt.Sprintf("does not go with the kind %s", r.Kind))
		}
	}
	oneOf("errors", r.Errors, "all", "edge", "backend")
	oneOf("latency", r.Latency, "upstream", "edge")
	oneOf("percentile", r.Percentile, "p50", "p95", "p99")
	oneOf("quota", r.Quota, "consumer", "usage_plan", "organization")
	only("errors", r.Errors != "", KindErrorRate)
	only("latency", r.Latency != "", KindLatency)
	only("percentile", r.Percentile != "", KindLatency)
	only("quota", r.Quota != "", KindQuota)
	only("usage_plan", r.UsagePlan != "", KindQuota)
	only("route", r.Route != "", KindErrorRate, KindLatency, KindNoTraffic, KindRelease)
	only("consumer", r.Consumer != "", KindErrorRate, KindQuota, KindNoTraffic)
	only("window", r.Window != 0, KindErrorRate, KindLatency, KindNoTraffic)
	only("min_requests", r.MinRequests != nil, KindErrorRate, KindLatency)
	if r.Kind != KindQuota {
		return
	}
	switch {
	case r.Quota == "":
		bad.Add("/quota", "must say whose quota: consumer, usage_plan or organization")
	case (r.Quota == "consumer") != (r.Consumer != ""):
		bad.Add("/consumer", "names the consumer whose quota is watched, and nothing else")
	case (r.Quota == "usage_plan") != (r.UsagePlan != ""):
		bad.Add("/usage_plan", "names the usage plan whose consumers are watched, and nothing else")
	}
}

func (r *Rule) checkBounds(bad *contract.FieldErrors) {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) && v < 1e12 }
	most := math.Inf(1)
	switch r.Kind {
	case KindErrorRate:
		most = 100
	case KindCertificate:
		most = maxDays
	}
	if !finite(r.Threshold) || r.Threshold <= 0 || r.Threshold > most {
		bad.Add("/threshold", "must be above 0 (a rate of errors at most 100 percent, a certificate at most 825 days)")
	} else if c := r.clear(); !finite(c) || c < 0 || !r.low() && c > r.Threshold || r.low() && c < r.Threshold {
		bad.Add("/clear_threshold", "must lie on the good side of the threshold, or be equal to it")
	}
	if w := r.Window.Std(); r.windowed() && (w < minWindow || w > maxWindow || w%time.Minute != 0) {
		bad.Add("/window", "must be whole minutes, from 1m to 24h")
	}
	for field, d := range map[string]contract.Duration{"for": r.For, "clear_for": r.ClearFor} {
		if d < 0 || d.Std() > maxFor {
			bad.Add("/"+field, "must be from 0s to 24h")
		}
	}
	if r.MinRequests != nil && (*r.MinRequests < 1 || *r.MinRequests > 1<<40) {
		bad.Add("/min_requests", "must be at least 1")
	}
}

func (r *Rule) checkChannels(g Guard, bad *contract.FieldErrors) {
	if len(r.Channels) > maxChannels {
		bad.Add("/channels", fmt.Sprintf("are %d, at most %d are allowed", len(r.Channels), maxChannels))
		return
	}
	for i := range r.Channels {
		c, at := &r.Channels[i], contract.Pointer("channels", i)
		switch c.Type {
		case ChannelMail:
			if len(c.To) == 0 || len(c.To) > maxRecipients || c.URL != "" {
				bad.Add(at+"/to", fmt.Sprintf("must be 1 to %d addresses, and nothing else", maxRecipients))
			}
			for n, to := range c.To {
				if a, err := mail.ParseAddress(to); err != nil || a.Address != to || len(to) > 254 {
					bad.Add(at+contract.Pointer("to", n), "is not a mail address such as ops@example.com")
				}
			}
		case ChannelWebhook:
			if len(c.To) > 0 {
				bad.Add(at+"/to", "a webhook has a url")
			}
			if err := g.CheckWebhook(c.URL); err != nil {
				bad.Add(at+"/url", err.Error())
			}
		default:
			bad.Add(at+"/type", "must be mail or webhook")
		}
	}
}

// windowed reports whether the figure is taken over a window of requests.
func (r *Rule) windowed() bool {
	return r.Kind == KindErrorRate || r.Kind == KindLatency || r.Kind == KindNoTraffic
}

// slow reports whether the figure moves by the hour rather than the minute.
func (r *Rule) slow() bool {
	return r.Kind == KindQuota || r.Kind == KindCertificate || r.Kind == KindTelemetry
}

// low reports whether the rule fires below its threshold.
func (r *Rule) low() bool { return r.Kind == KindNoTraffic || r.Kind == KindCertificate }

// webhooks reports whether the rule has a webhook, whose notices are signed.
func (r *Rule) webhooks() bool {
	return slices.ContainsFunc(r.Channels, func(c Channel) bool { return c.Type == ChannelWebhook })
}
