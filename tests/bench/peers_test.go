package bench

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// candidate is one proxy under measurement.
type candidate struct {
	name string
	addr string
	pids []int
	tls  string // where it speaks TLS, HTTP/2 by ALPN
	h2c  string // where it speaks HTTP/2 in clear text
}

// bed is everything of one measurement.
type bed struct {
	t      *testing.T
	dir    string
	keys   []string
	words  map[string]string // of templates, by @WORD@
	origin [2]int
}

func newBed(t *testing.T) *bed {
	t.Helper()
	dir, err := harness.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &bed{t: t, dir: dir, words: map[string]string{"DIR": dir}}
	for i := range b.origin {
		b.origin[i] = b.port()
		b.words[fmt.Sprintf("BACKEND%d", i+1)] = strconv.Itoa(b.origin[i])
	}
	if err := os.MkdirAll(filepath.Join(dir, "www", "api"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.write("www/api/64k", strings.Repeat("x", 64<<10))
	return b
}

func (b *bed) port() int {
	b.t.Helper()
	p := testport.Free(b.t)
	return p
}

func (b *bed) write(name, content string) string {
	b.t.Helper()
	p := filepath.Join(b.dir, name)
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// fill writes a template with the bed's addresses and returns its path.
func (b *bed) fill(name string, port int) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join("templates", name))
	if err != nil {
		b.t.Fatal(err)
	}
	words := []string{"@PORT@", strconv.Itoa(port)}
	for k, v := range b.words {
		words = append(words, "@"+k+"@", v)
	}
	return b.write(name, strings.NewReplacer(words...).Replace(string(text)))
}

func program(t *testing.T, name string) string {
	t.Helper()
	for _, p := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(p); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: run `make bench`", name)
	return ""
}

func (b *bed) start(name, path string, args ...string) *harness.Process {
	b.t.Helper()
	p := &harness.Process{Name: name, Path: path, Args: args, Dir: b.dir, Env: []string{"PATH=" + os.Getenv("PATH")}}
	if err := p.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = p.Stop(5 * time.Second) })
	return p
}

// origins starts the two-port nginx origin.
func (b *bed) origins() {
	b.t.Helper()
	b.start("origin", program(b.t, "nginx"), "-c", b.fill("backend.conf", 0), "-p", b.dir)
	b.up(fmt.Sprintf("127.0.0.1:%d", b.origin[0]))
}

// peers starts nginx with one worker and HAProxy with one thread.
func (b *bed) peers() []candidate {
	b.t.Helper()
	b.writeKeys()
	np, hp := b.port(), b.port()
	nginx := b.start("nginx", program(b.t, "nginx"), "-c", b.fill("nginx.conf", np), "-p", b.dir)
	haproxy := b.start("haproxy", program(b.t, "haproxy"), "-f", b.fill("haproxy.cfg", hp))
	out := []candidate{{name: "nginx", addr: fmt.Sprintf("127.0.0.1:%d", np)}, {name: "haproxy", addr: fmt.Sprintf("127.0.0.1:%d", hp)}}
	for i, p := range []*harness.Process{nginx, haproxy} {
		b.up(out[i].addr)
		out[i].pids = family(b.t, p.PID())
	}
	return out
}

// writeKeys writes the keys in the forms that the peers and wrk read.
func (b *bed) writeKeys() {
	b.t.Helper()
	var forNginx, forHAProxy, plain strings.Builder
	for i, k := range b.keys {
		fmt.Fprintf(&forNginx, "%q \"tenant%d\";\n", k, i)
		fmt.Fprintf(&forHAProxy, "%s tenant%d\n", k, i)
		plain.WriteString(k + "\n")
	}
	b.write("keys.nginx", forNginx.String())
	b.write("keys.map", forHAProxy.String())
	b.write("keys.txt", plain.String())
}

func (b *bed) up(addr string) {
	b.t.Helper()
	c := harness.NewCaller(1)
	if err := harness.Until(b.t.Context(), 10*time.Second, func() error { return c.Get(addr, "x", "/", "").Err }); err != nil {
		b.t.Fatalf("%s: %v", addr, err)
	}
}

// family returns a process and its children (nginx's workers).
func family(t *testing.T, pid int) []int {
	t.Helper()
	out := []int{pid}
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range all {
		s, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		fields := statFields(string(s))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			out = append(out, child)
		}
	}
	return out
}

// statFields are the fields of /proc/PID/stat behind the name: state, ppid, …
func statFields(s string) []string {
	i := strings.LastIndexByte(s, ')')
	if i < 0 {
		return nil
	}
	return strings.Fields(s[i+1:])
}

// cpu returns user and system time of processes so far.
func cpu(t *testing.T, pids []int) time.Duration {
	t.Helper()
	var ticks int64
	for _, pid := range pids {
		s, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		f := statFields(string(s))
		u, _ := strconv.ParseInt(f[11], 10, 64)
		k, _ := strconv.ParseInt(f[12], 10, 64)
		ticks += u + k
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}

// load is one run of wrk.
type load struct {
	requests int64
	perSec   float64
	bad      string
}

// connects waits until somebody listens at an address.
func (b *bed) connects(addr string) {
	b.t.Helper()
	if err := harness.Until(b.t.Context(), 10*time.Second, func() error {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err
	}); err != nil {
		b.t.Fatalf("%s: %v", addr, err)
	}
}

// wrk runs wrk against a candidate for the duration.
func (b *bed) wrk(c candidate, path string, conns int, d time.Duration) load {
	b.t.Helper()
	cmd := exec.Command(program(b.t, "wrk"), "-t1", fmt.Sprintf("-c%d", conns), fmt.Sprintf("-d%ds", int(d.Seconds())), "-s", filepath.Join(b.dir, "wrk.lua"), "http://"+c.addr, "--", path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("wrk: %v\n%s", err, out)
	}
	var l load
	sc := bufio.NewScanner(strings.NewReader(string(out)))
	for sc.Scan() {
		line := strings.TrimSpace(sc.Text())
		switch {
		case strings.Contains(line, " requests in "):
			l.requests, _ = strconv.ParseInt(strings.Fields(line)[0], 10, 64)
		case strings.HasPrefix(line, "Requests/sec:"):
			l.perSec, _ = strconv.ParseFloat(strings.Fields(line)[1], 64)
		case strings.HasPrefix(line, "Non-2xx"), strings.HasPrefix(line, "Socket errors"):
			l.bad = line
		}
	}
	if l.requests == 0 {
		b.t.Fatalf("wrk counted nothing:\n%s", out)
	}
	return l
}
