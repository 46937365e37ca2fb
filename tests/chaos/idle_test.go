package chaos

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// long runs tests at their whole size: TOLLGATE_LONG=1.
var long = os.Getenv("TOLLGATE_LONG") != ""

// idleBound is the memory that an idle connection of HTTP/1.1 may take, in bytes.
const idleBound = 16 << 10

// crowd is a program that holds idle connections to one edge.
type crowd struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
	ready string
}

func startCrowd(t *testing.T, program string, args ...string) *crowd {
	t.Helper()
	c := &crowd{cmd: exec.Command(program, args...)}
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		c.in, err = c.cmd.StdinPipe()
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if !c.out.Scan() {
		t.Fatalf("the crowd did not open: %v", c.cmd.Wait())
	}
	c.ready = c.out.Text()
	return c
}

// end closes all connections and returns what became of them.
func (c *crowd) end(t *testing.T) (r struct {
	Opened, Failed, Lost int64
	Error                string
},
) {
	t.Helper()
	_ = c.in.Close()
	if !c.out.Scan() {
		t.Fatal("the crowd said nothing at its end")
	}
	if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait()
	return r
}

// idleSite is some edges, as many as the bound on open files asks for (a WebSocket takes
// two), with a backend that keeps what is opened.
type idleSite struct {
	*harness.Cluster
	t              *testing.T
	program, host  string
	plain, sockets int // connections, over all edges
}

