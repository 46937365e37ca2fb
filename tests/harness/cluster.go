package harness

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
)

// Options of a cluster. The zero value is one portal, one worker and one edge.
type Options struct {
	Edges   int      // default 1
	Env     []string // for every process of Tollgate
	EdgeEnv []string // for edges only
	Redis   RedisKind
	// Roles is the folder of gateway-edge, portal and worker; empty: where all
	// binaries are.
	Roles string
}

// Cluster is a whole Tollgate: real Redis and PostgreSQL, and the built binaries.
type Cluster struct {
	T        testing.TB
	Dir      string
	Redis    *Redis    // the one server; nil when there are several
	RedisSet *RedisSet // the several
	Postgres *Postgres
	Portal   *Process
	Worker   *Process
	Edges    []*Edge

	PortalURL      string
	PortalAdminURL string
	WorkerURL      string // admin
	opts           Options
	plans          string // path of the plans file
	secret         string
	edgeSecret     string
	mu             sync.Mutex
	gone           []*Process // edges that were replaced
}

// Edge is one edge process.
type Edge struct {
	*Process
	ID      string
	Port    int // clear-text HTTP
	TLSPort int
	Admin   int
	DataDir string
}

// Addr is the edge's host and port for clear-text HTTP.
func (e *Edge) Addr() string { return "127.0.0.1:" + strconv.Itoa(e.Port) }

// Bin returns the path of a built binary. TOLLGATE_BIN says where they are.
func Bin(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("TOLLGATE_BIN")
	if dir == "" {
		t.Fatal("TOLLGATE_BIN does not say where the built binaries are: run `make test`, `make e2e` or `make chaos`")
	}
	p := filepath.Join(dir, name)
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%v: run `make build`, and `make suites` for what is in tools/", err)
	}
	return p
}

// role returns the path of a role's binary.
func (c *Cluster) role(name string) string {
	if c.opts.Roles == "" {
		return Bin(c.T, name)
	}
	return filepath.Join(c.opts.Roles, name)
}

