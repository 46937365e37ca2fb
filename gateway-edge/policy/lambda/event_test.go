package lambda_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

// request is one with everything that an event tells of.
var request = policytest.Request{
	Method: "POST", Host: "api.example.com", Path: "/pets/a%20b", Query: "q=1&q=2+x&bad=%zz&empty",
	Header: policytest.Fields{
		"Content-Type", "application/json; charset=utf-8", "X-Many", "a", "x-many", "b", "Cookie", "a=1; b=2", "Cookie", "c=3",
		"User-Agent", "test/1", "Connection", "keep-alive", "X-Forwarded-For", "6.6.6.6", "Tollgate-Consumer", "forged",
	},
	Body: `{"name":"Ada"}`, Client: "2001:db8::7", Params: map[string]string{"id": "a%20b"},
	Principal: &policy.Principal{
		Kind: policy.KindToken, ConsumerName: "shop", KeyDisplay: "tg_live_x…", Scopes: []string{"read"},
		Claims: map[string]any{"sub": "u1", "n": 7.0, "groups": []any{"a", "b"}},
	},
	Certificate: &policy.Certificate{Subject: "CN=device", NotAfter: 1_800_000_000},
}

const event1 = `{
	"resource": "/pets/{id}", "path": "/pets/a%20b", "httpMethod": "POST",
	"headers": {"Content-Length": "14", "Content-Type": "application/json; charset=utf-8", "Cookie": "c=3", "Host": "api.example.com", "User-Agent": "test/1", "X-Many": "b",
		"X-Forwarded-For": "2001:db8::7", "X-Forwarded-Host": "api.example.com", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https", "Tollgate-Consumer": "shop"},
	"multiValueHeaders": {"Content-Length": ["14"], "Content-Type": ["application/json; charset=utf-8"], "Cookie": ["a=1; b=2", "c=3"], "Host": ["api.example.com"], "User-Agent": ["test/1"], "X-Many": ["a", "b"],
		"X-Forwarded-For": ["2001:db8::7"], "X-Forwarded-Host": ["api.example.com"], "X-Forwarded-Port": ["443"], "X-Forwarded-Proto": ["https"], "Tollgate-Consumer": ["shop"]},
	"queryStringParameters": {"q": "2 x", "bad": "%zz", "empty": ""},
	"multiValueQueryStringParameters": {"q": ["1", "2 x"], "bad": ["%zz"], "empty": [""]},
	"pathParameters": {"id": "a b"}, "stageVariables": null,
	"requestContext": {
		"accountId": "", "resourceId": "", "stage": "prod", "domainName": "api.example.com", "domainPrefix": "api",
		"requestId": "", "extendedRequestId": "", "protocol": "HTTP/1.1", "path": "/prod/pets/a%20b", "resourcePath": "/pets/{id}", "httpMethod": "POST",
		"requestTime": "22/Nov/2026:12:00:00 +0000", "requestTimeEpoch": 1795348800000, "apiId": "gw_test",
		"identity": {"sourceIp": "2001:db8::7", "userAgent": "test/1", "apiKey": null, "apiKeyId": "tg_live_x…", "accessKey": null, "accountId": null, "caller": null, "user": null, "userArn": null,
			"principalOrgId": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null, "cognitoAuthenticationProvider": null, "cognitoAuthenticationType": null,
			"clientCert": {"subjectDN": "CN=device", "validity": {"notAfter": "Jan 15 08:00:00 2027 GMT"}}},
		"authorizer": {"principalId": "shop", "claims": {"sub": "u1", "n": "7", "groups": "[a b]"}}
	},
	"body": "{\"name\":\"Ada\"}", "isBase64Encoded": false
}`

const event2 = `{
	"version": "2.0", "routeKey": "POST /pets/{id}", "rawPath": "/pets/a%20b", "rawQueryString": "q=1&q=2+x&bad=%zz&empty",
	"cookies": ["a=1", "b=2", "c=3"],
	"headers": {"content-length": "14", "content-type": "application/json; charset=utf-8", "host": "api.example.com", "user-agent": "test/1", "x-many": "a,b",
		"x-forwarded-for": "2001:db8::7", "x-forwarded-host": "api.example.com", "x-forwarded-port": "443", "x-forwarded-proto": "https", "tollgate-consumer": "shop"},
	"queryStringParameters": {"q": "1,2 x", "bad": "%zz", "empty": ""},
	"pathParameters": {"id": "a b"}, "stageVariables": {"table": "pets"},
	"requestContext": {
		"accountId": "", "apiId": "gw_test", "domainName": "api.example.com", "domainPrefix": "api", "requestId": "", "routeKey": "POST /pets/{id}", "stage": "$default",
		"time": "22/Nov/2026:12:00:00 +0000", "timeEpoch": 1795348800000,
		"http": {"method": "POST", "path": "/pets/a%20b", "protocol": "HTTP/1.1", "sourceIp": "2001:db8::7", "userAgent": "test/1"},
		"authentication": {"clientCert": {"subjectDN": "CN=device", "validity": {"notAfter": "Jan 15 08:00:00 2027 GMT"}}},
		"authorizer": {"jwt": {"claims": {"sub": "u1", "n": "7", "groups": "[a b]"}, "scopes": ["read"]}, "lambda": {"principalId": "shop"}}
	},
	"body": "{\"name\":\"Ada\"}", "isBase64Encoded": false
}`

