package match

import (
	"crypto/x509"
	"strconv"
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of an upstream.
const (
	MaxTargets     = 256
	MaxWeight      = 65535
	MaxRetries     = 7
	MaxPriority    = 9
	maxBackoff     = 30 * time.Second
	maxOpen        = 1_000_000
	minCheckEvery  = 100 * time.Millisecond
	maxAnyDuration = time.Hour
)

// CheckUpstream checks an upstream's configuration with all of its targets, for
// the control plane when it is written and for the edge when it is compiled. The
// pointers begin at the upstream. urls are its targets' addresses, in order;
// they are complete only when there is no error.
func CheckUpstream(u *contract.Upstream, g *Guard) (urls []*URL, errs contract.FieldErrors) {
	oneOf(&errs, "/algorithm", u.Algorithm, "", contract.RoundRobin, contract.LeastRequest, contract.LeastTime, contract.Random, contract.RandomOfTwo, contract.IPHash, contract.ConsistentHash)
	oneOf(&errs, "/when_all_down", u.WhenAllDown, "", "try_all", "refuse")
	oneOf(&errs, "/protocol", u.Protocol, "", "http1", "h2", "h2c")
	checkHashOn(u, &errs)
	urls = checkTargets(u, g, &errs)
	checkTransport(u, urls, &errs)
	checkHealth(u, &errs)
	if o := u.Outlier; o != nil {
		between(&errs, "/outlier_detection/consecutive_errors", o.ConsecutiveErrors, 0, 1000)
		between(&errs, "/outlier_detection/max_ejected_percent", o.MaxEjectedPercent, 0, 100)
		between(&errs, "/outlier_detection/consecutive_5xx", o.Consecutive5xx, 0, 1000)
		between(&errs, "/outlier_detection/min_success_percent", o.MinSuccessPercent, 0, 100)
		between(&errs, "/outlier_detection/min_requests", o.MinRequests, 0, 1_000_000)
		lasting(&errs, "/outlier_detection/base_ejection", o.BaseEjection, 0, maxAnyDuration)
		lasting(&errs, "/outlier_detection/max_ejection", o.MaxEjection, 0, maxAnyDuration)
	}
	if k := u.Keepalive; k != nil {
		between(&errs, "/keepalive/max_idle", k.MaxIdle, 0, 4096)
		lasting(&errs, "/keepalive/idle_timeout", k.IdleTimeout, 0, maxAnyDuration)
	}
	if t := u.Timeouts; t != nil {
		lasting(&errs, "/timeouts/connect", t.Connect, 0, time.Minute)
		lasting(&errs, "/timeouts/per_try", t.PerTry, 0, maxAnyDuration)
		lasting(&errs, "/timeouts/total", t.Total, 0, maxAnyDuration)
		lasting(&errs, "/timeouts/idle", t.Idle, 0, maxAnyDuration)
	}
	if r := u.Retries; r != nil {
		between(&errs, "/retries/attempts", r.Attempts, 0, MaxRetries)
		between(&errs, "/retries/budget_percent", r.BudgetPercent, 0, 100)
		lasting(&errs, "/retries/backoff", r.Backoff, 0, maxBackoff)
		lasting(&errs, "/retries/max_backoff", r.MaxBackoff, 0, maxBackoff)
		for i, on := range r.On {
			oneOf(&errs, contract.Pointer("retries", "on", i), on, "reset", "timeout", "500", "502", "503", "504")
		}
	}
	checkLoad(u, &errs)
	checkBreaker(u.Breaker, &errs)
	checkSessions(u, &errs)
	checkUpstreamTLS(u, g, &errs)
	return urls, errs
}

func checkTargets(u *contract.Upstream, g *Guard, errs *contract.FieldErrors) (urls []*URL) {
	if len(u.Targets) == 0 || len(u.Targets) > MaxTargets {
		errs.Add("/targets", "an upstream has 1 to "+strconv.Itoa(MaxTargets)+" targets")
		return nil
	}
	seen := make(map[string]bool, len(u.Targets))
	for i := range u.Targets {
		t := &u.Targets[i]
		at := contract.Pointer("targets", i)
		if t.Weight != nil {
			between(errs, at+"/weight", *t.Weight, 0, MaxWeight)
		}
		between(errs, at+"/priority", t.Priority, 0, MaxPriority)
		between(errs, at+"/max_requests", t.MaxRequests, 0, maxOpen)
		if t.Backup && t.Priority != 0 {
			errs.Add(at+"/backup", "a backup stands behind every priority; give one of the two")
		}
		url, err := g.checkTargetURL(t)
		switch {
		case err != nil:
			errs.Add(at+"/url", reason(err))
			continue
		case seen[url.String()]:
			errs.Add(at+"/url", url.String()+" stands here twice; give it a weight instead")
		case u.Protocol == "h2" && !url.TLS:
			errs.Add(at+"/url", "protocol h2 needs an https address; clear text HTTP/2 is h2c")
		case u.Protocol == "h2c" && url.TLS:
			errs.Add(at+"/url", "protocol h2c needs an http address; HTTP/2 over TLS is h2")
		}
		seen[url.String()] = true
		urls = append(urls, url)
	}
	return urls
}

func checkHashOn(u *contract.Upstream, errs *contract.FieldErrors) {
	if (u.HashOn != nil) != (u.Algorithm == contract.ConsistentHash) {
		errs.Add("/hash_on", "is given for the algorithm consistent_hash, and for no other")
		return
	}
	if u.HashOn == nil {
		return
	}
	oneOf(errs, "/hash_on/source", u.HashOn.Source, "header", "cookie", "query", "path_param", "ip")
	switch u.HashOn.Source {
	case "ip":
		if u.HashOn.Name != "" {
			errs.Add("/hash_on/name", "the source ip has no name")
		}
	default:
		if _, err := condName(u.HashOn.Name, u.HashOn.Source == "header" || u.HashOn.Source == "cookie"); err != nil {
			errs.Add("/hash_on/name", err.Error())
		}
	}
}

func checkUpstreamTLS(u *contract.Upstream, g *Guard, errs *contract.FieldErrors) {
	if u.TLS == nil {
		return
	}
	if u.TLS.CAPEM != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(u.TLS.CAPEM)) {
		errs.Add("/tls/ca_pem", "there is no certificate in it")
	}
	if n := u.TLS.ServerName; n != "" {
		canon, err := HostPattern(n)
		switch {
		case err != nil:
			errs.Add("/tls/server_name", err.Error())
		case canon != n || strings.HasPrefix(n, "*"):
			errs.Add("/tls/server_name", "must be a host name in lower case")
		}
	}
	oneOf(errs, "/tls/min_version", u.TLS.MinVersion, "", "1.2", "1.3")
	if u.TLS.SkipVerify && (u.TLS.CAPEM != "" || u.TLS.ServerName != "") {
		errs.Add("/tls/skip_verify", "leaves unused what ca_pem and server_name say: give one or the other")
	}
	if u.TLS.SkipVerify && !g.AllowPrivate {
		errs.Add("/tls/skip_verify", "verification can be left out only where private upstreams are allowed")
	}
}

func oneOf(errs *contract.FieldErrors, at, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	detail := strconv.Quote(value) + " is not one of " + strings.TrimPrefix(strings.Join(allowed, ", "), ", ")
	if near, ok := contract.Closest(value, allowed); ok && near != "" {
		detail += "; did you mean " + near + "?"
	}
	errs.Add(at, detail)
}

func between(errs *contract.FieldErrors, at string, n, from, to int) {
	if n < from || n > to {
		errs.Add(at, "must be between "+strconv.Itoa(from)+" and "+strconv.Itoa(to))
	}
}

// lasting checks a duration that may be left out (zero).
func lasting(errs *contract.FieldErrors, at string, d contract.Duration, from, to time.Duration) {
	if d != 0 && (d.Std() < from || d.Std() > to || d < 0) {
		errs.Add(at, "must be between "+from.String()+" and "+to.String())
	}
}
