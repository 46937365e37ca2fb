package gateway

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

// TestDestinationsAreAll: every type whose form asks for an upstream is known.
func TestDestinationsAreAll(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../gateway-edge/policy/*/schema.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d schemas, %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var schema struct {
			Type string `json:"x-type"`
		}
		if err := json.Unmarshal(b, &schema); err != nil {
			t.Fatal(err)
		}
		if asks := bytes.Contains(b, []byte(`"x-ref": "upstream"`)); asks != slices.Contains(destinations, schema.Type) {
			t.Errorf("%s asks for an upstream: %v", schema.Type, asks)
		}
	}
}

// TestDestinations: an upstream that a policy or an integration sends to is in
// use, and takes its new name along.
func TestDestinations(t *testing.T) {
	t.Parallel()
	const config = `{"calls":[{"name":"a","upstream":"up","timeout":"1s"},{"name":"b","upstream":"other","fallback":1.50}]}`
	c := &Config{Routes: []contract.Route{
		{Name: "whole", Integration: &contract.Policy{Type: "aggregate", Config: json.RawMessage(config)}},
		{Name: "part", Upstream: "other", Policies: []contract.Policy{{Type: "mirror", Config: json.RawMessage(`{"upstream":"up"}`)}}},
		{Name: "words", Integration: &contract.Policy{Type: "static", Config: json.RawMessage(`{"documents":[{"json":{"upstream":"up"}}]}`)}},
	}}
	if got := strings.Join(UpstreamsOf(&c.Routes[0]), ",") + ";" + strings.Join(UpstreamsOf(&c.Routes[1]), ","); got != "other,up;other,up" {
		t.Errorf("sends to %q", got)
	}
	if got := strings.Join(c.users(KindUpstream, "up"), ","); got != "route whole,route part" {
		t.Errorf("used by %q", got)
	}
	before := c.Routes[0].Integration
	c.rename(KindUpstream, "up", "new")
	if string(before.Config) != config {
		t.Error("the version before was changed")
	}
	if got := strings.Join(c.users(KindUpstream, "up"), ","); got != "" {
		t.Errorf("still used by %q", got)
	}
	if got := string(c.Routes[0].Integration.Config); !strings.Contains(got, `"upstream":"new"`) || !strings.Contains(got, "1.50") {
		t.Errorf("%s", got)
	}
	if got := string(c.Routes[2].Integration.Config); !strings.Contains(got, `"upstream":"up"`) {
		t.Errorf("a document was changed: %s", got)
	}
}
