package apitest

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/portal/internal/signin"
	"github.com/tollgate/tollgate/portal/portal"
	"github.com/tollgate/tollgate/services/app"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/settings"
	"github.com/tollgate/tollgate/services/tenant"
)

// env is one running control plane.
type env struct {
	t     *testing.T
	base  string // of the portal
	app   *app.App
	clock *clock
	log   *logbook
	dbURL string
	redis *exec.Cmd
	stop  func() // ends portal and worker and waits for them; may be called twice
}

// clock is the wall clock plus what a test has let pass.
type clock struct {
	ahead  atomic.Int64
	frozen atomic.Int64 // Unix nanoseconds at which the wall clock stands; 0: it goes
}

func (c *clock) now() time.Time {
	at := time.Now()
	if stands := c.frozen.Load(); stands != 0 {
		at = time.Unix(0, stands)
	}
	return at.UTC().Add(time.Duration(c.ahead.Load()))
}

// freeze lets time pass by advance alone, however long the machine takes. What works
// at intervals of this clock, as publishing does, stands still with it.
func (c *clock) freeze() { c.frozen.Store(time.Now().UnixNano()) }

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// logbook counts errors in the log: a 500 always leaves one.
type logbook struct{ errors atomic.Int64 }

type settingsFor struct {
	mail  bool
	plans string
	edge  *url.URL // of the edge for test requests; nil: none
	// providers and github are whom one can sign in with.
	providers []settings.Provider
	github    signin.GitHubConfig
	public    string // PublicURL; empty: http://portal.test
	operators []string
	proxied   bool // callers are behind a proxy that says who they are
}

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, e *env)) {
	t.Helper()
	eachWith(t, settingsFor{}, test)
}

func eachWith(t *testing.T, s settingsFor, test func(t *testing.T, e *env)) {
	t.Helper()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, kind, s))
		})
	}
}

// drain is longer than the 5 s for which http.Server.Shutdown waits for a
// connection that a client opened and never used.
const drain = 15 * time.Second

// start runs a portal and a worker until the test ends.
func start(t *testing.T, kind string, s settingsFor) *env {
	t.Helper()
	database := migrationstest.SQLite
	if kind == "postgres" {
		database = migrationstest.Postgres
	}
	dbURL := database(t)
	root := make([]byte, 32)
	if _, err := rand.Read(root); err != nil {
		t.Fatal(err)
	}
	keys, err := contract.NewRootKeys(root)
	if err != nil {
		t.Fatal(err)
	}
	if s.public == "" {
		s.public = "http://portal.test"
	}
	e := &env{t: t, clock: &clock{}, log: &logbook{}, dbURL: dbURL}
	logger := slog.New(slog.NewTextHandler(e.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	e.app, err = app.New(t.Context(), app.Config{
		DatabaseURL: dbURL, RedisURL: e.startRedis(), Root: keys, EdgeDomain: "localhost", PublicURL: s.public, StreamPorts: streamPorts,
		PlansFile: s.plans, AllowPrivate: true, VerifyMail: s.mail, Operators: s.operators, Logger: logger, Clock: e.clock.now,
		HashCost: tenant.HashCost{MemoryKiB: 64, Passes: 1}, // hundreds sign up
	})
	if err != nil {
		t.Fatal(err)
	}
	var trusted []netip.Prefix
	if s.proxied {
		trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	p, err := portal.New(e.app, portal.Config{
		Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", DevMails: true, Drain: drain, Logger: logger,
		EdgePublicURL: &url.URL{Scheme: "http", Host: "localhost:8000"}, EdgeURL: s.edge, TrustedProxies: trusted, Providers: s.providers, GitHub: s.github,
	})
	if err != nil {
		t.Fatal(err)
	}
	w, err := app.NewWorker(e.app, app.WorkerConfig{Drain: drain, Built: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 2)
	go func() { ended <- p.Run(ctx) }()
	go func() { ended <- w.Run(ctx) }()
	e.stop = sync.OnceFunc(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("control plane ended with %v", err)
			}
		}
		e.app.Close()
	})
	t.Cleanup(e.stop)
	<-p.Ready()
	e.base = "http://" + p.Addr().String()
	return e
}

// Write counts error lines and shows them.
func (l *logbook) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "level=ERROR") {
		l.errors.Add(1)
	}
	if testing.Verbose() {
		return os.Stderr.Write(b)
	}
	return len(b), nil
}

// startRedis starts a Redis on a socket, which ends with the test.
func (e *env) startRedis() string {
	t := e.t
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not on the PATH: run `make test`, which installs it")
	}
	dir, err := os.MkdirTemp("", "tgr") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir) //nolint:gosec // a test's own
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.redis = cmd
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	for end := time.Now().Add(30 * time.Second); !pong(socket); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("redis-server does not answer at %s", socket)
		}
	}
	return "unix://" + socket
}

// pong says whether a Redis answers at a socket, whose file is there before anybody
// listens at it.
func pong(socket string) bool {
	c, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return false
	}
	if _, err := io.WriteString(c, "PING\r\n"); err != nil {
		return false
	}
	answer := make([]byte, len("+PONG"))
	_, err = io.ReadFull(c, answer)
	return err == nil && string(answer) == "+PONG"
}
