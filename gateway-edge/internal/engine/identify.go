package engine

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// identify gives the request its id: the one of a trusted proxy, or a new UUIDv7
// (RFC 9562 5.7).
func (j *job) identify() {
	j.random = rand.Uint64()
	if !j.head.RequestID.Empty() {
		j.idText, j.e.RequestID = j.head.RequestID, j.head.RequestID
		return
	}
	var u [16]byte
	ms := uint64(j.eng.clock.Milli(j.began))
	binary.BigEndian.PutUint64(u[:8], ms<<16|0x7000|j.random>>52)
	binary.BigEndian.PutUint64(u[8:], rand.Uint64()>>2|1<<63)
	writeUUID(&j.reqID, &u)
	j.idText = policy.EngineText(j.reqID[:])
	j.e.RequestID = j.idText
}

const hexDigits = "0123456789abcdef"

func writeUUID(dst *[36]byte, u *[16]byte) {
	n := 0
	for i, b := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst[n] = '-'
			n++
		}
		dst[n], dst[n+1] = hexDigits[b>>4], hexDigits[b&15]
		n += 2
	}
}

// trueClient finds the client in an X-Forwarded-For list that a trusted proxy
// sent: the rightmost address that is not itself a trusted proxy. What stands to
// the left of something that is no address is not believed.
func trueClient(list string, trusted []netip.Prefix) (client netip.Addr, ok bool) {
	for list != "" {
		i := strings.LastIndexByte(list, ',')
		part := strings.Trim(list[i+1:], " \t")
		list = list[:max(i, 0)]
		a, valid := parseAddr(part)
		if !valid {
			return client, ok
		}
		client, ok = a, true
		if !isTrusted(a, trusted) {
			return client, true
		}
	}
	return client, ok
}

// parseAddr reads an address as proxies write it: with or without a port and
// brackets. IPv4-mapped addresses are unmapped; zones are refused.
func parseAddr(s string) (netip.Addr, bool) {
	if strings.IndexByte(s, '%') >= 0 {
		return netip.Addr{}, false
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap(), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), true
	}
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		if a, err := netip.ParseAddr(s[1 : len(s)-1]); err == nil && a.Is6() {
			return a.Unmap(), true
		}
	}
	return netip.Addr{}, false
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