func newIdleSite(t *testing.T) *idleSite {
	t.Helper()
	s := &idleSite{t: t, plain: 2000, sockets: 1000, program: harness.Helper(t, "idle", "cmd/idle")}
	if long {
		s.plain, s.sockets = 20_000, 10_000
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	edges := 1 + (s.plain+s.sockets)*4/3/max(1, int(files.Cur)-2000) // three quarters are for clients
	edges = max(edges, 1+(s.plain+2*s.sockets)/max(1, int(files.Cur)-2000))
	// One organization has them all here: its own bound would be half of an edge's.
	s.Cluster = harness.New(t, harness.Options{Edges: edges, EdgeEnv: []string{"TOLLGATE_MAX_CONNECTIONS_PER_ORG=50000"}})
	api := s.SignUp("idle")
	s.host = api.Must("POST", "/v1/gateways", harness.Object{"name": "idle"})["hostname"].(string)
	put := func(path string, body harness.Object) { api.Must("PUT", "/v1/gateways/idle/"+path, body) }
	var targets []harness.Object
	for range 4 {
		port := testport.Free(t)
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		back := &harness.Process{Name: "origin", Path: s.program, Args: []string{"-origin", addr}}
		if err := back.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(back.Kill)
		targets = append(targets, harness.Object{"url": "http://" + addr})
	}
	put("upstreams/app", harness.Object{"targets": targets})
	put("routes/plain", harness.Object{"match": harness.Object{"path": "/plain"}, "upstream": "app", "public": true})
	put("routes/ws", harness.Object{"match": harness.Object{"path": "/ws"}, "upstream": "app", "public": true, "websocket": harness.Object{"idle_timeout": "1h"}})
	api.WaitLive("idle")
	return s
}

// memory is that of all edges.
func (s *idleSite) memory() (all int64) {
	for _, e := range s.Edges {
		all += e.RSS(s.t)
	}
	return all
}

// each is an edge's part of n.
func (s *idleSite) each(n int) string { return fmt.Sprint(n / len(s.Edges)) }

func (s *idleSite) open(first int, tls bool, args ...string) (crowds []*crowd) {
	s.t.Helper()
	for i, e := range s.Edges {
		addr := e.Addr()
		if tls {
			addr = fmt.Sprintf("127.0.0.1:%d", e.TLSPort)
		}
		x := startCrowd(s.t, s.program, append([]string{"-addr", addr, "-host", s.host, "-from", fmt.Sprint(first + 2*i)}, args...)...)
		if !strings.Contains(x.ready, " failed 0 ") {
			s.t.Errorf("not all were opened: %s", x.ready)
		}
		crowds = append(crowds, x)
	}
	return crowds
}

func (s *idleSite) end(crowds []*crowd) (opened int64) {
	s.t.Helper()
	for _, x := range crowds {
		r := x.end(s.t)
		opened += r.Opened
		if r.Failed > 0 || r.Lost > 0 {
			s.t.Errorf("%d could not be opened, %d were ended by the edge: %s", r.Failed, r.Lost, r.Error)
		}
	}
	return opened
}

// TestIdleConnections opens idle connections of each kind from many addresses and
// prints what one takes of an edge's memory.
func TestIdleConnections(t *testing.T) {
	s := newIdleSite(t)
	secure := 500
	if long {
		secure = 2000
	}
	measure := func(name string, n int, crowds func() []*crowd, bound int64) []*crowd {
		before := s.memory()
		x := crowds()
		time.Sleep(3 * time.Second)
		one := (s.memory() - before) / int64(n)
		t.Logf("%-36s %6d connections, %5.1f KiB each (%d edges, %d MiB before)", name, n, float64(one)/1024, len(s.Edges), before>>20)
		if bound > 0 && one > bound {
			t.Errorf("%s: %d bytes each, at most %d", name, one, bound)
		}
		return x
	}
	s.end(s.open(10, false, "-http", s.each(min(s.plain, 500)), "-ws", s.each(min(s.sockets, 500)))) // what is warm stays
	// All stay open until the last is measured: memory that is given back is used again.
	all := measure("clear text, HTTP/1.1, kept alive", s.plain, func() []*crowd { return s.open(20, false, "-http", s.each(s.plain)) }, idleBound)
	all = append(all, measure("WebSocket, both sides", s.sockets, func() []*crowd { return s.open(40, false, "-ws", s.each(s.sockets)) }, 0)...)
	all = append(all, measure("TLS 1.3, HTTP/1.1, kept alive", secure, func() []*crowd { return s.open(60, true, "-tls", "-http", s.each(secure)) }, 0)...)
	s.end(all)
}

// TestIdleChurn closes the oldest of many idle connections and opens new ones, and
// holds the edges' memory to what it was.
func TestIdleChurn(t *testing.T) {
	s := newIdleSite(t)
	churn, over := 40*time.Second, 20*time.Second
	// Each connection lives for 60 s (5 s): shorter than the edge keeps an idle one.
	life := 5.0
	if long {
		churn, over, life = 8*time.Minute, 2*time.Minute, 60
	}
	began := time.Now()
	crowds := s.open(80, false, "-http", s.each(s.plain), "-ws", s.each(s.sockets), "-churn", fmt.Sprint(float64(s.plain+s.sockets)/float64(len(s.Edges))/life))
	time.Sleep(time.Until(began.Add(over)))
	base := s.memory()
	least, most := base, base
	var line []string
	for time.Since(began) < churn {
		time.Sleep(min(5*time.Second, churn/8))
		now := s.memory()
		line = append(line, fmt.Sprint(now>>20))
		least, most = min(least, now), max(most, now)
	}
	opened := s.end(crowds)
	all := s.plain + s.sockets
	t.Logf("churn for %v: %d opened (%.1f times the set); memory after %v %d MiB, then %d to %d MiB (%+.1f to %+.1f %%): %s", churn, opened, float64(opened)/float64(all), over,
		base>>20, least>>20, most>>20, 100*float64(least-base)/float64(base), 100*float64(most-base)/float64(base), strings.Join(line, " "))
	if opened < int64(5*all) {
		t.Errorf("%d connections were opened, want five times %d", opened, all)
	}
	if long && (float64(most) > 1.03*float64(base) || float64(least) < 0.97*float64(base)) {
		t.Errorf("memory moved from %d to between %d and %d bytes", base, least, most)
	}
}
