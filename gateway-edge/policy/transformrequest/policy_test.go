package transformrequest_test

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/gateway-edge/policy/transformrequest"
	"github.com/tollgate/tollgate/services/contract"
)

var acme = &policy.Principal{ConsumerName: "acme", Claims: map[string]any{"evil": `","admin":true,"x":"`}}

// sends is a JSON request and the body that the backend gets.
func sends(body, want string) policytest.Step {
	return sendsAs("application/json", body, want)
}

func sendsAs(contentType, body, want string) policytest.Step {
	return policytest.Step{
		Request: policytest.Request{
			Method: "POST", Path: "/users/7", Params: map[string]string{"id": "7"}, Principal: acme, Body: body,
			Header: policytest.Fields{"Content-Type", contentType, "Digest", "x", "Content-MD5", "y"},
		},
		Want: policytest.Want{Forwarded: true},
		Check: func(t testing.TB, r *policytest.Result) {
			if r.Sent.Body != want {
				t.Errorf("the backend gets %q, want %q", r.Sent.Body, want)
			}
			if _, stale := r.Sent.Header.Get("Digest"); stale && want != body {
				t.Error("a digest of the former body is sent on")
			}
		},
	}
}

// refused is a request that is not sent on, and a part of what the caller is told.
func refused(contentType, body string, code contract.Code, detail string) policytest.Step {
	s := sendsAs(contentType, body, "")
	s.Want = policytest.Want{Rejected: true, Code: code, Status: code.Info().Status}
	s.Check = func(t testing.TB, r *policytest.Result) {
		if !strings.Contains(r.Reply.Detail, detail) {
			t.Errorf("the caller is told %q, want %q inside", r.Reply.Detail, detail)
		}
	}
	return s
}

