package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
)

// Config is what an engine needs.
type Config struct {
	Edge    string           // the edge's id, for logs and traces
	EdgeTag string           // what the ids of its connections begin with
	Domain  string           // under which gateways have their hosts
	Table   *snapshot.Table  // who answers for a host
	Meter   *meter.Meter     // counts
	Log     *observe.Log     // access log; nil: none
	Metrics *observe.Metrics // nil: none
	Tracing observe.Tracing  // the operator's, of all gateways
	Clock   *clock.Clock     // shared with everybody who compares its readings
	Trusted []netip.Prefix   // proxies whose forwarding fields are believed
	// Challenges are answered before anything else; nil: none.
	Challenges Challenges
	// Guard says who is let in while there is more work than the edge can do; nil:
	// everybody, within its own bounds' defaults.
	Guard  *shed.Guard
	Limits Limits
	Logger *slog.Logger
}

// Limits are an engine's bounds; zero parts take the defaults named behind them.
type Limits struct {
	Head      time.Duration // from a request's first byte to its head's last: 10 s
	Idle      time.Duration // between two requests: 75 s
	BodyGrace time.Duration // before a body's least rate holds: 10 s
	BodyRate  int64         // least bytes/s of a request's body: 256
	Write     time.Duration // for a client to take a piece of the answer: 60 s
	Wait      time.Duration // for one policy's Await: 10 s
	Integrate time.Duration // for a route's integration, where the route says nothing: 60 s
	Linger    time.Duration // to let a client read an answer before its connection is cut: 1 s
	// Waiters bounds the requests inside Await, in all and of one gateway: 4,096
	// and 512. Over it they get 503 overloaded.
	Waiters, GatewayWaiters int64
	// Collected bounds the bytes of bodies held for policies that need them
	// whole, over all requests: 256 MiB.
	Collected int64
}

func (l *Limits) fill() {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&l.Head, 10*time.Second)
	def(&l.Idle, 75*time.Second)
	def(&l.BodyGrace, 10*time.Second)
	def(&l.Write, time.Minute)
	def(&l.Wait, 10*time.Second)
	def(&l.Integrate, time.Minute)
	def(&l.Linger, time.Second)
	num := func(n *int64, v int64) {
		if *n == 0 {
			*n = v
		}
	}
	num(&l.BodyRate, 256)
	num(&l.Waiters, 4096)
	num(&l.GatewayWaiters, 512)
	num(&l.Collected, 256<<20)
}

// Engine carries requests. Its methods are safe for concurrent use.
type Engine struct {
	cfg     Config
	clock   *clock.Clock
	sweep   sweeper
	jobs    sync.Pool // *job
	streams sync.Pool // *[streamBuf]byte

	draining  atomic.Bool
	ending    atomic.Bool  // the drain's time is up
	leaving   atomic.Int64 // since when, CLOCK_BOOTTIME ns; 0: not
	open      atomic.Int64 // requests under way
	served    atomic.Uint64
	waiting   atomic.Int64
	waiters   sync.Map // gateway number → *atomic.Int64
	collected atomic.Int64
	sockets   sync.Map               // connection id → *bridge
	farewells chan struct{}          // a place for each connection whose end is being told
	shedLogs  atomic.Int64           // refusals by overload that were logged since the last tick
	date      atomic.Pointer[string] // the Date field's value
	announced atomic.Pointer[announcement]
}

// Info is what the listener knows of a connection.
type Info struct {
	Peer    netip.AddrPort // who connected, or whom a trusted proxy's PROXY header names
	Trusted bool           // the peer is a trusted proxy
	TLS     bool
	SNI     string // canonical server name of the TLS handshake; "" for none
	// Seat counts the connection for an organization; nil: it is nobody's alone, as
	// that of a trusted proxy is.
	Seat *shed.Seat
	// Leave ends a connection of HTTP/3 once what it is told has been sent: it is
	// one too many. Other protocols say so in the answer.
	Leave  func()
	Client *ClientCert
	Ahead  []byte // what was read of the connection before it was handed over
}

// New makes an engine. Run must be running while it serves.
func New(cfg Config) (*Engine, error) {
	if cfg.Table == nil || cfg.Meter == nil || cfg.Clock == nil {
		return nil, errors.New("engine: Table, Meter and Clock are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Guard == nil {
		cfg.Guard = shed.New(shed.Config{Logger: cfg.Logger})
	}
	cfg.Limits.fill()
	e := &Engine{cfg: cfg, clock: cfg.Clock, farewells: make(chan struct{}, maxFarewells)}
	e.jobs.New = func() any { return newJob(e) }
	e.streams.New = func() any { return new([streamBuf]byte) }
	e.tick()
	return e, nil
}

// Run is the sweeper: it refreshes the clock, enforces time limits and watches
// for clients that went away, until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			e.tick()
			e.sweep.run(e)
		}
	}
}

// tick refreshes what is read from memory per request.
func (e *Engine) tick() {
	e.clock.Refresh()
	e.shedLogs.Store(0)
	d := e.clock.Wall().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	if old := e.date.Load(); old == nil || *old != d {
		e.date.Store(&d)
	}
}

// Closing makes every answer from now on the last of its connection; idle
// connections stay, so that no request meets a closed door.
func (e *Engine) Closing() { e.draining.Store(true) }

// Drain makes every answer from now on the last of its connection, and tells
// WebSockets to go elsewhere. CloseIdle closes what stays idle.
func (e *Engine) Drain() {
	e.draining.Store(true)
	e.leaving.CompareAndSwap(0, e.clock.Boot())
}

// Rest does as Drain, or takes it back: connections and WebSockets stay again.
func (e *Engine) Rest(on bool) {
	if on {
		e.Drain()
		return
	}
	e.draining.Store(false)
	e.leaving.Store(0)
}

// Finish ends what is still under way, since the drain's time is up: gRPC calls
// with a status, event streams with their end, requests that no backend has
// answered with 504. Bodies that can only be cut off are cut off.
func (e *Engine) Finish() {
	e.ending.Store(true)
	e.sweep.finish()
}

// Open is the number of requests under way.
func (e *Engine) Open() int64 { return e.open.Load() }

// Served is the number of requests ended since the start.
func (e *Engine) Served() uint64 { return e.served.Load() }

// Connections is the number of HTTP/1.1 connections.
func (e *Engine) Connections() int { return e.sweep.len() }

// Limits are the engine's bounds, defaults filled in.
func (e *Engine) Limits() Limits { return e.cfg.Limits }

// CloseIdle closes connections that have waited for a request for longer than d.
// A request that arrives at that moment is answered.
func (e *Engine) CloseIdle(d time.Duration) { e.sweep.closeIdle(d) }
