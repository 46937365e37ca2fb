package transport

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// found is the answer to one question: addresses, or the records of a service.
type found struct {
	addrs []netip.Addr
	// spread are the addresses that requests are spread over.
	spread []netip.Addr
	srv    []*net.SRV // in the order in which they are to be tried
	ttl    time.Duration
}

// asker asks a name server (host:port; empty: those that the system is configured
// with) through Go's own resolver, and reads from the messages how long the answer
// holds, which that resolver does not tell.
func asker(server string) func(context.Context, nameKey) (found, error) {
	return func(ctx context.Context, key nameKey) (found, error) { return ask(ctx, server, key) }
}

func ask(ctx context.Context, server string, key nameKey) (found, error) {
	var ttl atomic.Uint32
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if server != "" {
			address = server
		}
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if u, ok := c.(*net.UDPConn); ok && err == nil {
			return &heard{u, &ttl}, nil
		}
		return c, err
	}}
	var out found
	var err error
	if key.srv {
		_, out.srv, err = r.LookupSRV(ctx, "", "", key.host)
	} else {
		out.addrs, err = r.LookupNetIP(ctx, "ip", key.host)
	}
	out.ttl = time.Duration(ttl.Load()) * time.Second
	return out, err
}

// heard is a connection to a name server that notes the shortest TTL among the
// answers.
type heard struct {
	*net.UDPConn
	ttl *atomic.Uint32
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.UDPConn.Read(p)
	if t, ok := shortestTTL(p[:n]); ok {
		for have := h.ttl.Load(); (have == 0 || t < have) && !h.ttl.CompareAndSwap(have, t); have = h.ttl.Load() {
		}
	}
	return n, err
}

// shortestTTL reads a DNS message (RFC 1035 4.1) as far as is needed to find the
// shortest TTL of its answers, at least 1.
func shortestTTL(m []byte) (ttl uint32, ok bool) {
	if len(m) < 12 {
		return 0, false
	}
	questions, answers := binary.BigEndian.Uint16(m[4:]), binary.BigEndian.Uint16(m[6:])
	at := 12
	for range questions {
		if at = skipName(m, at) + 4; at > len(m) {
			return 0, false
		}
	}
	for range answers {
		if at = skipName(m, at); at+10 > len(m) {
			return ttl, ok
		}
		if t := max(1, binary.BigEndian.Uint32(m[at+4:])); !ok || t < ttl {
			ttl, ok = t, true
		}
		at += 10 + int(binary.BigEndian.Uint16(m[at+8:]))
	}
	return ttl, ok
}

// skipName returns the place after a name; past the message's end when the name is
// broken.
func skipName(m []byte, at int) int {
	for at < len(m) {
		switch n := int(m[at]); {
		case n == 0:
			return at + 1
		case n >= 0xc0: // the rest stands elsewhere
			return at + 2
		default:
			at += 1 + n
		}
	}
	return len(m) + 1
}
