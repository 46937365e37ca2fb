package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Guard says which addresses may be dialled.
type Guard interface {
	CheckDial(addr netip.AddrPort) error
}

// Bounds of a connection.
const (
	dialTimeout = 5 * time.Second
	idleTimeout = 30 * time.Second
	maxHeader   = 16 << 10
)

// Client makes an HTTP client whose requests end after timeout.
func Client(g Guard, timeout time.Duration) *http.Client {
	d := &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		addr, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("dial %s: %w", address, err)
		}
		return g.CheckDial(addr)
	}}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: d.DialContext, TLSHandshakeTimeout: dialTimeout, MaxIdleConnsPerHost: 1, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: maxHeader,
		},
	}
}

// Reason tells the tenant why no answer came, without addresses of ours.
func Reason(err error) error {
	var op *net.OpError
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("the receiver did not answer in time")
	case errors.As(err, &dns): // of a dial, and it names our resolver
		return errors.New("the receiver's name can't be resolved")
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("the receiver can't be reached: %w", op.Err)
	}
	return errors.New("the receiver broke off or its TLS can't be verified")
}
