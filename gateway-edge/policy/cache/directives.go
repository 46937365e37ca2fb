package cache

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// forever is what a delta of seconds that is too large means (RFC 9111 1.2.2).
const forever = int64(1) << 31

// absent is a directive with seconds that does not stand there.
const absent = int64(-1)

// directives are those of a Cache-Control field, of a request or of a response
// (RFC 9111 5.2, RFC 5861). Of seconds that contradict each other the fewest count;
// seconds that can't be read are 0.
type directives struct {
	present                           bool
	noStore, noCache, private, public bool
	mustRevalidate, proxyRevalidate   bool
	mustUnderstand, onlyIfCached      bool
	maxAge, sMaxAge                   int64
	staleWhile, staleError            int64
	maxStale, minFresh                int64
}

func newDirectives() directives {
	return directives{maxAge: absent, sMaxAge: absent, staleWhile: absent, staleError: absent, maxStale: absent, minFresh: absent}
}

// read reads every field of a name.
func (d *directives) read(h policy.Headers, name policy.Name) {
	for v := range h.All(name) {
		d.present = true
		d.line(v)
	}
}

// line reads one field's value. A comma inside of quotes separates nothing.
func (d *directives) line(s policy.Text) {
	for !s.Empty() {
		end, quoted := 0, false
		for ; end < s.Len() && (quoted || s.At(end) != ','); end++ {
			switch {
			case s.At(end) == '"':
				quoted = !quoted
			case s.At(end) == '\\' && quoted:
				end++
			}
		}
		if end >= s.Len() {
			d.one(s.Trim())
			return
		}
		d.one(s.Slice(0, end).Trim())
		s = s.Slice(end+1, s.Len())
	}
}

func (d *directives) one(s policy.Text) {
	n, value, given := s.Cut('=')
	switch {
	case n.Fold("max-age"):
		least(&d.maxAge, value)
	case n.Fold("s-maxage"):
		least(&d.sMaxAge, value)
	case n.Fold("no-store"):
		d.noStore = true
	case n.Fold("no-cache"):
		d.noCache = true
	case n.Fold("private"):
		d.private = true
	case n.Fold("public"):
		d.public = true
	case n.Fold("must-revalidate"):
		d.mustRevalidate = true
	case n.Fold("proxy-revalidate"):
		d.proxyRevalidate = true
	case n.Fold("must-understand"):
		d.mustUnderstand = true
	case n.Fold("only-if-cached"):
		d.onlyIfCached = true
	case n.Fold("stale-while-revalidate"):
		least(&d.staleWhile, value)
	case n.Fold("stale-if-error"):
		least(&d.staleError, value)
	case n.Fold("min-fresh"):
		least(&d.minFresh, value)
	case n.Fold("max-stale"):
		if !given {
			d.maxStale = forever
			return
		}
		least(&d.maxStale, value)
	}
}

// least keeps the fewer seconds.
func least(to *int64, value policy.Text) {
	n := seconds(value)
	if *to == absent || n < *to {
		*to = n
	}
}

// seconds reads a number of seconds, in quotes or without; 0 where it is none.
func seconds(s policy.Text) int64 {
	if n := s.Len(); n >= 2 && s.At(0) == '"' && s.At(n-1) == '"' {
		s = s.Slice(1, n-1)
	}
	n, _ := digits(s)
	return n
}

// digits reads a number without sign, at most forever.
func digits(s policy.Text) (n int64, ok bool) {
	for i := range s.Len() {
		c := s.At(i)
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int64(c-'0'), forever)
	}
	return n, !s.Empty()
}

// names yields the members of a list of tokens over all fields of a name.
func names(h policy.Headers, name policy.Name, each func(policy.Text)) {
	for v := range h.All(name) {
		for more := true; more; {
			var m policy.Text
			m, v, more = v.Cut(',')
			if m = m.Trim(); !m.Empty() {
				each(m)
			}
		}
	}
}
