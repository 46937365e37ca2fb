package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/handover"
	"github.com/tollgate/tollgate/gateway-edge/internal/l4"
	"github.com/tollgate/tollgate/gateway-edge/internal/lastcall"
	"github.com/tollgate/tollgate/gateway-edge/internal/proxyproto"
	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/match"
)

// Config is what a Server needs.
type Config struct {
	Engine  *engine.Engine
	Addr    string // clear text; "" for none
	TLSAddr string // "" for none
	// Sockets are those of the edge whose place this one takes; nil: none.
	Sockets *handover.Sockets
	// GetCertificate finds the certificate of a TLS handshake.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Streams takes connections of TLS by their server name before the handshake;
	// nil: none.
	Streams *l4.Server
	// TuneTLS completes the listeners' TLS; nil: it stays as it is.
	TuneTLS       func(*tls.Config)
	Trusted       []netip.Prefix // proxies whose PROXY headers and forwarding fields are believed
	MaxConns      int            // 0 is 100,000
	MaxConnsPerIP int            // of an address that is no trusted proxy; 0 is 256
	HTTP3         HTTP3
	// Guard counts connections for organizations and says which are let in; Table
	// finds whose a server name is. Nil: neither is asked.
	Guard  *shed.Guard
	Table  *snapshot.Table
	Now    func() int64 // the clock that Guard's callers share, ns
	Logger *slog.Logger
}

// HTTP3 says how HTTP/3 is served, on the UDP port of TLSAddr.
type HTTP3 struct {
	Off bool
	// Required makes a UDP port that can't be bound an error of New; else it is
	// logged.
	Required bool
	// Port is where clients reach the UDP port, if not under its own number.
	Port int
	// TokenKey seals what proves a client's address at its next visit, at any edge
	// that has the same. ResetKey makes the tokens by which a client learns that its
	// connection is gone after a crash; each edge has its own.
	TokenKey, ResetKey [32]byte
}

// Bounds of a connection's beginning.
const (
	handshakeTime = 5 * time.Second
	proxyTime     = 5 * time.Second
	acceptPause   = 5 * time.Millisecond
	acceptPauses  = time.Second
)

// Server accepts connections.
type Server struct {
	cfg       Config
	tls       *tls.Config
	listeners []listener
	http2     atomic.Int64 // connections of HTTP/2
	udp       *net.UDPConn // of HTTP/3; nil: it is not served
	udpAddr   string       // where it is bound, as configured
	http3     *http3Server
	std       *http.Server
	queue     *queue
	census    *census
	streams   registry
	accepts   sync.WaitGroup
	conns     sync.WaitGroup
	stopped   chan struct{} // closed when no more is accepted
	stopOnce  sync.Once
}

type listener struct {
	net.Listener
	addr string // as configured
	tls  bool
}

// New binds the addresses. Clients are served by Run.
func New(cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 100_000
	}
	if cfg.MaxConnsPerIP == 0 {
		cfg.MaxConnsPerIP = 256
	}
	s := &Server{cfg: cfg, census: newCensus(cfg.MaxConns, cfg.MaxConnsPerIP), stopped: make(chan struct{})}
	s.tls = s.tlsConfig(tls.VersionTLS12, "h2", "http/1.1")
	for _, a := range []struct {
		addr string
		tls  bool
	}{{cfg.Addr, false}, {cfg.TLSAddr, true}} {
		if a.addr == "" {
			continue
		}
		ln, err := cfg.Sockets.Listen(context.Background(), lastcall.ListenConfig(), "tcp", a.addr)
		if err != nil {
			s.closeListeners()
			return nil, fmt.Errorf("listen: %w", err)
		}
		s.listeners = append(s.listeners, listener{ln, a.addr, a.tls})
	}
	if len(s.listeners) == 0 {
		return nil, errors.New("listen: no address is given")
	}
	if cfg.TLSAddr != "" && !cfg.HTTP3.Off {
		if err := s.bindHTTP3(); err != nil {
			s.closeListeners()
			return nil, err
		}
	}
	s.queue = newQueue(s.listeners[0].Addr())
	s.std = cfg.Engine.StdServer()
	s.std.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if f, ok := c.(*frames); ok {
			ctx = engine.WithInfo(ctx, f.h.info)
		}
		return ctx
	}
	return s, nil
}

