package cache

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// field is a stored field of a response.
type field struct {
	name  policy.Name
	value string
	// brief: it stands on a 304 as well (RFC 9110 15.4.5).
	brief bool
}

// vary is a field of the request that a response was chosen by.
type vary struct {
	name  policy.Name
	value string // all values of it, joined
	given bool
}

// stored is a response in the cache. It does not change but for the mark.
type stored struct {
	status int
	fields []field
	body   []byte
	vary   []vary

	etag         string
	lastModified string
	modified     int64 // Last-Modified, Unix seconds; 0: none
	date         int64 // Date, Unix seconds

	born       int64 // when its age was 0, CLOCK_BOOTTIME ns
	lifetime   int64 // ns
	staleWhile int64 // ns past its lifetime; 0: none
	staleError int64
	mustAsk    bool // it is not served without asking (no-cache)
	noStale    bool // it is not served stale (must-revalidate and the like)
	// pass: nothing is stored; the answer under this key can't be, and nobody need
	// wait for another one.
	pass bool

	refreshing atomic.Bool // somebody asks about it already
}

// validators reports whether the origin can be asked if it still holds.
func (s *stored) validators() bool { return s.etag != "" || s.modified != 0 }

func (s *stored) age(now int64) int64 { return max(now-s.born, 0) }

// fresh reports whether it is younger than its lifetime.
func (s *stored) fresh(now int64) bool { return !s.pass && s.age(now) < s.lifetime }

// overdue is for how long it has been stale.
func (s *stored) overdue(now int64) int64 { return s.age(now) - s.lifetime }

// expires is when it is of no more use, even stale: with a validator it is kept
// for a while to be asked about.
func (s *stored) expires() int64 {
	keep := max(s.staleWhile, s.staleError)
	if s.validators() {
		keep = max(keep, min(max(s.lifetime, int64(askFor)), int64(24*time.Hour)))
	}
	return s.born + s.lifetime + keep
}

// askFor is how long at least a stale response with a validator is kept.
const askFor = 10 * time.Minute

// notStored are fields that belong to the connection, to this hop, or to this one
// answer, and that are no part of what is stored (RFC 9111 3.1).
var notStored = [...]policy.Name{
	policy.Connection, policy.KeepAlive, policy.ProxyConnection, policy.ProxyAuthenticate, policy.TE, policy.TrailerHeader,
	policy.TransferEncoding, policy.Upgrade, policy.ContentLength, policy.Age, policy.XRequestID, policy.SetCookie,
	policy.HTTP2Settings, policy.TollgateError, policy.ServerTiming, policy.AltSvc, policy.RateLimit, policy.RateLimitPolicy,
}

var proxyAuthenticationInfo = policy.FixedName("Proxy-Authentication-Info")

// briefFields stand on a 304.
var briefFields = [...]policy.Name{policy.CacheControl, policy.FixedName("Content-Location"), policy.Date, policy.ETag, policy.Expires, policy.Vary, policy.LastModified, cdnCacheControl}

func oneOf(list []policy.Name, n policy.Text) bool {
	for _, m := range list {
		if n.Fold(m.String()) {
			return true
		}
	}
	return false
}

// keepFields copies what is stored of a head; false: there is a name that can't be
// kept. Fields that Connection names are this hop's.
func keepFields(h policy.Headers, tags policy.Name) (out []field, ok bool) {
	var hop []string
	names(h, policy.Connection, func(m policy.Text) { hop = append(hop, m.Clone()) })
	for n, v := range h.Each() {
		if oneOf(notStored[:], n) || n.Fold(proxyAuthenticationInfo.String()) || tags.String() != "" && n.Fold(tags.String()) || named(hop, n) {
			continue
		}
		name, err := policy.HeaderName(n.Clone())
		if err != nil {
			return nil, false
		}
		out = append(out, field{name: name, value: v.Clone(), brief: oneOf(briefFields[:], n)})
	}
	return out, true
}

func named(list []string, n policy.Text) bool {
	for _, m := range list {
		if n.Fold(m) {
			return true
		}
	}
	return false
}

// notUpdated are fields of the body that a 304 does not change (RFC 9111 3.2).
var notUpdated = [...]policy.Name{policy.ContentEncoding, policy.FixedName("Content-MD5"), policy.FixedName("Content-Range"), policy.ETag}

// update is the stored fields with those of a 304 in the place of their like.
func update(old, new []field) []field {
	out := make([]field, 0, len(old)+len(new))
	replaced := func(n policy.Name) bool {
		for i := range new {
			if strings.EqualFold(new[i].name.String(), n.String()) {
				return true
			}
		}
		return false
	}
	kept := func(n policy.Name) bool { return oneOf(notUpdated[:], policy.Static(n.String())) }
	for _, f := range old {
		if kept(f.name) || !replaced(f.name) {
			out = append(out, f)
		}
	}
	for _, f := range new {
		if !kept(f.name) {
			out = append(out, f)
		}
	}
	return out
}

// size is what it takes, in bytes, by estimate.
func (s *stored) size(key string, tags []string) int64 {
	const each, whole = 64, 768
	n := int64(whole + len(key) + cap(s.body) + len(s.etag))
	for i := range s.fields {
		n += int64(each + len(s.fields[i].value))
	}
	for i := range s.vary {
		n += int64(each + len(s.vary[i].value))
	}
	for _, t := range tags {
		n += int64(each/2 + len(t))
	}
	return n
}
