package validaterequest_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/validaterequest"
	"github.com/tollgate/tollgate/services/contract"
)

// request is a JSON request with a query. Bad are the pointers that the caller is
// told, in order; none: it is let through with the body it came with.
func request(query, body string, bad ...string) policytest.Step {
	s := policytest.Step{
		Request: policytest.Request{Method: "POST", Query: query, Body: body, Header: policytest.Fields{"Content-Type", "application/json"}, Params: map[string]string{"id": "7"}},
		Want:    policytest.Want{Forwarded: true},
		Check: func(t testing.TB, r *policytest.Result) {
			if r.Sent.Body != body {
				t.Errorf("the backend gets %q, want %q", r.Sent.Body, body)
			}
		},
	}
	if len(bad) == 0 {
		return s
	}
	s.Want = policytest.Want{Rejected: true, Code: contract.CodeValidationFailed, Status: 400}
	s.Check = func(t testing.TB, r *policytest.Result) {
		var got []string
		for _, f := range r.Reply.Fields {
			got = append(got, f.Pointer)
		}
		if fmt.Sprint(got) != fmt.Sprint(bad) {
			t.Errorf("the caller is told of %q, want %q: %v", got, bad, r.Reply.Fields)
		}
	}
	return s
}

func typed(s policytest.Step, contentType string, more ...string) policytest.Step {
	s.Request.Header = append(policytest.Fields{"Content-Type", contentType}, more...)
	return s
}

func unsupported(s policytest.Step) policytest.Step {
	s.Want = policytest.Want{Rejected: true, Code: contract.CodeMediaType, Status: 415}
	s.Check = nil
	return s
}

const order = `{"body":{"required":true,"schema":{"type":"object","required":["sku","to"],"properties":{"sku":{"type":"string","pattern":"^[A-Z]+$"},"count":{"type":"integer","minimum":1},"mail":{"format":"email"},"to":{"$ref":"#/$defs/to"},"pay":{"oneOf":[{"required":["card"]},{"required":["iban"]}]}},"additionalProperties":false,"$defs":{"to":{"type":"object","required":["city"]}}}}}`

const api = `{"openapi":{"operation":%q,"document":{"openapi":"3.0.3","paths":{
"/orders/{id}":{"parameters":[{"$ref":"#/components/parameters/Id"}],
 "post":{"operationId":"test","parameters":[{"in":"query","name":"tags","explode":false,"schema":{"type":"array","items":{"type":"integer"},"maxItems":2}}],
  "requestBody":{"$ref":"#/components/requestBodies/Order"}},
 "get":{"operationId":"read"}}},
"components":{"parameters":{"Id":{"in":"path","name":"id","required":true,"schema":{"type":"integer","minimum":5,"exclusiveMinimum":true}}},
 "requestBodies":{"Order":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Order"}}}}},
 "schemas":{"Order":{"type":"object","required":["id","sku"],"properties":{"id":{"type":"string","readOnly":true},"sku":{"type":"string"},"note":{"type":"string","nullable":true},"of":{"$ref":"#/components/schemas/Order","description":"beside a reference"}}}}}}}}`

