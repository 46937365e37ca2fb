package l4

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/handover"
	"github.com/tollgate/tollgate/gateway-edge/internal/lastcall"
	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Config is what a Server needs.
type Config struct {
	Table *snapshot.Table
	Meter *meter.Meter
	Log   *observe.Log // nil: none
	Clock *clock.Clock
	// Limits are what an organization's subscription allows; nil: everything.
	Limits func(org *snapshot.Org, test bool) []limit.Limit
	// Host is the address that ports are bound at, empty for all; First and Last
	// are the range that streams may be in, 0 for none.
	Host        string
	First, Last int
	// Sockets are those of the edge whose place this one takes; nil: none.
	Sockets *handover.Sockets
	// Trusted proxies may send PROXY headers to streams that take them.
	Trusted []netip.Prefix
	// Guard bounds an organization's connections, those of HTTP and of streams
	// together; nil: it is not asked.
	Guard *shed.Guard
	// MaxSessions bounds the connections and flows in all; 0 is 100,000.
	MaxSessions int
	Logger      *slog.Logger
}

// Times of a session's beginning, and of the housekeeping.
const (
	proxyTime   = 5 * time.Second
	loadTime    = 5 * time.Second
	beginTime   = 30 * time.Second // all attempts to reach a target
	sweepEvery  = time.Second
	chargeEvery = 10 * time.Second // bytes of a session that goes on are counted
	acceptPause = 5 * time.Millisecond
)

// bufSize holds any datagram.
const bufSize = 64 << 10

// Server carries streams.
type Server struct {
	cfg     Config
	buffers sync.Pool // *[bufSize]byte
	asks    sync.Pool // *policy.Exchange, to ask limits with

	draining atomic.Bool
	resting  atomic.Bool    // Rest has the say; changed with mu held
	wake     chan struct{}  // holds one: the ports are to be looked at
	accepts  sync.WaitGroup // loops that accept connections
	work     sync.WaitGroup
	open     atomic.Int64
	served   atomic.Uint64
	refused  atomic.Uint64

	mu       sync.Mutex // guards what follows
	sessions map[*session]struct{}
	rooms    map[uint64]*room // by the stream's number
	ports    map[portKey]port
	failed   map[portKey]string // why a port can't be bound
	stopped  bool
}

// portKey is a place to listen at.
type portKey struct {
	transport string
	port      int
}

// port is something bound.
type port interface {
	// close ends accepting; sessions go on. The server's lock is not held.
	close()
	// socket is what is bound.
	socket() syscall.Conn
}

// New makes a Server. Nothing is bound before Run.
func New(cfg Config) (*Server, error) {
	if cfg.Table == nil || cfg.Meter == nil || cfg.Clock == nil || cfg.Logger == nil {
		return nil, errors.New("l4: table, meter, clock and logger are needed")
	}
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = 100_000
	}
	s := &Server{
		cfg: cfg, sessions: map[*session]struct{}{}, rooms: map[uint64]*room{},
		ports: map[portKey]port{}, failed: map[portKey]string{}, wake: make(chan struct{}, 1),
	}
	s.buffers.New = func() any { return new([bufSize]byte) }
	s.asks.New = func() any { return policy.EngineNew(cfg.Clock.Boot, nil) }
	return s, nil
}

// Open is the number of connections and flows under way.
func (s *Server) Open() int64 { return s.open.Load() }

// Served and Refused count connections and flows since the start: those that
// reached a target, and those that did not.
func (s *Server) Served() uint64 { return s.served.Load() }

// Refused counts what was refused.
func (s *Server) Refused() uint64 { return s.refused.Load() }

// Unbound is the number of ports that streams should be served at and can't be.
func (s *Server) Unbound() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failed)
}

// Sockets returns what is bound, to be handed over.
func (s *Server) Sockets() (out []handover.Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, p := range s.ports {
		out = append(out, handover.Socket{Name: handover.Name(key.transport, s.addr(key)), Conn: p.socket()})
	}
	return out
}

// addr is where a port is bound.
func (s *Server) addr(key portKey) string {
	return net.JoinHostPort(s.cfg.Host, strconv.Itoa(key.port))
}