func TestEvent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ config, want string }{
		"1.0": {`,"payload_version":"1.0","stage":"prod"`, event1},
		"2.0": {`,"stage_variables":{"table":"pets"}`, event2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := returns(t, `{"statusCode":200}`)
			policytest.Serve(t, s.chain(t, c.config, "/pets/{id}", "POST"), policytest.Step{Request: request, Want: policytest.Want{Answered: true, Status: 200}})
			var want map[string]any
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if got := s.got(t); !reflect.DeepEqual(got, want) {
				t.Errorf("the event is %s", *s.event.Load())
			}
		})
	}
}

// TestEmpty: what a request does not have is null in 1.0, and not there in 2.0.
func TestEmpty(t *testing.T) {
	t.Parallel()
	one, two := returns(t, `{"statusCode":200}`), returns(t, `{"statusCode":200}`)
	ask := func(s *service, more string) map[string]any {
		policytest.Serve(t, s.chain(t, more, "/pets"), policytest.Step{Want: policytest.Want{Answered: true, Status: 200}})
		return s.got(t)
	}
	doc := ask(one, `,"payload_version":"1.0"`)
	for _, name := range []string{"queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body"} {
		if v, ok := doc[name]; !ok || v != nil {
			t.Errorf("1.0: %s is %v, %v", name, v, ok)
		}
	}
	doc = ask(two, "")
	for _, name := range []string{"queryStringParameters", "pathParameters", "stageVariables", "body", "cookies"} {
		if v, ok := doc[name]; ok {
			t.Errorf("2.0: %s is %v", name, v)
		}
	}
	inner := doc["requestContext"].(map[string]any)
	if inner["authorizer"] != nil || inner["authentication"] != nil || doc["routeKey"] != "ANY /pets" {
		t.Errorf("%v", doc)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ route, more, path, resource, key, proxy, event, full string }{
		{"/pets/*", "", "/pets/a/b%20c", "/pets/{proxy+}", "ANY /pets/{proxy+}", "a/b c", "/pets/a/b%20c", "/pets/a/b%20c"},
		{"/pets/*", "", "/pets", "/pets/{proxy+}", "ANY /pets/{proxy+}", "", "/pets", "/pets"},
		{"/*", "", "/pets/7", "/{proxy+}", "ANY /{proxy+}", "pets/7", "/pets/7", "/pets/7"},
		{"~^/p/[0-9]+$", "", "/p/7", "/{proxy+}", "$default", "p/7", "/p/7", "/p/7"},
		{"/pets", `,"stage":"prod","stage_in_path":true`, "/pets", "/pets", "ANY /pets", "", "/prod/pets", "/prod/pets"},
		{"/pets", `,"stage":"prod"`, "/pets", "/pets", "ANY /pets", "", "/pets", "/pets"},
	} {
		for _, version := range []string{"1.0", "2.0"} {
			s := returns(t, `{"statusCode":200}`)
			policytest.Serve(t, s.chain(t, c.more+`,"payload_version":"`+version+`"`, c.route), policytest.Step{Request: policytest.Request{Path: c.path}})
			doc := s.got(t)
			inner := doc["requestContext"].(map[string]any)
			var proxy any
			if p, ok := doc["pathParameters"].(map[string]any); ok {
				proxy = p["proxy"]
			}
			if c.proxy != "" && proxy != c.proxy || c.proxy == "" && proxy != nil {
				t.Errorf("%s %s: proxy is %v", version, c.route, proxy)
			}
			if version == "2.0" {
				http := inner["http"].(map[string]any)
				if doc["routeKey"] != c.key || doc["rawPath"] != c.event || http["path"] != c.full {
					t.Errorf("%s %s: %v %v %v", version, c.route, doc["routeKey"], doc["rawPath"], http["path"])
				}
				continue
			}
			full := c.full
			if strings.Contains(c.more, "stage") && !strings.Contains(c.more, "in_path") {
				full = "/prod" + full
			}
			if doc["resource"] != c.resource || doc["path"] != c.event || inner["path"] != full {
				t.Errorf("%s %s: %v %v %v", version, c.route, doc["resource"], doc["path"], inner["path"])
			}
		}
	}
}

func TestRequestBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, contentType, body, want string
		encoded                          bool
	}{
		{"2.0", "text/csv", "a,b", "a,b", false},
		{"2.0", "application/xml", "<a/>", "<a/>", false},
		{"2.0", "Application/JSON;charset=utf-8", "{}", "{}", false},
		{"2.0", "application/x-www-form-urlencoded", "a=b", "YT1i", true},
		{"2.0", "", "a", "YQ==", true},
		{"2.0", "text/plain", "\xff", "/w==", true},
		{"1.0", "image/png", "a", "YQ==", true},
		{"1.0", "image/gif", "a", "a", false},
		{"1.0", "video/mp4", "a", "YQ==", true},
		{"1.0", "", "\xff", "/w==", true},
	} {
		s := returns(t, `{"statusCode":200}`)
		q := policytest.Request{Method: "POST", Body: c.body}
		if c.contentType != "" {
			q.Header = policytest.Fields{"Content-Type", c.contentType}
		}
		policytest.Serve(t, s.chain(t, `,"payload_version":"`+c.version+`","binary_media_types":["image/png","video/*"]`, "/"), policytest.Step{Request: q})
		if doc := s.got(t); doc["body"] != c.want || doc["isBase64Encoded"] != c.encoded {
			t.Errorf("%s %q: %v %v", c.version, c.contentType, doc["body"], doc["isBase64Encoded"])
		}
	}
}
