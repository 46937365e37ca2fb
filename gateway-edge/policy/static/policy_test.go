package static_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/static"
	"github.com/tollgate/tollgate/services/contract"
)

const config = `{"max_age":"90s","documents":[{"path":"/robots.txt","body":"all"},{"path":"/a.bin","base64":"AAEC"},{"json":{"a": 1}}]}`

func get(path, body, contentType string) policytest.Step {
	return policytest.Step{
		Request: policytest.Request{Path: path},
		Want:    policytest.Want{Answered: true, Status: 200, Body: &body, Header: map[string]string{"Content-Type": contentType, "Cache-Control": "public, max-age=90"}},
	}
}

func TestPolicy(t *testing.T) {
	only := `{"documents":[{"path":"/a","body":"x"}]}`
	var tag string
	learn := get("/robots.txt", "all", "text/plain; charset=utf-8")
	learn.Check = func(t testing.TB, r *policytest.Result) {
		if tag, _ = r.Header.Get("ETag"); len(tag) != 34 || !strings.HasPrefix(tag, `"`) {
			t.Errorf("entity tag %q", tag)
		}
		if r.Outcome.Billable {
			t.Error("a document is billable")
		}
	}
	policytest.Run(t, &static.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "documents", Hot: true, Config: config, Steps: []policytest.Step{
			learn, get("/a.bin", "\x00\x01\x02", "application/octet-stream"), get("/else", `{"a":1}`, "application/json"),
		}},
		{Name: "no document", Config: only, Steps: []policytest.Step{
			{Request: policytest.Request{Path: "/b"}, Want: policytest.Want{Rejected: true, Code: contract.CodeNoRoute}},
		}},
		{Name: "other methods", Config: only, Steps: []policytest.Step{
			{Request: policytest.Request{Path: "/a", Method: "HEAD"}, Want: policytest.Want{Answered: true, Status: 200}},
			{Request: policytest.Request{Path: "/a", Method: "POST", Body: "x"}, Want: policytest.Want{Rejected: true, Code: contract.CodeMethodNotAllowed, Header: map[string]string{"Allow": "GET, HEAD"}}},
		}},
		{Name: "too much", Config: `{"documents":[{"body":"` + strings.Repeat("x", 512<<10+1) + `"}]}`, Error: "/documents: are 524289 bytes"},
	}})
	if tag == "" {
		t.Fatal("no entity tag was seen")
	}
	for name, c := range map[string]struct {
		sent   string
		status int
	}{
		"the same": {tag, 304}, "weak": {"W/" + tag, 304}, "any": {"*", 304}, "in a list": {`"x", ` + tag, 304}, "another": {`"x"`, 200},
	} {
		policytest.Run(t, &static.Descriptor, policytest.Suite{Dir: "testdata", Cases: []policytest.Case{{Name: name, Hot: true, Config: config, Steps: []policytest.Step{{
			Request: policytest.Request{Path: "/robots.txt", Header: policytest.Fields{"If-None-Match", c.sent}},
			Want:    policytest.Want{Answered: true, Status: c.status, Header: map[string]string{"ETag": tag}},
		}}}}})
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &static.Descriptor) }

func BenchmarkStatic(b *testing.B) {
	policytest.Bench(b, &static.Descriptor, policytest.Case{Config: config, Steps: []policytest.Step{get("/robots.txt", "all", "text/plain; charset=utf-8")}})
}
