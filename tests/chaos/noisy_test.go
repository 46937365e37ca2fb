package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// loaded is what the load program reports.
type loaded struct {
	Due, Left int64
	Statuses  map[int]int64
	Good      []int64
	Micros    [5]int64
	Worst     []int64
	Error     string
}

func (l *loaded) p99() time.Duration { return time.Duration(l.Micros[2]) * time.Microsecond }

// errors is the number of answers that were not 200, and of requests without one.
func (l *loaded) errors() int64 { return l.Due - l.Statuses[200] }

func (l *loaded) String() string {
	var worst []string
	for _, w := range l.Worst {
		worst = append(worst, fmt.Sprint((w+500)/1000))
	}
	return fmt.Sprintf("due %d, not sent %d, answers %v, p50 %v p99 %v max %v, p99 of each second in ms %s %s", l.Due, l.Left, l.Statuses,
		time.Duration(l.Micros[0])*time.Microsecond, l.p99(), time.Duration(l.Micros[4])*time.Microsecond, strings.Join(worst, " "), l.Error)
}

// load runs the load program.
func (n *narrow) load(args ...string) (*loaded, error) {
	cmd := exec.Command(n.loader, append([]string{"-addr", n.Edges[0].Addr()}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	l := &loaded{}
	return l, json.Unmarshal(out, l)
}

// narrow is an edge with a core of its own, GOMAXPROCS=1, so that it is what is
// overloaded: everything else, and the load too, shares the other cores. Two
// organizations have a gateway each on it.
type narrow struct {
	*harness.Cluster
	loader string
	t      *testing.T
	hosts  []string
}

// costly is a path that only a slow regular expression takes: a request for it costs
// the edge some hundred microseconds.
var costly = "/" + strings.Repeat("ab", 150) + "y"

func newNarrow(t *testing.T, names ...string) *narrow {
	t.Helper()
	if runtime.NumCPU() < 2 {
		t.Fatal("this test needs two cores: one for the edge alone")
	}
	var all, others []int
	for i := range runtime.NumCPU() {
		if all = append(all, i); i > 0 {
			others = append(others, i)
		}
	}
	n := &narrow{loader: harness.Helper(t, "load", "cmd/load"), t: t}
	idle := harness.Helper(t, "idle", "cmd/idle")
	harness.Settle(t, os.Getpid(), others...)
	t.Cleanup(func() { harness.Settle(t, os.Getpid(), all...) })
	port := testport.Free(t)
	back := &harness.Process{Name: "origin", Path: idle, Args: []string{"-origin", fmt.Sprintf("127.0.0.1:%d", port)}}
	if err := back.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Kill)
	data := inMemory(t)
	n.Cluster = harness.New(t, harness.Options{EdgeEnv: []string{"GOMAXPROCS=1", "TOLLGATE_DATA_DIR=" + data}})
	for _, name := range names {
		api := n.SignUp(name)
		n.hosts = append(n.hosts, api.Must("POST", "/v1/gateways", harness.Object{"name": name})["hostname"].(string))
		put := func(path string, body harness.Object) { api.Must("PUT", "/v1/gateways/"+name+"/"+path, body) }
		put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": fmt.Sprintf("http://127.0.0.1:%d", port)}}})
		put("routes/plain", harness.Object{"match": harness.Object{"path": "/plain"}, "upstream": "app", "public": true})
		put("routes/costly", harness.Object{"match": harness.Object{"path": "~^/(?:(?:(?:a?b?a?b?a?b?){1,30}/)+x|[ab]+y)$"}, "upstream": "app", "public": true})
		api.WaitLive(name)
	}
	harness.Settle(t, n.Edges[0].PID(), 0)
	return n
}

// inMemory is a directory that no disk is behind, where there is one: how long a
// shared disk takes is not what is measured.
func inMemory(t *testing.T) string {
	if dir, err := os.MkdirTemp("/dev/shm", "tollgate-"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		return dir
	}
	return t.TempDir()
}

// thrice runs f three times, prints each, and fails if none is good.
func thrice(t *testing.T, f func() (string, error)) {
	t.Helper()
	var all []error
	good := false
	for try := range 3 {
		text, err := f()
		t.Logf("run %d: %s", try+1, text)
		good = good || err == nil
		all = append(all, err)
	}
	if !good {
		t.Error(errors.Join(all...))
	}
}

// TestNoisyNeighbour lets organization A ask for ten times what the edge can do for
// it, in an open loop over a thousand connections, while B asks for 200 requests a
// second of its own gateway: B gets every answer, about as fast as alone. The
// beginning of the overload counts.
func TestNoisyNeighbour(t *testing.T) {
	n := newNarrow(t, "noisy", "quiet")
	quiet := func(d string) (*loaded, error) {
		return n.load("-host", n.hosts[1], "-path", "/plain", "-rate", "200", "-conns", "20", "-for", d, "-from", "3")
	}
	if _, err := quiet("1s"); err != nil {
		t.Fatal(err)
	}
	thrice(t, func() (string, error) {
		most, err := n.load("-host", n.hosts[0], "-path", costly, "-rate", "20000", "-conns", "2", "-for", "3s", "-late", "1ms", "-from", "2")
		if err != nil {
			return "", err
		}
		capacity := float64(most.Statuses[200]) / 3
		alone, err := quiet("8s")
		if err != nil {
			return "", err
		}
		var noise *loaded
		done := make(chan error, 1)
		go func() {
			var err error
			noise, err = n.load("-host", n.hosts[0], "-path", costly, "-rate", fmt.Sprint(10*capacity), "-conns", "1000", "-for", "25s", "-late", "50ms", "-from", "2")
			done <- err
		}()
		beside, err := quiet("24s")
		if err := errors.Join(err, <-done); err != nil {
			return "", err
		}
		bound := 2*alone.p99() + 10*time.Millisecond
		text := fmt.Sprintf("the edge can do %.0f/s of A's; B alone: %v\n  beside A: %v (p99 at most %v)\n  A: %v", capacity, alone, beside, bound, noise)
		if beside.errors() > 0 || beside.p99() > bound {
			return text, errors.New("B notices A: " + beside.String())
		}
		return text, nil
	})
}

// TestStep goes from 200 to 2,000 requests a second within a second, and compares
// what is served in the five seconds from the step's end with a steady 2,000.
func TestStep(t *testing.T) {
	n := newNarrow(t, "step")
	ask := func(first string) (*loaded, int64, error) {
		l, err := n.load("-host", n.hosts[0], "-path", "/plain", "-first", first, "-rate", "2000", "-conns", "200", "-for", "6s", "-from", "4")
		if err != nil {
			return nil, 0, err
		}
		good := int64(0)
		for _, g := range l.Good[1:] {
			good += g
		}
		return l, good, nil
	}
	thrice(t, func() (string, error) {
		steady, most, err := ask("2000")
		if err != nil {
			return "", err
		}
		stepped, good, err := ask("200")
		if err != nil {
			return "", err
		}
		text := fmt.Sprintf("good answers of seconds 2 to 6: steady %d, after the step %d\n  steady: %v\n  step: %v", most, good, steady, stepped)
		if float64(good) < 0.9*float64(most) || most < 9000 {
			return text, errors.New(text)
		}
		return text, nil
	})
}
