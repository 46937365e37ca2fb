package confsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/clock"
	"github.com/tollgate/tollgate/gateway-edge/internal/confsync"
	"github.com/tollgate/tollgate/gateway-edge/internal/confsync/disklog"
	"github.com/tollgate/tollgate/gateway-edge/internal/edgetest"
	"github.com/tollgate/tollgate/gateway-edge/internal/keystore"
	"github.com/tollgate/tollgate/gateway-edge/internal/snapshot"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// A closed client of go-redis whose Redis was away wakes once more, after a second,
// before its dialling goroutine sees that it is closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

type pass struct{}

func (pass) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action { return x.Next() }

// lookup knows three types: one that always answers, one whose constructor fails
// and one whose constructor panics.
func lookup(typ string) (*policy.Descriptor, bool) {
	d := &policy.Descriptor{Type: typ, Phase: policy.PhaseTransform, Answers: true}
	d.New = func(json.RawMessage, policy.Deps) (policy.Policy, error) {
		switch typ {
		case "bad":
			return nil, errors.New("it is bad")
		case "panic":
			panic("it panics")
		}
		return pass{}, nil
	}
	return d, typ == "pass" || typ == "bad" || typ == "panic"
}

// rig is everything of an edge that has to do with configuration.
type rig struct {
	t     *testing.T
	redis *edgetest.Redis
	raw   *redis.Client // as an attacker or an operator has it
	pub   *edgetest.Publisher
	dir   string
	clock *clock.Clock
	addr  string // of another Redis, for tests that need a strange one

	snap *snapshot.Store
	keys *keystore.Store
	disk *disklog.Log
	sync *confsync.Syncer
	halt func()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, redis: edgetest.StartRedis(t), dir: t.TempDir(), clock: clock.New()}
	r.raw = r.redis.Client()
	t.Cleanup(func() { r.raw.Close() })
	r.pub = edgetest.NewPublisher(t, r.raw)
	r.pub.Heartbeat(50 * time.Millisecond)
	return r
}

func (r *rig) client() *redis.Client {
	if r.addr == "" {
		return r.redis.Client()
	}
	return redis.NewClient(&redis.Options{Addr: r.addr, MaxRetries: -1, ContextTimeoutEnabled: true})
}

// start opens what is in the directory and runs.
func (r *rig) start() *rig {
	r.t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	must := func(err error) {
		r.t.Helper()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	wall := func() int64 { return time.Now().UnixMilli() }
	client := r.client()
	var err error
	r.keys, err = keystore.Open(keystore.Config{
		Dir: r.dir, Keys: &r.pub.Keys.Edge, Now: r.clock.Boot, Wall: wall, Boot: [16]byte{1}, Logger: log,
		Source: keystore.NewRedisSource(client, func() string { return "" }, r.clock.Boot),
	})
	must(err)
	r.disk, err = disklog.Open(disklog.Config{Dir: r.dir, EdgeID: "edge-a", Key: r.pub.Keys.Edge.Sealing, Logger: log})
	must(err)
	ups, err := balance.New(balance.Config{Guard: &match.Guard{AllowPrivate: true}, Now: r.clock.Boot, Wall: wall})
	must(err)
	r.snap = snapshot.New(snapshot.Config{
		Keys: &r.pub.Keys.Edge, Disk: r.disk, Lookup: lookup, Upstreams: ups, Now: r.clock.Boot, Logger: log,
		Fetch: func(ctx context.Context, kind byte, id string) ([]byte, error) { return r.sync.Fetch(ctx, kind, id) },
	})
	loader := r.snap.Loader()
	var pos confsync.Position
	var loc *disklog.Loc
	must(r.disk.Scan(func(rec *disklog.Record, l *disklog.Loc) {
		if !loader.Take(rec, l) {
			pos, err = confsync.DecodePosition(rec.Doc)
			loc = l
		}
	}))
	must(err)
	loader.Done()
	r.sync = confsync.New(confsync.Config{
		Redis: client, Keys: &r.pub.Keys.Edge, Snapshot: r.snap, KeyStore: r.keys, Disk: r.disk,
		Report:      func() contract.EdgeReport { return contract.EdgeReport{ID: "edge-a"} },
		RepairEvery: 300 * time.Millisecond, Now: r.clock.Boot, Wall: wall, Logger: log,
	}, pos, loc)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { must(r.sync.Run(ctx)) })
	r.halt = func() {
		cancel()
		wg.Wait()
		_ = client.Close()
		must(errors.Join(r.disk.Close(), r.keys.Close()))
		r.halt = func() {}
	}
	r.t.Cleanup(func() { r.halt() })
	return r
}

func (r *rig) restart() {
	r.t.Helper()
	r.halt()
	r.start()
}

func (r *rig) org() {
	r.pub.Organization(&contract.Organization{Schema: 1, ID: "org_1", Num: 1, Version: 1, Plan: "pro"})
}

// gateway is a small document; its only route answers by itself.
func gateway(n int, version uint64, types ...string) *contract.Gateway {
	if types == nil {
		types = []string{"pass"}
	}
	g := &contract.Gateway{
		Schema: 1, ID: fmt.Sprintf("gw_%d", n), Num: uint64(100 + n), Name: "g", Organization: "org_1", OrganizationNum: 1,
		Mode: contract.ModeLive, Version: version, Hosts: []string{fmt.Sprintf("g%d.edge.test", n)},
		Routes: []contract.Route{{ID: "rt", Num: 1, Name: "r", Public: true, Match: contract.Match{Path: "/"}}},
	}
	for _, typ := range types {
		g.Policies = append(g.Policies, contract.Policy{Type: typ})
	}
	return g
}

// serving returns the version that requests to gateway n get, 0 for none.
func (r *rig) serving(n int) uint64 {
	e := r.snap.Table().FindString(fmt.Sprintf("g%d.edge.test", n))
	if e == nil {
		return 0
	}
	c, err := e.Load(r.t.Context())
	if err != nil {
		return 0
	}
	return c.Version()
}

// wait waits until something is so, as long as a busy machine may take, and returns
// how long it took. How long it may take is held by the chaos tests and the benchmarks.
func (r *rig) wait(what string, ok func() bool) time.Duration {
	r.t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > 30*time.Second {
			r.t.Fatalf("it did not come about: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(began)
}

// caughtUp waits until everything published is in force, and says so.
func (r *rig) caughtUp() time.Duration {
	r.t.Helper()
	return r.wait("caught up", func() bool { return r.sync.Ready() && r.sync.Stats().Rev == r.pub.Rev() })
}

// equal waits until the edge holds exactly what the publisher has.
func (r *rig) equal() {
	r.t.Helper()
	r.wait("digests are equal", func() bool {
		for id, e := range r.pub.Index() {
			if !r.snap.Holds(id, e) {
				return false
			}
		}
		return true
	})
}

func (r *rig) failed(n int) contract.FailedGateway {
	for _, f := range r.snap.Failed() {
		if f.Gateway == fmt.Sprintf("gw_%d", n) {
			return f
		}
	}
	return contract.FailedGateway{}
}

// report returns what the control plane reads of this edge.
func (r *rig) report() contract.EdgeReport {
	r.t.Helper()
	var rep contract.EdgeReport
	b, err := r.raw.HGet(r.t.Context(), contract.RedisEdges, "edge-a").Bytes()
	if err == nil {
		err = contract.DecodeMessage(&r.pub.Keys.Edge, contract.MessageReport, b, &rep)
	}
	if err != nil {
		return contract.EdgeReport{}
	}
	return rep
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}
