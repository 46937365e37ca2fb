package transport

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"
)

// maxServices bounds the records of a service that one dial tries.
const maxServices = 8

// service connects to one of a service's addresses: its SRV records in their order
// (by priority, and at random by weight within one; RFC 2782), each with its own
// port, within timeout.
func (d *dialer) service(ctx context.Context, tenant uint64, name string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	records, err := d.resolver.services(ctx, tenant, name)
	if err != nil {
		return nil, err
	}
	var first error
	for i, r := range records[:min(len(records), maxServices)] {
		share := timeout
		if deadline, ok := ctx.Deadline(); ok {
			share = max(minTry, time.Until(deadline)/time.Duration(min(len(records), maxServices)-i))
		}
		c, err := d.dial(ctx, tenant, strings.TrimSuffix(r.Target, "."), netip.Addr{}, r.Port, share)
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
