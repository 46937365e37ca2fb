package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// killedConfig has every kind of object that an apply could make twice.
const killedConfig = `resource "tollgate_gateway" "g" {
  name = "killed"
}
resource "tollgate_secret" "s" {
  gateway          = tollgate_gateway.g.name
  name             = "s"
  value_wo         = "v"
  value_wo_version = 1
}
resource "tollgate_upstream" "u" {
  count   = 3
  gateway = tollgate_gateway.g.name
  name    = "u${count.index}"
  targets = [{ url = "http://127.0.0.1:18009" }]
}
resource "tollgate_gateway_policies" "g" {
  gateway  = tollgate_gateway.g.name
  policies = [{ request_headers = { set = { X-S = { secret = tollgate_secret.s.name } } } }]
}
resource "tollgate_route" "r" {
  count    = 12
  gateway  = tollgate_gateway.g.name
  name     = "r${count.index}"
  match    = { path = "/r${count.index}" }
  upstream = tollgate_upstream.u[count.index % 3].name
  policies = [{ api_key = {} }, { rate_limit = { rate = RATE, per = "second", by = "ip", scope = "edge" } }]
}
resource "tollgate_usage_plan" "p" {
  gateway    = tollgate_gateway.g.name
  name       = "gold"
  routes     = tollgate_route.r[*].name
  rate_limit = { rate = 10, per = "second" }
}
resource "tollgate_consumer" "c" {
  count      = 4
  gateway    = tollgate_gateway.g.name
  name       = "c${count.index}"
  usage_plan = tollgate_usage_plan.p.name
}
resource "tollgate_api_key" "k" {
  count    = 4
  gateway  = tollgate_gateway.g.name
  consumer = tollgate_consumer.c[count.index].name
  name     = "main"
}
resource "tollgate_alert" "a" {
  gateway   = tollgate_gateway.g.name
  name      = "a"
  kind      = "error_rate"
  threshold = 5
  channels  = [{ type = "mail", to = ["a@example.com"] }]
}
resource "tollgate_management_token" "t" {
  name   = "deploy"
  scopes = ["gateways:read"]
}
`

// killedObjects is how many of each there are to be.
var killedObjects = map[string]int{"secrets": 1, "upstreams": 3, "routes": 12, "usage-plans": 1, "consumers": 4, "keys": 4, "alerts": 1}

// TestKilledApply kills terraform, its provider or both at seeded moments of an apply
// that makes everything, of one that changes every route, and of a destroy. The next
// run puts everything right: nothing is there twice, nothing is left behind.
func TestKilledApply(t *testing.T) {
	if os.Getenv("TOLLGATE_LONG") == "" {
		t.Skip("TOLLGATE_LONG=1 (make acceptance) runs 20 seeds")
	}
	const seeds = 20
	c := harness.New(t, harness.Options{})
	api := c.SignUp("killed")
	tokens := len(api.Must("GET", "/v1/tokens", nil)["items"].([]any))
	f := newFolder(t, api)
	f.main(strings.Replace(killedConfig, "RATE", "1", 1))
	f.init()
	began := time.Now()
	f.apply()
	whole := time.Since(began) // what a run takes here: the first part of it is the plan
	f.ok("destroy", "-no-color", "-auto-approve")
	adopted := 0
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 31))
		victim := []string{"terraform", "provider", "both"}[r.IntN(3)]
		at := func() time.Duration { return time.Duration((0.4 + 0.6*r.Float64()) * float64(whole)) }
		said := []string{}
		killed := func(args ...string) {
			said = append(said, f.killed(victim, at(), append(args, "-no-color", "-input=false", "-auto-approve")...))
		}
		f.main(strings.Replace(killedConfig, "RATE", "1", 1))
		killed("apply")
		before := f.inState()
		there := len(f.found(api, tokens))
		f.apply()
		f.noChanges()
		f.complete(api, tokens)
		adopted += max(0, there-before)
		f.main(strings.Replace(killedConfig, "RATE", "2", 1))
		killed("apply")
		f.apply()
		f.noChanges()
		f.complete(api, tokens)
		killed("destroy")
		f.ok("destroy", "-no-color", "-auto-approve")
		if left := f.found(api, tokens); len(left) > 0 {
			t.Errorf("seed %d: %v are left behind", seed, left)
		}
		t.Logf("seed %d, %s killed: %s", seed, victim, strings.Join(said, ", "))
	}
	t.Logf("%d seeds, three kills each: every next run converged; it took over %d objects that no state knew of", seeds, adopted)
}

// killed runs terraform and kills it, its provider or both after a time. It says how
// far it came.
func (f *folder) killed(victim string, after time.Duration, args ...string) string {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), "terraform", args...)
	cmd.Dir, cmd.Env = f.dir, f.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second // a provider that outlives terraform holds the pipe
	f.must(cmd.Start())
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(after):
	}
	plugins := children(cmd.Process.Pid)
	if victim != "provider" {
		_ = cmd.Process.Kill()
	}
	if victim == "terraform" { // what the provider has begun, it ends
		time.Sleep(300 * time.Millisecond)
	}
	for _, pid := range plugins {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-done
	return fmt.Sprintf("%s after %.1f s with %d objects made", args[0], after.Seconds(), strings.Count(out.String(), "complete after"))
}

// children are the processes that a process has started.
func children(pid int) (out []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			out = append(out, child)
		}
	}
	return out
}

// inState counts the objects that the state knows, 0 where it was lost.
func (f *folder) inState() int {
	f.t.Helper()
	var state struct {
		Resources []struct{ Instances []json.RawMessage }
	}
	b, err := os.ReadFile(filepath.Join(f.dir, "terraform.tfstate"))
	if err != nil {
		return 0
	}
	if json.Unmarshal(b, &state) != nil { // terraform was killed while it wrote it
		f.forget()
		return 0
	}
	n := 0
	for _, r := range state.Resources {
		n += len(r.Instances)
	}
	return n
}

// found lists what there is, with each object's kind and name.
func (f *folder) found(api *harness.API, tokens int) (out []string) {
	f.t.Helper()
	if all := api.Must("GET", "/v1/tokens", nil)["items"].([]any); len(all) > tokens {
		for range len(all) - tokens {
			out = append(out, "tokens")
		}
	}
	gateways := api.Must("GET", "/v1/gateways", nil)["items"].([]any)
	for range gateways {
		out = append(out, "gateways")
	}
	if len(gateways) == 0 {
		return out
	}
	for kind := range killedObjects {
		for _, item := range api.Must("GET", "/v1/gateways/killed/"+kind+"?limit=200", nil)["items"].([]any) {
			if o := item.(harness.Object); kind != "keys" || o["state"] == "active" {
				out = append(out, kind)
			}
		}
	}
	return out
}

// complete fails the test where anything is missing or there twice.
func (f *folder) complete(api *harness.API, tokens int) {
	f.t.Helper()
	got := map[string]int{}
	for _, kind := range f.found(api, tokens) {
		got[kind]++
	}
	want := maps.Clone(killedObjects)
	want["gateways"], want["tokens"] = 1, 1
	if !maps.Equal(got, want) {
		f.t.Errorf("there are %v, want %v: %v", got, want, slices.Sorted(maps.Keys(got)))
	}
}
