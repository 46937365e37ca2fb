package lastcall

import (
	"net"
	"syscall"
	"time"
)

// settle is how long connections under way have to be established and accepted. Only
// tests change it.
var settle = 50 * time.Millisecond

// ListenConfig is for sockets that Close is to work on: the kernel's multipath
// sockets take no filter.
func ListenConfig() *net.ListenConfig {
	lc := &net.ListenConfig{}
	lc.SetMultipathTCP(false)
	return lc
}

// Close closes listeners whose accept loops are running. Where the system knows no
// way to take no new connections, it just closes them.
func Close(listeners ...net.Listener) {
	quiet := false
	for _, ln := range listeners {
		c, ok := ln.(syscall.Conn)
		if !ok {
			continue
		}
		raw, err := c.SyscallConn()
		if err != nil {
			continue
		}
		_ = raw.Control(func(fd uintptr) { quiet = refuse(int(fd)) == nil || quiet })
	}
	if quiet {
		time.Sleep(settle)
	}
	for _, ln := range listeners {
		_ = ln.Close()
	}
}
