package transport

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
)

// minTry is the least time for one of several addresses.
const minTry = 100 * time.Millisecond

// keepAlive finds idle connections whose other end is gone without a word within
// 20 s: their close then reaches the watcher.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 3 * time.Second, Count: 3}

// dialer makes TCP connections that the guard allows.
type dialer struct {
	guard    *match.Guard
	resolver *resolver
	// network is tcp or udp for the targets of streams; empty: TCP to HTTP's.
	network string
}

// check asks the guard for an address.
func (d *dialer) check(a netip.AddrPort) error {
	if d.network != "" {
		return d.guard.CheckStreamAddr(a)
	}
	return d.guard.CheckAddr(a)
}

// dial connects to a host, trying its addresses in turn within timeout (zero:
// ctx alone bounds it). Every answer of a name must be allowed: a single forbidden
// address refuses them all, since a name that points inside once may do so again.
func (d *dialer) dial(ctx context.Context, tenant uint64, host string, literal netip.Addr, port uint16, timeout time.Duration) (net.Conn, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	addrs := []netip.Addr{literal}
	if !literal.IsValid() {
		var err error
		if addrs, err = d.resolver.resolve(ctx, tenant, host); err != nil {
			return nil, err
		}
	}
	for _, a := range addrs {
		if err := d.check(netip.AddrPortFrom(a, port)); err != nil {
			return nil, err
		}
	}
	var first error
	for i, a := range addrs {
		c, err := d.one(ctx, netip.AddrPortFrom(a, port), len(addrs)-i)
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// one dials one of the left addresses, with its share of the time that is left.
func (d *dialer) one(ctx context.Context, addr netip.AddrPort, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(minTry, time.Until(deadline)/time.Duration(left)))
		defer cancel()
	}
	nd := net.Dialer{Control: d.control, KeepAliveConfig: keepAlive}
	return nd.DialContext(ctx, cmp.Or(d.network, "tcp"), addr.String())
}

// control is called with the address that is about to be connected to: whatever
// led here, the guard has the last word.
func (d *dialer) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	return d.check(a)
}

// DialContext dials for another client of the edge (fetching keys, webhooks)
// through the same cache and guard; tenant is the organization on whose behalf.
// Only TCP is dialled. It fits http.Transport.DialContext but for the tenant.
func (p *Pools) DialContext(ctx context.Context, tenant uint64, network, addr string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, dialError(errors.New("only TCP is dialled, not " + network))
	}
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, dialError(err)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, dialError(err)
	}
	literal, err := netip.ParseAddr(host)
	if err != nil {
		literal = netip.Addr{}
	}
	c, err := p.dialer.dial(ctx, tenant, host, literal, uint16(port), 0)
	if err != nil {
		return nil, dialError(err)
	}
	return c, nil
}
