package graphql_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/graphql"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

const operation = "query User($id: Int!, $lang: String = \"en\", $tags: [ID!], $f: Float, $b: Boolean, $in: Input, $m: [[Int]]) { user(id: $id) { name } }"

func rest(more string) string {
	return fmt.Sprintf(`{"operation":%q%s}`, operation, more)
}

func js(header ...string) policytest.Fields {
	return append(policytest.Fields{"Content-Type", "application/json"}, header...)
}

// runs is a request that runs the operation with these variables.
func runs(q policytest.Request, variables string) policytest.Step {
	return policytest.Step{
		Request: q, Backend: policytest.Response{Header: js(), Body: `{"data":{"user":{"name":"A"}}}`},
		Want: policytest.Want{Forwarded: true, Status: 200, Sent: map[string]string{"Content-Type": "application/json"}, Path: text("/graphql"), Query: text("")},
		Check: func(t testing.TB, r *policytest.Result) {
			want := fmt.Sprintf(`{"query":%q,"operationName":"User","variables":%s}`, operation, variables)
			if r.Sent.Body != want || r.Sent.Method != "POST" {
				t.Errorf("%s %s\nwant %s", r.Sent.Method, r.Sent.Body, want)
			}
		},
	}
}

func text(s string) *string { return &s }

func refused(q policytest.Request, detail string) policytest.Step {
	return policytest.Step{Request: q, Want: policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid}, Check: func(t testing.TB, r *policytest.Result) {
		if r.Reply.Detail != detail {
			t.Errorf("%q, want %q", r.Reply.Detail, detail)
		}
	}}
}

func TestREST(t *testing.T) {
	id := map[string]string{"id": "7", "other": "x"}
	get := func(query string) policytest.Request {
		return policytest.Request{Path: "/users/7", Query: query, Params: id}
	}
	post := func(body string) policytest.Request {
		return policytest.Request{Method: "POST", Params: id, Body: body, Header: js()}
	}
	answers := func(status int, body string, want int, wanted string) policytest.Step {
		return policytest.Step{Request: get(""), Backend: policytest.Response{Status: status, Header: policytest.Fields{"Content-Type", "application/graphql-response+json; charset=utf-8"}, Body: body}, Want: policytest.Want{Forwarded: true, Status: want, Body: &wanted}}
	}
	policytest.Run(t, &graphql.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "variables", Config: rest(`,"ignore_query":["key"]`), Steps: []policytest.Step{
			runs(get("lang=de"), `{"id":7,"lang":"de"}`),
			runs(get("lang=%22%7B&tags=1&tags=b+c&f=1.5e3&b=true&key=secret"), `{"b":true,"f":1.5e3,"id":7,"lang":"\"{","tags":["1","b c"]}`),
			runs(post(`{"lang":null,"in":{"a":[1]},"m":[[1]]}`), `{"id":7,"in":{"a":[1]},"lang":null,"m":[[1]]}`),
		}},
		{Name: "a whole body", Config: rest(`,"body_variable":"in"`), Steps: []policytest.Step{
			runs(post(`{"x":1}`), `{"id":7,"in":{"x":1}}`),
			refused(policytest.Request{Method: "POST", Params: id, Query: "in=x", Body: "{}", Header: js()}, `"in" is given twice`),
			refused(post(`{"x":1},"id":8`), "the body is no JSON"),
		}},
		{Name: "refused", Config: rest(""), Steps: []policytest.Step{
			refused(policytest.Request{Query: "f=x&b=1&no=such&id=3000000000&lang=a&lang=b&m=1"}, `"b" is "true" or "false"; "f" is no Float; "id" is no Int; "lang" is given more than once; "m" is a list of lists: it can be given in the body only; "no" is not known; "id" is missing`),
			refused(get("id=8&f=null"), `"f" is no Float; "id" is given twice`),
			refused(get("lang=%ff"), `"lang" is not UTF-8`),
			refused(get("%zz"), "the query is malformed"),
			refused(post(`{"id":8,"no":1}`), `"id" is given twice; "no" is not known`),
			refused(post(`[]`), "the body is no JSON object"),
			refused(policytest.Request{Method: "POST", Params: id, Body: "a=b"}, "the body is sent as Content-Type: application/json"),
			refused(policytest.Request{Method: "POST", Body: `{"id":null}`, Header: js()}, `"id" is missing`),
		}},
		{Name: "results", Config: rest(`,"result":"/user/names/1"`), Steps: []policytest.Step{
			answers(200, `{"data":{"user":{"names":["A",{"b":"<é>"}]}}}`, 200, `{"b":"<é>"}`),
			answers(200, `{"data":{"user":null}}`, 404, "null"),
			answers(200, `{"data":{"user":{"names":["A"]}}}`, 404, "null"),
			answers(200, `{"data":null,"errors":[{"message":"m","extensions":{"code":"NOT_FOUND"}}]}`, 404, `{"errors":[{"message":"m","extensions":{"code":"NOT_FOUND"}}]}`),
			answers(200, `{"data":{"user":{"names":["A","B"]}},"errors":[{"message":"m"}]}`, 502, `{"errors":[{"message":"m"}]}`),
			answers(400, `{"errors":[{"message":"m","extensions":{"code":"ODD"}}]}`, 400, `{"errors":[{"message":"m","extensions":{"code":"ODD"}}]}`),
			answers(200, `{}`, 502, ""),
			answers(500, `oops`, 502, ""),
			{Request: get(""), Backend: policytest.Response{Status: 503, Body: "down"}, Want: policytest.Want{Forwarded: true, Status: 502}},
		}},
		{Name: "partial results", Config: rest(`,"result":"/user","partial":"pass","null_status":200,"statuses":{"NOT_FOUND":410}`), Steps: []policytest.Step{
			answers(200, `{"data":{"user":{"a":1}},"errors":[{"message":"m"}]}`, 200, `{"data":{"a":1},"errors":[{"message":"m"}]}`),
			answers(200, `{"data":{"user":null}}`, 200, "null"),
			answers(200, `{"data":{"user":null},"errors":[{"message":"m","extensions":{"code":"NOT_FOUND"}}]}`, 410, `{"errors":[{"message":"m","extensions":{"code":"NOT_FOUND"}}]}`),
		}},
	}})
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

