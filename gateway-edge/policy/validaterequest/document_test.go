package validaterequest_test

import (
	"fmt"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/validaterequest"
	"github.com/tollgate/tollgate/services/contract"
)

const shop = `{"openapi":"3.1.0","servers":[{"url":"https://{where}.example.com/v1","variables":{"where":{"default":"api"}}}],"paths":{
"/orders":{"get":{"parameters":[{"in":"query","name":"limit","schema":{"type":"integer"}}]},
 "post":{"requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","required":["sku"]}},"*/*":{}}}}},
"/orders/{id}":{"parameters":[{"in":"path","name":"id","required":true,"schema":{"type":"integer"}}],"get":{},"delete":{}},
"/orders/mine":{"get":{}},
"/files/{name}.{ext}/x":{"get":{"parameters":[{"in":"path","name":"name","required":true,"schema":{"maxLength":3}},{"in":"path","name":"ext","required":true,"schema":{"enum":["png"]}}]}},
"/caf%C3%A9":{"get":{}},"/":{"get":{}}}}`

// asked is a request and the code it is refused with; empty: it passes.
func asked(method, path, body string, code contract.Code, bad ...string) policytest.Step {
	s := request("", body, bad...)
	s.Request.Method, s.Request.Path, s.Request.Params = method, path, nil
	if method == "HEAD" || method == "GET" {
		s.Request.Body = ""
	}
	if code != contract.CodeInternal {
		s.Check, s.Want = nil, policytest.Want{Rejected: true, Code: code}
	}
	return s
}

// TestByPath: the operation is found by method and path.
func TestByPath(t *testing.T) {
	const fine = contract.CodeInternal // none
	own := func(testing.TB) policy.Deps {
		d := policytest.NewDeps()
		d.OpenAPI = policy.NewDocument([]byte(shop))
		return d
	}
	steps := []policytest.Step{
		asked("GET", "/v1/orders", "", fine), asked("HEAD", "/v1/orders", "", fine), asked("GET", "/v1/orders/", "", fine),
		asked("GET", "/v1/orders/7", "", fine), asked("GET", "/v1/orders/mine", "", fine), asked("DELETE", "/v1/orders/7", "", fine),
		asked("GET", "/v1/orders/x", "", fine, "/path/id"), asked("DELETE", "/v1/orders/mine", "", contract.CodeMethodNotAllowed),
		asked("POST", "/v1/orders", `{}`, fine, "/body/sku"), asked("POST", "/v1/orders", `{"sku":1}`, fine),
		asked("GET", "/v1/files/a.png/x", "", fine), asked("GET", "/v1/files/abcd.gif/x", "", fine, "/path/name", "/path/ext"),
		asked("GET", "/v1/caf%C3%A9", "", fine), asked("GET", "/v1/", "", fine),
		asked("GET", "/orders", "", contract.CodeOperationUnknown), asked("GET", "/v1/orders/7/x", "", contract.CodeOperationUnknown),
		asked("GET", "/v1orders", "", contract.CodeOperationUnknown), asked("GET", "/v1/files/.png/x", "", contract.CodeOperationUnknown),
	}
	wrong := asked("PUT", "/v1/orders/7", "", contract.CodeMethodNotAllowed)
	wrong.Want.Header = map[string]string{"Allow": "DELETE, GET"}
	policytest.Run(t, &validaterequest.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "the gateway's", Config: `{"openapi":{}}`, Deps: own, Steps: append(steps, wrong)},
		{Name: "one given", Config: fmt.Sprintf(`{"openapi":{"document":%s}}`, shop), Steps: steps},
		{Name: "another base", Config: `{"openapi":{"base_path":"/"}}`, Deps: own, Steps: []policytest.Step{asked("GET", "/orders", "", fine), asked("GET", "/v1/orders", "", contract.CodeOperationUnknown)}},
		{Name: "unknown ones pass", Config: `{"openapi":{"unknown":"pass"}}`, Deps: own, Steps: []policytest.Step{asked("GET", "/nowhere", "", fine), asked("PATCH", "/v1/orders", "", fine)}},
		{Name: "report", Config: `{"mode":"report","openapi":{}}`, Deps: own, Steps: []policytest.Step{asked("GET", "/nowhere", "", fine), asked("GET", "/v1/orders/x", "", fine)}},
		{Name: "nothing to check", Hot: true, Config: `{"openapi":{}}`, Deps: own, Steps: []policytest.Step{asked("GET", "/v1/orders/mine", "", fine)}},
		{Name: "the gateway has none", Config: `{"openapi":{}}`, Error: "the gateway has no OpenAPI document"},
	}})
}

