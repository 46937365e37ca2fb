package edge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/admin"
	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/call"
	"github.com/tollgate/tollgate/gateway-edge/internal/config"
	"github.com/tollgate/tollgate/gateway-edge/internal/confsync"
	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/gateway-edge/internal/engine"
	"github.com/tollgate/tollgate/gateway-edge/internal/geo"
	"github.com/tollgate/tollgate/gateway-edge/internal/health"
	"github.com/tollgate/tollgate/gateway-edge/internal/keep"
	"github.com/tollgate/tollgate/gateway-edge/internal/keystore"
	"github.com/tollgate/tollgate/gateway-edge/internal/limit"
	"github.com/tollgate/tollgate/gateway-edge/internal/limit/plan"
	"github.com/tollgate/tollgate/gateway-edge/internal/meter"
	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/internal/transport"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/builtin"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/settings"
)

// openUpstreams makes what leads to backends.
func (e *Edge) openUpstreams() (err error) {
	if e.pools, err = transport.New(transport.Config{Guard: e.guard, NameServer: e.cfg.NameServer, Logger: e.cfg.Logger}); err != nil {
		return err
	}
	e.upstreams, err = balance.New(balance.Config{Guard: e.guard, Open: e.pools.Open, Endpoints: e.pools.Endpoints, SessionKey: e.cfg.Keys.SessionKey(), Now: e.clock.Boot, Wall: e.wallMilli})
	if err != nil {
		return err
	}
	e.health, err = health.New(health.Config{Registry: e.upstreams, Logger: e.cfg.Logger})
	return err
}

// openCounting makes what counts, limits and observes.
func (e *Edge) openCounting() error {
	counts, err := e.client(8)
	if err != nil {
		return err
	}
	if e.blocking, err = config.OpenRedis(e.cfg.RedisURL, e.dialing, 6); err != nil {
		return err
	}
	e.onClose(func() error { _ = e.blocking.Close(); return nil })
	dir, err := e.dir("meter")
	if err != nil {
		return err
	}
	e.meter, err = meter.Open(meter.Config{
		Dir: dir, Edge: e.id.Edge, Epoch: e.id.Epoch, Incarnation: e.id.Incarnation, Alone: e.id.Alone, Keys: e.cfg.Keys,
		Redis: counts, Wall: e.clock.Wall, Logger: e.cfg.Logger,
	})
	if err != nil {
		return fmt.Errorf("open meter: %w", err)
	}
	leases, err := e.client(16)
	if err != nil {
		return err
	}
	if dir, err = e.dir("limits"); err != nil {
		return err
	}
	e.limits, err = limit.New(limit.Config{
		Dir: dir, Alone: e.id.Alone, Edge: e.id.Edge, Epoch: e.id.Epoch, Redis: leases, Now: e.clock.Boot, Wall: e.clock.Wall, Logger: e.cfg.Logger,
	})
	if err != nil {
		return fmt.Errorf("open limits: %w", err)
	}
	lc := observe.LogConfig{Edge: e.id.Edge, Keys: e.cfg.Keys, Redis: counts, Logger: e.cfg.Logger}
	if e.cfg.AccessLog {
		lc.Out = os.Stdout
	}
	e.openTelemetry(&lc)
	e.log = observe.NewLog(lc)
	e.metrics = observe.NewMetrics()
	e.explain = &observe.Explainer{Edge: e.id.Edge, Keys: e.cfg.Keys, Redis: e.blocking, Logger: e.cfg.Logger}
	return e.openPusher()
}

// openConfiguration loads from disk what the edge held, and makes what keeps it in
// step.
func (e *Edge) openConfiguration() (err error) {
	dir := e.id.Config
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	if err := e.openKeys(dir); err != nil {
		return err
	}
	if e.marker, err = snapshot.OpenMarker(filepath.Join(dir, "compiling"), e.id.Boot); err != nil {
		return err
	}
	e.onClose(e.marker.Close)
	e.disk, err = disklog.Open(disklog.Config{Dir: dir, EdgeID: e.id.Edge, Key: e.cfg.Keys.Sealing, Logger: e.cfg.Logger})
	if err != nil {
		return err
	}
	e.onClose(e.disk.Close)
	if dir, err = e.dir("kept"); err != nil {
		return err
	}
	if e.kept, err = keep.Open(keep.Config{Dir: dir, Keys: e.cfg.Keys, Wall: e.clock.Wall, Logger: e.cfg.Logger}); err != nil {
		return err
	}
	if f := e.cfg.CountryDatabase; f != "" {
		if e.countries, err = geo.Open(f, e.cfg.Logger); err != nil {
			return fmt.Errorf("TOLLGATE_%s: %w", settings.CountryDatabase, err)
		}
	}
	if err := e.openCache(); err != nil {
		return err
	}
	e.snapshot = snapshot.New(e.snapshotConfig())
	var pos confsync.Position
	var posLoc *disklog.Loc
	loader := e.snapshot.Loader()
	err = e.disk.Scan(func(r *disklog.Record, loc *disklog.Loc) {
		if loader.Take(r, loc) {
			return
		}
		if p, err := confsync.DecodePosition(r.Doc); err == nil {
			e.disk.Drop(posLoc)
			pos, posLoc = p, loc
		}
	})
	if err != nil {
		return err
	}
	n := loader.Done()
	e.cfg.Logger.Info("configuration loaded from disk", "gateways", n, "revision", pos.Rev, "lineage", pos.Lineage)
	return e.openSync(pos, posLoc)
}

