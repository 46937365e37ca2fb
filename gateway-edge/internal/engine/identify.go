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

// appendTraceparent appends a new trace context (W3C Trace Context 3.2) that is
// not sampled.
func appendTraceparent(b []byte) []byte {
	b = append(b, "00-"...)
	b = appendHex(b, rand.Uint64()|1)
	b = appendHex(b, rand.Uint64())
	b = append(b, '-')
	b = appendHex(b, rand.Uint64()|1)
	return append(b, "-00"...)
}

func appendHex(b []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[v>>shift&15])
	}
	return b
}

// validTraceparent checks the form of version 00 and accepts later versions that
// begin alike.
func validTraceparent(t policy.Text) bool {
	if t.Len() < 55 || t.At(2) != '-' || t.At(35) != '-' || t.At(52) != '-' || t.Len() > 55 && t.At(55) != '-' {
		return false
	}
	zero := true
	for i := 0; i < 55; i++ {
		c := t.At(i)
		switch {
		case i == 2 || i == 35 || i == 52:
			if i == 35 && zero {
				return false
			}
			zero = true
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
			if i > 2 && c != '0' {
				zero = false
			}
		default:
			return false
		}
		if i == 51 && zero {
			return false
		}
	}
	return !(t.At(0) == 'f' && t.At(1) == 'f')
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
