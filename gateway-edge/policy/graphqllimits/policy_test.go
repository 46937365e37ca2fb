package graphqllimits_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/graphqllimits"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

func body(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func post(text string, header ...string) policytest.Request {
	return policytest.Request{Method: "POST", Path: "/graphql", Header: append(policytest.Fields{"Content-Type", "application/json"}, header...), Body: text}
}

// ask is a document by POST.
func ask(document string) policytest.Request { return post(body(map[string]any{"query": document})) }

func get(document string, more ...string) policytest.Request {
	return policytest.Request{Path: "/graphql", Query: "query=" + url.QueryEscape(document) + strings.Join(more, "")}
}

func passes(q policytest.Request) policytest.Step {
	return policytest.Step{Request: q, Want: policytest.Want{Forwarded: true}, Check: func(t testing.TB, r *policytest.Result) {
		if r.Sent.Body != q.Body {
			t.Errorf("the backend gets %q", r.Sent.Body)
		}
	}}
}

// refused wants a GraphQL error that says so.
func refused(q policytest.Request, why string) policytest.Step {
	return policytest.Step{Request: q, Want: policytest.Want{Answered: true, Status: 400}, Check: func(t testing.TB, r *policytest.Result) {
		var a struct{ Errors []struct{ Message string } }
		if err := json.Unmarshal([]byte(r.Body), &a); err != nil || len(a.Errors) != 1 || !strings.Contains(a.Errors[0].Message, why) {
			t.Errorf("%s, want %q: %v", r.Body, why, err)
		}
	}}
}

// deep nests n fields.
func deep(n int) string { return strings.Repeat("{a", n) + strings.Repeat("}", n) }

// many repeats a piece n times, with its number.
func many(n int, piece string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, piece+" ", i)
	}
	return b.String()
}

