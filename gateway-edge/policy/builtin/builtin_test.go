package builtin_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/builtin"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// TestOrder pins the list: what exists, and in which phase it runs. A change here
// changes what documents mean.
func TestOrder(t *testing.T) {
	t.Parallel()
	want := []string{
		"guard bot", "guard compress", "guard cors", "guard deprecation", "guard error_pages", "guard ip_filter", "guard response_headers",
		"authenticate api_key", "authenticate basic", "authenticate introspection", "authenticate jwt", "authenticate mtls", "authenticate oidc_login",
		"authorize acl", "authorize ext_auth",
		"limit body_limits", "limit concurrency", "limit graphql_limits", "limit quota", "limit rate_limit", "limit waf",
		"transform connect", "transform graphql", "transform grpc_transcode", "transform grpc_web", "transform mock", "transform redirect", "transform release", "transform request_headers", "transform rewrite", "transform transform_request", "transform transform_response", "transform upstream_auth", "transform validate_request", "transform validate_response",
		"cache cache", "cache mirror",
		"integrate aggregate", "integrate http_websocket", "integrate lambda", "integrate sql", "integrate static", "integrate websocket_http",
	}
	var got []string
	for _, d := range builtin.Ordered() {
		got = append(got, d.Phase.String()+" "+d.Type)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestCatalogue holds the catalogue to the list: same types, same order, and
// every schema's examples are accepted by New.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	entries := builtin.Catalogue()
	types := builtin.Types()
	if len(entries) != len(types) {
		t.Fatalf("%d entries for %d policies", len(entries), len(types))
	}
	for i, e := range entries {
		if e.Type != types[i] || e.Title == "" || e.Summary == "" || !strings.HasPrefix(e.Documentation, "# "+e.Title+"\n") {
			t.Errorf("entry %d: type %q title %q summary %q", i, e.Type, e.Title, e.Summary)
		}
		var schema struct {
			Type     string            `json:"x-type"`
			Examples []json.RawMessage `json:"examples"`
		}
		if err := json.Unmarshal(e.Schema, &schema); err != nil || schema.Type != e.Type || len(schema.Examples) == 0 {
			t.Errorf("%s: schema of %q with %d examples, %v", e.Type, schema.Type, len(schema.Examples), err)
		}
		for _, raw := range schema.Examples {
			if _, err := builtin.New(e.Type, raw, policytest.NewDeps()); err != nil {
				t.Errorf("%s: %s: %v", e.Type, raw, err)
			}
		}
	}
}

// TestDocumentationExamples runs every example of every README through New.
func TestDocumentationExamples(t *testing.T) {
	t.Parallel()
	deps := policytest.NewDeps()
	deps.OpenAPI = policy.NewDocument([]byte(`{"openapi":"3.1.0","paths":{}}`))
	for _, e := range builtin.Catalogue() {
		n := 0
		for i, part := range strings.Split(e.Documentation, "```json\n") {
			if i == 0 {
				continue
			}
			text, _, _ := strings.Cut(part, "```")
			var p contract.Policy
			if err := contract.DecodeStrict([]byte(text), &p); err != nil {
				t.Errorf("%s: %v in %s", e.Type, err, text)
				continue
			}
			if p.Type != e.Type {
				continue
			}
			n++
			if _, err := builtin.New(p.Type, p.Config, deps); err != nil {
				t.Errorf("%s: %v in %s", e.Type, err, text)
			}
		}
		if n < 2 {
			t.Errorf("%s: the documentation has %d examples, want two", e.Type, n)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ typ, config, want string }{
		{"api-key", `{}`, `/type: there is no policy type "api-key"; did you mean "api_key"?`},
		{"zzz", `{}`, `/type: there is no policy type "zzz"; the types are bot,`},
		{"api_key", `{"scope":[]}`, `/config/scope: unknown field; did you mean "scopes"?`},
		{"cors", `{"allow_origin":["*"],"max_age":7}`, `/config/allow_origin: unknown field; did you mean "allow_origins"?; /config/max_age:`},
		{"jwt", `[]`, `/config: must be an object, not an array`},
		{"jwt", `{`, `/config: not valid JSON at byte`},
	} {
		_, err := builtin.New(tt.typ, json.RawMessage(tt.config), policytest.NewDeps())
		var fields contract.FieldErrors
		if !errors.As(err, &fields) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %q inside", tt.typ, tt.config, err, tt.want)
		}
	}
	if _, err := builtin.New("api_key", nil, policytest.NewDeps()); err != nil {
		t.Errorf("no configuration at all: %v", err)
	}
}

// TestDryRun compiles every valid sample with nothing to lean on: constructors
// use only the configuration and the secrets.
func TestDryRun(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*/testdata/valid/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	byFolder := map[string]*policy.Descriptor{}
	for _, d := range builtin.Ordered() {
		byFolder[strings.ReplaceAll(d.Type, "_", "")] = d
	}
	for _, f := range files {
		folder := strings.Split(filepath.ToSlash(f), "/")[1]
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := byFolder[folder]
		if !ok {
			t.Errorf("%s is of no policy of the list", f)
			continue
		}
		p, err := d.New(raw, policy.Deps{
			Secret:   func(string) ([]byte, error) { return []byte(strings.Repeat("x", 32)), nil },
			Upstream: func(string) (policy.Caller, error) { return policytest.SocketBackend{}, nil },
		})
		if err != nil {
			t.Errorf("%s: %v", f, err)
		} else if _, ok := p.(policy.Method); !ok && d.Phase == policy.PhaseAuthenticate {
			t.Errorf("%s: it can't stand beside other methods of authentication", d.Type)
		}
	}
}
