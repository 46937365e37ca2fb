package mock_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/mock"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

func answers(method string, status int, body string, want map[string]string) policytest.Step {
	return policytest.Step{
		Request: policytest.Request{Method: method}, Want: policytest.Want{Answered: true, Status: status, Body: &body, Header: want},
		Check: func(t testing.TB, r *policytest.Result) {
			if r.Outcome.Billable {
				t.Error("a mock is billable")
			}
		},
	}
}

func TestPolicy(t *testing.T) {
	policytest.Run(t, &mock.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "json", Hot: true, Config: `{"status":201,"json":{"a": [1, null]},"headers":{"X-A":"b","Set-Cookie":"a=b"}}`, Steps: []policytest.Step{
			answers("POST", 201, `{"a":[1,null]}`, map[string]string{"Content-Type": "application/json", "X-A": "b", "Set-Cookie": "a=b"}),
		}},
		{Name: "text", Config: `{"body":"hé"}`, Steps: []policytest.Step{answers("GET", 200, "hé", map[string]string{"Content-Type": "text/plain; charset=utf-8"})}},
		{Name: "own type", Config: `{"body":"<a/>","content_type":"application/xml","status":404}`, Steps: []policytest.Step{answers("DELETE", 404, "<a/>", map[string]string{"Content-Type": "application/xml"})}},
		{Name: "nothing", Config: `{"status":204}`, Steps: []policytest.Step{answers("GET", 204, "", map[string]string{"Content-Type": ""})}},
		{Name: "too long", Config: `{"body":"` + strings.Repeat("x", 64<<10+1) + `"}`, Error: "/body: the body is 65537 bytes"},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &mock.Descriptor) }

func BenchmarkMock(b *testing.B) {
	policytest.Bench(b, &mock.Descriptor, policytest.Case{Config: `{"json":{"a":1}}`, Steps: []policytest.Step{answers("GET", 200, "", nil)}})
}
