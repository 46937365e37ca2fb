package terraform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/tests/harness"
)

// onePlan is a subscription of one gateway.
const onePlan = `{"default": "small", "unverified_requests_per_day": 100, "plans": [{
  "name": "small", "num": 1, "title": "Small", "included_requests": 1000000, "requests_per_second": 1000, "burst": 1000, "concurrency": 100,
  "gateways": 1, "consumers": 100, "keys": 100, "max_body_bytes": 1048576, "log_retention": "24h", "currency": "usd", "price_cents": 0
}]}`

const changesConfig = `variable "name" { default = "shop" }
variable "port" { default = 18009 }
variable "limits" {
  default = [{ rate = 1, per = "second" }, { rate = 20, per = "minute" }]
}
resource "tollgate_gateway" "g" {
  name = var.name
}
resource "tollgate_upstream" "u" {
  gateway = tollgate_gateway.g.name
  name    = "u"
  targets = [for n in range(2) : { url = "http://127.0.0.1:${var.port + n}", weight = n + 1 }]
}
resource "tollgate_route" "r" {
  for_each = toset(["a", "b"])
  gateway  = tollgate_gateway.g.name
  name     = each.key
  match    = { path = "/${each.key}", headers = [for h in ["X-A", "X-B"] : { name = h, exact = each.key }] }
  upstream = tollgate_upstream.u.name
  policies = concat([{ api_key = {} }], [for l in var.limits : { rate_limit = { rate = l.rate, per = l.per, by = "ip", scope = "edge" } }])
}
resource "tollgate_consumer" "c" {
  gateway = tollgate_gateway.g.name
  name    = "ann"
}
resource "tollgate_api_key" "k" {
  gateway  = tollgate_gateway.g.name
  consumer = tollgate_consumer.c.name
  name     = "main"
}
`

// TestChanges takes a gateway with loops inside nested attributes through every kind
// of drift, a new name, and plans that say what they do or that they can't be.
func TestChanges(t *testing.T) {
	plans := filepath.Join(t.TempDir(), "plans.json")
	if err := os.WriteFile(plans, []byte(onePlan), 0o600); err != nil {
		t.Fatal(err)
	}
	c := harness.New(t, harness.Options{Env: []string{"TOLLGATE_PLANS_FILE=" + plans}})
	api := c.SignUp("changes")
	f := newFolder(t, api)
	f.main(changesConfig)
	f.init()
	f.apply()
	f.noChanges()
	if rates := len(api.Must("GET", "/v1/gateways/shop/routes/a", nil)["policies"].([]any)); rates != 3 {
		t.Errorf("the loop made %d policies, want 3", rates)
	}

	// Changed: put back. Deleted: made again. Added: left alone.
	route := api.Must("GET", "/v1/gateways/shop/routes/a", nil)
	key := api.Must("GET", "/v1/gateways/shop/keys", nil)["items"].([]any)[0].(harness.Object)["id"].(string)
	for _, name := range []string{"id", "created_at", "updated_at"} {
		delete(route, name)
	}
	route["policies"] = route["policies"].([]any)[:1]
	api.Must("PUT", "/v1/gateways/shop/routes/a", route)
	api.Must("DELETE", "/v1/gateways/shop/routes/b", nil)
	api.Must("POST", "/v1/gateways/shop/keys/"+key+"/revoke", nil)
	route["name"], route["match"] = "added", harness.Object{"path": "/added"}
	api.Must("POST", "/v1/gateways/shop/routes", route)
	if out := f.apply(); !strings.Contains(out, "2 added, 1 changed, 0 destroyed") {
		t.Errorf("the drift is not put right:\n%s", out)
	}
	f.noChanges()
	api.Must("GET", "/v1/gateways/shop/routes/added", nil)
	if got := api.Must("GET", "/v1/gateways/shop/routes/a", nil)["policies"].([]any); len(got) != 3 {
		t.Errorf("route a has %d policies after the drift", len(got))
	}

	// A plan says what hangs on a change.
	out := f.ok("plan", "-no-color", "-input=false", "-var", "port=18019")
	for _, want := range []string{"What this change of tollgate_upstream u does beyond it", "Requests of route a, route added, route b go to it."} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not say %q:\n%s", want, out)
		}
	}

	// Another name: the same gateway, the same objects.
	id := api.Must("GET", "/v1/gateways/shop", nil)["id"]
	if out := f.apply("-var", "name=store"); !strings.Contains(out, "0 added,") || !strings.Contains(out, "0 destroyed") {
		t.Errorf("a new name makes another gateway:\n%s", out)
	}
	f.noChanges("-var", "name=store")
	if now := api.Must("GET", "/v1/gateways/store", nil)["id"]; now != id {
		t.Errorf("gateway %v was %v", now, id)
	}

	// What the subscription does not allow, and what is not there, fail at plan.
	for text, want := range map[string]string{
		"resource \"tollgate_gateway\" \"second\" {\n  name = \"second\"\n}\n":                                                                                                                             "The subscription does not allow this",
		"resource \"tollgate_route\" \"x\" {\n  gateway  = tollgate_gateway.g.name\n  name     = \"x\"\n  match    = { path = \"/x\" }\n  public   = true\n  upstream = \"none\"\n}\n":                     "has no upstream",
		"resource \"tollgate_route\" \"x\" {\n  gateway  = tollgate_gateway.g.name\n  name     = \"x\"\n  match    = { path = \"/added\" }\n  public   = true\n  upstream = tollgate_upstream.u.name\n}\n": "the same requests as route",
		"resource \"tollgate_consumer\" \"many\" {\n  count   = 101\n  gateway = tollgate_gateway.g.name\n  name    = \"c${count.index}\"\n}\n":                                                            "the plan small allows 100 consumers of a gateway, and this run makes more",
	} {
		f.main(changesConfig + text)
		out, code := f.run("plan", "-no-color", "-input=false", "-var", "name=store")
		if flat := strings.Join(strings.Fields(strings.ReplaceAll(out, "│", " ")), " "); code != 1 || !strings.Contains(flat, want) || !strings.Contains(flat, "main.tf line") {
			t.Errorf("the plan ends with %d, want 1 and %q at a line:\n%s", code, want, out)
		}
	}

	// What is refused only where nothing makes room first is said, and planned.
	f.main(changesConfig + "resource \"tollgate_consumer\" \"many\" {\n  count   = 100\n  gateway = tollgate_gateway.g.name\n  name    = \"c${count.index}\"\n}\n")
	if out := strings.Join(strings.Fields(strings.ReplaceAll(f.ok("plan", "-no-color", "-input=false", "-var", "name=store"), "│", " ")), " "); !strings.Contains(out, "there is room for 99") {
		t.Errorf("the plan does not say that there is no room:\n%s", out)
	}

	// What somebody else made is not taken over, and the error says how to.
	f.main(changesConfig + "resource \"tollgate_route\" \"x\" {\n  gateway  = tollgate_gateway.g.name\n  name     = \"added\"\n  match    = { path = \"/mine\" }\n  public   = true\n  upstream = tollgate_upstream.u.name\n}\n")
	out, code := f.run("apply", "-no-color", "-input=false", "-auto-approve", "-var", "name=store")
	if code != 1 || !strings.Contains(out, `id = "store/added"`) {
		t.Errorf("the apply ends with %d:\n%s", code, out)
	}
	f.main(changesConfig)
	f.noChanges("-var", "name=store")
}
