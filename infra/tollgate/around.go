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
		addr, err := keep(filepath.Join(u.dir, "echo.addr"), u.freeEcho)
		if err != nil {
			return err
		}
		if u.echoOn == nil {
			if u.echoOn, err = net.Listen("tcp", addr); err != nil {
				u.log.Warn("the echo backend is off: somebody else has its address", "addr", addr)
				return nil
			}
		}
		u.v.Set(settings.EchoAddr, addr)
	}
	if addr := u.v.String(settings.EchoAddr); addr != "" && !u.v.Given(settings.EchoURL) {
		u.v.Set(settings.EchoURL, localURL(addr))
	}
	return nil
}

// freeEcho listens at the echo backend's address, or at another of this machine
// when somebody has that, and returns it. The listener is kept: two starts at a
// time would find the same address free.
func (u *up) freeEcho() (string, error) {
	l, err := net.Listen("tcp", echoAddr)
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", fmt.Errorf("find an address for the echo backend: %w", err)
		}
	}
	u.echoOn = l
	return l.Addr().String(), nil
}
