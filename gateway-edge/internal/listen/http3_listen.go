package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"

	"github.com/quic-go/quic-go/http3"
)

// altSvcAge is how long clients remember where HTTP/3 is, in seconds. They fall
// back by themselves when it no longer is.
const altSvcAge = 86_400

// udpBuffer is what quic-go asks the kernel for, for packets that come at once, in
// bytes.
const udpBuffer = 7 << 20

// bindHTTP3 binds the UDP port beside the TCP port of TLS.
func (s *Server) bindHTTP3() error {
	host, _, err := net.SplitHostPort(s.cfg.TLSAddr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	port := 0
	for _, l := range s.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok && l.tls {
			port = a.Port
		}
	}
	addr := net.JoinHostPort(host, strconv.Itoa(port))
	pc, err := s.cfg.Sockets.ListenPacket(context.Background(), &net.ListenConfig{}, "udp", addr)
	if err != nil {
		if s.cfg.HTTP3.Required {
			return fmt.Errorf("listen for HTTP/3: %w", err)
		}
		s.cfg.Logger.Error("HTTP/3 is not served: its UDP port can't be bound. HTTP/2 and HTTP/1.1 are", "address", addr, "error", err)
		return nil
	}
	s.udp, s.udpAddr = pc.(*net.UDPConn), addr
	quiet()
	s.http3 = newHTTP3(http3Config{
		Engine: s.cfg.Engine, TLS: s.tlsConfig(tls.VersionTLS13, http3.NextProtoH3), Census: s.census, Trusts: s.trusts,
		Guard: s.cfg.Guard, Seats: s.seats,
		TokenKey: s.cfg.HTTP3.TokenKey, ResetKey: s.cfg.HTTP3.ResetKey, Logger: s.cfg.Logger,
	})
	return nil
}

// checkBuffer tells the operator when the kernel gives the socket a smaller buffer
// than was asked for.
func (q *http3Server) checkBuffer(u *net.UDPConn) {
	if n, ok := readBuffer(u); ok && n < udpBuffer {
		q.cfg.Logger.Warn("the kernel gives HTTP/3 a small receive buffer: under load packets are dropped and sent again. Raise net.core.rmem_max",
			"bytes", n, "wanted", udpBuffer)
	}
}

// quiet keeps quic-go from writing a line of its own about the same.
func quiet() {
	const name = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"
	if os.Getenv(name) == "" {
		_ = os.Setenv(name, "true")
	}
}

// serveHTTP3 serves until the end, and announces HTTP/3 while it does.
func (s *Server) serveHTTP3() {
	port := s.cfg.HTTP3.Port
	if a, ok := s.udp.LocalAddr().(*net.UDPAddr); ok && port == 0 {
		port = a.Port
	}
	s.cfg.Engine.Announce(fmt.Sprintf(`h3=":%d"; ma=%d`, port, altSvcAge))
	err := s.http3.Serve(s.udp)
	s.cfg.Engine.Announce("")
	if !errors.Is(err, http.ErrServerClosed) {
		s.cfg.Logger.Error("HTTP/3 is no longer served", "error", err)
	}
}

func (s *Server) drainHTTP3(ctx context.Context, handed bool) {
	if s.http3 != nil {
		if handed {
			s.http3.leave()
		}
		_ = s.http3.Shutdown(ctx) // what is still open is cut at the end of Run
	}
}

// HTTP3Addr is the UDP address that HTTP/3 is served at; "" where it is not.
func (s *Server) HTTP3Addr() string {
	if s.udp == nil {
		return ""
	}
	return s.udp.LocalAddr().String()
}

// HTTP3Stats counts connections of HTTP/3 since the start.
type HTTP3Stats struct {
	Open    int64  // now, handshakes included
	Opened  uint64 // whose handshake succeeded
	Retries uint64 // newcomers that had to prove their address first
	Refused uint64 // over a bound on connections
	Floods  uint64 // ended for what they sent
}

// HTTP3Stats returns them; all zero where HTTP/3 is not served.
func (s *Server) HTTP3Stats() HTTP3Stats {
	if s.http3 == nil {
		return HTTP3Stats{}
	}
	c := &s.http3.stats
	return HTTP3Stats{Open: c.open.Load(), Opened: c.opened.Load(), Retries: c.retries.Load(), Refused: c.refused.Load(), Floods: c.floods.Load()}
}