// tlsConfig is the TLS of connections that speak one of protos.
func (s *Server) tlsConfig(least uint16, protos ...string) *tls.Config {
	c := &tls.Config{MinVersion: least, NextProtos: protos, GetCertificate: s.cfg.GetCertificate}
	if s.cfg.TuneTLS != nil {
		s.cfg.TuneTLS(c)
	}
	return c
}

// Addrs returns the addresses bound for TCP, clear text first.
func (s *Server) Addrs() (out []net.Addr) {
	for _, l := range s.listeners {
		out = append(out, l.Addr())
	}
	return out
}

// HTTP2Connections is the number of connections of HTTP/2.
func (s *Server) HTTP2Connections() int64 { return s.http2.Load() }

// Sockets returns what is bound, to be handed over.
func (s *Server) Sockets() (out []handover.Socket) {
	for _, l := range s.listeners {
		if c, ok := l.Listener.(syscall.Conn); ok {
			out = append(out, handover.Socket{Name: handover.Name("tcp", l.addr), Conn: c})
		}
	}
	if s.udp != nil {
		out = append(out, handover.Socket{Name: handover.Name("udp", s.udpAddr), Conn: s.udp})
	}
	return out
}

// Run serves until ctx ends, then cuts every connection that is left and waits
// for all of them. Drain comes before.
func (s *Server) Run(ctx context.Context) error {
	s.std.BaseContext = func(net.Listener) context.Context { return ctx }
	var loops sync.WaitGroup
	loops.Add(1)
	go func() { defer loops.Done(); _ = s.std.Serve(s.queue) }()
	for _, l := range s.listeners {
		s.accepts.Add(1)
		loops.Go(func() { defer s.accepts.Done(); s.accept(ctx, l) })
	}
	if s.http3 != nil {
		loops.Add(1)
		go func() { defer loops.Done(); s.serveHTTP3() }()
	}
	<-ctx.Done()
	s.stop()
	_ = s.queue.Close()
	_ = s.std.Close()
	if s.http3 != nil {
		_ = s.http3.Close()
		_ = s.udp.Close()
	}
	loops.Wait()
	s.conns.Wait()
	return nil
}

// Close unbinds the addresses of a server whose Run was never called.
func (s *Server) Close() {
	s.stop()
	if s.udp != nil {
		_ = s.udp.Close()
	}
}

func (s *Server) stop() { s.stopOnce.Do(func() { close(s.stopped); s.closeListeners() }) }

func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		_ = l.Close()
	}
}

// accept accepts until the listener is closed. When the process has no more
// files it waits; connections that exist are served on.
func (s *Server) accept(ctx context.Context, l listener) {
	pause := acceptPause
	for {
		c, err := l.Accept()
		if err != nil {
			select {
			case <-s.stopped:
				return
			case <-time.After(pause):
			}
			if pause = min(2*pause, acceptPauses); pause == acceptPauses {
				s.cfg.Logger.Error("connections can't be accepted", "error", err)
				s.cfg.Engine.CloseIdle(time.Second)
			}
			continue
		}
		pause = acceptPause
		if g := s.cfg.Guard; g != nil && g.Closed() {
			_ = c.Close()
			continue
		}
		if s.census.all.Add(1) > int64(s.census.max) {
			s.census.all.Add(-1)
			s.cfg.Engine.CloseIdle(time.Second)
			_ = c.Close()
			continue
		}
		s.conns.Add(1)
		go func() {
			defer s.conns.Done()
			defer s.census.all.Add(-1)
			s.serve(ctx, c, l.tls)
		}()
	}
}

