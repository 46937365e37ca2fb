package oas_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/importer"
	"github.com/tollgate/tollgate/services/importer/importertest"
	"github.com/tollgate/tollgate/services/importer/oas"
)

const keys = "components: {securitySchemes: {k: {type: apiKey, in: header, name: X-API-Key}, odd: {type: http, scheme: digest}}}\n"

// TestProtected: whatever is imported, no request ends up less protected than the
// document has it.
func TestProtected(t *testing.T) {
	t.Parallel()
	const open, key, odd = "{security: [], responses: {}}", "{security: [{k: []}], responses: {}}", "{security: [{odd: []}], responses: {}}"
	lambda := `x-amazon-apigateway-integration: {type: aws_proxy, uri: "` + lambdaURI + `"}`
	for _, c := range []struct {
		name, paths string
		want        map[string]string
	}{
		{
			"skipped below a parameter", "  /users/{id}: {get: " + open + ", post: " + open + "}\n  /users/admin: {get: " + odd + ", trace: " + odd + "}\n",
			map[string]string{"GET /users/7": "open", "GET /users/admin": "closed", "HEAD /users/admin": "closed", "GET /users/admin/": "closed"},
		},
		{
			"skipped below an open end",
			"  /{proxy+}: {x-amazon-apigateway-any-method: {security: [], " + lambda + "}}\n  /admin/{id}: {get: {x-amazon-apigateway-auth: {type: AWS_IAM}, " + lambda + "}}\n  /all: {x-amazon-apigateway-any-method: {security: [{odd: []}], " + lambda + "}}\n" +
				"  /unknown: {post: {security: !If [a, b, c], " + lambda + "}}\n  /path: !If [a, b, c]\n  /of/{x}: {parameters: !If [a, b, c], get: {operationId: of, " + lambda + "}}\n",
			map[string]string{
				"GET /x": "open", "GET /admin/7": "closed", "GET /all": "closed", "DELETE /all": "closed", "POST /unknown": "closed", "PUT /path": "closed", "GET /of/7": "closed",
			},
		},
		{
			"text beside a parameter", "  /v1/{name}: {post: " + open + "}\n  '/v1/{name}:setPolicy': {post: " + key + "}\n",
			map[string]string{"POST /v1/a": "open", "POST /v1/a:setPolicy": "api_key", "POST /v1/a:setPolicy/": "api_key", "POST /v1/a:setPolicy2": "open"},
		},
		{
			"and a path without parameters", "  /v1/{name}: {post: " + key + "}\n  '/v1/{name}:get': {post: " + open + "}\n  '/v1/secret:get': {post: " + key + "}\n",
			map[string]string{"POST /v1/a": "api_key", "POST /v1/a:get": "open", "POST /v1/secret:get": "api_key"},
		},
		{
			"two beside a parameter", "  /v1/{name}: {get: " + open + "}\n  '/v1/{name}:{verb}': {get: " + open + "}\n  '/v1/{name}:x': {get: " + key + "}\n  '/v1/{name}:y': {get: " + key + "}\n",
			map[string]string{"GET /v1/a": "open", "GET /v1/a:b": "open", "GET /v1/a:x": "api_key", "GET /v1/a:y": "api_key"},
		},
		{
			"a chain", "  '/{x}.json/y': {get: " + open + "}\n  '/{a}/{b}': {get: " + open + "}\n  '/a.json/{z}': {get: " + key + "}\n  '/a.json/y': {get: " + odd + "}\n",
			map[string]string{"GET /b.json/y": "open", "GET /a.json/z": "api_key", "GET /a.json/y": "closed", "GET /c/d": "open"},
		},
		{
			"a refused one beside a parameter", "  /v1/{name}: {get: " + open + ", post: " + open + "}\n  '/v1/{name}é': {get: " + odd + "}\n",
			map[string]string{"GET /v1/ab%C3%A9": "closed", "POST /v1/ab%C3%A9": "open", "GET /v1/ab": "open"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := importer.Options{Upstream: "u", SkipRefused: true}
			p, report, errs := oas.Import([]byte("\ufeff"+head+keys+"paths:\n"+c.paths), o, importer.Present{})
			if len(errs) > 0 || report.Blocked(&o) {
				t.Fatalf("%v %+v", errs, report)
			}
			for request, want := range c.want {
				method, path, _ := strings.Cut(request, " ")
				if got := importertest.Winner(t, p.Routes, method, path); got != want {
					t.Errorf("%s: %s, want %s", request, got, want)
				}
			}
			if t.Failed() {
				t.Logf("%+v", p.Routes)
			}
		})
	}
}

