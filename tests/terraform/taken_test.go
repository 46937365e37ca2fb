package terraform

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/tests/harness"
)

// replacedConfig makes the next one before the last one goes.
const replacedConfig = `resource "tollgate_consumer" "c" {
  gateway = "shop"
  name    = "ann"
}
resource "tollgate_api_key" "k" {
  gateway  = "shop"
  consumer = tollgate_consumer.c.name
  name     = "main"
  lifecycle {
    create_before_destroy = true
  }
}
resource "tollgate_management_token" "t" {
  name   = "deploy"
  scopes = ["gateways:read"]
  lifecycle {
    create_before_destroy = true
  }
}
`

// TestReplacedKey replaces a key and a token by others that are asked for alike: the
// new one is another one, and is there when the old one is gone.
func TestReplacedKey(t *testing.T) {
	c := harness.New(t, harness.Options{})
	api := c.SignUp("replaced")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "shop"})
	f := newFolder(t, api)
	f.main(replacedConfig)
	f.init()
	f.apply()
	key, token := f.activeKeys(api), f.tokens(api)
	if len(key) != 1 || len(token) != 1 {
		t.Fatalf("keys %v, tokens %v: want one of each", key, token)
	}

	// What nobody has used stays where what replaces it is asked for alike.
	out := f.apply("-replace=tollgate_api_key.k", "-replace=tollgate_management_token.t")
	if now, tokens := f.activeKeys(api), f.tokens(api); !slices.Equal(now, key) || !slices.Equal(tokens, token) || !strings.Contains(out, key[0]+" stays") {
		t.Errorf("keys %v, tokens %v, were %v, %v, or it is not said:\n%s", now, tokens, key, token, out)
	}
	f.noChanges()

	// One that somebody got the secret of makes room for another one, under the same
	// name.
	fresh := api.Must("POST", "/v1/gateways/shop/keys/"+key[0]+"/rotate", harness.Object{})["id"].(string)
	for _, saved := range []bool{false, true} {
		if saved {
			f.ok("plan", "-no-color", "-input=false", "-out=plan.bin", "-replace=tollgate_api_key.k")
			f.ok("apply", "-no-color", "-input=false", "plan.bin")
		} else {
			f.apply("-replace=tollgate_api_key.k")
		}
		now := f.activeKeys(api)
		if len(now) != 2 || slices.Contains(now, key[0]) || !slices.Contains(now, fresh) {
			t.Fatalf("the active keys are %v, were %v and %s: want %s and another one", now, key, fresh, fresh)
		}
	}

	// One that differs is another one, one that does not is refused.
	second := strings.ReplaceAll(replacedConfig[strings.Index(replacedConfig, `resource "tollgate_api_key"`):], `" "`, `" "second_`)
	f.main(replacedConfig + second)
	if out, code := f.run("plan", "-no-color", "-input=false"); code != 1 || strings.Count(out, "is asked for alike") != 2 {
		t.Errorf("a plan of two keys that can't be told apart ends with %d:\n%s", code, out)
	}
	f.main(replacedConfig + strings.NewReplacer(`"main"`, "\"main\"\n  scopes = [\"read\"]", "gateways:read", "keys:read").Replace(second))
	f.apply()
	if keys, tokens := f.activeKeys(api), f.tokens(api); len(keys) != 3 || len(tokens) != 2 {
		t.Errorf("keys %v, tokens %v: want one more of each", keys, tokens)
	}
	f.noChanges()
}

// activeKeys are the ids of the active keys of gateway shop.
func (f *folder) activeKeys(api *harness.API) (out []string) {
	f.t.Helper()
	for _, item := range api.Must("GET", "/v1/gateways/shop/keys", nil)["items"].([]any) {
		if k := item.(harness.Object); k["state"] == "active" {
			out = append(out, k["id"].(string))
		}
	}
	return out
}

// tokens are the ids of the tokens that are called deploy.
func (f *folder) tokens(api *harness.API) (out []string) {
	f.t.Helper()
	for _, item := range api.Must("GET", "/v1/tokens", nil)["items"].([]any) {
		if k := item.(harness.Object); k["name"] == "deploy" {
			out = append(out, k["id"].(string))
		}
	}
	return out
}

// takenConfig is made of what a gateway has one of by its name, whose API call would
// replace it.
const takenConfig = `resource "tollgate_secret" "s" {
  gateway          = "shop"
  name             = "token"
  value_wo         = "SECRET"
  value_wo_version = 1
}
resource "tollgate_gateway_policies" "p" {
  gateway  = "shop"
  policies = [{ request_headers = { set = { X-A = { value = "MINE" } } } }]
}
resource "tollgate_domain" "d" {
  gateway     = "shop"
  host        = "API.Example.com"
  certificate = "MODE"
}
resource "tollgate_gateway_config" "c" {
  gateway  = "other"
  document = <<-END
    upstreams: [{name: u, targets: [{url: "http://127.0.0.1:18009"}]}]
    routes: [{name: MINE, match: {path: /x}, upstream: u, public: true}]
  END
}
`

