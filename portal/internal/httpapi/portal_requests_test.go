package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/usage"
)

// TestPortalRequestTellsNothingOfTheOwners looks for canaries of what only the
// gateway's owner may see.
func TestPortalRequestTellsNothingOfTheOwners(t *testing.T) {
	t.Parallel()
	e := usage.LogEntry{LogRecord: contract.LogRecord{
		RequestID: "0123456789abcdef", Edge: "CANARY-edge", Route: "CANARY-route", Method: "GET", Host: "CANARY-host", Path: "/orders", Query: "CANARY=1",
		Client: "CANARY-client", Consumer: "CANARY-consumer", Key: "0123456789", Status: 429, Code: "quota_exceeded", Target: "http://CANARY:80",
		Trace: &contract.Trace{
			Edge: "CANARY", Route: "CANARY", Target: "CANARY", TargetWhy: "CANARY", Detail: "CANARY detail",
			Policies:   []contract.PolicyTrace{{Type: "CANARY", Detail: "CANARY"}},
			Candidates: []contract.Candidate{{Route: "CANARY", Why: "CANARY"}},
			Limits: []contract.LimitTrace{
				{Name: "quota", Limit: 5, Left: 0, Window: "day", From: "usage_plan"}, {Name: "CANARY", Limit: 99, From: "organization"},
			},
		},
	}}
	shown := toPortalRequest(&e)
	b, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "CANARY") {
		t.Errorf("the developer sees %s", b)
	}
	if shown.Limits == nil || len(*shown.Limits) != 1 || shown.Title == nil || shown.Advice == nil || *shown.Key != "key_0123456789" {
		t.Errorf("the developer sees only %s", b)
	}
}
