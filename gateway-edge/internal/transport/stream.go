package transport

import (
	"context"
	"net"
	"time"
)

// DialStream connects to the target of a stream, over TCP or UDP as its address
// says. timeout bounds it (0: the upstream's connect timeout). The connection is
// the caller's: no pool keeps it. The error is an *Error.
func (p *Pool) DialStream(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	if timeout == 0 {
		timeout = p.spec.Connect
	}
	d := p.pools.dialer
	d.network = p.spec.URL.Transport
	c, err := p.reach(ctx, &d, timeout)
	if err != nil {
		return nil, dialError(err)
	}
	return c, nil
}