func TestPolicy(t *testing.T) {
	policytest.Run(t, &graphqllimits.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "defaults", Steps: []policytest.Step{
			passes(ask(deep(12))),
			passes(ask("query A($n: Int = 2) { users(first: $n) { ...F } } fragment F on User { name }")),
			passes(ask("mutation { pay(id: 1) { ok } }")),
			passes(get("{ a { b } }", "&operationName=A&variables=%7B%7D")),
			passes(policytest.Request{Method: "POST", Header: policytest.Fields{"Content-Type", "application/graphql"}, Body: "{ a }"}),
			refused(ask(deep(50)), "deeper than 12"),
			refused(ask("{ ...F } fragment F on Q "+deep(13)), "deeper than 12"),
			refused(ask("{"+many(600, "a%d: a")+"}"), "aliases"),
			refused(ask("{"+many(21, "f%d")+"}"), "more than 20 fields at the top"),
			refused(ask("{ ... on Q {"+many(21, "f%d")+"} }"), "more than 20 fields at the top"),
			refused(ask("{ a "+strings.Repeat("@include(if: true) ", 51)+"}"), "more than 50 directives"),
			refused(ask("{ a {"+many(2000, "f%d")+"} }"), "2000 tokens"),
			refused(ask("{ a } #"+strings.Repeat("x", 17000)), "more than 16384 bytes"),
			refused(ask("{ ...A } fragment A on Q { ...B } fragment B on Q { ...A }"), "leads back"),
			refused(ask("{ ...A }"), "not there"),
			refused(ask("{ __schema { types { name } } }"), "introspection"),
			refused(ask("{ x: __type(name: \"A\") { name } }"), "introspection"),
			refused(ask("fragment A on Q { a }"), "no operation in the document"),
			refused(ask("{ a"), "can't be parsed"),
			refused(ask(""), "no operation"),
			refused(get("mutation { a }"), "only queries"),
			refused(get("{ a } mutation B { a }"), "only queries"),
			refused(get("{ a }", "&query=%7Bb%7D"), "there twice"),
			refused(get("{ a }", "&variables=1"), "variables"),
			refused(policytest.Request{Path: "/graphql"}, "no operation"),
			refused(policytest.Request{Method: "GET", Query: "query=%7Ba%7D", Body: `{"query":"{b}"}`}, "no body"),
			refused(policytest.Request{Method: "POST", Query: "query=%7Ba%7D", Header: policytest.Fields{"Content-Type", "application/json"}, Body: `{"query":"{b}"}`}, "not in both"),
			refused(policytest.Request{Method: "PUT"}, "GET or POST"),
			refused(post(`{"query":"{a}","query":"{b}"}`), "two keys"),
			refused(post(`{"query":"{a}","Query":"{b}"}`), "not a GraphQL request"),
			refused(post(`"x"`), "not a GraphQL request"),
			refused(post(`[]`), "not a GraphQL request"),
			refused(post(`[1]`), "not a GraphQL request"),
			refused(post(`{"query":1}`), "not a GraphQL request"),
			refused(post(`[{"query":"{a}"},{"query":"{a}"}]`), "batch has more than 1"),
			refused(post(`{"extensions":{"persistedQuery":{"sha256Hash":"00"}}}`), "no operation"),
			refused(post(`{"query":"{a}"}`, "Content-Encoding", "gzip"), "Content-Encoding"),
			refused(post(`{"query":"{a}"}`, "Content-Encoding", "compress"), "Content-Encoding"),
			refused(policytest.Request{Method: "POST", Header: policytest.Fields{"Content-Type", "text/plain"}, Body: `{"query":"{a}"}`}, "Content-Type"),
			refused(policytest.Request{Method: "POST", Body: `{"query":"{a}"}`}, "Content-Type"),
			{
				Request: post(`[]`, "Accept", "application/graphql-response+json, */*"),
				Want:    policytest.Want{Answered: true, Status: 400, Header: map[string]string{"Content-Type": "application/graphql-response+json"}},
			},
		}},
		{Name: "complexity", Config: `{"complexity":601,"weights":{"big":600,"free":0}}`, Steps: []policytest.Step{
			passes(ask("{ users(first: 50) { name posts(first: 10) { title } } }")),
			refused(ask("{ users(first: 50) { name posts(first: 10) { title } } a }"), "more complex than 601"),
			refused(ask("{ users(first: 50) { ...F } a } fragment F on U { name posts(first: 10) { title } }"), "more complex"),
			passes(ask("{ big free }")),
			refused(ask("{ big a b }"), "more complex"),
			refused(ask("query($n: Int = 700) { users(first: $n) { name } }"), "more complex"),
			passes(post(body(map[string]any{"query": "query($n: Int = 700) { users(first: $n) { name } }", "variables": map[string]any{"n": 7}}))),
			refused(post(body(map[string]any{"query": "query($n: Int) { users(first: $n) { name } }", "variables": map[string]any{"n": 700}})), "more complex"),
			refused(post(body(map[string]any{"query": "query($n: Int) { users(first: $n) { name } }", "variables": map[string]any{"n": "7"}})), "not a number"),
			// What a backend does not take for "variables" does not count as them here.
			refused(post(`{"query":"query($n: Int) { users(first: $n) { name } }","variables":{"n":700},"variable\u017f":{"n":1}}`), "more complex"),
			refused(post("{\"query\":\"query($n: Int) { users(first: $n) { name } }\",\"variables\":{\"n\":700},\"variable\u017f\":{\"n\":1}}"), "more complex"),
			refused(ask("{ users(first: -7) { name } }"), "not a number"),
			refused(ask("{ a(first: 9223372036854775807) { b(first: 9223372036854775807) { c } } }"), "more complex"),
			passes(ask("{ users(first: null, last: 0) { name } }")),
			refused(ask("{ ...A ...A } fragment A on Q { ...B ...B ...B ...B } fragment B on Q { ...C ...C ...C ...C } fragment C on Q { ...D ...D ...D ...D } fragment D on Q { free { a a a a a } }"), "more"),
		}},
		{Name: "all allowed", Config: `{"batch":2,"allow_introspection":true,"allow_persisted":true,"aliases":1}`, Steps: []policytest.Step{
			passes(ask("{ __schema { types { name } } }")),
			passes(post(`{"extensions":{"persistedQuery":{"sha256Hash":"00"}}}`)),
			passes(post(`[{"query":"{a}"},{"query":"{x: a}"}]`)),
			refused(post(`[{"query":"{x: a}"},{"query":"{x: a}"}]`), "more than 1 aliases"),
			refused(post(body(make([]map[string]any, 1000))), "batch has more than 2"),
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &graphqllimits.Descriptor) }

func FuzzDocument(f *testing.F) {
	f.Add("{ ...A } fragment A on Q { ...A }")
	f.Add("query($n: Int = 700) { users(first: $n) { name @include(if: true) } }")
	f.Fuzz(func(t *testing.T, document string) {
		policytest.Fuzz(t, &graphqllimits.Descriptor, policytest.Case{Steps: []policytest.Step{{Request: ask(document)}, {Request: get(document)}}})
	})
}

func BenchmarkQuery(b *testing.B) {
	policytest.Bench(b, &graphqllimits.Descriptor, policytest.Case{Steps: []policytest.Step{passes(get("{ users(first: 10) { name posts { title } } }"))}})
}
