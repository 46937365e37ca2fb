package lambda_test

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

const version1 = `,"payload_version":"1.0"`

func TestResponses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more, accept, output string
		status               int
		header               policytest.Fields
		body                 string
	}{
		"plain":                      {"", "", `{"statusCode":201,"headers":{"X-A":"1","content-type":"text/x"},"body":"hello"}`, 201, policytest.Fields{"x-a", "1", "content-type", "text/x"}, "hello"},
		"1.0 plain":                  {version1, "", `{"statusCode":200,"body":"{}"}`, 200, policytest.Fields{"content-type", "application/json"}, "{}"},
		"2.0 without a type":         {"", "", `{"statusCode":200,"body":"x"}`, 200, policytest.Fields{"content-type", "text/plain; charset=utf-8"}, "x"},
		"many values win":            {version1, "", `{"statusCode":200,"headers":{"x-a":"lost","X-B":2},"multiValueHeaders":{"X-A":["1","2"],"X-C":[true]}}`, 200, policytest.Fields{"x-a", "1", "x-a", "2", "x-b", "2", "x-c", "true"}, ""},
		"cookies":                    {"", "", `{"statusCode":200,"cookies":["a=1; Secure","b=2"]}`, 200, policytest.Fields{"set-cookie", "a=1; Secure", "set-cookie", "b=2"}, ""},
		"1.0 has no cookies":         {version1, "", `{"statusCode":200,"cookies":["a=1"]}`, 200, nil, ""},
		"inferred object":            {"", "", `{"message":"hi"}`, 200, policytest.Fields{"content-type", "application/json"}, `{"message":"hi"}`},
		"inferred list":              {"", "", `[1]`, 200, policytest.Fields{"content-type", "application/json"}, `[1]`},
		"inferred text":              {"", "", `"hi"`, 200, policytest.Fields{"content-type", "application/json"}, `"hi"`},
		"inferred null":              {"", "", `null`, 200, nil, `null`},
		"base64":                     {"", "", `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, 200, nil, "hi"},
		"1.0 base64 for nobody":      {version1, "image/png", `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, 200, nil, "aGk="},
		"1.0 base64 for a taker":     {version1 + `,"binary_media_types":["image/*"]`, "image/png;q=1, text/html", `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, 200, nil, "hi"},
		"1.0 base64 for another":     {version1 + `,"binary_media_types":["image/*"]`, "text/html, image/png", `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, 200, nil, "aGk="},
		"1.0 base64 for everybody":   {version1 + `,"binary_media_types":["*/*"]`, "", `{"statusCode":200,"body":"aGk=","isBase64Encoded":true}`, 200, nil, "hi"},
		"the edge's own fields":      {"", "", `{"statusCode":200,"headers":{"Connection":"close","Content-Length":"99","Transfer-Encoding":"chunked","Tollgate-Error":"x","Date":"now","X-Ok":"1"}}`, 200, policytest.Fields{"x-ok", "1"}, ""},
		"a redirect":                 {"", "", `{"statusCode":302,"headers":{"Location":"/b"}}`, 302, policytest.Fields{"location", "/b"}, ""},
		"an error of the function's": {"", "", `{"statusCode":503,"body":"later"}`, 503, nil, "later"},
		"nulls":                      {"", "", `{"statusCode":204,"headers":null,"multiValueHeaders":null,"body":null,"isBase64Encoded":null,"cookies":null}`, 204, nil, ""},
		"no content has none":        {"", "", `{"statusCode":204,"body":"x"}`, 204, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := returns(t, c.output)
			q := policytest.Request{}
			if c.accept != "" {
				q.Header = policytest.Fields{"Accept", c.accept}
			}
			r := policytest.Serve(t, s.chain(t, c.more, "/"), policytest.Step{Request: q, Want: policytest.Want{Answered: true, Status: c.status, Body: &c.body}})
			if r.Reply.Origin != policy.FromIntegration {
				t.Errorf("it is from %v", r.Reply.Origin)
			}
			for i := 0; i+1 < len(c.header); i += 2 {
				if got := r.Header.All(c.header[i]); !strings.Contains(strings.Join(got, "|"), c.header[i+1]) {
					t.Errorf("%s is %q", c.header[i], got)
				}
			}
			for _, name := range []string{"connection", "content-length", "transfer-encoding", "tollgate-error", "date"} {
				if v, ok := r.Header.Get(name); ok {
					t.Errorf("%s is %q", name, v)
				}
			}
			if name == "1.0 has no cookies" && len(r.Header.All("set-cookie")) > 0 {
				t.Error("a cookie was set")
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	for output, field := range map[string]string{
		`{"statusCode":"200"}`:                                  "/statusCode",
		`{"statusCode":200.5}`:                                  "/statusCode",
		`{"statusCode":99}`:                                     "/statusCode",
		`{"statusCode":700}`:                                    "/statusCode",
		`{"statusCode":null}`:                                   "/statusCode",
		`{"statusCode":200,"body":{}}`:                          "/body",
		`{"statusCode":200,"body":"?","isBase64Encoded":true}`:  "/body",
		`{"statusCode":200,"isBase64Encoded":"yes"}`:            "/isBase64Encoded",
		`{"statusCode":200,"headers":[]}`:                       "/headers",
		`{"statusCode":200,"headers":{"A":["x"]}}`:              "/headers/A",
		`{"statusCode":200,"headers":{"A":null}}`:               "/headers/A",
		`{"statusCode":200,"headers":{"A B":"x"}}`:              "/headers/a b",
		`{"statusCode":200,"headers":{"A":"x\r\nB: y"}}`:        "/headers/a",
		`{"statusCode":200,"multiValueHeaders":{"A":"x"}}`:      "/multiValueHeaders/A",
		`{"statusCode":200,"multiValueHeaders":{"A":["x",{}]}}`: "/multiValueHeaders/A/1",
		`{"statusCode":200,"cookies":"a=b"}`:                    "/cookies",
		`{"statusCode":200`:                                     "no JSON",
		`hello`:                                                 "no JSON",
		``:                                                      "no JSON",
	} {
		s := returns(t, output)
		want := policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}
		r := policytest.Serve(t, s.chain(t, "", "/"), policytest.Step{Want: want})
		if r.Reply.Detail != "the function's answer is malformed" {
			t.Errorf("%s: callers are told %q", output, r.Reply.Detail)
		}
		if note := r.Trace.Policies[0].Detail; !strings.Contains(note, field) {
			t.Errorf("%s: the trace says %q, not %s", output, note, field)
		}
		r = policytest.Serve(t, s.chain(t, `,"explain_errors":true`, "/"), policytest.Step{Want: want})
		if !strings.Contains(r.Reply.Detail, field) {
			t.Errorf("%s: callers are told %q", output, r.Reply.Detail)
		}
	}
	for _, output := range []string{`{}`, `[]`, `"x"`, `{"status":200}`} { // what 2.0 would infer
		s := returns(t, output)
		policytest.Serve(t, s.chain(t, version1, "/"), policytest.Step{Want: policytest.Want{Rejected: true, Code: contract.CodeUpstreamProtocol}})
	}
}