// TestSecurityOfOtherForms: operations that OpenAPI has no form for are checked as all
// others.
func TestSecurityOfOtherForms(t *testing.T) {
	t.Parallel()
	for _, security := range []string{"{k: []}", "", "k", "[k]", "[{k: admin}]", "[{k: [1]}]", "[{k: }]"} {
		for _, where := range []string{"/a: {x-amazon-apigateway-any-method", "'/a/{x+}': {get"} {
			text := head + keys + "paths:\n  " + where + ": {security: " + security + ", x-amazon-apigateway-integration: {type: http_proxy, uri: 'https://b.example.com'}}}\n"
			if got := said(text, importer.Options{}, importer.Present{}); !strings.Contains(got, "no list of security requirements") {
				t.Errorf("%s: %q", text, got)
			}
		}
	}
}

// TestResourcePolicies: who may call by address is what all statements leave.
func TestResourcePolicies(t *testing.T) {
	t.Parallel()
	statement := func(effect, condition string) string {
		return `{Effect: ` + effect + `, Principal: "*", Action: "execute-api:Invoke", Resource: "execute-api:/*"` + condition + `}`
	}
	in := func(op, address string) string { return ", Condition: {" + op + ": {aws:SourceIp: " + address + "}}" }
	everybody := statement("Allow", "")
	for _, c := range []struct{ name, policy, filter, refused string }{
		{"some", statement("Allow", in("IpAddress", "[10.0.0.0/8]")) + "," + statement("Allow", in("IpAddress", "192.0.2.1")), `{"allow":["10.0.0.0/8","192.0.2.1"]}`, ""},
		{"all but some", everybody + "," + statement("Deny", in("IpAddress", "10.0.0.0/8")), `{"deny":["10.0.0.0/8"]}`, ""},
		{"nobody but some", everybody + "," + statement("Deny", in("NotIpAddress", "10.0.0.0/8")), `{"allow":["10.0.0.0/8"]}`, ""},
		{"an intersection", statement("Deny", in("NotIpAddress", "203.0.113.0/24")) + "," + statement("Allow", in("IpAddress", "0.0.0.0/0")), "", "several statements at once"},
		{"in the other order", statement("Allow", in("IpAddress", "0.0.0.0/0")) + "," + statement("Deny", in("NotIpAddress", "203.0.113.0/24")), "", "several statements at once"},
		{"twice", everybody + "," + statement("Deny", in("NotIpAddress", "10.0.0.0/8")) + "," + statement("Deny", in("NotIpAddress", "10.0.0.0/9")), "", "several statements at once"},
		{"a second key", statement("Allow", ", Condition: {IpAddress: {aws:SourceIp: 10.0.0.0/8, aws:VpcSourceIp: 10.0.0.0/8}}"), "", "its condition can't be carried over"},
		{"no texts", statement("Allow", in("IpAddress", "[10.0.0.0/8, 7]")), "", "its condition can't be carried over"},
		{"a condition that is none", statement("Allow", ", Condition: x"), "", "its condition can't be carried over"},
		{"denials alone", statement("Deny", in("IpAddress", "10.0.0.0/8")), "", "AWS answers nobody"},
		{"everybody denied", everybody + "," + statement("Deny", ""), "", "denies everybody"},
	} {
		text := head + "x-amazon-apigateway-policy: {Statement: [" + c.policy + "]}\npaths: {/a: {get: {x-amazon-apigateway-integration: {type: http_proxy, uri: 'https://b.example.com/a'}}}}\n"
		if got := said(text, importer.Options{}, importer.Present{}); c.refused == "" && got != "" || !strings.Contains(got, c.refused) {
			t.Errorf("%s: refused %q, want %q", c.name, got, c.refused)
		}
		p, _, errs := oas.Import([]byte(text), importer.Options{}, importer.Present{})
		if c.filter == "" {
			continue
		}
		if len(errs) > 0 || len(p.Routes) != 1 || p.Routes[0].Policies[0].Type != "ip_filter" || string(p.Routes[0].Policies[0].Config) != c.filter {
			t.Errorf("%s: %v %+v", c.name, errs, p)
		}
	}
	text := head + "x-amazon-apigateway-policy: '{\"Statement\": []}'\npaths: {/a: {get: {}}}\n"
	if got := said(text, importer.Options{}, importer.Present{}); !strings.Contains(got, "AWS answers nobody") {
		t.Errorf("a policy as text: %q", got)
	}
}

