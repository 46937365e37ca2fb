package terraform

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// canary is a secret that must stand nowhere but at the backend.
const canary = "canary-7f3a91c2-backend-token"

// TestComplete is the life of terraform/examples/complete: applied, called, planned
// again without a change, imported into an empty state without a change, changed
// from outside and put right, destroyed. No secret is left in state, plan or log.
func TestComplete(t *testing.T) {
	c := harness.New(t, harness.Options{})
	oidc := harness.StartOIDC(t)
	var served [3]atomic.Int64
	var urls [3]string
	for i := range urls {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" {
				served[i].Add(1)
				if r.Header.Get("X-Backend-Token") != canary {
					w.WriteHeader(http.StatusTeapot)
				}
			}
		}))
		t.Cleanup(s.Close)
		urls[i] = s.URL
	}
	api := c.SignUp("complete")
	f := newFolder(t, api)
	f.must(os.CopyFS(f.dir, os.DirFS("../../terraform/examples/complete")))
	f.write("terraform.tfvars", fmt.Sprintf("issuer = %q\norders_urls = [%q, %q]\ncatalogue_url = %q\nbackend_token = %q\n",
		oidc.Issuer, urls[0], urls[1], urls[2], canary))
	f.init()
	f.ok("validate", "-no-color")
	f.env = append(f.env, "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(f.dir, "trace.log"))
	f.ok("plan", "-no-color", "-input=false", "-out=plan.bin")
	f.ok("apply", "-no-color", "-input=false", "plan.bin")

	edge := c.Edges[0].Addr()
	host := strings.Trim(f.ok("output", "-raw", "hostname"), "\"\n")
	call := func(path string, headers ...string) int {
		t.Helper()
		req, err := http.NewRequest("GET", "http://"+edge+path, nil)
		f.must(err)
		req.Host = host
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		f.must(err)
		_ = res.Body.Close()
		return res.StatusCode
	}
	if code := call("/status"); code != 200 {
		t.Errorf("/status answers %d", code)
	}
	if code := call("/orders/7"); code != 401 {
		t.Errorf("/orders/7 without a token answers %d", code)
	}
	token := oidc.Token(t, "shop")
	for range 40 {
		if code := call("/orders/7", "Authorization", "Bearer "+token); code != 200 {
			t.Fatalf("/orders/7 answers %d", code)
		}
	}
	if a, b := served[0].Load(), served[1].Load(); a != 30 || b != 10 {
		t.Errorf("the weighted targets got %d and %d requests, want 30 and 10", a, b)
	}
	_, key := api.Key("shop", "acme", nil)
	f.must(harness.Until(t.Context(), 10*time.Second, func() error {
		if code := call("/catalogue/x", "X-API-Key", key); code != 200 {
			return fmt.Errorf("/catalogue/x with a key answers %d", code)
		}
		return nil
	}))
	f.noChanges()
	f.imported()
	f.drift(api)
	f.noSecret(canary)
	if out := f.ok("destroy", "-no-color", "-auto-approve"); !strings.Contains(out, "Destroy complete!") {
		t.Error(out)
	}
	if list := api.Must("GET", "/v1/gateways", nil)["items"].([]any); len(list) != 0 {
		t.Errorf("%d gateways are left", len(list))
	}
}

// imported imports all that the state holds into an empty one: no change is left.
func (f *folder) imported() {
	f.t.Helper()
	var state struct {
		Values struct {
			RootModule struct {
				Resources []struct {
					Address, Type string
					Values        harness.Object
				}
			} `json:"root_module"`
		}
	}
	f.must(json.Unmarshal([]byte(f.ok("show", "-json")), &state))
	var blocks strings.Builder
	for _, r := range state.Values.RootModule.Resources {
		fmt.Fprintf(&blocks, "import {\n  to = %s\n  id = %q\n}\n", r.Address, importID(r.Type, r.Values))
	}
	n := len(state.Values.RootModule.Resources)
	f.forget()
	f.write("import.tf", blocks.String())
	defer func() { f.must(os.Remove(filepath.Join(f.dir, "import.tf"))) }()
	out := f.apply()
	if want := fmt.Sprintf("Resources: %d imported, 0 added, 0 changed, 0 destroyed", n); !strings.Contains(out, want) {
		f.t.Errorf("want %s:\n%s", want, out)
	}
	f.noChanges()
}

// importID is what an object is imported by.
func importID(typ string, v harness.Object) string {
	name := "name"
	switch typ {
	case "tollgate_gateway":
		return v["name"].(string)
	case "tollgate_gateway_policies", "tollgate_gateway_config":
		return v["gateway"].(string)
	case "tollgate_api_key":
		name = "id"
	case "tollgate_domain":
		name = "host"
	}
	return v["gateway"].(string) + "/" + v[name].(string)
}

// drift changes things behind terraform's back: it sees them and puts them right.
func (f *folder) drift(api *harness.API) {
	f.t.Helper()
	up := api.Must("GET", "/v1/gateways/shop/upstreams/catalogue", nil)
	for _, name := range []string{"id", "created_at", "updated_at"} {
		delete(up, name)
	}
	up["algorithm"] = "ip_hash"
	api.Must("PUT", "/v1/gateways/shop/upstreams/catalogue", up)
	api.Must("DELETE", "/v1/gateways/shop/routes/status", nil)
	out := f.apply()
	if !strings.Contains(out, "1 added, 1 changed, 0 destroyed") {
		f.t.Errorf("the drift is not put right:\n%s", out)
	}
	f.noChanges()
}

// noSecret looks for a secret in everything that terraform left but the file that it
// was given in.
func (f *folder) noSecret(secret string) {
	f.t.Helper()
	looked := 0
	f.must(filepath.WalkDir(f.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Type()&os.ModeSymlink != 0 || filepath.Base(path) == "terraform.tfvars" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Base(path) == "plan.bin" {
			// A plan holds the values of variables: Terraform's own, not the provider's.
			return nil
		}
		looked++
		if strings.Contains(string(text), secret) {
			f.t.Errorf("%s holds the secret", path)
		}
		return nil
	}))
	if looked < 4 {
		f.t.Errorf("only %d files were looked at", looked)
	}
}