func TestPolicy(t *testing.T) {
	const parameters = `{"parameters":[
{"in":"query","name":"limit","schema":{"type":"integer","maximum":100}},{"in":"query","name":"on","schema":{"type":"boolean"}},
{"in":"query","name":"ids","style":"comma","schema":{"type":"array","items":{"type":"integer"}}},{"in":"query","name":"tag","schema":{"type":"array","items":{"type":"string"},"maxItems":2}},
{"in":"header","name":"X-Team","required":true,"schema":{"enum":["blue","red"]}},{"in":"cookie","name":"s","schema":{"minLength":3}},{"in":"path","name":"id","schema":{"type":"number","minimum":7}}],"unknown_query":"refuse"}`
	team := func(s policytest.Step) policytest.Step {
		s.Request.Header = append(s.Request.Header, "X-Team", "blue", "Cookie", "a=1; s=abc")
		return s
	}
	policytest.Run(t, &validaterequest.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "body", Config: order, Steps: []policytest.Step{
			request("", `{"sku":"AB","to":{"city":"x"},"count":1.0,"pay":{"card":1}}`),
			request("", `{"sku":"ab","to":{},"count":0.5,"mail":"no","x/y":1,"pay":{}}`, "/body/count", "/body/mail", "/body/pay", "/body/sku", "/body/to/city", "/body/x~1y"),
			request("", `{}`, "/body/sku", "/body/to"),
			request("", `{"pay":{"card":1,"iban":2},"sku":"A","to":{"city":1}}`, "/body/pay"),
			request("", `[]`, "/body"),
			request("", ``, "/body"),
			typed(request("", `{"sku":"A","to":{"city":1}}`), "application/json; charset=utf-8"),
			unsupported(typed(request("", `{}`), "text/plain")),
			typed(request("", gzipped(`{"sku":"A","to":{"city":1}}`)), "application/json", "Content-Encoding", "gzip"),
			typed(request("", gzipped(`{"sku":"A"}`), "/body/to"), "application/json", "Content-Encoding", "gzip"),
			typed(request("", `{"sku":"A","to":{"city":1}}`, "/body"), "application/json", "Content-Encoding", "gzip"),
			typed(request("", gzipped(`{"sku":"A","to":{"city":"`+strings.Repeat("x", 2<<20)+`"}}`), "/body"), "application/json", "Content-Encoding", "gzip"),
			unsupported(typed(request("", `{}`), "application/json", "Content-Encoding", "gzip, br")),
			unsupported(typed(request("", `{}`), "application/json; charset=utf-16")),
		}},
		{Name: "two meanings", Config: order, Steps: []policytest.Step{
			request("", `{"sku":"A","sku":"B","to":{"city":1}}`, "/body"), request("", `{"sku":1e999}`, "/body"), request("", `{} x`, "/body"), request("", "\xef\xbb\xbf{}", "/body"),
			request("", strings.Repeat("[", 10000), "/body"), request("", `{"count":1e-999999999}`, "/body"),
		}},
		{Name: "parameters", Config: parameters, Steps: []policytest.Step{
			team(request("limit=7&on=true&ids=1,2&tag=a&tag=b", "")),
			team(request("%6cimit=101&on=yes&ids=1,x&tag=a&tag=b&tag=c&more=1", "", "/query/limit", "/query/on", "/query/ids/1", "/query/tag", "/query/more")),
			team(request("limit=1&limit=2", "", "/query/limit")),
			team(request("limit=%zz", "", "/query/limit")),
			team(request("tag=%ff", "", "/query/tag")),
			request("", "", "/header/X-Team"),
		}},
		{Name: "nothing but parameters", Hot: true, Config: `{"unknown_query":"refuse"}`, Steps: []policytest.Step{request("", "")}},
		{Name: "report", Config: `{"mode":"report",` + order[1:], Steps: []policytest.Step{request("", `{}`), typed(request("", `{`), "text/plain")}},
		{Name: "content types", Config: `{"body":{"content_types":{"application/json":{"type":"object"},"image/*":{},"application/x-www-form-urlencoded":{}}}}`, Steps: []policytest.Step{
			request("", `{}`), request("", `[]`, "/body"), typed(request("", "\xff"), "image/png"), request("", ``), unsupported(typed(request("", `x`), "text/html")),
		}},
		{Name: "draft-07", Config: `{"draft":"draft-07","body":{"schema":{"definitions":{"a":{"type":"string"}},"items":[{"$ref":"#/definitions/a","minLength":99}],"additionalItems":false}}}`, Steps: []policytest.Step{
			request("", `["x"]`), request("", `["x",1]`, "/body"),
		}},
		{Name: "a document's operation", Config: fmt.Sprintf(api, "POST /orders/{id}"), Steps: []policytest.Step{
			request("tags=1,2", `{"sku":"a","note":null,"of":{"sku":"b"}}`),
			request("tags=1,2,3", `{"note":7,"of":{}}`, "/query/tags", "/body/note", "/body/of/sku", "/body/sku"),
		}},
		{Name: "the operation of the route's name", Config: strings.Replace(fmt.Sprintf(api, ""), `"operation":""`, `"find":"route"`, 1), Steps: []policytest.Step{
			request("", `{}`, "/body/sku"),
			{Request: policytest.Request{Method: "POST", Body: `{}`, Route: &policy.Route{Name: "another"}}, Want: policytest.Want{Forwarded: true}},
		}},
		{Name: "a reference out of the document", Config: `{"openapi":{"document":{"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"https://example.com/a"}}}}}}}}}}`, Error: "not part of the schema"},
		{Name: "a parameter that the route lacks", Config: `{"parameters":[{"in":"path","name":"ids"}]}`, Error: `/parameters/0/name`, Deps: func(testing.TB) policy.Deps {
			d := policytest.NewDeps()
			d.Scope.Params = []string{"id"}
			return d
		}},
	}})
}

// TestWork: a schema whose alternatives refer to themselves does not make deep
// documents cost more than they may.
func TestWork(t *testing.T) {
	t.Parallel()
	const tree = `{"body":{"schema":{"anyOf":[{"properties":{"a":{"$ref":"#"}},"required":["x"]},{"properties":{"a":{"$ref":"#"}},"required":["y"]},{"type":"null"}]}}}`
	deep := strings.Repeat(`{"a":`, 60) + "1" + strings.Repeat("}", 60)
	policytest.Run(t, &validaterequest.Descriptor, policytest.Suite{Dir: t.TempDir(), Cases: []policytest.Case{{
		Name: "deep", Config: tree, Steps: []policytest.Step{request("", `{"x":1,"a":{"y":2,"a":null}}`), request("", deep, "/body")},
	}}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &validaterequest.Descriptor) }

// FuzzBody: whatever a body is, it is let through or refused.
func FuzzBody(f *testing.F) {
	f.Add(`{"sku":"A","to":{"city":"x"}}`, "limit=1")
	f.Fuzz(func(t *testing.T, body, query string) {
		if strings.ContainsAny(query, " #\x00\r\n") {
			return
		}
		policytest.Fuzz(t, &validaterequest.Descriptor, policytest.Case{Config: order, Steps: []policytest.Step{
			{Request: policytest.Request{Method: "POST", Body: body, Query: query, Header: policytest.Fields{"Content-Type", "application/json"}}},
		}})
	})
}

func BenchmarkParameters(b *testing.B) {
	policytest.Bench(b, &validaterequest.Descriptor, policytest.Case{
		Config: `{"parameters":[{"in":"query","name":"limit","schema":{"type":"integer","maximum":100}}]}`, Steps: []policytest.Step{request("limit=7", "")},
	})
}

// gzipped is a text with the coding gzip.
func gzipped(text string) string {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}
