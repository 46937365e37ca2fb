package oidclogin

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
)

// Bounds of cookies. Browsers take 4,096 bytes of name, value and attributes for
// each (RFC 6265 6.1).
const (
	pieceBytes = 3800
	maxPieces  = 3
	maxSealed  = memo.MaxSecret
	// maxUnderWay are sign-ins that one browser may have begun.
	maxUnderWay = 4
)

// family is how the names of all cookies of this policy begin, behind __Host-: those
// of a session, and those of a sign-in that is under way.
const (
	hostPrefix    = "__Host-"
	sessionFamily = "tgs-"
	loginFamily   = "tgl-"
)

// names are those of one policy's cookies: over TLS with the prefix that keeps other
// hosts and plain http from setting them (RFC 6265bis 4.1.3.2), first, and for plain
// http on this machine without it.
type names struct {
	session [2][maxPieces]string
	login   [2]string // followed by the beginning of the state
}

func cookieNames(print [32]byte) (n names) {
	of := hex.EncodeToString(print[:4])
	for i, prefix := range []string{hostPrefix, ""} {
		for piece := range maxPieces {
			n.session[i][piece] = prefix + sessionFamily + of
			if piece > 0 {
				n.session[i][piece] += "-" + strconv.Itoa(piece)
			}
		}
		n.login[i] = prefix + loginFamily + of + "-"
	}
	return n
}

// kind picks the names by whether the request came over TLS.
func kind(x *policy.Exchange) int {
	if x.Request().Scheme.Is("https") {
		return 0
	}
	return 1
}

// eachCookie calls f with the name and the value of each cookie of the request.
func eachCookie(h policy.Headers, f func(name, value policy.Text)) {
	for field := range h.All(policy.Cookie) {
		for more := true; more; {
			var one policy.Text
			one, field, more = field.Cut(';')
			if name, value, ok := one.Trim().Cut('='); ok {
				f(name, value)
			}
		}
	}
}

// carried is a session's cookie as a request carries it, in pieces.
type carried struct {
	pieces [maxPieces]policy.Text
	n      int // pieces that belong to it, 0: there is none
	bad    bool
}

// session finds the cookie. The first piece begins with their number. A name that
// stands twice is not ours: a browser sends one.
func (p *login) session(x *policy.Exchange) (c carried) {
	own := &p.names.session[kind(x)]
	var seen [maxPieces]bool
	eachCookie(x.Request().Header, func(name, value policy.Text) {
		for i := range own {
			if name.Is(own[i]) {
				c.bad = c.bad || seen[i]
				c.pieces[i], seen[i] = value, true
			}
		}
	})
	if !seen[0] {
		return carried{}
	}
	first := c.pieces[0]
	if c.n = 1; first.Empty() || first.At(0) < '1' || first.At(0) > '0'+maxPieces {
		c.bad = true
		return c
	}
	c.n = int(first.At(0) - '0')
	c.pieces[0] = first.Slice(1, first.Len())
	size := 0
	for i := range c.n {
		c.bad = c.bad || !seen[i]
		size += c.pieces[i].Len()
	}
	c.bad = c.bad || size > maxSealed
	return c
}

// hash names the session under this configuration.
func (p *login) hash(c *carried) [32]byte {
	if c.n == 1 {
		return memo.Key(&p.print, c.pieces[0])
	}
	return memo.KeyJoined(&p.print, c.pieces[:c.n])
}

func (c *carried) appendTo(b []byte) []byte {
	for i := range c.n {
		b = c.pieces[i].AppendTo(b)
	}
	return b
}

// strip takes every cookie of this policy, of whichever provider, out of what the
// backend gets: they are credentials of this host.
func strip(h policy.Headers) {
	var buf [4096]byte
	rest, ours := buf[:0], false
	for field := range h.All(policy.Cookie) {
		for more := true; more; {
			var one policy.Text
			one, field, more = field.Cut(';')
			if one = one.Trim(); one.Empty() {
				continue
			}
			name, _, _ := one.Cut('=')
			if inFamily(name) {
				ours = true
				continue
			}
			if len(rest) > 0 {
				rest = append(rest, "; "...)
			}
			rest = one.AppendTo(rest)
		}
	}
	switch {
	case !ours:
	case len(rest) == 0:
		h.Del(policy.Cookie)
	default:
		h.SetBytes(policy.Cookie, rest)
	}
}

func inFamily(name policy.Text) bool {
	if name.HasPrefix(hostPrefix) {
		name = name.Slice(len(hostPrefix), name.Len())
	}
	return name.HasPrefix(sessionFamily) || name.HasPrefix(loginFamily)
}

// setCookie adds a cookie to the answer; age in seconds, 0 removes it.
func setCookie(h policy.Headers, k int, name, value string, age int64) {
	v := fmt.Sprintf("%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax", name, value, age)
	if k == 0 {
		v += "; Secure"
	}
	h.Add(policy.SetCookie, v)
}

// setSession puts a sealed session into cookies, and removes pieces of a former one
// that was longer.
func (p *login) setSession(x *policy.Exchange, sealed string, age int64) {
	k := kind(x)
	own := &p.names.session[k]
	h := x.Response().Header
	n := 0
	for rest := sealed; rest != ""; n++ {
		piece := rest[:min(len(rest), pieceBytes)]
		rest = rest[len(piece):]
		if n == 0 {
			piece = strconv.Itoa((len(sealed)+pieceBytes-1)/pieceBytes) + piece
		}
		setCookie(h, k, own[n], piece, age)
	}
	p.dropPieces(x, n)
	h.Set(policy.CacheControl, "no-store")
}

// dropPieces removes the pieces from number n on that the request carried.
func (p *login) dropPieces(x *policy.Exchange, n int) {
	k := kind(x)
	own := &p.names.session[k]
	var there [maxPieces]bool
	eachCookie(x.Request().Header, func(name, _ policy.Text) {
		for i := n; i < maxPieces; i++ {
			there[i] = there[i] || name.Is(own[i])
		}
	})
	for i := n; i < maxPieces; i++ {
		if there[i] {
			setCookie(x.Response().Header, k, own[i], "", 0)
		}
	}
}

// underWay returns the names of the cookies of sign-ins that this browser has begun,
// and the value of the one of a state.
func (p *login) underWay(x *policy.Exchange, state string) (all []string, name, value string) {
	prefix := p.names.login[kind(x)]
	eachCookie(x.Request().Header, func(n, v policy.Text) {
		if n.HasPrefix(prefix) && len(all) < 100 {
			s := n.Clone()
			all = append(all, s)
			if len(state) >= stateInName && strings.TrimPrefix(s, prefix) == state[:stateInName] {
				name, value = s, v.Clone()
			}
		}
	})
	return all, name, value
}