// New starts a cluster that ends with the test.
func New(t testing.TB, o Options) *Cluster {
	t.Helper()
	if o.Edges == 0 {
		o.Edges = 1
	}
	dir, err := TempDir()
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{T: t, Dir: dir, opts: o, secret: randomKey()}
	t.Cleanup(c.close)
	c.plans = c.writePlans()
	ctx := context.Background()
	for _, sub := range []string{"redis", "pg"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
	}
	if o.Redis == RedisSingle {
		c.Redis, err = StartRedis(ctx, filepath.Join(dir, "redis"))
		must(t, err)
	} else {
		c.RedisSet = StartRedisSet(ctx, t, o.Redis, filepath.Join(dir, "redis"))
	}
	c.Postgres, err = StartPostgres(ctx, filepath.Join(dir, "pg"))
	must(t, err)
	c.edgeSecret = strings.TrimSpace(c.run("secrets", "edge"))
	c.run("migrate", "up")
	c.startPortal()
	c.startWorker()
	for range o.Edges {
		c.AddEdge()
	}
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func randomKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

func (c *Cluster) redisURL() string {
	if c.RedisSet != nil {
		return c.RedisSet.URL()
	}
	return c.Redis.URL()
}

// control is the environment of the control plane's processes.
func (c *Cluster) control(extra ...string) []string {
	env := cleanEnv("TOLLGATE_SECRET_KEY="+c.secret, "TOLLGATE_REDIS_URL="+c.redisURL(), "TOLLGATE_DATABASE_URL="+c.Postgres.URL("postgres"),
		"TOLLGATE_PLANS_FILE="+c.plans, "TOLLGATE_ALLOW_PRIVATE_UPSTREAMS=true", "TOLLGATE_LOG_FORMAT=text")
	return append(append(env, c.opts.Env...), extra...)
}

// run runs a subcommand of the one binary to its end and returns its output.
func (c *Cluster) run(args ...string) string {
	c.T.Helper()
	cmd := exec.Command(Bin(c.T, "tollgate"), args...)
	cmd.Env, cmd.Dir = c.control(), c.Dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		c.T.Fatalf("tollgate %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func (c *Cluster) port() string {
	c.T.Helper()
	p := testport.Free(c.T)
	return strconv.Itoa(p)
}

func (c *Cluster) startPortal() {
	c.T.Helper()
	port, admin := c.port(), "127.0.0.1:"+c.port()
	c.PortalURL, c.PortalAdminURL = "http://127.0.0.1:"+port, "http://"+admin
	c.Portal = &Process{
		Name: "portal", Path: c.role("portal"), Dir: c.Dir,
		Env: c.control("TOLLGATE_PORTAL_ADDR=127.0.0.1:"+port, "TOLLGATE_PORTAL_ADMIN_ADDR="+admin, "TOLLGATE_PUBLIC_URL="+c.PortalURL),
	}
	must(c.T, c.Portal.Start())
	c.WaitPortal()
}

func (c *Cluster) startWorker() {
	c.T.Helper()
	addr := "127.0.0.1:" + c.port()
	c.WorkerURL = "http://" + addr
	c.Worker = &Process{Name: "worker", Path: c.role("worker"), Dir: c.Dir, Env: c.control("TOLLGATE_WORKER_ADDR=" + addr)}
	must(c.T, c.Worker.Start())
	c.WaitWorker()
}

// AddEdge starts one more edge and waits until it is ready.
func (c *Cluster) AddEdge() *Edge {
	c.T.Helper()
	e := c.NewEdge()
	must(c.T, e.Start())
	c.WaitEdge(e)
	return e
}

// NewEdge prepares an edge without starting it.
func (c *Cluster) NewEdge() *Edge {
	c.T.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &Edge{ID: fmt.Sprintf("edge-%c", 'a'+len(c.Edges))}
	e.DataDir = filepath.Join(c.Dir, e.ID)
	e.Port, _ = strconv.Atoi(c.port())
	e.TLSPort, _ = strconv.Atoi(c.port())
	e.Admin, _ = strconv.Atoi(c.port())
	env := cleanEnv("TOLLGATE_EDGE_SECRET="+c.edgeSecret, "TOLLGATE_REDIS_URL="+c.redisURL(), "TOLLGATE_EDGE_ID="+e.ID,
		"TOLLGATE_EDGE_ADDR=127.0.0.1:"+strconv.Itoa(e.Port), "TOLLGATE_EDGE_TLS_ADDR=127.0.0.1:"+strconv.Itoa(e.TLSPort),
		"TOLLGATE_EDGE_ADMIN_ADDR=127.0.0.1:"+strconv.Itoa(e.Admin), "TOLLGATE_DATA_DIR="+e.DataDir,
		"TOLLGATE_ALLOW_PRIVATE_UPSTREAMS=true", "TOLLGATE_LOG_FORMAT=text")
	e.Process = &Process{Name: e.ID, Path: c.role("gateway-edge"), Dir: c.Dir, Env: append(append(env, c.opts.Env...), c.opts.EdgeEnv...)}
	c.Edges = append(c.Edges, e)
	return e
}

// Replace starts an edge that takes the place of e, and returns it when it serves; e
// then drains. The cluster goes on with the new one.
func (c *Cluster) Replace(e *Edge) *Edge {
	c.T.Helper()
	next := *e
	next.Process = &Process{Name: e.Name, Path: e.Path, Args: e.Args, Dir: e.Dir, Env: append(slices.Clone(e.Env), "TOLLGATE_TAKE_OVER=true")}
	must(c.T, next.Start())
	c.mu.Lock()
	c.Edges[slices.Index(c.Edges, e)] = &next
	c.gone = append(c.gone, e.Process)
	c.mu.Unlock()
	err := Until(context.Background(), 60*time.Second, func() error {
		select {
		case <-next.Exited():
			return errors.New("the successor has ended")
		default:
		}
		if pid, err := os.ReadFile(filepath.Join(e.DataDir, "edge.pid")); err != nil || strings.TrimSpace(string(pid)) != strconv.Itoa(next.PID()) {
			return fmt.Errorf("process %s serves, want %d", pid, next.PID())
		}
		return nil
	})
	if err != nil {
		c.T.Fatalf("%s is not replaced: %v\n%s", e.Name, err, next.Log())
	}
	return &next
}

// WaitPortal returns when the portal says that it is ready.
func (c *Cluster) WaitPortal() {
	c.T.Helper()
	c.ready(c.Portal, c.PortalURL+"/readyz")
}

// WaitWorker returns when the worker says that it is ready.
func (c *Cluster) WaitWorker() {
	c.T.Helper()
	c.ready(c.Worker, c.WorkerURL+"/readyz")
}

// WaitEdge returns when the edge says that it is ready.
func (c *Cluster) WaitEdge(e *Edge) {
	c.T.Helper()
	c.ready(e.Process, fmt.Sprintf("http://127.0.0.1:%d/readyz", e.Admin))
}

func (c *Cluster) ready(p *Process, url string) {
	c.T.Helper()
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	err := Until(ctx, 30*time.Second, func() error {
		select {
		case <-p.Exited():
			giveUp()
			return errors.New("the process has ended")
		default:
		}
		resp, err := http.Get(url)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	if err != nil {
		c.T.Fatalf("%s is not ready: %v\n%s", p.Name, err, p.Log())
	}
}

func (c *Cluster) close() {
	var all []*Process
	for _, e := range c.Edges {
		all = append(all, e.Process)
	}
	all = append(append(all, c.gone...), c.Worker, c.Portal)
	for _, p := range all {
		if p == nil {
			continue
		}
		if c.T.Failed() {
			c.T.Logf("---- %s\n%s", p.Name, lastLines(p.logOrEmpty(), 30))
		}
		p.Kill()
	}
	if c.Redis != nil {
		c.Redis.Kill()
	}
	if c.Postgres != nil {
		_ = c.Postgres.Stop(10 * time.Second)
	}
	_ = os.RemoveAll(c.Dir)
}

func (p *Process) logOrEmpty() string {
	if p.log == nil {
		return ""
	}
	return p.log.String()
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