const (
	reading = "query Q { a }"
	writing = "mutation M { a }"
)

func TestPersisted(t *testing.T) {
	post := func(body string) policytest.Request {
		return policytest.Request{Method: "POST", Path: "/graphql", Body: body, Header: js()}
	}
	get := func(v url.Values) policytest.Request { return policytest.Request{Path: "/graphql", Query: v.Encode()} }
	ext := func(hash string) string {
		return fmt.Sprintf(`{"persistedQuery":{"version":1,"sha256Hash":"%s"}}`, hash)
	}
	passes := func(q policytest.Request, sent string) policytest.Step {
		return policytest.Step{Request: q, Backend: policytest.Response{Body: "as it is"}, Want: policytest.Want{Forwarded: true, Status: 200, Body: text("as it is"), Path: text("/graphql"), Query: text("")}, Check: func(t testing.TB, r *policytest.Result) {
			if r.Sent.Body != sent || r.Sent.Method != "POST" {
				t.Errorf("%s %s, want %s", r.Sent.Method, r.Sent.Body, sent)
			}
		}}
	}
	code := func(q policytest.Request, c contract.Code) policytest.Step {
		return policytest.Step{Request: q, Want: policytest.Want{Rejected: true, Code: c}}
	}
	full := fmt.Sprintf(`{"query":%q}`, reading)
	unknown := policytest.Want{Answered: true, Status: 200, Body: text(`{"errors":[{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"}}]}`)}
	many := []policytest.Step{{Request: post(`{"extensions":` + ext(sum(reading)) + `}`), Want: unknown}, passes(post(fmt.Sprintf(`{"query":%q,"extensions":%s}`, reading, ext(sum(reading)))), full)}
	for i := range 40 {
		long := fmt.Sprintf("query Q%d { a } #%s", i, strings.Repeat("x", 60_000))
		many = append(many, passes(post(fmt.Sprintf(`{"query":%q,"extensions":%s}`, long, ext(sum(long)))), fmt.Sprintf(`{"query":%q}`, long)))
	}
	many = append(many, policytest.Step{Request: post(`{"extensions":` + ext(sum(reading)) + `}`), Want: unknown})
	policytest.Run(t, &graphql.Descriptor, policytest.Suite{Dir: t.TempDir(), Cases: []policytest.Case{
		{Name: "automatic", Config: `{"persisted":"automatic","operations":{"known":"query K { k }"}}`, Steps: []policytest.Step{
			{Request: post(`{"extensions":` + ext(sum(reading)) + `}`), Want: unknown},
			code(post(fmt.Sprintf(`{"query":%q,"extensions":%s}`, reading, ext(sum("other")))), contract.CodeRequestInvalid),
			passes(post(fmt.Sprintf(`{"query":%q,"variables":{"a":1},"operationName":"Q","extensions":%s}`, reading, ext(sum(reading)))), fmt.Sprintf(`{"query":%q,"operationName":"Q","variables":{"a":1}}`, reading)),
			passes(post(`{"extensions":`+ext(sum(reading))+`}`), full),
			passes(get(url.Values{"extensions": {ext(sum(reading))}, "variables": {`{"a":1}`}}), fmt.Sprintf(`{"query":%q,"variables":{"a":1}}`, reading)),
			passes(post(full), full),
			passes(post(`{"id":"known"}`), `{"query":"query K { k }"}`),
			code(post(`{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"x"}}}`), contract.CodeRequestInvalid),
			code(post(`{"extensions":`+ext(strings.Repeat("Z", 64))+`}`), contract.CodeRequestInvalid),
			passes(post(fmt.Sprintf(`{"query":%q,"extensions":%s}`, writing, ext(sum(writing)))), fmt.Sprintf(`{"query":%q}`, writing)),
			code(get(url.Values{"extensions": {ext(sum(writing))}}), contract.CodeMethodNotAllowed),
			code(get(url.Values{"query": {writing}}), contract.CodeMethodNotAllowed),
			{Request: policytest.Request{Path: "/playground"}, Want: policytest.Want{Forwarded: true}},
		}},
		{Name: "the least used are forgotten", Config: `{"persisted":"automatic"}`, Steps: many},
		{Name: "registered", Config: fmt.Sprintf(`{"persisted":"registered","operations":{"q":%q}}`, reading), Steps: []policytest.Step{
			passes(post(`{"id":"q","variables":{"a":1}}`), fmt.Sprintf(`{"query":%q,"variables":{"a":1}}`, reading)),
			passes(post(`{"documentId":"`+sum(reading)+`"}`), full),
			passes(post(`{"extensions":`+ext(sum(reading))+`}`), full),
			passes(post(full), full),
			passes(get(url.Values{"id": {"q"}}), full),
			code(post(`{"query":"{ other }"}`), contract.CodeForbidden),
			code(post(`{"id":"none"}`), contract.CodeForbidden),
			code(post(`{"extensions":`+ext(sum("other"))+`}`), contract.CodeForbidden),
			code(post(`[{"query":"{ a }"}]`), contract.CodeRequestInvalid),
			code(policytest.Request{Path: "/playground"}, contract.CodeRequestInvalid),
			code(policytest.Request{Method: "POST", Body: full, Header: policytest.Fields{"Content-Type", "text/plain"}}, contract.CodeRequestInvalid),
		}},
		{Name: "others pass", Hot: true, Config: `{"persisted":"automatic"}`, Steps: []policytest.Step{{Request: policytest.Request{Method: "PUT"}, Want: policytest.Want{Forwarded: true}}}},
	}})
}

