package transformresponse_test

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/transformresponse"
	"github.com/tollgate/tollgate/services/contract"
)

// gives is a backend's answer and what the caller gets.
func gives(status int, contentType, body string, wantStatus int, want string) policytest.Step {
	return policytest.Step{
		Request: policytest.Request{Header: policytest.Fields{"Accept-Encoding", "gzip", "Range", "bytes=0-1"}},
		Backend: policytest.Response{Status: status, Body: body, Header: policytest.Fields{"Content-Type", contentType, "ETag", `"1"`, "Accept-Ranges", "bytes"}},
		Want:    policytest.Want{Forwarded: true, Status: wantStatus, Body: &want},
	}
}

func with(s policytest.Step, header map[string]string) policytest.Step {
	s.Want.Header = header
	return s
}

func TestPolicy(t *testing.T) {
	const edits = `{"statuses":["2xx","404"],"status":{"404":200,"201":202},"headers":{"remove":["Server"],"set":{"X-Route":"{route}"}},"body":{"remove":["/internal"],"set":{"/request":"{method}"}}}`
	const json = "application/json"
	bad := policytest.Want{Forwarded: true, Status: 502}
	policytest.Run(t, &transformresponse.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "edits", Config: edits, Steps: []policytest.Step{
			with(gives(200, json, `{"internal":1,"a":2}`, 200, `{"a":2,"request":"GET"}`), map[string]string{"ETag": "", "Accept-Ranges": "", "X-Route": "test"}),
			gives(201, json, `{}`, 202, `{"request":"GET"}`),
			gives(404, "application/problem+json; charset=UTF-8", `{}`, 200, `{"request":"GET"}`),
			with(gives(500, json, `{"internal":1}`, 500, `{"internal":1}`), map[string]string{"ETag": `"1"`, "X-Route": ""}),
			with(gives(200, "text/html", `<p>`, 200, `<p>`), map[string]string{"ETag": `"1"`, "X-Route": "test"}),
			gives(200, "text/event-stream", "data: 1\n\n", 200, "data: 1\n\n"),
			gives(206, json, `{"internal"`, 206, `{"internal"`),
		}},
		{Name: "the backend is asked for what can be read", Config: edits, Steps: []policytest.Step{
			{Request: policytest.Request{Header: policytest.Fields{"Accept-Encoding", "br", "Range", "bytes=0-1"}}, Want: policytest.Want{Forwarded: true, Sent: map[string]string{"Accept-Encoding": "", "Range": ""}}},
		}},
		{Name: "an answer that can't be changed", Config: edits, Steps: []policytest.Step{
			{Backend: policytest.Response{Body: `{"a":1,"a":2}`, Header: policytest.Fields{"Content-Type", json}}, Want: bad},
			{Backend: policytest.Response{Body: `["secret"]`, Header: policytest.Fields{"Content-Type", json}}, Want: bad},
		}},
		{Name: "other types refused", Config: `{"body":{"remove":["/internal"],"other_types":"refuse"}}`, Steps: []policytest.Step{
			{Backend: policytest.Response{Body: `x`, Header: policytest.Fields{"Content-Type", "text/plain"}}, Want: bad},
			{Backend: policytest.Response{Body: `x`, Header: policytest.Fields{"Content-Type", json, "Content-Encoding", "gzip"}}, Want: bad},
			gives(200, json, `{"internal":1}`, 200, `{}`),
			gives(204, json, ``, 204, ``),
		}},
		{Name: "HEAD", Config: edits, Steps: []policytest.Step{{
			Request: policytest.Request{Method: "HEAD"}, Backend: policytest.Response{Header: policytest.Fields{"Content-Type", json, "ETag", `"1"`}},
			Want: policytest.Want{Forwarded: true, Status: 200, Header: map[string]string{"ETag": ""}},
		}}},
		{Name: "a body of its own", Config: `{"statuses":["5xx"],"body":{"replace":{"json":{"error":"{request_id}"}}}}`, Steps: []policytest.Step{
			with(gives(503, "text/html", "<h1>stack trace", 503, `{"error":null}`), map[string]string{"Content-Type": json}),
		}},
		{Name: "jq", Config: `{"body":{"jq":".items | map({id})"}}`, Steps: []policytest.Step{
			gives(200, json, `{"items":[{"id":1,"x":1}]}`, 200, `[{"id":1}]`),
			{Backend: policytest.Response{Body: `{"items":7}`, Header: policytest.Fields{"Content-Type", json}}, Want: bad},
		}},
		{Name: "XML", Config: `{"body":{"to":"xml"}}`, Steps: []policytest.Step{
			with(gives(200, json, `{"a":{"@x":1,"b":null}}`, 200, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a x=\"1\"><b></b></a>\n"), map[string]string{"Content-Type": "application/xml"}),
		}},
		{Name: "status and fields alone", Hot: true, Config: `{"status":{"200":203},"headers":{"set":{"X-Route":"{route}"}}}`, Steps: []policytest.Step{
			gives(200, json, `{`, 203, `{`),
		}},
	}})
}

// TestEdgeErrors: what the edge itself says is not touched.
func TestEdgeErrors(t *testing.T) {
	policytest.Run(t, &transformresponse.Descriptor, policytest.Suite{Dir: t.TempDir(), Cases: []policytest.Case{{
		Name: "too large", Config: `{"statuses":["5xx","2xx"],"status":{"502":200},"body":{"remove":["/a"],"max_bytes":4}}`,
		Steps: []policytest.Step{{
			Backend: policytest.Response{Body: `{"a":1}`, Header: policytest.Fields{"Content-Type", "application/json"}},
			Want:    policytest.Want{Forwarded: true, Status: contract.CodeUpstreamProtocol.Info().Status},
		}},
	}}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &transformresponse.Descriptor) }

func BenchmarkStatus(b *testing.B) {
	policytest.Bench(b, &transformresponse.Descriptor, policytest.Case{
		Config: `{"status":{"200":203},"headers":{"set":{"X-Route":"{route}"}}}`, Steps: []policytest.Step{gives(200, "application/json", "{}", 203, "{}")},
	})
}
