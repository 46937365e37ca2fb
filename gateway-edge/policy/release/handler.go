package release

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
)

// OnRequest chooses the variant: the first whose condition holds, else the first
// whose share the caller's place is in, else the route's own upstream.
func (p *release) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	for i := range p.variants {
		if p.variants[i].meets(x) {
			return p.take(x, s, i)
		}
	}
	place, hashed := uint64(0), false
	for i := range p.variants {
		v := &p.variants[i]
		if v.below == 0 {
			continue
		}
		if !hashed {
			place, hashed = p.place(x), true
		}
		if mix(place^v.seed)>>32 < v.below {
			return p.take(x, s, i)
		}
	}
	return x.Next()
}

func (p *release) take(x *policy.Exchange, s *policy.Slot, i int) policy.Action {
	x.SendTo(p.variants[i].to)
	s.N[0] = uint64(i) + 1
	if x.Tracing() {
		x.TraceDetail("variant " + p.variants[i].name)
	}
	return x.Next()
}

// OnResponse names the variant.
func (p *release) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	if i := s.N[0]; p.says && i > 0 {
		x.Response().Header.Set(p.answer, p.variants[i-1].name)
	}
	return x.Next()
}

func (v *variant) meets(x *policy.Exchange) bool {
	for i := range v.when {
		c := &v.when[i]
		switch {
		case c.cookie != "":
			if t, ok := cookie(x, c.cookie); ok && t.Is(c.value) {
				return true
			}
		case c.claim != "":
			if who := x.Principal(); who != nil && claim.Has(claim.Lookup(who.Claims, c.claim), []string{c.value}) {
				return true
			}
		default:
			if t, ok := x.Request().Header.Get(c.header); ok && t.Is(c.value) {
				return true
			}
		}
	}
	return false
}

// place is the caller's: by what the configuration says or, where the request has
// none of that, by their address.
func (p *release) place(x *policy.Exchange) uint64 {
	switch p.from {
	case "consumer":
		if who := x.Principal(); who != nil && who.ConsumerName != "" {
			return hash(offset, policy.Static(who.ConsumerName))
		}
	case "header":
		if t, ok := x.Request().Header.Get(p.header); ok {
			return hash(offset, t)
		}
	case "cookie":
		if t, ok := cookie(x, p.cookie); ok {
			return hash(offset, t)
		}
	}
	h := offset
	for _, b := range x.Client().As16() {
		h = (h ^ uint64(b)) * prime
	}
	return h
}

// The FNV-1a hash of 64 bits, and a last mixing (splitmix64), since places are
// compared by size. Both are the same everywhere and for ever: a change would move
// every caller.
const (
	offset uint64 = 0xcbf29ce484222325
	prime  uint64 = 0x100000001b3
)

func hash(h uint64, t policy.Text) uint64 {
	for i := range t.Len() {
		h = (h ^ uint64(t.At(i))) * prime
	}
	return h
}

func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// cookie finds a cookie of the request (RFC 6265 5.4).
func cookie(x *policy.Exchange, name string) (policy.Text, bool) {
	for all := range x.Request().Header.All(policy.Cookie) {
		for more := true; more; {
			var one policy.Text
			one, all, more = all.Cut(';')
			if n, v, ok := one.Trim().Cut('='); ok && n.Is(name) {
				return v, true
			}
		}
	}
	return policy.Text{}, false
}
