package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/config"
	"github.com/tollgate/tollgate/gateway-edge/internal/lastcall"
	"github.com/tollgate/tollgate/gateway-edge/internal/listen"
	"github.com/tollgate/tollgate/gateway-edge/match"
)

// openGuard makes the guard of outgoing connections. Addresses that are bound
// later are added by openServing, before anything is dialled.
func (e *Edge) openGuard() error {
	g := &match.Guard{AllowPrivate: e.cfg.AllowPrivate, Own: append([]netip.AddrPort(nil), e.cfg.OwnAddrs...)}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				if ip, ok := netip.AddrFromSlice(n.IP); ok {
					g.Local = append(g.Local, ip.Unmap())
				}
			}
		}
	}
	g.Own = append(g.Own, redisAddrs(e.cfg.RedisURL)...)
	if e.cfg.Domain != "" {
		g.OwnHosts = []string{"*." + e.cfg.Domain}
	}
	e.guard = g
	return nil
}

// openListeners binds all addresses, so that a port in use is an error at start.
func (e *Edge) openListeners() error {
	if err := e.openStreams(); err != nil {
		return err
	}
	c := listen.Config{
		Engine: e.engine, Streams: e.streams, Addr: e.cfg.Addr, TLSAddr: e.cfg.TLSAddr, Sockets: e.inherited(), Trusted: e.cfg.TrustedProxies, Logger: e.cfg.Logger,
		Guard: e.shed, Table: e.snapshot.Table(), Now: e.clock.Boot,
		MaxConns: e.cfg.maxConns(), MaxConnsPerIP: e.cfg.MaxConnsPerIP,
	}
	if e.cfg.TLSAddr != "" {
		fallback, err := config.SelfSigned(e.cfg.DataDir, e.cfg.Domain, time.Now())
		if err != nil {
			return err
		}
		c.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return e.snapshot.Table().Certificate(h, e.wildcard.current(fallback))
		}
	}
	c.TuneTLS = e.tuneTLS
	c.HTTP3 = listen.HTTP3{
		Off: e.cfg.HTTP3 == HTTP3Off, Required: e.cfg.HTTP3 == HTTP3On, Port: e.cfg.HTTP3Port,
		TokenKey: e.cfg.Keys.AddressTokenKey(), ResetKey: e.cfg.Keys.ResetKey(e.id.Edge),
	}
	var err error
	if e.server, err = listen.New(c); err != nil {
		return err
	}
	e.onClose(func() error { e.server.Close(); return nil })
	if e.adminLn, err = e.inherited().Listen(context.Background(), lastcall.ListenConfig(), "tcp", e.cfg.AdminAddr); err != nil {
		return fmt.Errorf("bind admin address: %w", err)
	}
	// Its server closes it first where it ran.
	e.onClose(func() error { _ = e.adminLn.Close(); return nil })
	for _, a := range append(e.server.Addrs(), e.adminLn.Addr()) {
		if a, ok := a.(*net.TCPAddr); ok {
			e.guard.Own = append(e.guard.Own, a.AddrPort())
		}
	}
	return nil
}

// redisAddrs returns the addresses of the Redis servers that the URL names, as far
// as they can be resolved now.
func redisAddrs(text string) (out []netip.AddrPort) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, hostport := range config.Hosts(text) {
		host, port, err := net.SplitHostPort(hostport)
		if err != nil {
			host, port = hostport, "6379"
		}
		n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
		if err != nil {
			continue
		}
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			continue
		}
		for _, ip := range ips {
			out = append(out, netip.AddrPortFrom(ip.Unmap(), uint16(n)))
		}
	}
	return out
}