func (e *Edge) openKeys(dir string) error {
	client, err := e.client(32)
	if err != nil {
		return err
	}
	lineage := func() string {
		if s := e.sync.Load(); s != nil {
			return s.Lineage()
		}
		return ""
	}
	e.keys, err = keystore.Open(keystore.Config{
		Dir: dir, Keys: e.cfg.Keys, Source: keystore.NewRedisSource(client, lineage, e.clock.Boot),
		Now: e.clock.Boot, Wall: e.wallMilli, Boot: e.id.Boot, Logger: e.cfg.Logger,
	})
	if err != nil {
		return err
	}
	e.onClose(e.keys.Close)
	return nil
}

func (e *Edge) openSync(pos confsync.Position, loc *disklog.Loc) error {
	client, err := e.client(12)
	if err != nil {
		return err
	}
	e.peers, e.challenges = client, newChallenges(client, e.cfg.Keys)
	e.wildcard = openWildcard(client, e.cfg.Keys, e.cfg.DataDir, e.cfg.Domain, e.cfg.Logger)
	s := confsync.New(confsync.Config{
		Redis: client, Stream: e.blocking, Keys: e.cfg.Keys, Snapshot: e.snapshot, KeyStore: e.keys, Disk: e.disk, Report: e.report,
		Now: e.clock.Boot, Wall: e.wallMilli, Logger: e.cfg.Logger,
	}, pos, loc)
	s.Mute(e.request != nil) // the predecessor reports
	e.sync.Store(s)
	return nil
}

func (e *Edge) snapshotConfig() snapshot.Config {
	fetch := &fetchers{pools: e.pools, guard: e.guard}
	step := plan.NewDescriptor()
	deps := policy.Deps{Counters: e.limits, Wall: e.clock.Wall, Behind: &e.behind}
	if e.countries != nil {
		deps.Country = e.countries.Country
	}
	return snapshot.Config{
		Keys: e.cfg.Keys, Disk: e.disk, Marker: e.marker, Lookup: builtin.Lookup, Upstreams: e.upstreams,
		Deps:     deps,
		FetchFor: fetch.of, DialFor: fetch.dial, CallerOf: func(up *balance.Upstream) policy.Caller { return call.New(up, e.clock.Boot) },
		GatewayKeys: e.keys.Gateway, GatewayIdentities: e.keys.Identities, KeepFor: e.kept.Of, CacheFor: e.cacheFor, Gone: e.cache.Forget,
		OrgLimits: func(doc *contract.Organization) snapshot.OrgLimits { return e.limits.Organization(doc) },
		PlanStep: func(org snapshot.OrgLimits, scope policy.Scope, plans []contract.UsagePlan, route string) (policy.Step, error) {
			own, ok := org.(*limit.Organization)
			if !ok {
				return policy.Step{}, errors.New("the organization has no limits of its own")
			}
			p, err := plan.Step(e.limits, own, scope, plans, route)
			return policy.Step{Policy: p, Descriptor: step, From: "usage_plan"}, err
		},
		Fetch: func(ctx context.Context, kind byte, id string) ([]byte, error) {
			return e.sync.Load().Fetch(ctx, kind, id)
		},
		Now: e.clock.Boot, Logger: e.cfg.Logger,
	}
}

// openServing makes what answers requests.
func (e *Edge) openServing() (err error) {
	e.openShed()
	e.engine, err = engine.New(engine.Config{
		Edge: e.id.Edge, EdgeTag: e.cfg.Keys.EdgeTag(e.id.Edge), Domain: e.cfg.Domain, Table: e.snapshot.Table(), Meter: e.meter, Log: e.log, Metrics: e.metrics, Tracing: e.tracing(),
		Clock: e.clock, Trusted: e.cfg.TrustedProxies, Logger: e.cfg.Logger, Challenges: e.challenges, Guard: e.shed,
	})
	if err != nil {
		return err
	}
	if err := e.openListeners(); err != nil {
		return err
	}
	e.registerMetrics()
	e.explain.Answer = e.answer
	e.admin = admin.New(admin.Config{Listener: e.adminLn, Ready: e.readiness, Metrics: e.metrics.Handler(), Logger: e.cfg.Logger})
	return nil
}

// readiness says why the edge does not serve; nil: it does.
func (e *Edge) readiness() error {
	switch {
	case e.draining.Load():
		return errors.New("draining")
	case e.orders.rest.resting.Load():
		return errors.New("draining: an operator asked for it")
	case !e.sync.Load().Ready():
		return errors.New("no configuration was ever loaded: neither the disk has one nor the control plane could be reached")
	}
	return nil
}

// incarnation names this process.
func (e *Edge) incarnation() string { return fmt.Sprintf("%x", e.id.Incarnation) }

// report is what the edge says of itself.
func (e *Edge) report() contract.EdgeReport {
	resting := e.orders.rest.resting.Load()
	r := contract.EdgeReport{
		ID: e.id.Edge, Incarnation: e.incarnation(), Epoch: e.id.Epoch, Version: e.cfg.Version,
		Policies: builtin.Types(), Started: e.started.UnixMilli(), Draining: e.draining.Load() || resting, Resting: resting,
		Leaving: e.id.Others(), Down: e.upstreams.Down(maxDown), Resolved: e.upstreams.Resolved(maxDown),
		Requests: e.engine.Served(), Open: e.engine.Open(),
		Connections: e.engine.Connections() + int(e.server.HTTP2Connections()) + int(e.server.HTTP3Stats().Open), Memory: residentBytes(),
	}
	r.PerSecond, r.CPU = e.load.rates(time.Now(), r.Requests, processorTime())
	return r
}

// maxDown bounds the targets in a report.
const maxDown = 256
