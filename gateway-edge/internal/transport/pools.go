package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/services/contract"
)

// DefaultMaxConns bounds the connections of one upstream of one organization.
const DefaultMaxConns = 4096

// What is idle too long is looked for every second, what nobody holds any more
// every minute.
const (
	sweepEvery  = time.Second
	forgetEvery = 60
)

// Config of Pools.
type Config struct {
	Guard *match.Guard
	// NameServer, host:port, is asked for names; empty: those of the system are.
	NameServer string
	// Lookup resolves a name instead.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// MaxConns bounds the connections of one upstream of one organization, open
	// and idle; 0 is DefaultMaxConns.
	MaxConns int
	Logger   *slog.Logger
}

// Pools makes and keeps every connection to backends. It is safe for concurrent
// use.
type Pools struct {
	cfg    Config
	dialer dialer
	base   time.Time
	watch  *watcher

	mu     sync.Mutex // guards all below
	pools  map[poolKey]weak.Pointer[Pool]
	quotas map[quotaKey]weak.Pointer[quota]
	active map[*Pool]struct{} // those with connections
	closed bool
}

// poolKey is everything that makes two pools different.
type poolKey struct {
	organization, upstream uint64
	url, protocol          string
	addr                   netip.AddrPort
	tls                    contract.UpstreamTLS
	connect, idleTimeout   time.Duration
	maxIdle                int
}

type quotaKey struct{ organization, upstream uint64 }

// quota counts the connections of one upstream. It fills a cache line, which also
// keeps it out of the runtime's blocks of tiny objects: what is in one is not
// collected while a neighbour lives.
type quota struct {
	open atomic.Int64
	_    [56]byte
}

// New makes empty Pools. Nothing is dialled and no goroutine runs before Run, but
// connections can be got.
func New(cfg Config) (*Pools, error) {
	if cfg.Guard == nil || cfg.Logger == nil {
		return nil, errors.New("transport: guard and logger are needed")
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = DefaultMaxConns
	}
	p := &Pools{cfg: cfg, base: time.Now(), pools: map[poolKey]weak.Pointer[Pool]{}, quotas: map[quotaKey]weak.Pointer[quota]{}, active: map[*Pool]struct{}{}}
	p.dialer = dialer{guard: cfg.Guard, resolver: newResolver(cfg.NameServer, cfg.Lookup, p.now)}
	p.dialer.resolver.moved = p.moved
	w, err := newWatcher()
	if err != nil {
		return nil, err
	}
	p.watch = w
	return p, nil
}

// now is a monotonic clock in nanoseconds.
func (p *Pools) now() int64 { return int64(time.Since(p.base)) }

// Run closes connections that were idle too long or that their backend closed,
// until ctx ends; then it closes all idle ones and keeps none that comes back.
func (p *Pools) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { p.watch.run(p.broken) })
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for n := 1; ; {
		select {
		case <-ctx.Done():
			p.shut()
			p.watch.stop()
			wg.Wait()
			return nil
		case <-tick.C:
			p.sweep(ctx)
			if n++; n%forgetEvery == 0 {
				p.forget()
			}
		}
	}
}

// shut closes all that is idle, and sees to it that nothing becomes idle again.
func (p *Pools) shut() {
	p.mu.Lock()
	p.closed = true
	var all []*Pool
	for _, w := range p.pools {
		if pool := w.Value(); pool != nil {
			all = append(all, pool)
		}
	}
	p.mu.Unlock()
	for _, pool := range all {
		pool.listed.Store(false)
		pool.Close()
	}
}

// busy returns the pools that have connections.
func (p *Pools) busy() []*Pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*Pool, 0, len(p.active))
	for pool := range p.active {
		out = append(out, pool)
	}
	return out
}

func (p *Pools) sweep(ctx context.Context) {
	now := p.now()
	for _, pool := range p.busy() {
		if pool.resolves() {
			p.dialer.resolver.refresh(ctx, pool.name())
		}
		if pool.sweep(now) {
			p.mu.Lock()
			if pool.open.Load() == 0 {
				delete(p.active, pool)
				pool.listed.Store(false)
			}
			p.mu.Unlock()
		}
	}
}

// moved closes idle connections to addresses that a name no longer has; those in
// use go when they come back.
func (p *Pools) moved(key nameKey) {
	for _, pool := range p.busy() {
		if pool.resolves() && pool.name() == key {
			pool.moves.Add(1)
			pool.moveAway()
		}
	}
}

// forget drops what no configuration holds, and names that nobody asked for.
func (p *Pools) forget() {
	p.dialer.resolver.sweep()
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, w := range p.pools {
		if w.Value() == nil {
			delete(p.pools, k)
		}
	}
	for k, w := range p.quotas {
		if w.Value() == nil {
			delete(p.quotas, k)
		}
	}
}

// list makes a pool known to Run; false means that Run has ended.
func (p *Pools) list(pool *Pool) bool {
	if pool.listed.Load() {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.active[pool] = struct{}{}
	pool.listed.Store(true)
	return true
}

// Open returns the pool of a spec; it is balance.Config.Open. Equal specs share
// one for as long as somebody holds it or it has connections.
func (p *Pools) Open(s balance.Spec) (balance.Backend, error) {
	key := poolKey{s.Organization, s.Upstream, s.URL.String(), s.Protocol, s.Addr, s.TLS, s.Connect, s.IdleTimeout, s.MaxIdle}
	p.mu.Lock()
	defer p.mu.Unlock()
	if pool := p.pools[key].Value(); pool != nil {
		return pool, nil
	}
	pool := &Pool{pools: p, spec: s, quota: p.quota(quotaKey{s.Organization, s.Upstream})}
	if s.URL.TLS {
		cfg, err := tlsConfig(s)
		if err != nil {
			return nil, err
		}
		pool.tls = cfg
	}
	if s.Protocol != "http1" {
		pool.h2 = pool.newH2()
	}
	p.pools[key] = weak.Make(pool)
	return pool, nil
}

// quota returns the counter that all pools of an upstream share. The lock is held.
func (p *Pools) quota(k quotaKey) *quota {
	if q := p.quotas[k].Value(); q != nil {
		return q
	}
	q := &quota{}
	p.quotas[k] = weak.Make(q)
	return q
}

// tlsConfig verifies a backend by the name it was configured with, which is also
// what is sent as SNI: the target's host, or the one that stands in its place.
func tlsConfig(s balance.Spec) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: s.URL.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.TLS.SkipVerify, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	if s.TLS.CAPEM != "" {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM([]byte(s.TLS.CAPEM)) {
			return nil, errors.New("there is no certificate in the CA's PEM")
		}
	}
	if s.TLS.ServerName != "" {
		cfg.ServerName = s.TLS.ServerName
	}
	if s.TLS.MinVersion == "1.3" {
		cfg.MinVersion = tls.VersionTLS13
	}
	if s.TLS.ClientPEM != "" {
		pair, err := tls.X509KeyPair([]byte(s.TLS.ClientPEM), []byte(s.TLS.ClientPEM))
		if err != nil {
			return nil, errors.New("the secret of the client certificate holds no certificate with its private key in PEM")
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	cfg.NextProtos = []string{"http/1.1"}
	if s.Protocol == "h2" {
		cfg.NextProtos = []string{"h2"}
	}
	return cfg, nil
}

// Of returns a target's pool.
func Of(t *balance.Target) *Pool {
	p, _ := t.Backend.(*Pool)
	return p
}

var (
	_ balance.Backend   = (*Pool)(nil)
	_ http.RoundTripper = (*Pool)(nil)
)
