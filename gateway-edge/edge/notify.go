package edge

import (
	"net"
	"os"
)

// notify tells the service manager that started this process, if it wants to know
// (sd_notify(3)).
func (e *Edge) notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" || !e.cfg.Upgrades {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		e.cfg.Logger.Warn("the service manager can't be told", "error", err)
		return
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		e.cfg.Logger.Warn("the service manager can't be told", "error", err)
	}
}
