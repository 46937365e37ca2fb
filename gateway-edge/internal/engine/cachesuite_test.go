//go:build suites

package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/respcache"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/cache"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/testport"
)

// kindsOf prints the kind of every test of the suite, for those that a proxy is
// judged by.
const kindsOf = `import tests from './tests/index.mjs'
const out = {}
for (const s of tests) for (const t of s.tests) if (!t.browser_only) out[t.id] = [t.kind || 'required', t.depends_on || []]
console.log(JSON.stringify(out))`

// Bars of the suite: what must pass of the required tests and of the optimal ones.
const (
	wantRequired = 133
	wantOptimal  = 73
)

// TestCacheSuite runs the http-tests suite for HTTP caches (npm http-cache-tests)
// through the edge. TOLLGATE_CACHE_SUITE is where it was unpacked.
func TestCacheSuite(t *testing.T) {
	dir := os.Getenv("TOLLGATE_CACHE_SUITE")
	if _, err := os.Stat(filepath.Join(dir, "cli.mjs")); err != nil {
		t.Fatalf("the suite is not in %q: make suites fetches it", dir)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	port := testport.Free(t)
	server := suiteCommand(ctx, dir, "server/server.mjs")
	server.Env = append(server.Env, fmt.Sprintf("npm_config_port=%d", port), "npm_config_pidfile="+filepath.Join(t.TempDir(), "pid"), "npm_config_protocol=http")
	must(t, server.Start())
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	listening(t, port)

	store, err := respcache.New(respcache.Config{Max: 64 << 20, PerOrganization: 64 << 20, Now: func() int64 { return 0 }})
	must(t, err)
	e := newEdge(t, edgeOptions{policies: []*policy.Descriptor{&cache.Descriptor}, cache: store})
	g := plain(fmt.Sprintf("http://127.0.0.1:%d", port))
	g.Hosts = []string{"demo.localhost", "localhost"}
	g.Routes[0].Policies = []contract.Policy{{Type: "cache", Config: json.RawMessage(`{"store_errors":true,"heuristic":true}`)}}
	e.serve(g)

	raw, err := suiteCommand(ctx, dir, "--input-type=module", "-e", kindsOf).Output()
	must(t, err)
	kinds := map[string][2]json.RawMessage{}
	must(t, json.Unmarshal(raw, &kinds))
	cli := suiteCommand(ctx, dir, "--no-warnings", "--dns-result-order=ipv4first", "cli.mjs")
	_, edgePort, _ := net.SplitHostPort(e.addr)
	cli.Env = append(cli.Env, "npm_config_base=http://localhost:"+edgePort, "npm_package_config_id=")
	raw, err = cli.Output()
	must(t, err)
	results := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw[strings.IndexByte(string(raw), '{'):], &results); err != nil {
		t.Fatalf("%v: %.2000s", err, raw)
	}
	passed, all := map[string]int{}, map[string]int{}
	for id, k := range kinds {
		kind := strings.Trim(string(k[0]), `"`)
		all[kind]++
		if string(results[id]) == "true" {
			passed[kind]++
			continue
		}
		t.Logf("%s %s: %s", kind, id, results[id])
	}
	t.Logf("required %d of %d, optimal %d of %d, check %d of %d", passed["required"], all["required"], passed["optimal"], all["optimal"], passed["check"], all["check"])
	if passed["required"] < wantRequired || passed["optimal"] < wantOptimal {
		t.Errorf("below %d required or %d optimal", wantRequired, wantOptimal)
	}
}

func suiteCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "node", args...)
	c.Dir, c.Env = dir, os.Environ()
	return c
}

func listening(t *testing.T, port int) {
	for range 100 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the suite's server does not answer")
}
