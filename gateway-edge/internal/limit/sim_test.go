package limit

import (
	"context"
	"io"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// store is a redis-server of the test's own.
type store struct {
	t    testing.TB
	sock string
	cmd  *exec.Cmd
	rdb  *redis.Client // the test's own connection
}

// startRedis starts a redis-server on a socket and seeds every budget shard as an
// empty ledger would.
func startRedis(t testing.TB) *store {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not installed: run `make test`, which sees to it")
	}
	s := &store{t: t, sock: filepath.Join(t.TempDir(), "r.sock")}
	s.cmd = exec.Command(path, "--port", "0", "--unixsocket", s.sock, "--save", "", "--appendonly", "no")
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	})
	s.rdb = s.client()
	t.Cleanup(func() { _ = s.rdb.Close() })
	for end := time.Now().Add(30 * time.Second); s.rdb.Ping(t.Context()).Err() != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("redis-server does not answer")
		}
	}
	s.seed("fresh", 0)
	return s
}

func (s *store) client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Network: "unix", Addr: s.sock, ContextTimeoutEnabled: true, MaxRetries: -1,
		DialTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, PoolSize: 8,
	})
}

// seed sets every marker.
func (s *store) seed(id string, since int64) {
	s.t.Helper()
	p := s.rdb.Pipeline()
	for i := range contract.BudgetShards {
		p.Set(s.t.Context(), contract.RedisBudgetGen(i), contract.BudgetGen(id, since), 0)
	}
	p.HSet(s.t.Context(), contract.RedisBudgets, contract.BudgetsSeeded, id)
	if _, err := p.Exec(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// used is what a quota's hash counts as taken.
func (s *store) used(counter, period string) int64 {
	n, _ := s.rdb.HGet(s.t.Context(), contract.RedisBudget(contract.BudgetQuota, counter, period), "u").Int64()
	return n
}

// edge is one edge of a simulation.
type edge struct {
	*Limits
	id     string
	dir    string
	epoch  uint64
	rdb    redis.UniversalClient
	stop   context.CancelFunc
	done   chan error
	clock  atomic.Int64 // added to the wall clock, ns
	killed bool
}

// boot starts an edge that waits for Redis as long as a busy machine may take: what
// tests count must not depend on it. change makes it another.
func boot(t testing.TB, rdb redis.UniversalClient, id, dir string, epoch uint64, change ...func(*Config)) *edge {
	t.Helper()
	e := &edge{id: id, dir: dir, epoch: epoch, rdb: rdb, done: make(chan error, 1)}
	start := time.Now()
	c := Config{
		Dir: dir, Edge: id, Epoch: epoch, Redis: rdb, Patience: 10 * time.Second, CallBudget: 10 * time.Second,
		Now:    func() int64 { return int64(time.Since(start)) + int64(time.Hour) },
		Wall:   func() time.Time { return time.Now().Add(time.Duration(e.clock.Load())) },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(&c)
	}
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	e.Limits = l
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	go func() { e.done <- l.Run(ctx) }()
	t.Cleanup(e.halt)
	return e
}

func (s *store) edge(id string, epoch uint64, change ...func(*Config)) *edge {
	return boot(s.t, s.client(), id, s.t.TempDir(), epoch, change...)
}

// asShipped gives an edge the product's own bounds, for tests of a Redis that is away.
func asShipped(c *Config) { c.Patience, c.CallBudget = 0, 0 }

// halt stops an edge in order: it gives its leases back.
func (e *edge) halt() {
	if e.killed {
		return
	}
	e.killed = true
	e.stop()
	<-e.done
	_ = e.rdb.Close()
}

// kill drops an edge as SIGKILL would: nothing more reaches Redis, only the
// mapped file is left.
func (e *edge) kill() {
	_ = e.rdb.Close()
	e.link.away.Store(true)
	e.stop()
	<-e.done
	e.killed = true
}

type blocking struct{ ctx context.Context }

func (b blocking) Context() context.Context     { return b.ctx }
func (b blocking) Reader(policy.Side) io.Reader { return nil }
func (b blocking) Writer(policy.Origin, int) (w io.WriteCloser, err error) {
	return nil, io.ErrClosedPipe
}

// serve plays one request: it takes where it can, waits where it must.
func serve(l *Limits, f policy.Family, p *policy.Principal) (policy.Verdict, policy.Cell) {
	fam := f.(*family)
	now := l.now()
	c := fam.of(p, nil, now)
	v := c.Take(now)
	if v == policy.Dry {
		c = fam.of(p, nil, l.now())
		v = c.Wait(policy.EngineMayBlock(blocking{context.Background()}))
	}
	return v, c
}

// quotaSpec is a quota for each key of gateway 1.
func quotaSpec(limit int64) policy.CounterSpec {
	return policy.CounterSpec{
		Kind: policy.CountQuota, Name: "quota", By: policy.ByKey, Limit: limit, Period: "month",
		Scope: policy.Scope{OrganizationNum: 1, GatewayNum: 1},
	}
}

func quotaFamily(t testing.TB, l *Limits, limit int64) policy.Family {
	t.Helper()
	f, err := l.Family(quotaSpec(limit))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func testKey() *policy.Principal {
	return &policy.Principal{Kind: policy.KindAPIKey, Key: 7, Consumer: 3}
}

// load drives an edge with n callers until stop; admitted counts Took, refused
// the others.
type load struct {
	admitted, refused, unavailable atomic.Int64
	open, paused                   atomic.Bool
	wg                             sync.WaitGroup
}

func (ld *load) start(l *Limits, f policy.Family, n int, think time.Duration) {
	ld.open.Store(true)
	p := testKey()
	for range n {
		ld.wg.Go(func() {
			for ld.open.Load() {
				for ld.paused.Load() {
					time.Sleep(time.Millisecond)
				}
				switch v, _ := serve(l, f, p); v {
				case policy.Took:
					ld.admitted.Add(1)
				case policy.Unavailable:
					ld.unavailable.Add(1)
					time.Sleep(200 * time.Microsecond)
				default:
					ld.refused.Add(1)
					time.Sleep(200 * time.Microsecond)
				}
				if think > 0 {
					time.Sleep(think)
				}
			}
		})
	}
}

func (ld *load) halt() {
	ld.open.Store(false)
	ld.wg.Wait()
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come about: %s", what)
		}
	}
}

const quotaCounter = "g1.quota0.k.k7"

func thisMonth() string { return contract.CalendarPeriod("month", time.Now()).Name }

func TestQuotaThreeEdgesExact(t *testing.T) {
	t.Parallel()
	for round := range 3 {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			const quota = 10_000
			s := startRedis(t)
			var ld load
			for i, callers := range []int{8, 4, 1} {
				e := s.edge("edge-"+strconv.Itoa(i), 1)
				ld.start(e.Limits, quotaFamily(t, e.Limits, quota), callers, 20*time.Microsecond)
			}
			until(t, "the quota is spent", func() bool { return ld.admitted.Load() >= quota })
			time.Sleep(300 * time.Millisecond)
			ld.halt()
			if n := ld.admitted.Load(); n != quota {
				t.Errorf("admitted %d of %d", n, quota)
			}
			if u := s.used(quotaCounter, thisMonth()); u != quota {
				t.Errorf("Redis counts %d", u)
			}
		})
	}
}

func (s *store) signal(sig string) {
	s.t.Helper()
	if out, err := exec.Command("kill", sig, strconv.Itoa(s.cmd.Process.Pid)).CombinedOutput(); err != nil {
		s.t.Fatalf("kill %s: %v %s", sig, err, out)
	}
}