// TestStyles: parameters by style and explode, as the tables of OpenAPI 3.1 4.8.12.4
// write them.
func TestStyles(t *testing.T) {
	const (
		array  = `{"type":"array","items":{"type":"integer"},"minItems":3,"maxItems":3}`
		object = `{"type":"object","properties":{"R":{"type":"integer"},"G":{"type":"integer"}},"required":["R","G"],"additionalProperties":false}`
	)
	for _, tt := range []struct {
		name, parameter string // without its name, which is color
		good, bad       []string
	}{
		{"form array", `"in":"query","schema":` + array, []string{"color=1&color=2&color=3"}, []string{"color=1,2,3", "color=1&color=2", "color=1&color=2&color=x"}},
		{"form array, not exploded", `"in":"query","explode":false,"schema":` + array, []string{"color=1,2,3"}, []string{"color=1%2C2%2C3", "color=1,2", "color=1,2,3&color=4", "color=1,2,x"}},
		{"form object", `"in":"query","schema":` + object, []string{"R=1&G=2"}, []string{"R=1", "R=1&G=x", "R=1&R=1&G=2"}},
		{"form object, not exploded", `"in":"query","explode":false,"schema":` + object, []string{"color=R,1,G,2"}, []string{"color=R,1,G", "color=R,1,G,2,B,3", "color=R,1,R,1"}},
		{"space", `"in":"query","style":"spaceDelimited","explode":false,"schema":` + array, []string{"color=1%202%203", "color=1+2+3"}, []string{"color=1,2,3"}},
		{"pipe", `"in":"query","style":"pipeDelimited","explode":false,"schema":` + array, []string{"color=1%7C2%7c3"}, []string{"color=1,2,3"}},
		{"deep object", `"in":"query","style":"deepObject","explode":true,"schema":` + object, []string{"color[R]=1&color[G]=2", "color%5BR%5D=1&color[G]=2"}, []string{"color[R]=1&color[G]=2&color[B]=3", "color[R]=1", "color[R]=1&color[R]=1&color[G]=2"}},
		{"simple", `"in":"header","schema":` + array, []string{"1,2,3", "1, 2, 3"}, []string{"1,2", "1,2,x"}},
		{"simple object", `"in":"header","schema":` + object, []string{"R,1,G,2"}, []string{"R,1,G", "R=1,G=2"}},
		{"simple object, exploded", `"in":"header","explode":true,"schema":` + object, []string{"R=1,G=2"}, []string{"R,1,G,2", "R=1"}},
		{"path", `"in":"path","required":true,"schema":` + array, []string{"1,2,3"}, []string{"1,2", "x"}},
		{"label", `"in":"path","required":true,"style":"label","schema":` + array, []string{".1,2,3"}, []string{"1,2,3", ".1.2.3"}},
		{"label, exploded", `"in":"path","required":true,"style":"label","explode":true,"schema":` + array, []string{".1.2.3"}, []string{".1,2,3"}},
		{"label object", `"in":"path","required":true,"style":"label","explode":true,"schema":` + object, []string{".R=1.G=2"}, []string{".R,1,G,2"}},
		{"label text", `"in":"path","required":true,"style":"label","schema":{"type":"integer"}`, []string{".7"}, []string{"7", ".x"}},
		{"JSON", `"in":"query","content":{"application/json":{"schema":` + object + `}}`, []string{"color=%7B%22R%22:1,%22G%22:2%7D"}, []string{"color=%7B%7D", "color=x", "color=%7B%22R%22:1,%22R%22:1,%22G%22:2%7D"}},
		{"cookie", `"in":"cookie","schema":{"type":"integer","maximum":9}`, []string{"7"}, []string{"70", "x"}},
		{"bounds without a type", `"in":"query","schema":{"maximum":9}`, []string{"color=7", "color=x"}, []string{"color=10"}},
		{"number or text", `"in":"query","schema":{"type":["integer","string"],"maxLength":2,"maximum":5}`, []string{"color=7", "color=x"}, []string{"color=abc", "color=700"}},
		{"empty", `"in":"query","allowEmptyValue":true,"schema":{"type":"integer"}`, []string{"color=", "color"}, []string{"color=x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := fmt.Sprintf(`{"unknown_query":"refuse","openapi":{"document":{"openapi":"3.1.0","paths":{"/p/{color}":{"get":{"parameters":[{"name":"color",%s}]}}}}}}`, tt.parameter)
			step := func(value string, ok bool) policytest.Step {
				s := asked("GET", "/p/x", "", contract.CodeInternal)
				switch {
				case tt.parameter[:9] == `"in":"pat`:
					s.Request.Path = "/p/" + value
				case tt.parameter[:9] == `"in":"hea`:
					s.Request.Header = append(s.Request.Header, "Color", value)
				case tt.parameter[:9] == `"in":"coo`:
					s.Request.Header = append(s.Request.Header, "Cookie", "a=b; color="+value)
				default:
					s.Request.Query = value
				}
				if !ok {
					s.Check, s.Want = nil, policytest.Want{Rejected: true, Code: contract.CodeValidationFailed}
				}
				return s
			}
			var steps []policytest.Step
			for _, v := range tt.good {
				steps = append(steps, step(v, true))
			}
			for _, v := range tt.bad {
				steps = append(steps, step(v, false))
			}
			policytest.Run(t, &validaterequest.Descriptor, policytest.Suite{Dir: t.TempDir(), Cases: []policytest.Case{{Name: "all", Config: config, Steps: steps}}})
		})
	}
}

// TestForms: a form's texts are read as the schema says.
func TestForms(t *testing.T) {
	const config = `{"openapi":{"document":{"openapi":"3.1.0","paths":{"/f":{"post":{"requestBody":{"content":{"application/x-www-form-urlencoded":{"schema":{"type":"object","required":["n"],"properties":{"n":{"type":"integer"},"on":{"type":"boolean"},"tags":{"type":"array","items":{"type":"string"},"maxItems":2}},"additionalProperties":false}},"text/*":{"schema":{"type":"object"}}}}}}}}}}`
	step := func(body string, bad ...string) policytest.Step {
		return typed(asked("POST", "/f", body, contract.CodeInternal, bad...), "application/x-www-form-urlencoded")
	}
	policytest.Run(t, &validaterequest.Descriptor, policytest.Suite{Dir: t.TempDir(), Cases: []policytest.Case{{Name: "form", Config: config, Steps: []policytest.Step{
		step("n=7&on=true&tags=a"), step("n=7&tags=a&tags=b"), step("n=x&more=1&tags=a&tags=b&tags=c", "/body/more", "/body/n", "/body/tags"), step("on=1", "/body/n", "/body/on"),
		typed(asked("POST", "/f", "x", contract.CodeInternal), "text/plain"),
	}}}})
}
