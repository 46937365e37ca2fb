package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

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
