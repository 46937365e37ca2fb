package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports that no system gives out by itself, to a connection or to a listener of
// port 0 (Linux begins at 32768): what is free stays so until it is used.
const (
	firstPort = 10000
	lastPort  = 32000
)

// FreePort returns a TCP port on 127.0.0.1 that was free a moment ago.
func FreePort() (int, error) {
	var err error
	for range 100 {
		var l net.Listener
		port := firstPort + rand.IntN(lastPort-firstPort)
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port, the last of a hundred: %w", err)
}

// PortsInARow finds n free ports that follow one another and returns the first. They
// may be taken by somebody else meanwhile, as with FreePort.
func PortsInARow(t testing.TB, n int) int {
	t.Helper()
	for range 200 {
		first, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		free := first+n < 65536
		for p := first; free && p < first+n; p++ {
			ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
			if free = err == nil; free {
				_ = ln.Close()
			}
		}
		if free {
			return first
		}
	}
	t.Fatal("there are no free ports in a row")
	return 0
}
