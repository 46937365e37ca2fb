package main

import (
	"fmt"
	"net"
	"path/filepath"

	"github.com/tollgate/tollgate/services/contract/settings"
)

// edges says where the one edge is: for the portal, and for callers.
func (u *up) edges() {
	addr := u.v.String(settings.EdgeAddr)
	if !u.v.Given(settings.EdgeURL) {
		u.v.Set(settings.EdgeURL, localURL(addr))
	}
	if u.v.Given(settings.EdgePublicURL) {
		return
	}
	public := "http://" + u.v.String(settings.EdgeDomain)
	if _, port, err := net.SplitHostPort(addr); err == nil && port != "80" {
		public += ":" + port
	}
	u.v.Set(settings.EdgePublicURL, public)
}

// echoAddr is where the echo backend listens. Where that is taken at the first
// start, a free port is taken and kept: upstreams point at it.
const echoAddr = "127.0.0.1:9100"

// echo offers the echo backend, unless the operator said where it is. It is on a
// loopback address, so only where upstreams may have one.
func (u *up) echo() error {
	private, err := u.v.Bool(settings.AllowPrivateUpstreams)
	if err != nil {
		return wrong(err)
	}
	if !u.v.Given(settings.EchoAddr) && private {
		addr, err := keep(filepath.Join(u.dir, "echo.addr"), func() (string, error) { return freeAddr(echoAddr) })
		if err != nil {
			return err
		}
		if free, err := freeAddr(addr); err != nil || free != addr {
			u.log.Warn("the echo backend is off: somebody else has its address", "addr", addr)
			return nil
		}
		u.v.Set(settings.EchoAddr, addr)
	}
	if addr := u.v.String(settings.EchoAddr); addr != "" && !u.v.Given(settings.EchoURL) {
		u.v.Set(settings.EchoURL, localURL(addr))
	}
	return nil
}

// freeAddr returns addr when nobody listens there, else an address of this
// machine where nobody does.
func freeAddr(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", fmt.Errorf("find an address for the echo backend: %w", err)
		}
	}
	defer l.Close()
	return l.Addr().String(), nil
}