// Run binds ports as streams come and go until ctx ends; then it cuts every
// session that is left and waits for all of them. Drain comes before.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	s.bind(ctx)
	for {
		select {
		case <-ctx.Done():
			s.shut()
			s.work.Wait()
			return nil
		case <-s.cfg.Table.StreamsMoved():
			s.bind(ctx)
		case <-s.wake:
			s.bind(ctx)
		case <-tick.C:
			s.sweep()
			if s.Unbound() > 0 || s.resting.Load() {
				s.bind(ctx)
			}
		}
	}
}

// Drain ends accepting and waits until no session is left, or ctx ends. handed says
// that another process has the sockets and goes on with them.
func (s *Server) Drain(ctx context.Context, handed bool) error {
	s.draining.Store(true)
	s.mu.Lock()
	ports := s.ports
	s.ports = map[portKey]port{}
	s.mu.Unlock()
	s.leave(ports, handed)
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for s.open.Load() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

// Rest takes no new connections and flows, or takes them again; those under way go
// on. While it rests no port is bound but those of UDP that have flows, so that
// clients and balancers see that nobody is there. It returns when what was on its
// way has been accepted. Calls must not overlap, nor may Drain.
func (s *Server) Rest(on bool) {
	s.mu.Lock()
	s.resting.Store(on)
	var listeners []net.Listener
	for key, p := range s.ports {
		switch p := p.(type) {
		case *udpPort:
			p.rest(on)
		case *tcpPort:
			if on {
				delete(s.ports, key)
				listeners = append(listeners, p.ln)
			}
		}
	}
	s.mu.Unlock()
	lastcall.Close(listeners...)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// leave gives ports up, and returns when nothing new comes from them.
func (s *Server) leave(ports map[portKey]port, handed bool) {
	var listeners []net.Listener
	for _, p := range ports {
		switch p := p.(type) {
		case *udpPort:
			p.leave(handed)
		case *tcpPort:
			if handed {
				p.close()
			} else {
				listeners = append(listeners, p.ln)
			}
		}
	}
	lastcall.Close(listeners...)
	s.accepts.Wait()
}

// shut closes all ports and cuts all sessions.
func (s *Server) shut() {
	s.draining.Store(true)
	s.mu.Lock()
	s.stopped = true
	ports, sessions := s.ports, make([]*session, 0, len(s.sessions))
	s.ports = map[portKey]port{}
	for x := range s.sessions {
		sessions = append(sessions, x)
	}
	s.mu.Unlock()
	for _, p := range ports {
		p.close()
	}
	for _, x := range sessions {
		x.stop(policy.EndedByEdge)
	}
}

// bind opens the ports that streams have now and closes those that none has.
func (s *Server) bind(ctx context.Context) {
	if s.draining.Load() || s.cfg.First == 0 {
		return
	}
	for n := s.cfg.First; n <= s.cfg.Last; n++ {
		for _, transport := range []string{tcp, udp} {
			key := portKey{transport, n}
			if gone := s.settle(ctx, key, s.wants(key)); gone != nil {
				gone.close()
			}
		}
	}
}

// wants reports whether a port should be bound.
func (s *Server) wants(key portKey) bool {
	if s.cfg.Table.AtPort(key.transport, key.port) == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.resting.Load() {
		return true
	}
	p, ok := s.ports[key].(*udpPort)
	return ok && p.rest(true)
}

// settle opens one port, or returns it to be closed.
func (s *Server) settle(ctx context.Context, key portKey, wanted bool) (gone port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, bound := s.ports[key]
	switch {
	case !wanted:
		delete(s.failed, key)
		delete(s.ports, key)
		return p
	case !bound && !s.stopped && !s.draining.Load() && !s.resting.Load():
		var err error
		if key.transport == udp {
			p, err = s.listenUDP(ctx, key)
		} else {
			p, err = s.listenTCP(ctx, key)
		}
		if err != nil {
			if s.failed[key] != err.Error() {
				s.cfg.Logger.Error("a stream's port can't be bound; it is tried again each second", "port", key.port, "transport", key.transport, "error", err)
			}
			s.failed[key] = err.Error()
			return nil
		}
		delete(s.failed, key)
		s.ports[key] = p
	}
	return nil
}

func (s *Server) trusts(a netip.Addr) bool { return within(s.cfg.Trusted, a) }

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
