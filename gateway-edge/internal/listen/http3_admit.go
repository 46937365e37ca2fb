package listen

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"

	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
)

// arrivalKey is the context key under which a connection's arrival travels.
type arrivalKey struct{}

// arrival is a QUIC connection from its first packet on.
type arrival struct {
	q       *http3Server
	peer    netip.AddrPort
	trusted bool
	seat    *shed.Seat // among those of an organization; nil: a trusted proxy's
	once    sync.Once
	conn    atomic.Pointer[h3conn] // once its handshake is done
}

// Handshakes of clients whose addresses are not proven. An address can be forged
// in a first packet; who answers to a Retry (RFC 9000, 8.1.2) is there. Over these
// bounds every newcomer has to, which costs a round trip.
const (
	doubtsAt      = 128 // handshakes under way
	doubtsShareOf = 4   // a part of what one address may have
)

var (
	errTooMany = errors.New("too many connections")
	errClosing = errors.New("the edge takes no more connections")
)

// doubts reports whether a client has to prove its address before anything is
// done for it: so nobody can make an edge work for strangers, and nobody can use
// up the connections of an address that is not his own.
func (q *http3Server) doubts(a net.Addr) bool {
	if q.stats.handshakes.Load() >= doubtsAt {
		q.stats.retries.Add(1)
		return true
	}
	peer, ok := udpPeer(a)
	if ok && !q.cfg.Trusts(peer.Addr()) && q.cfg.Census.of(peer.Addr()) >= max(1, q.cfg.Census.perAddr/doubtsShareOf) {
		q.stats.retries.Add(1)
		return true
	}
	return false
}

// admit counts a connection from its first packet on, as TCP's are, and holds it
// to the same bounds. An error refuses it.
func (q *http3Server) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	peer, ok := udpPeer(info.RemoteAddr)
	if !ok {
		return nil, errors.New("not an address of UDP")
	}
	q.mu.Lock()
	closing := q.closing || q.resting
	q.mu.Unlock()
	if closing {
		return nil, errClosing
	}
	if g := q.cfg.Guard; g != nil && g.Closed() {
		q.stats.refused.Add(1)
		return nil, errTooMany
	}
	c := q.cfg.Census
	if c.all.Add(1) > int64(c.max) {
		c.all.Add(-1)
		q.stats.refused.Add(1)
		return nil, errTooMany
	}
	a := &arrival{q: q, peer: peer, trusted: q.cfg.Trusts(peer.Addr())}
	if !a.trusted && !c.enter(peer.Addr()) {
		c.all.Add(-1)
		q.stats.refused.Add(1)
		return nil, errTooMany
	}
	if !a.trusted && q.cfg.Guard != nil {
		a.seat = new(shed.Seat)
	}
	q.stats.handshakes.Add(1)
	q.stats.open.Add(1)
	context.AfterFunc(ctx, func() {
		a.settle()
		q.stats.open.Add(-1)
		c.all.Add(-1)
		if !a.trusted {
			c.leave(peer.Addr())
		}
		if a.seat != nil {
			a.seat.Leave(q.cfg.Guard)
		}
	})
	return context.WithValue(ctx, arrivalKey{}, a), nil
}

// settle notes that the handshake is over, well or not.
func (a *arrival) settle() { a.once.Do(func() { a.q.stats.handshakes.Add(-1) }) }

// udpPeer is an address as the rest of the edge knows it.
func udpPeer(a net.Addr) (netip.AddrPort, bool) {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	ap := u.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()), ap.Addr().IsValid()
}

// http3Stats is what the metrics tell of HTTP/3.
type http3Stats struct {
	open       atomic.Int64 // connections, handshakes included
	handshakes atomic.Int64 // under way
	opened     atomic.Uint64
	retries    atomic.Uint64 // first packets that had to prove their address
	refused    atomic.Uint64 // connections over a bound
	floods     atomic.Uint64 // connections ended for what they sent
}
