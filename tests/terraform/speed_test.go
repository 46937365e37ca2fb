package terraform

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// manyRoutes is the size of a large gateway, and the bars of what a run with it takes.
const (
	manyRoutes = 1000
	planBar    = 5 * time.Second
	applyBar   = 30 * time.Second
	changeBar  = 5 * time.Second
)

// took is what one round of plan, apply and second apply with one change took.
type took struct{ plan, apply, change time.Duration }

func (t took) String() string {
	return fmt.Sprintf("plan %.1f s, apply %.1f s, one change %.1f s", t.plan.Seconds(), t.apply.Seconds(), t.change.Seconds())
}

// way is one way to write a gateway of many routes.
type way struct {
	name   string
	config func(gateway string, priority int) string
	rounds int
	env    []string
	args   []string // of apply
	remote bool     // the state lies elsewhere
}

// TestBenchThousandRoutes measures a gateway of 1,000 routes as one document and as
// resources of their own, as people write them and as the guide for large gateways
// says: the best of the rounds of each, with TOLLGATE_LONG=1, when the machine has
// nothing else to do. The bars are held by the document; those of separate resources
// depend on how fast terraform itself is there, and are printed beside them.
func TestBenchThousandRoutes(t *testing.T) {
	if os.Getenv("TOLLGATE_LONG") == "" {
		t.Skip("TOLLGATE_LONG=1 (make acceptance) measures")
	}
	c := harness.New(t, harness.Options{})
	api := c.SignUp("many")
	document := bench(t, c, api, way{name: "tollgate_gateway_config of 1,000 routes", config: wholeDocument, rounds: 3})
	bench(t, c, api, way{
		name: "1,000 tollgate_route by the guide", config: guidedRoutes, rounds: 2, env: []string{"GOGC=400"}, args: []string{"-parallelism=50"}, remote: true,
	})
	bench(t, c, api, way{name: "1,000 tollgate_route", config: separateRoutes, rounds: 1})
	if document.plan > planBar || document.apply > applyBar || document.change > changeBar {
		t.Errorf("the document takes %v: over plan %v, apply %v, one change %v", document, planBar, applyBar, changeBar)
	}
}

// bench runs the rounds of a way and returns the best of each figure.
func bench(t *testing.T, c *harness.Cluster, api *harness.API, w way) took {
	t.Helper()
	var best took
	for round := range w.rounds {
		f := newFolder(t, api)
		f.env = append(f.env, w.env...)
		if w.remote {
			f.write("backend.tf", "terraform {\n  backend \"http\" {\n    address = \""+stateServer(t)+"\"\n  }\n}\n")
		}
		gateway := fmt.Sprintf("many-%d", round)
		f.main(w.config(gateway, 0))
		f.init()
		var one took
		portal := c.Portal.CPU(t)
		cpu := [4]time.Duration{f.cpu}
		timed := func(into *time.Duration, n int, do func()) {
			began := time.Now()
			do()
			*into, cpu[n] = time.Since(began), f.cpu
		}
		timed(&one.plan, 1, func() { f.ok("plan", "-no-color", "-input=false") })
		timed(&one.apply, 2, func() { f.apply(w.args...) })
		f.main(w.config(gateway, 7))
		timed(&one.change, 3, func() {
			if out := f.apply(w.args...); !strings.Contains(out, "0 added, 1 changed, 0 destroyed") {
				t.Errorf("the one change:\n%s", out)
			}
		})
		t.Logf("%s, round %d: %v; CPU of terraform with the provider %.1f, %.1f, %.1f s, of the portal %.1f s", w.name, round+1, one,
			(cpu[1] - cpu[0]).Seconds(), (cpu[2] - cpu[1]).Seconds(), (cpu[3] - cpu[2]).Seconds(), (c.Portal.CPU(t) - portal).Seconds())
		if round == 0 {
			best = one
		}
		best = took{min(best.plan, one.plan), min(best.apply, one.apply), min(best.change, one.change)}
		api.Must("DELETE", "/v1/gateways/"+gateway, nil)
	}
	t.Logf("%s, best of %d: %v; bars: plan %v, apply %v, one change %v", w.name, w.rounds, best, planBar, applyBar, changeBar)
	return best
}

// stateServer keeps one state for terraform's backend http, and returns its address.
func stateServer(t *testing.T) string {
	t.Helper()
	var mu sync.Mutex
	var state []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Method == http.MethodPost:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			state = body
		case state == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = w.Write(state)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// guidedRoutes are separateRoutes as the guide says: for_each over a map of plain
// values, so that what terraform looks at for each object is small.
func guidedRoutes(gateway string, priority int) string {
	text := strings.Replace(separateRoutes(gateway, 0), `{ path = "/r${i}/{id}", priority = i == 500 ? 0 : 0 }`, `"/r${i}/{id}"`, 1)
	return strings.NewReplacer("each.value.path", "each.value", "each.value.priority", fmt.Sprintf("each.key == \"r500\" ? %d : 0", priority)).Replace(text)
}

// separateRoutes are an upstream and routes, each a resource. The map that they are
// made from stands in a local value: terraform evaluates for_each once for each of
// them.
func separateRoutes(gateway string, priority int) string {
	return fmt.Sprintf(`locals {
  routes = { for i in range(%d) : "r${i}" => { path = "/r${i}/{id}", priority = i == 500 ? %d : 0 } }
}
resource "tollgate_gateway" "g" {
  name = %q
}
resource "tollgate_upstream" "u" {
  gateway = tollgate_gateway.g.name
  name    = "u"
  targets = [{ url = "http://127.0.0.1:18009" }]
}
resource "tollgate_route" "r" {
  for_each = local.routes

  gateway  = tollgate_gateway.g.name
  name     = each.key
  match    = { path = each.value.path, methods = ["GET"] }
  public   = true
  priority = each.value.priority
  upstream = tollgate_upstream.u.name
  policies = [{ rate_limit = { rate = 100, per = "second", by = "ip", scope = "edge" } }]
}
`, manyRoutes, priority, gateway)
}

// wholeDocument is the same gateway as one document.
func wholeDocument(gateway string, priority int) string {
	return fmt.Sprintf(`resource "tollgate_gateway" "g" {
  name = %q
}
resource "tollgate_gateway_config" "g" {
  gateway = tollgate_gateway.g.name
  document = jsonencode({
    upstreams = [{ name = "u", targets = [{ url = "http://127.0.0.1:18009" }] }]
    routes = [for i in range(%d) : {
      name     = "r${i}"
      match    = { path = "/r${i}/{id}", methods = ["GET"] }
      public   = true
      priority = i == 500 ? %d : 0
      upstream = "u"
      policies = [{ type = "rate_limit", config = { rate = 100, per = "second", by = "ip", scope = "edge" } }]
    }]
  })
}
`, gateway, manyRoutes, priority)
}
