package edge

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/tollgate/tollgate/gateway-edge/internal/l4"
	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
)

// openStreams makes what carries TCP, UDP and TLS that is passed through. Its ports
// are bound as streams come; no upstream may lead back to them.
func (e *Edge) openStreams() (err error) {
	host, _, err := net.SplitHostPort(e.cfg.Addr)
	if err != nil {
		return fmt.Errorf("address %q: %w", e.cfg.Addr, err)
	}
	e.streams, err = l4.New(l4.Config{
		Table: e.snapshot.Table(), Meter: e.meter, Log: e.log, Clock: e.clock, Limits: organizationLimits, Guard: e.shed,
		Host: host, First: e.cfg.FirstStreamPort, Last: e.cfg.LastStreamPort, Sockets: e.inherited(), Trusted: e.cfg.TrustedProxies, Logger: e.cfg.Logger,
	})
	if err != nil {
		return err
	}
	own := netip.IPv6Unspecified()
	if a, err := netip.ParseAddr(host); err == nil {
		own = a
	}
	for n := e.cfg.FirstStreamPort; n != 0 && n <= e.cfg.LastStreamPort; n++ {
		e.guard.Own = append(e.guard.Own, netip.AddrPortFrom(own, uint16(n)))
	}
	return nil
}

// organizationLimits are what an organization's subscription allows.
func organizationLimits(org *snapshot.Org, test bool) []limit.Limit {
	if f := org.Facts(); f != nil {
		if own, ok := f.Limits.(*limit.Organization); ok {
			return own.Limits(test)
		}
	}
	return nil
}