// TestShownOnOneRoute: a query that one route has let pass is not known by its hash
// on another one, which may have stricter limits.
func TestShownOnOneRoute(t *testing.T) {
	d, states := policytest.NewDeps(), map[string]any{}
	d.State = func(key string, make func() any) any {
		if states[key] == nil {
			states[key] = make()
		}
		return states[key]
	}
	const deep = "{ a { b { c } } }"
	extension := fmt.Sprintf(`{"persistedQuery":{"version":1,"sha256Hash":"%x"}}`, sha256.Sum256([]byte(deep)))
	known := func(route uint64, body string) bool {
		d.Scope.RouteNum = route
		p, err := graphql.Descriptor.New([]byte(`{"persisted":"automatic"}`), d)
		if err != nil {
			t.Fatal(err)
		}
		return policytest.Serve(t, []policy.Step{{Policy: p, Descriptor: &graphql.Descriptor, From: "route"}}, policytest.Step{Request: policytest.Request{Method: "POST", Body: body, Header: js()}}).Forwarded
	}
	hashed := `{"extensions":` + extension + `}`
	if !known(1, fmt.Sprintf(`{"query":%q,"extensions":%s}`, deep, extension)) || !known(1, hashed) {
		t.Error("the route itself does not know it")
	}
	if known(2, hashed) {
		t.Error("another route knows it")
	}
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &graphql.Descriptor) }

// FuzzRequest: no request makes it panic, and all drivers agree.
func FuzzRequest(f *testing.F) {
	f.Add("lang=de", `{"b":true}`)
	f.Fuzz(func(t *testing.T, query, body string) {
		policytest.Fuzz(t, &graphql.Descriptor, policytest.Case{Config: rest(""), Steps: []policytest.Step{{
			Request: policytest.Request{Method: "POST", Query: query, Body: body, Header: js(), Params: map[string]string{"id": "7"}},
			Backend: policytest.Response{Header: js(), Body: body},
		}}})
	})
}

func BenchmarkREST(b *testing.B) {
	policytest.Bench(b, &graphql.Descriptor, policytest.Case{Config: rest(""), Steps: []policytest.Step{runs(policytest.Request{Query: "lang=de", Params: map[string]string{"id": "7"}}, "")}})
}