func TestPolicy(t *testing.T) {
	const edits = `{"body":{"rename":{"/user":"/customer/name"},"remove":["/debug","/list/0"],"set":{"/tenant":"{consumer}","/evil":"{claim.evil}","/none":"{claim.none}","/list/-":{"id":"{param.id}"}}}}`
	const json = "application/json"
	invalid := contract.CodeRequestInvalid
	policytest.Run(t, &transformrequest.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "method, path, query, fields", Hot: true, Config: `{"method":"PUT","path":"/v2/{param.id}","query":{"rename":{"q":"search","x":"gone"},"remove":["debug","gone"],"set":{"t":"{consumer}"}},"headers":{"remove":["Cookie"],"set":{"X-Path":"{path}"}}}`, Steps: []policytest.Step{{
			Request: policytest.Request{Path: "/users/7", Query: "q=a%20b&debug&x=1&y=&t=mine", Params: map[string]string{"id": "7"}, Principal: acme, Header: policytest.Fields{"Cookie", "a=1"}},
			Want:    policytest.Want{Forwarded: true, Path: new("/v2/7"), Query: new("search=a%20b&y=&t=acme"), Sent: map[string]string{"Cookie": "", "X-Path": "/users/7"}},
			Check: func(t testing.TB, r *policytest.Result) {
				if r.Sent.Method != "PUT" {
					t.Errorf("the backend gets %s", r.Sent.Method)
				}
			},
		}}},
		{Name: "HEAD keeps its method", Config: `{"method":"GET"}`, Steps: []policytest.Step{
			{Request: policytest.Request{Method: "HEAD"}, Want: policytest.Want{Rejected: true, Code: contract.CodeMethodNotAllowed}},
		}},
		{Name: "a path that leaves its place", Config: `{"path":"/x/{claim.up}"}`, Steps: []policytest.Step{
			{Request: policytest.Request{Principal: &policy.Principal{Claims: map[string]any{"up": ".."}}}, Want: policytest.Want{Rejected: true, Code: invalid}},
		}},
		{Name: "edits", Config: edits, Steps: []policytest.Step{
			sends(`{"user":"ann","debug":1,"list":[1,2],"n":1.10}`, `{"customer":{"name":"ann"},"evil":"\",\"admin\":true,\"x\":\"","list":[2,{"id":"7"}],"n":1.10,"none":null,"tenant":"acme"}`),
			sends(`{}`, `{"evil":"\",\"admin\":true,\"x\":\"","list":{"-":{"id":"7"}},"none":null,"tenant":"acme"}`),
			refused(json, `[1]`, invalid, "no place"),
			refused(json, `{"list":"x"}`, invalid, "no place"),
			refused("text/plain", `{}`, contract.CodeMediaType, "application/json"),
			refused("application/json; charset=utf-16", `{}`, contract.CodeMediaType, "application/json"),
		}},
		{Name: "bodies that mean two things", Config: edits, Steps: []policytest.Step{
			refused(json, `{"a":1,"a":2}`, invalid, "twice"),
			refused(json, `{"a":1e999}`, invalid, "range"),
			refused(json, "\xef\xbb\xbf{}", invalid, "byte order mark"),
			refused(json, "\xff\xfe{\x00}\x00", invalid, "at byte 1"),
			refused(json, `{} {}`, invalid, "more behind"),
			refused(json, `{"a":"\ud800"}`, invalid, "surrogate"),
			refused(json, strings.Repeat("[", 65)+strings.Repeat("]", 65), invalid, "deeper than 64"),
			refused(json, `{"a":01}`, invalid, "must stand here"),
			refused(json, `{"a":`, invalid, "ends early"),
		}},
		{Name: "an encoded body", Config: `{"body":{"remove":["/a"],"max_bytes":1000}}`, Steps: []policytest.Step{
			{
				Request: policytest.Request{Method: "POST", Body: gzipped(`{"a":1,"b":2}`), Header: policytest.Fields{"Content-Type", json, "Content-Encoding", "gzip"}},
				Want:    policytest.Want{Forwarded: true, Sent: map[string]string{"Content-Encoding": ""}},
				Check: func(t testing.TB, r *policytest.Result) {
					if r.Sent.Body != `{"b":2}` {
						t.Errorf("sent %q", r.Sent.Body)
					}
				},
			},
			{
				Request: policytest.Request{Method: "POST", Body: "x", Header: policytest.Fields{"Content-Type", json, "Content-Encoding", "gzip"}},
				Want:    policytest.Want{Rejected: true, Code: contract.CodeRequestInvalid},
			},
			{
				Request: policytest.Request{Method: "POST", Body: gzipped(strings.Repeat(" ", 1001)), Header: policytest.Fields{"Content-Type", json, "Content-Encoding", "gzip"}},
				Want:    policytest.Want{Rejected: true, Code: contract.CodeBodyTooLarge},
			},
			{
				Request: policytest.Request{Method: "POST", Body: "x", Header: policytest.Fields{"Content-Type", json, "Content-Encoding", "rot13"}},
				Want:    policytest.Want{Rejected: true, Code: contract.CodeMediaType},
			},
		}},
		{Name: "without a body", Hot: true, Config: edits, Steps: []policytest.Step{{Want: policytest.Want{Forwarded: true}}}},
		{Name: "others pass", Config: `{"body":{"remove":["/a"],"other_types":"pass"}}`, Steps: []policytest.Step{
			sendsAs("text/plain", "a", "a"), sends(`{"a":1}`, `{}`),
		}},
		{Name: "too large before", Config: `{"body":{"remove":["/a"],"max_bytes":20}}`, Steps: []policytest.Step{
			{Request: policytest.Request{Method: "POST", Body: `{"a":"0123456789012345"}`, Header: policytest.Fields{"Content-Type", json}}, Want: policytest.Want{Rejected: true}},
		}},
		{Name: "too large after", Config: `{"body":{"set":{"/a":"0123456789","/b":"0123456789"},"max_bytes":20}}`, Steps: []policytest.Step{
			refused(json, `{}`, contract.CodeBodyTooLarge, "larger"),
		}},
		{Name: "a body of its own", Config: `{"body":{"replace":{"json":{"who":"{consumer}","evil":"{claim.evil}"}}}}`, Steps: []policytest.Step{
			sendsAs("image/png", "whatever", `{"evil":"\",\"admin\":true,\"x\":\"","who":"acme"}`),
			{Request: policytest.Request{Principal: acme}, Want: policytest.Want{Forwarded: true, Sent: map[string]string{"Content-Type": json}}},
		}},
		{Name: "a text of its own", Config: `{"body":{"replace":{"text":"from {consumer}"}}}`, Steps: []policytest.Step{
			sends(`{}`, "from acme"),
			{Want: policytest.Want{Rejected: true, Code: invalid}},
		}},
		{Name: "no body any more", Config: `{"body":{"replace":{"text":""}}}`, Steps: []policytest.Step{sends(`{}`, "")}},
		{Name: "jq", Config: `{"body":{"set":{"/who":"{consumer}"},"jq":"if .items == [] then error(\"an order needs items\") else {who, ids: [.items[].id]} end"}}`, Steps: []policytest.Step{
			sends(`{"items":[{"id":1.0,"x":1},{"id":2}]}`, `{"ids":[1.0,2],"who":"acme"}`),
			refused(json, `{"items":[]}`, invalid, "an order needs items"),
			refused(json, `{"items":7}`, invalid, "failed on this body"),
		}},
		{Name: "XML to JSON", Config: `{"body":{"from":"xml","to":"json","set":{"/order/by":"{consumer}"}}}`, Steps: []policytest.Step{
			sendsAs("application/xml", `<order id="7"><item>a</item><item>b</item></order>`, `{"order":{"@id":"7","by":"acme","item":["a","b"]}}`),
			refused("text/xml", `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, invalid, "document type is not allowed"),
			refused(json, `{}`, contract.CodeMediaType, "application/xml"),
		}},
		{Name: "JSON to XML", Config: `{"body":{"to":"xml","jq":"{order: .}"}}`, Steps: []policytest.Step{
			sends(`{"item":[1,true],"x":"<&"}`, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<order><item>1</item><item>true</item><x>&lt;&amp;</x></order>\n"),
			refused(json, `{"a b":1}`, invalid, "no name of an XML element"),
		}},
		{Name: "form to JSON", Config: `{"body":{"from":"form","to":"json"}}`, Steps: []policytest.Step{sendsAs("application/x-www-form-urlencoded", "a=1&b=x+y&b=%26", `{"a":"1","b":["x y","&"]}`)}},
		{Name: "JSON to form", Config: `{"body":{"to":"form"}}`, Steps: []policytest.Step{
			sends(`{"a":[1,2],"b":"x y&"}`, "a=1&a=2&b=x+y%26"), refused(json, `{"a":{"b":1}}`, invalid, "object"),
		}},
		{Name: "jq that never ends", Config: `{"body":{"jq":"def f: f; f"}}`, Steps: []policytest.Step{refused(json, `{}`, invalid, "more steps")}},
		{Name: "unknown parameter", Config: `{"body":{"set":{"/a":["{param.ids}"]}}}`, Error: `/body/set/~1a/0: the route's path has no parameter "ids"`, Deps: func(testing.TB) policy.Deps {
			d := policytest.NewDeps()
			d.Scope.Params = []string{"id"}
			return d
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &transformrequest.Descriptor) }

// FuzzBody: whatever a body is, it is changed or refused.
func FuzzBody(f *testing.F) {
	f.Add(`{"a":{"b":[1,2]},"user":"x"}`, "gold")
	f.Fuzz(func(t *testing.T, body, claim string) {
		policytest.Fuzz(t, &transformrequest.Descriptor, policytest.Case{
			Config: `{"body":{"rename":{"/a":"/b/c"},"remove":["/a/b/0"],"set":{"/x/0":"{claim.c}"}}}`,
			Steps: []policytest.Step{{Request: policytest.Request{
				Method: "POST", Body: body, Header: policytest.Fields{"Content-Type", "application/json"}, Principal: &policy.Principal{Claims: map[string]any{"c": claim}},
			}}},
		})
	})
}

func BenchmarkFields(b *testing.B) {
	policytest.Bench(b, &transformrequest.Descriptor, policytest.Case{
		Config: `{"method":"PUT","query":{"set":{"t":"{consumer}"}},"headers":{"set":{"X-Tenant":"{consumer}"}}}`,
		Steps:  []policytest.Step{{Request: policytest.Request{Principal: acme, Query: "a=1&b=2"}}},
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