// TestTaken makes what is there already and is somebody else's: nothing of it changes,
// and the error says how to import it. What is as it is asked for is taken over: an
// apply made it that was cut off.
func TestTaken(t *testing.T) {
	c := harness.New(t, harness.Options{})
	api := c.SignUp("taken")
	for _, name := range []string{"shop", "other"} {
		api.Must("POST", "/v1/gateways", harness.Object{"name": name})
	}
	f := newFolder(t, api)
	theirs := strings.NewReplacer("SECRET", "theirs", "MINE", "theirs", "MODE", "uploaded").Replace(takenConfig)
	f.main(theirs)
	f.init()
	f.apply()
	f.noChanges()
	paths := []string{
		"/v1/gateways/shop/secrets/token", "/v1/gateways/shop/policies", "/v1/gateways/shop/domains/api.example.com",
		"/v1/gateways/other/config",
	}
	was := map[string]string{}
	for _, p := range paths {
		was[p] = fmt.Sprint(api.Must("GET", p, nil))
	}
	f.forget()
	f.main(strings.NewReplacer("SECRET", "mine", "MINE", "mine", "MODE", "automatic").Replace(takenConfig))
	out, code := f.run("apply", "-no-color", "-input=false", "-auto-approve")
	if code != 1 {
		t.Errorf("the apply ends with %d:\n%s", code, out)
	}
	for _, id := range []string{"shop/token", "shop", "shop/API.Example.com", "other"} {
		if !strings.Contains(out, `id = "`+id+`"`) {
			t.Errorf("nothing says to import %s:\n%s", id, out)
		}
	}
	for _, p := range paths {
		if now := fmt.Sprint(api.Must("GET", p, nil)); now != was[p] {
			t.Errorf("%s is %s, was %s", p, now, was[p])
		}
	}
	f.main(theirs)
	if out := f.apply(); !strings.Contains(out, "4 added, 0 changed, 0 destroyed") {
		t.Errorf("what is as it is asked for is not taken over:\n%s", out)
	}
	f.noChanges()
}

// documentConfig has what YAML would make something else of than the API takes.
const documentConfig = `resource "tollgate_gateway_config" "c" {
  gateway  = "shop"
  document = <<-END
    gateway: shop
    mode: live
    upstreams: [{name: u, targets: [{url: "http://127.0.0.1:18009"}]}]
    routes: [{name: r, match: {path: /x}, upstream: u, public: true}]
    openapi:
      openapi: 3.0.3
      info: {title: Shop, version: 2026-01-02}
      paths:
        /x: {get: {responses: {200: {description: Fine}}}}
  END
}
`

// TestDocument takes a document of the command line's export, and refuses one that is
// not all about this gateway, or whose gateway was changed since the plan.
func TestDocument(t *testing.T) {
	c := harness.New(t, harness.Options{})
	api := c.SignUp("document")
	api.Must("POST", "/v1/gateways", harness.Object{"name": "shop", "mode": "live"})
	f := newFolder(t, api)
	f.main(documentConfig)
	f.init()
	f.apply()
	f.noChanges()
	if info := api.Must("GET", "/v1/gateways/shop/config", nil)["openapi"].(harness.Object)["info"].(harness.Object); info["version"] != "2026-01-02" {
		t.Errorf("the date became %v", info["version"])
	}
	for from, to := range map[string][2]string{
		"gateway: shop": {"gateway: other", "gateway other's"},
		"mode: live":    {"mode: test", "never changes"},
		"    openapi:":  {"    ---\n    openapi:", "there are 2 documents"},
	} {
		f.main(strings.Replace(documentConfig, from, to[0], 1))
		out, code := f.run("plan", "-no-color", "-input=false")
		if flat := strings.Join(strings.Fields(strings.ReplaceAll(out, "│", " ")), " "); code != 1 || !strings.Contains(flat, to[1]) {
			t.Errorf("%q in the place of %q: ends with %d, want %q:\n%s", to[0], from, code, to[1], out)
		}
	}

	f.main(strings.Replace(documentConfig, "path: /x}", "path: /y}", 1))
	f.ok("plan", "-no-color", "-input=false", "-out=plan.bin")
	api.Must("POST", "/v1/gateways/shop/routes", harness.Object{"name": "late", "match": harness.Object{"path": "/late"}, "upstream": "u", "public": true})
	if out, code := f.run("apply", "-no-color", "-input=false", "plan.bin"); code != 1 || !strings.Contains(out, "was changed since the plan") {
		t.Errorf("the apply of an old plan ends with %d:\n%s", code, out)
	}
	api.Must("GET", "/v1/gateways/shop/routes/late", nil)

	// A version that another object of the run makes is no change of the document.
	f.main(strings.Replace(documentConfig, "path: /x}", "path: /y}", 1) + "resource \"tollgate_secret\" \"s\" {\n  gateway = \"shop\"\n  name = \"s\"\n  value_wo = \"v\"\n  value_wo_version = 1\n}\n")
	f.apply()
	f.noChanges()
	f.ok("destroy", "-no-color", "-auto-approve")
}