// TestUpstreamsThatGrew: an upstream of the gateway that has the address of a server
// stays as it is, and one of the same name that has not stays too.
func TestUpstreamsThatGrew(t *testing.T) {
	t.Parallel()
	text := []byte(head + "paths: {/a: {get: {responses: {}}}}\n")
	grown := contract.Upstream{Name: "a-example-com", Targets: []contract.Target{{URL: "https://b.example.com"}, {URL: "https://a.example.com"}}}
	for _, c := range []struct {
		name    string
		present contract.Upstream
		want    string
		targets int
	}{
		{"grown", grown, "a-example-com", 2},
		{"another one", contract.Upstream{Name: "a-example-com", Targets: grown.Targets[:1]}, "a-example-com-https", 1},
	} {
		p, report, errs := oas.Import(text, importer.Options{}, importer.Present{Upstreams: []contract.Upstream{c.present}})
		if len(errs) > 0 || len(p.Routes) != 1 || len(p.Upstreams) != 1 || p.Routes[0].Upstream != c.want || p.Upstreams[0].Name != c.want || len(p.Upstreams[0].Targets) != c.targets {
			t.Errorf("%s: %v %+v %+v", c.name, errs, report, p)
		}
	}
}

// TestServerOption: a server that the document does not have is no reason to take
// another one.
func TestServerOption(t *testing.T) {
	t.Parallel()
	text := "openapi: 3.0.3\ninfo: {title: T, version: '1'}\nservers: [{url: 'https://a.example.com', description: production}, {url: 'https://b.example.com', description: staging}]\n" +
		"paths:\n  /a: {get: {responses: {}}}\n  /own: {get: {servers: [{url: 'https://c.example.com'}], responses: {}}}\n"
	for _, c := range []struct{ server, want, refused string }{
		{"staging", "b-example-com", ""},
		{"https://b.example.com", "b-example-com", ""},
		{"", "a-example-com", ""},
		{"stagin", "", `"stagin" is none of them`},
	} {
		o := importer.Options{Server: c.server}
		if got := said(text, o, importer.Present{}); c.refused == "" && got != "" || !strings.Contains(got, c.refused) {
			t.Errorf("%q: refused %q, want %q", c.server, got, c.refused)
		}
		p, report, errs := oas.Import([]byte(text), o, importer.Present{})
		if c.want == "" {
			if !slices.ContainsFunc(report.Rows, func(r importer.Row) bool { return strings.Contains(r.Advice, "https://b.example.com (staging)") }) {
				t.Errorf("%q: nobody says which servers there are: %+v", c.server, report.Rows)
			}
			continue
		}
		if len(errs) > 0 || len(p.Routes) != 2 || p.Routes[0].Upstream != c.want || p.Routes[1].Upstream != "c-example-com" {
			t.Errorf("%q: %v %+v", c.server, errs, p)
		}
	}
	lists := strings.Replace(text, "[{url: 'https://c.example.com'}]", "[{url: 'https://c.example.com'}, {url: 'https://d.example.com'}]", 1)
	if got := said(lists, importer.Options{Server: "staging"}, importer.Present{}); !strings.Contains(got, "GET /own: the option server means none of its servers") {
		t.Errorf("got %q", got)
	}
}

// TestAmazonByItsSchemes: a document whose only extensions are in security schemes, as
// in Amazon's manual, is one of Amazon's.
func TestAmazonByItsSchemes(t *testing.T) {
	t.Parallel()
	text := head + "components: {securitySchemes: {auth: {type: oauth2, x-amazon-apigateway-authorizer: {type: jwt, jwtConfiguration: {issuer: 'https://id.example.com', audience: [a]}}}}}\n" +
		"paths: {/a: {get: {security: [{auth: [s]}], responses: {}}}}\n"
	p, report, errs := oas.Import([]byte(text), importer.Options{}, importer.Present{})
	if len(errs) > 0 || report.Count(importer.Refused) > 0 || len(p.Routes) != 1 || p.Routes[0].Public || p.Routes[0].Policies[0].Type != "jwt" {
		t.Errorf("%v %+v %+v", errs, report, p)
	}
}

// TestValidatorOfAnyMethod: the report does not promise what is not done.
func TestValidatorOfAnyMethod(t *testing.T) {
	t.Parallel()
	text := head + "x-amazon-apigateway-request-validators: {all: {validateRequestBody: true, validateRequestParameters: true}}\nx-amazon-apigateway-request-validator: all\n" +
		"paths: {/a: {x-amazon-apigateway-any-method: {parameters: [{name: q, in: query, required: true, schema: {type: string}}], x-amazon-apigateway-integration: {type: http_proxy, uri: 'https://b.example.com/a'}}}}\n"
	p, report, errs := oas.Import([]byte(text), importer.Options{}, importer.Present{})
	if len(errs) > 0 || len(p.Routes) != 1 || len(p.Routes[0].Policies) != 0 {
		t.Fatalf("%v %+v", errs, p)
	}
	for _, r := range report.Rows {
		if r.Level == importer.Taken && strings.HasPrefix(r.What, "the request validator") {
			t.Errorf("it is not taken over: %+v", r)
		}
	}
}
