package errorpages_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/errorpages"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// refuser is a policy behind: it refuses everything with a hostile detail.
type refuser struct{}

const hostile = `<script>alert("x")</script>{title}` + "\n"

func (refuser) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	return x.RejectFields(contract.CodeValidationFailed, hostile, contract.FieldErrors{{Pointer: "/a", Detail: "is <missing>"}})
}

// refused is what a caller with this Accept gets of a refusal.
func refused(t *testing.T, config, accept string) *policytest.Result {
	t.Helper()
	p, err := errorpages.New([]byte(config), policytest.NewDeps())
	if err != nil {
		t.Fatal(err)
	}
	var h policytest.Fields
	if accept != "" {
		h = policytest.Fields{"Accept", accept}
	}
	return policytest.Serve(t, []policy.Step{
		{Policy: p, Descriptor: &errorpages.Descriptor},
		{Policy: refuser{}, Descriptor: &policy.Descriptor{Type: "refuser", Phase: policy.PhaseAuthorize}},
	}, policytest.Step{Request: policytest.Request{Header: h}, Want: policytest.Want{Rejected: true, Code: contract.CodeValidationFailed, Status: 400}})
}

func TestForms(t *testing.T) {
	const all = `{"json":{"e":{"status":"{status}","text":"{status}: {title}","d":"{detail}","id":"{request_id}{{}}"}},"html":"<a title=\"{detail}\" href=\"/?d={detail}\">{detail}</a><script>var d = {detail}</script><style>p {color: red}</style>"}`
	const problem, plain, html = "application/problem+json", "application/json", "text/html; charset=utf-8"
	for _, c := range []struct{ config, accept, want string }{
		{all, "", ""},
		{all, "*/*", ""},
		{all, "application/json", plain},
		{all, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", html},
		{all, "application/*", ""},
		{all, "application/*;q=0.5, text/html;q=0.4", ""},
		{all, "text/html;q=0, */*", ""},
		{all, "text/*;q=0.9, application/json;q=0.9", plain},
		{all, "image/png", ""},
		{all, "text/html;q=2", ""},
		{`{"default":"json",` + all[1:], "", plain},
		{`{"default":"json",` + all[1:], "application/problem+json, application/json;q=0.9", ""},
		{`{"default":"html",` + all[1:], "*/*", html},
		{`{"backend":"all"}`, "text/html", ""},
	} {
		r := refused(t, c.config, c.accept)
		ct, _ := r.Header.Get("Content-Type")
		if ct != c.want || len(r.Header.All("Vary")) != 1 {
			t.Errorf("%s with Accept %q: %q, want %q; Vary %q", c.config[:20], c.accept, ct, c.want, r.Header.All("Vary"))
		}
	}
	r := refused(t, all, "application/json")
	const want = `{"e":{"d":"<script>alert(\"x\")</script>{title}\n","id":"{}","status":400,"text":"400: The request does not fit what this route accepts"}}`
	if r.Body != want || !json.Valid([]byte(r.Body)) {
		t.Errorf("JSON %s", r.Body)
	}
	r = refused(t, all, "text/html")
	if strings.Contains(r.Body, "<script>alert") || strings.Contains(r.Body, `"x")`) || !strings.Contains(r.Body, "&lt;script&gt;alert") || !strings.Contains(r.Body, "<style>p {color: red}</style>") {
		t.Errorf("page %s", r.Body)
	}
}

// TestInjection: what looks like an action of the page's template is text.
func TestInjection(t *testing.T) {
	r := refused(t, `{"default":"html","html":"{{.Status}} {{define \"a\"}} {{printf \"%s\" .Code}} \u0001 {code}"}`, "")
	if r.Body != `{{.Status}} {{define "a"}} {{printf "%s" .Code}} `+"\x01 validation_failed" {
		t.Errorf("%q", r.Body)
	}
}

func TestPolicy(t *testing.T) {
	failed := func(length string, status int, body string, h map[string]string, want string) policytest.Step {
		return policytest.Step{
			Request: policytest.Request{Header: policytest.Fields{"Accept", length}},
			Backend: policytest.Response{Status: status, Body: body, Header: policytest.Fields{"Content-Type", "text/html", "ETag", `"1"`}},
			Want:    policytest.Want{Forwarded: true, Status: status, Header: h, Body: &want},
		}
	}
	const page = `{"code":"backend_failed","request_id":"","status":503,"title":"The backend failed to handle the request","type":"urn:tollgate:error:backend_failed"}`
	replaced, kept := map[string]string{"Content-Type": "application/problem+json", "ETag": "", "Cache-Control": "no-store"}, map[string]string{"Content-Type": "text/html", "ETag": `"1"`}
	policytest.Run(t, &errorpages.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "bare", Config: `{"backend":"bare"}`, Steps: []policytest.Step{failed("", 503, "", replaced, page), failed("", 503, "stack", kept, "stack"), failed("", 404, "", kept, "")}},
		{Name: "all", Config: `{"backend":"all","html":"<h1>{status}"}`, Steps: []policytest.Step{failed("", 503, "stack", replaced, page), failed("text/html", 500, "stack", nil, "<h1>500"), failed("", 200, "fine", kept, "fine")}},
		{Name: "none", Hot: true, Config: `{"html":"<h1>{status}"}`, Steps: []policytest.Step{failed("text/html", 503, "", kept, "")}},
		{Name: "gRPC", Config: `{"backend":"all"}`, Steps: []policytest.Step{{
			Backend: policytest.Response{Status: 503, Header: policytest.Fields{"Content-Type", "application/grpc"}}, Want: policytest.Want{Forwarded: true, Status: 503, Header: map[string]string{"Content-Type": "application/grpc"}},
		}}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &errorpages.Descriptor) }

// FuzzPage: a page that is taken can be written.
func FuzzPage(f *testing.F) {
	f.Add(`<p title="{title}" {{ x }}>{detail}</p>`)
	f.Fuzz(func(t *testing.T, page string) {
		raw, _ := json.Marshal(map[string]any{"html": page, "default": "html"})
		if _, err := errorpages.New(raw, policytest.NewDeps()); err == nil {
			refused(t, string(raw), "")
		}
	})
}

func BenchmarkPass(b *testing.B) {
	policytest.Bench(b, &errorpages.Descriptor, policytest.Case{Config: `{"html":"<h1>{status}"}`, Steps: []policytest.Step{{}}})
}
