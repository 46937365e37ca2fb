package validateresponse_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/validateresponse"
)

// answer is a backend's answer and the status that the caller gets.
func answer(status int, contentType, body string, want int) policytest.Step {
	s := policytest.Step{
		Request: policytest.Request{Header: policytest.Fields{"Accept-Encoding", "br", "Range", "bytes=0-1"}},
		Backend: policytest.Response{Status: status, Body: body, Header: policytest.Fields{"Content-Type", contentType}},
		Want:    policytest.Want{Forwarded: true, Status: want, Sent: map[string]string{"Accept-Encoding": "", "Range": ""}},
	}
	if want == status {
		s.Want.Body = &body
	}
	return s
}

func to(path string, s policytest.Step) policytest.Step {
	s.Request.Path = path
	return s
}

// traced holds the decision trace to a finding.
func traced(s policytest.Step, want string) policytest.Step {
	s.Check = func(t testing.TB, r *policytest.Result) {
		var all []string
		for _, p := range r.Trace.Policies {
			all = append(all, p.Detail)
		}
		if got := strings.Join(all, "|"); !strings.Contains(got, want) {
			t.Errorf("the trace says %q, want %q inside", got, want)
		}
	}
	return s
}

const rules = `"unknown_statuses":"refuse","responses":{"200":{"required":true,"schema":{"type":"object","required":["id"]}},"4XX":{"content_types":{"application/problem+json":{}}},"default":{"content_types":{"application/json":{"type":"array"}}}}}`

func TestPolicy(t *testing.T) {
	const json = "application/json"
	policytest.Run(t, &validateresponse.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "refuse", Config: `{"mode":"refuse",` + rules, Steps: []policytest.Step{
			answer(200, json, `{"id":1}`, 200), answer(200, json, `{}`, 502), answer(200, json, `{"id":1,"id":2}`, 502), answer(200, "text/html", `<p>`, 502), answer(200, json, ``, 502),
			answer(404, "application/problem+json", `{`, 404), answer(404, json, `{}`, 502), answer(500, json, `[]`, 500), answer(500, json, `{}`, 502),
			answer(206, json, `{"i`, 206), answer(304, json, ``, 304), answer(200, "text/event-stream", "data: 1\n\n", 200), answer(204, "", "", 204),
		}},
		{Name: "a status that is not known", Config: `{"mode":"refuse","unknown_statuses":"refuse","responses":{"200":{}}}`, Steps: []policytest.Step{answer(200, "a/b", "x", 200), answer(201, "a/b", "x", 502)}},
		{Name: "too large", Config: `{"mode":"refuse","max_bytes":4,"responses":{"200":{"schema":true}}}`, Steps: []policytest.Step{answer(200, json, `{}`, 200)}},
		{Name: "report", Config: `{` + rules, Steps: []policytest.Step{
			traced(answer(200, json, `{}`, 200), "/body/id: is missing"), answer(200, json, `{"id":1}`, 200), answer(200, "text/html", `<p>`, 200),
		}},
		{Name: "report does not refuse what is too large", Config: `{"max_bytes":4,"responses":{"200":{"schema":{"type":"object"}}}}`, Steps: []policytest.Step{answer(200, json, `[1,2,3]`, 200)}},
		{Name: "a document's operation", Config: `{"mode":"refuse","openapi":{"find":"route","document":{"openapi":"3.1.0","paths":{"/a":{"get":{"operationId":"test","responses":{"200":{"$ref":"#/components/responses/Ok"}}}}},"components":{"responses":{"Ok":{"description":"fine","content":{"application/json":{"schema":{"type":"object","required":["id","secret"],"properties":{"secret":{"writeOnly":true}}}}}}}}}}}`, Steps: []policytest.Step{
			answer(200, json, `{"id":1}`, 200), answer(200, json, `{}`, 502), answer(500, json, `{}`, 500),
		}},
		{Name: "by method and path", Config: `{"mode":"refuse","openapi":{"unknown":"refuse","base_path":"/v1","document":{"openapi":"3.1.0","paths":{"/a/{id}":{"get":{"responses":{"200":{"description":"fine","content":{"application/json":{"schema":{"type":"object","required":["id"]}}}}}}}}}}}`, Steps: []policytest.Step{
			to("/v1/a/7", answer(200, json, `{"id":1}`, 200)), to("/v1/a/7", answer(200, json, `{}`, 502)),
			{Request: policytest.Request{Path: "/v1/b"}, Backend: policytest.Response{Body: "{}"}, Want: policytest.Want{Forwarded: true, Status: 502}},
		}},
		{Name: "a path that is not described passes", Config: `{"mode":"refuse","openapi":{"document":{"openapi":"3.1.0","paths":{}}}}`, Steps: []policytest.Step{
			{Request: policytest.Request{Path: "/b"}, Backend: policytest.Response{Body: "{}"}, Want: policytest.Want{Forwarded: true, Status: 200}},
		}},
		{Name: "HEAD", Config: `{"mode":"refuse",` + rules, Steps: []policytest.Step{{
			Request: policytest.Request{Method: "HEAD"}, Backend: policytest.Response{Header: policytest.Fields{"Content-Type", json}}, Want: policytest.Want{Forwarded: true, Status: 200},
		}}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &validateresponse.Descriptor) }

func BenchmarkReport(b *testing.B) {
	policytest.Bench(b, &validateresponse.Descriptor, policytest.Case{Config: `{` + rules, Steps: []policytest.Step{answer(404, "application/problem+json", "{}", 404)}})
}
