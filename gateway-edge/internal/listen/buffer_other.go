//go:build !unix

package listen

import "net"

func readBuffer(*net.UDPConn) (n int, ok bool) { return 0, false }