// serve serves one connection to its end.
func (s *Server) serve(ctx context.Context, c net.Conn, secure bool) {
	info := engine.Info{TLS: secure}
	peer, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		_ = c.Close()
		return
	}
	ap := peer.AddrPort()
	info.Peer = netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
	info.Trusted = s.trusts(info.Peer.Addr())
	if info.Trusted {
		if !s.proxied(c, &info) {
			_ = c.Close()
			return
		}
	} else {
		if !s.census.enter(info.Peer.Addr()) {
			_ = c.Close()
			return
		}
		defer s.census.leave(info.Peer.Addr())
		if s.cfg.Guard != nil {
			info.Seat = new(shed.Seat)
			defer info.Seat.Leave(s.cfg.Guard)
		}
	}
	if secure {
		s.serveTLS(ctx, c, info)
		return
	}
	ahead, http2 := s.cfg.Engine.ServeConn(ctx, c, info)
	if http2 {
		h := &handed{Conn: c, info: info, ahead: ahead}
		s.serveStdConn(newFrames(h, h), h)
	}
}

func (s *Server) trusts(a netip.Addr) bool {
	for _, p := range s.cfg.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// proxied reads the PROXY header of a trusted proxy, if there is one. Whom it
// names is the peer from then on, and trusted only if it is a trusted proxy too.
func (s *Server) proxied(c net.Conn, info *engine.Info) bool {
	_ = c.SetReadDeadline(time.Now().Add(proxyTime))
	h, _, ahead, err := proxyproto.Read(c)
	if err != nil {
		return false
	}
	_ = c.SetReadDeadline(time.Time{})
	info.Ahead = ahead
	if h.Source.IsValid() {
		info.Peer, info.Trusted = h.Source, s.trusts(h.Source.Addr())
	}
	return true
}

// serveTLS makes the handshake and hands the connection over by ALPN.
func (s *Server) serveTLS(ctx context.Context, c net.Conn, info engine.Info) {
	until := time.Now().Add(handshakeTime)
	name, ok := s.sniff(c, &info, until)
	if !ok {
		_ = c.Close()
		return
	}
	if name != "" && s.cfg.Streams != nil && s.cfg.Streams.ServeTLS(ctx, l4.Arrival{Conn: c, Client: info.Peer, Name: name, Ahead: info.Ahead}) {
		return
	}
	if !s.seats(name, &info) {
		_ = c.Close()
		return
	}
	h := &handed{Conn: c, ahead: info.Ahead}
	info.Ahead = nil
	t := tls.Server(h, s.tls)
	hctx, cancel := context.WithDeadline(ctx, until)
	err := t.HandshakeContext(hctx)
	cancel()
	if err != nil {
		_ = c.Close()
		return
	}
	state := t.ConnectionState()
	if !arrived(&state, &info) {
		_ = t.Close()
		return
	}
	if state.ServerName != "" {
		if info.SNI, _, err = match.HostString(state.ServerName); err != nil {
			_ = c.Close()
			return
		}
	}
	if state.NegotiatedProtocol == "h2" {
		if state.Version == tls.VersionTLS12 && !forHTTP2[state.CipherSuite] {
			_ = t.Close() // RFC 9113, 9.2.2
			return
		}
		h.info = info
		s.serveStdConn(newFrames(t, h), h)
		return
	}
	s.cfg.Engine.ServeConn(ctx, t, info)
}

// forHTTP2 are the cipher suites of TLS 1.2 that HTTP/2 may run over.
var forHTTP2 = map[uint16]bool{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: true,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: true, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: true,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: true, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: true,
}

// serveStdConn gives a connection, decrypted, to net/http's server and waits for
// its end.
func (s *Server) serveStdConn(c *frames, h *handed) {
	h.done = make(chan struct{})
	s.http2.Add(1)
	defer s.http2.Add(-1)
	s.streams.add(c)
	defer s.streams.remove(c)
	if !s.queue.put(c) {
		_ = c.Close()
		return
	}
	<-h.done
}
