package match

import (
	"strings"
	"time"

	"github.com/tollgate/tollgate/services/contract"
)

// Bounds of queues, breakers and sessions.
const (
	maxQueue     = 10_000
	maxQueueWait = 5 * time.Minute
	minWindow    = time.Second
	maxWindow    = time.Minute
	maxProbes    = 100
	maxCookieAge = 400 * 24 * time.Hour
)

// checkLoad checks what bounds the load of targets.
func checkLoad(u *contract.Upstream, errs *contract.FieldErrors) {
	between(errs, "/max_requests", u.MaxRequests, 0, maxOpen)
	lasting(errs, "/slow_start", u.SlowStart, 0, maxAnyDuration)
	if u.SlowStart != 0 && (u.Algorithm == contract.IPHash || u.Algorithm == contract.ConsistentHash) {
		errs.Add("/slow_start", "hashing algorithms know none: a caller's target follows from the hash alone")
	}
	lasting(errs, "/drain_timeout", u.DrainTimeout, 0, maxAnyDuration)
	q := u.Queue
	if q == nil {
		return
	}
	capped := u.MaxRequests > 0
	for i := range u.Targets {
		capped = capped || u.Targets[i].MaxRequests > 0
	}
	if !capped {
		errs.Add("/queue", "nothing waits without max_requests, of the upstream or of a target")
	}
	between(errs, "/queue/length", q.Length, 0, maxQueue)
	lasting(errs, "/queue/timeout", q.Timeout, 0, maxQueueWait)
}

func checkBreaker(b *contract.CircuitBreaker, errs *contract.FieldErrors) {
	if b == nil {
		return
	}
	between(errs, "/circuit_breaker/error_percent", b.ErrorPercent, 0, 100)
	between(errs, "/circuit_breaker/min_requests", b.MinRequests, 0, 1_000_000)
	between(errs, "/circuit_breaker/max_concurrent", b.MaxConcurrent, 0, maxOpen)
	between(errs, "/circuit_breaker/probes", b.Probes, 0, maxProbes)
	lasting(errs, "/circuit_breaker/window", b.Window, minWindow, maxWindow)
	lasting(errs, "/circuit_breaker/open", b.Open, minCheckEvery, maxAnyDuration)
}

func checkSessions(u *contract.Upstream, errs *contract.FieldErrors) {
	s := u.Sessions
	if s == nil {
		return
	}
	oneOf(errs, "/session_persistence/by", s.By, "cookie", "header", "ip")
	if u.Algorithm == contract.IPHash || u.Algorithm == contract.ConsistentHash {
		errs.Add("/session_persistence", "the algorithm "+u.Algorithm+" keeps callers with their targets by itself; leave one of the two out")
	}
	if s.By == "header" {
		if _, err := condName(s.Header, true); err != nil {
			errs.Add("/session_persistence/header", err.Error())
		}
	} else if s.Header != "" {
		errs.Add("/session_persistence/header", "belongs to sessions by header")
	}
	if s.Cookie == nil {
		return
	}
	if s.By != "cookie" {
		errs.Add("/session_persistence/cookie", "belongs to sessions by cookie")
		return
	}
	checkCookie(s.Cookie, errs)
}

func checkCookie(c *contract.SessionCookie, errs *contract.FieldErrors) {
	const at = "/session_persistence/cookie"
	if c.Name != "" {
		if _, err := condName(c.Name, true); err != nil {
			errs.Add(at+"/name", err.Error())
		}
	}
	switch {
	case strings.HasPrefix(c.Name, "__Host-") && (c.Domain != "" || c.Insecure || c.Path != "" && c.Path != "/"):
		errs.Add(at+"/name", "browsers take __Host- cookies only with the path /, with no domain and over TLS")
	case strings.HasPrefix(c.Name, "__Secure-") && c.Insecure:
		errs.Add(at+"/name", "browsers take __Secure- cookies only over TLS")
	}
	if c.Path != "" && (c.Path[0] != '/' || len(c.Path) > maxCheckText || strings.ContainsFunc(c.Path, func(r rune) bool { return r <= ' ' || r > '~' || r == ';' })) {
		errs.Add(at+"/path", "must begin with \"/\" and have no space and no semicolon")
	}
	if c.Domain != "" {
		if name, port, err := HostString(strings.TrimPrefix(c.Domain, ".")); err != nil {
			errs.Add(at+"/domain", reason(err))
		} else if port != 0 || !strings.Contains(name, ".") || endsInNumber(name) || name[0] == '[' {
			errs.Add(at+"/domain", "must be the name of a domain, such as example.com")
		}
	}
	lasting(errs, at+"/max_age", c.MaxAge, time.Second, maxCookieAge)
	oneOf(errs, at+"/same_site", c.SameSite, "", "lax", "strict", "none")
	if c.SameSite == "none" && c.Insecure {
		errs.Add(at+"/same_site", "browsers take none only over TLS: leave insecure out")
	}
}

// checkTargetURL checks a target's address. The name of an SRV record begins with
// labels that no host may have (RFC 2782): they are checked apart.
func (g *Guard) checkTargetURL(t *contract.Target) (*URL, error) {
	if !t.SRV {
		return g.CheckUpstreamURL(t.URL)
	}
	scheme, name, ok := strings.Cut(t.URL, "://")
	at := len(scheme) + len("://")
	service, rest, _ := strings.Cut(name, ".")
	proto, domain, _ := strings.Cut(rest, ".")
	switch {
	case !ok || !srvLabel(service) || proto != "_tcp":
		return nil, &Error{"url", min(at, len(t.URL)), "the host of an SRV target is _service._tcp.name"}
	case strings.Contains(domain, ":"):
		return nil, &Error{"url", at, "the port of an SRV target comes from its records"}
	}
	u, err := g.CheckUpstreamURL(scheme + "://" + domain)
	if err != nil {
		return nil, err
	}
	if u.Addr.IsValid() {
		return nil, &Error{"url", at, "an SRV target is a name, not an address"}
	}
	u.SRV = strings.ToLower(service) + "._tcp."
	u.text = strings.Replace(u.text, "://", "://"+u.SRV, 1)
	return u, nil
}

// srvLabel reports whether a label is an underscore and letters, digits, hyphens.
func srvLabel(s string) bool {
	if len(s) < 2 || len(s) > 63 || s[0] != '_' {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if c != '-' && (c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}
