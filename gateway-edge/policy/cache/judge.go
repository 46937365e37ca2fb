package cache

import (
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// cdnCacheControl is the targeted field that shared caches obey (RFC 9213): where
// it stands, Cache-Control and Expires do not count.
var cdnCacheControl = policy.FixedName("CDN-Cache-Control")

// maxHeuristic bounds a freshness that nobody gave.
const maxHeuristic = 24 * time.Hour

// terms are what a response's head says about storing it.
type terms struct {
	d        directives
	lifetime int64 // ns
	explicit bool  // the origin gave a freshness
	guessed  bool  // nobody gave it
	noStale  bool
	hard     bool // must-revalidate or proxy-revalidate: nothing may serve it stale
}

// terms reads the head of the response under way.
func (p *cache) terms(x *policy.Exchange, status int, wall time.Time) terms {
	r := x.Response()
	t := terms{d: newDirectives()}
	targeted := r.Header.Has(cdnCacheControl)
	if targeted {
		t.d.read(r.Header, cdnCacheControl)
	} else {
		t.d.read(r.Header, policy.CacheControl)
	}
	at, _, ok := dateField(r.Header, policy.Date)
	if !ok {
		at = wall
	}
	switch {
	case t.d.sMaxAge != absent:
		t.lifetime, t.explicit = t.d.sMaxAge*int64(time.Second), true
	case t.d.maxAge != absent:
		t.lifetime, t.explicit = t.d.maxAge*int64(time.Second), true
	case !targeted:
		if e, given, ok := dateField(r.Header, policy.Expires); given {
			t.explicit = true
			if ok {
				t.lifetime = int64(min(max(e.Sub(at), 0), time.Duration(forever)*time.Second))
			}
		}
	}
	p.override(&t, status, r, at)
	t.hard = t.d.mustRevalidate || t.d.proxyRevalidate
	t.noStale = t.hard || t.d.sMaxAge != absent
	return t
}

// override applies the configuration's freshness.
func (p *cache) override(t *terms, status int, r *policy.Response, at time.Time) {
	if status >= 400 {
		if ttl, ok := p.errorTTL[status]; ok && !t.explicit {
			t.lifetime = ttl
		}
		if p.c.Heuristic && p.c.StoreErrors && !t.explicit && heuristicError(status) {
			t.tenth(r, at)
		}
		return
	}
	switch {
	case p.c.TTL != nil:
		t.lifetime = int64(*p.c.TTL)
	case t.explicit:
	case p.c.DefaultTTL != nil:
		t.lifetime = int64(*p.c.DefaultTTL)
	case p.c.Heuristic && heuristic(status):
		t.tenth(r, at)
	}
}

// tenth makes a response fresh for a tenth of its age since it was last modified
// (RFC 9111 4.2.2).
func (t *terms) tenth(r *policy.Response, at time.Time) {
	if m, _, ok := dateField(r.Header, policy.LastModified); ok {
		t.lifetime, t.guessed = int64(min(max(at.Sub(m)/10, 0), maxHeuristic)), true
	}
}

// heuristicError are the errors among those statuses.
func heuristicError(status int) bool {
	switch status {
	case 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// heuristic are the statuses that may have a freshness that nobody gave (RFC 9110
// 15.1), without errors.
func heuristic(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308:
		return true
	}
	return false
}

// storableStatus reports whether a response of that status may be stored at all.
func (p *cache) storableStatus(status int, t *terms) bool {
	switch {
	case status < 200 || status == 206 || status == 304:
		return false
	case status < 400:
		return true
	}
	_, negative := p.errorTTL[status]
	return negative && !t.explicit || p.c.StoreErrors && (t.explicit || t.guessed)
}

// whyNot says why a response may not be stored; "" where it may.
func (p *cache) whyNot(x *policy.Exchange, c *call, t *terms) string {
	q, r := x.Request(), x.Response()
	switch {
	case !p.storableStatus(r.Status, t) || t.d.mustUnderstand && !heuristic(r.Status) && !heuristicError(r.Status):
		return "status"
	case c.asks.noStore:
		return "request no-store"
	case t.d.noStore && !(t.d.mustUnderstand && heuristic(r.Status)):
		return "no-store"
	case t.d.private:
		return "private"
	case r.Header.Has(policy.SetCookie):
		return "set-cookie"
	case r.Length > p.c.MaxBody:
		return "too large"
	case !p.personal(x) && (q.Header.Has(policy.Authorization) || q.Header.Has(policy.Cookie)) &&
		!t.d.public && !t.d.mustRevalidate && t.d.sMaxAge == absent:
		// RFC 9111 3.5; a cookie is a credential too.
		return "credentials"
	}
	return ""
}

// personal reports whether what is stored is for this caller alone.
func (p *cache) personal(x *policy.Exchange) bool { return !p.shared && x.Principal() != nil }

// unkeyed are fields that the edge makes for each request: an answer that varies
// by one of them is nobody else's.
var unkeyed = [...]policy.Name{
	policy.XForwardedFor, policy.XForwardedProto, policy.XForwardedHost, policy.Forwarded, policy.XRequestID, policy.Traceparent,
	policy.Tracestate, policy.TollgateConsumer, policy.ClientCert, policy.ClientCertChain, policy.XRealIP, policy.Via,
}

// maxVary bounds the fields that a response varies by.
const maxVary = 16

// varies reads the values of the request's fields that the response was chosen by;
// false: it can't be chosen again.
func varies(x *policy.Exchange, c *call) (out []vary, ok bool) {
	ok = true
	names(x.Response().Header, policy.Vary, func(m policy.Text) {
		n, err := policy.HeaderName(m.Clone())
		if m.Is("*") || err != nil || oneOf(unkeyed[:], m) || len(out) >= maxVary {
			ok = false
			return
		}
		v := vary{name: n}
		c.scratch, v.given = normal(c.scratch[:0], x.Request().Header, n)
		v.value = string(c.scratch)
		out = append(out, v)
	})
	return out, ok
}
