package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/admin"
	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/config"
	"github.com/tollgate/tollgate/gateway-edge/internal/confsync"
	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/geo"
	"github.com/tollgate/tollgate/gateway-edge/internal/handover"
	"github.com/tollgate/tollgate/gateway-edge/internal/health"
	"github.com/tollgate/tollgate/gateway-edge/internal/keep"
	"github.com/tollgate/tollgate/gateway-edge/internal/keystore"
	"github.com/tollgate/tollgate/gateway-edge/internal/l4"
	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/internal/listen"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/internal/respcache"
	"github.com/tollgate/tollgate/gateway-edge/internal/shed"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/otlp"
)

// Edge is one data plane.
type Edge struct {
	cfg     Config
	id      *config.Identity
	request *handover.Request // to the edge whose place this one takes; nil: there is none
	offers  *handover.Server  // to those that take this one's place; nil: nobody may
	clock   *clock.Clock
	started time.Time

	dialing *config.Dialing
	peers   redis.UniversalClient // reads other edges' reports
	// challenges are looked up for ACME authorities.
	challenges *challenges
	wildcard   *wildcard
	// blocking is for reads that wait for news; it is closed when Run ends.
	blocking redis.UniversalClient

	adminLn net.Listener
	guard   *match.Guard // gets the addresses bound, then is not changed

	pools     *transport.Pools
	upstreams *balance.Registry
	health    *health.Runner
	meter     *meter.Meter
	limits    *limit.Limits
	log       *observe.Log
	metrics   *observe.Metrics
	explain   *observe.Explainer
	traces    *otlp.Exporter // nil: the operator has no collector
	pusher    *observe.Pusher
	disk      *disklog.Log
	marker    *snapshot.Marker
	snapshot  *snapshot.Store
	keys      *keystore.Store
	kept      *keep.Store
	cache     *respcache.Store
	countries *geo.DB // nil: there is no database
	sync      atomic.Pointer[confsync.Syncer]
	shed      *shed.Guard
	engine    *engine.Engine
	server    *listen.Server
	tls       []*tls.Config // of TCP and of HTTP/3
	streams   *l4.Server
	admin     *admin.Server

	draining atomic.Bool
	orders   orders
	load     load
	behind   behind
	handed   atomic.Bool   // another process has taken this one's place
	left     chan struct{} // closed then
	failed   atomic.Uint64 // hand-overs
	ready    chan struct{}
	once     sync.Once
	closers  []func() error // in the order of opening
}

// New opens the data directory, loads what the edge held, and binds the
// addresses. Nothing runs before Run. After an error nothing is left open.
func New(ctx context.Context, cfg Config) (*Edge, error) {
	if cfg.Keys == nil || cfg.DataDir == "" || cfg.RedisURL == "" || cfg.Logger == nil {
		return nil, errors.New("edge: Keys, DataDir, RedisURL and Logger are needed")
	}
	config.Speak(cfg.Logger)
	e := &Edge{cfg: cfg, clock: clock.New(), started: time.Now(), dialing: config.NewDialing(), ready: make(chan struct{}), left: make(chan struct{})}
	for _, step := range []func() error{
		func() error { return e.openIdentity(ctx) }, e.openGuard, e.openUpstreams, e.openCounting, e.openConfiguration, e.openServing,
	} {
		if err := step(); err != nil {
			e.giveUp(err)
			return nil, errors.Join(err, e.close())
		}
	}
	return e, nil
}

// close closes what was opened, last first.
func (e *Edge) close() error {
	var errs []error
	for i := len(e.closers) - 1; i >= 0; i-- {
		errs = append(errs, e.closers[i]())
	}
	e.closers = nil
	return errors.Join(errs...)
}

func (e *Edge) onClose(f func() error) { e.closers = append(e.closers, f) }

// Ready is closed once the edge serves a whole configuration.
func (e *Edge) Ready() <-chan struct{} { return e.ready }

// ID returns the edge's name.
func (e *Edge) ID() string { return e.id.Edge }

// Addrs returns the addresses bound for clients, clear text first.
func (e *Edge) Addrs() []net.Addr { return e.server.Addrs() }

// AdminAddr returns the address bound for health and metrics.
func (e *Edge) AdminAddr() net.Addr { return e.adminLn.Addr() }

func (e *Edge) openIdentity(ctx context.Context) (err error) {
	if err := e.askPredecessor(ctx); err != nil {
		return err
	}
	var lock *os.File
	if e.request != nil {
		lock = e.request.Lock
	}
	if e.id, err = config.Claim(e.cfg.DataDir, e.cfg.EdgeID, lock); err != nil {
		return err
	}
	e.onClose(e.id.Release)
	return nil
}

// dir makes a directory under the data directory.
func (e *Edge) dir(name string) (string, error) {
	path := filepath.Join(e.cfg.DataDir, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("make %s: %w", path, err)
	}
	return path, nil
}

// client opens one more Redis client.
func (e *Edge) client(pool int) (redis.UniversalClient, error) {
	c, err := config.OpenRedis(e.cfg.RedisURL, e.dialing, pool)
	if err != nil {
		return nil, err
	}
	e.onClose(c.Close)
	return c, nil
}

func (e *Edge) wallMilli() int64 { return e.clock.Milli(e.clock.Boot()) }
