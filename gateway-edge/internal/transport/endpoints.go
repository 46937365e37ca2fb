package transport

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/match"
)

// maxAddresses bounds the addresses that the requests to one target are spread
// over. Which those are does not depend on the order in a name server's answer.
const maxAddresses = 64

// weightUnit is the weight of an endpoint whose SRV record has the weight 1 and one
// address. A record of the weight 0 beside others has next to nothing (RFC 2782).
const weightUnit = 256

// Endpoints returns the addresses behind a target's name, in a fixed order; it is
// balance.Config.Endpoints. It does not block: what is not known, or has run out, is
// asked for meanwhile, and ok is false until there is an answer. There are none when
// asking fails for longer than the last answer may be used, and when one of them is
// forbidden: the connection that is then made by name says so to the caller.
func (p *Pools) Endpoints(organization uint64, u *match.URL) (list []balance.Endpoint, ok bool) {
	key := nameKey{tenant: organization, host: u.Host}
	if u.SRV == "" {
		got, ok := p.dialer.resolver.peek(key)
		return p.allowed(key, u, endpoints(got.spread, u.Port, 0, 0)), ok
	}
	key = nameKey{tenant: organization, host: u.SRV + u.Host, srv: true}
	got, ok := p.dialer.resolver.peek(key)
	if !ok {
		return nil, false
	}
	for _, r := range got.srv {
		host, ok := p.dialer.resolver.peek(nameKey{tenant: organization, host: strings.TrimSuffix(r.Target, ".")})
		if !ok {
			return nil, false
		}
		weight := max(1, uint64(r.Weight)*weightUnit)
		list = append(list, endpoints(host.spread, r.Port, r.Priority, max(1, weight/uint64(max(1, len(host.spread)))))...)
	}
	return p.allowed(key, u, list), true
}

func endpoints(addrs []netip.Addr, port, priority uint16, weight uint64) (out []balance.Endpoint) {
	for _, a := range addrs {
		out = append(out, balance.Endpoint{Addr: netip.AddrPortFrom(a, port), Priority: priority, Weight: weight})
	}
	return out
}

// allowed puts endpoints in order, each address once, and returns none of them when
// the guard forbids one: a name that points inside once may do so again.
func (p *Pools) allowed(key nameKey, u *match.URL, list []balance.Endpoint) []balance.Endpoint {
	slices.SortFunc(list, func(a, b balance.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.Addr.Compare(b.Addr), cmp.Compare(b.Weight, a.Weight))
	})
	seen := map[netip.AddrPort]bool{}
	list = slices.DeleteFunc(list, func(e balance.Endpoint) bool {
		again := seen[e.Addr]
		seen[e.Addr] = true
		return again
	})
	d := p.dialer
	d.network = u.Transport
	for _, e := range list {
		if err := d.check(e.Addr); err != nil {
			if p.dialer.resolver.bar(key, true) {
				p.moved(key)
				p.cfg.Logger.Warn("a target's name leads to a forbidden address: it is not connected to", "organization", key.tenant, "name", key.host, "error", err)
			}
			return nil
		}
	}
	p.dialer.resolver.bar(key, false)
	return list[:min(len(list), maxAddresses)]
}

// reachable leaves out the addresses of a family that this host has no route to, as
// the order of RFC 6724 puts them last. No packet is sent: connecting a socket for
// datagrams only looks for a route.
func reachable(addrs []netip.Addr) []netip.Addr {
	four := slices.ContainsFunc(addrs, netip.Addr.Is4)
	six := slices.ContainsFunc(addrs, netip.Addr.Is6)
	if !four || !six {
		return addrs
	}
	var out []netip.Addr
	for _, a := range addrs {
		c, err := net.Dial("udp", netip.AddrPortFrom(a, 9).String())
		if err == nil {
			_ = c.Close()
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return addrs
	}
	return out
}
