package waf

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// ask is a request as browsers and clients of ours make it.
func ask(method, path, query, typ, body string, more ...string) policytest.Request {
	h := policytest.Fields{"User-Agent", "shop/1.0", "Accept", "*/*"}
	if typ != "" {
		h = append(h, "Content-Type", typ)
	}
	return policytest.Request{Method: method, Path: path, Query: query, Header: append(h, more...), Body: body}
}

func jsonBody(body string) policytest.Request {
	return ask("POST", "/orders", "", "application/json", body)
}

// passes wants the request sent on as it came, with a note that holds every word
// of notes; none: no note at all.
func passes(q policytest.Request, notes ...string) policytest.Step {
	return policytest.Step{Request: q, Want: policytest.Want{Forwarded: true}, Check: func(t testing.TB, r *policytest.Result) {
		if r.Sent.Body != q.Body {
			t.Errorf("the backend gets %q", r.Sent.Body)
		}
		noted(t, r, notes)
	}}
}

// blocked wants 403 without a word of why to the caller.
func blocked(q policytest.Request, notes ...string) policytest.Step {
	return policytest.Step{Request: q, Want: policytest.Want{Rejected: true, Code: contract.CodeAttackSuspected}, Check: func(t testing.TB, r *policytest.Result) {
		if r.Reply.Detail != "" {
			t.Errorf("the caller is told %q", r.Reply.Detail)
		}
		noted(t, r, notes)
	}}
}

func noted(t testing.TB, r *policytest.Result, words []string) {
	t.Helper()
	got := r.Trace.Policies[len(r.Trace.Policies)-1].Detail
	if len(words) == 0 && got != "" {
		t.Errorf("noted: %s", got)
	}
	for _, w := range words {
		if !strings.Contains(got, w) {
			t.Errorf("noted: %q, without %q", got, w)
		}
	}
}

func zip(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

const injection = `1' OR '1'='1' -- `

// leak is what a backend should not tell.
const leak = `Fatal: Microsoft Access Driver: [Microsoft][ODBC Microsoft Access Driver] Syntax error (missing operator) in query expression`

func answer(status int, typ, body string, more ...string) policytest.Response {
	return policytest.Response{Status: status, Header: append(policytest.Fields{"Content-Type", typ}, more...), Body: body}
}

// answered wants a status for a backend's answer, which was asked for whole and
// plain, and a trace that holds every word of notes.
func answered(a policytest.Response, want int, notes ...string) policytest.Step {
	s := policytest.Step{
		Request: ask("GET", "/", "", "", "", "Accept-Encoding", "br", "Range", "bytes=0-1"), Backend: a,
		Want: policytest.Want{Forwarded: true, Status: want, Sent: map[string]string{"Accept-Encoding": "", "Range": ""}},
		Check: func(t testing.TB, r *policytest.Result) {
			var all []string
			for _, p := range r.Trace.Policies {
				all = append(all, p.Detail)
			}
			for _, n := range notes {
				if got := strings.Join(all, "|"); !strings.Contains(got, n) {
					t.Errorf("noted: %q, without %q", got, n)
				}
			}
		},
	}
	if want == a.Status {
		s.Want.Body = &a.Body
	}
	return s
}

func TestPolicy(t *testing.T) {
	policytest.Run(t, &Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "blocks", Steps: []policytest.Step{
			passes(ask("GET", "/orders", "page=2&sort=name", "", "")),
			passes(ask("DELETE", "/orders/7", "", "", "")),
			passes(jsonBody(`{"name":"Anna Berg","items":[{"sku":"AB-1","n":2,"price":19.9,"gift":true,"note":null}]}`)),
			passes(ask("POST", "/", "", "application/x-www-form-urlencoded", "a=1&b=two")),
			blocked(ask("GET", "/orders", "id=1%27%20OR%20%271%27%3D%271%27%20--%20", "", ""), "942100", "score"),
			blocked(ask("GET", "/orders", "id=2.2250738585072011e-308", "", ""), "942220 "),
			blocked(jsonBody(`{"name":"`+injection+`"}`), "942100"),
			blocked(jsonBody(`{"`+injection+`":1}`), "942100"),
			blocked(ask("POST", "/", "", "application/x-www-form-urlencoded", "a=<script>alert(1)</script>"), "941100"),
			blocked(ask("POST", "/", "", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n<script>alert(1)</script>\r\n--b--\r\n"), "941100"),
			blocked(ask("POST", "/", "", "text/xml", "<a>"+strings.ReplaceAll(injection, "'", "&apos;")+"</a>"), "942100"),
			blocked(ask("GET", "/", "", "", "", "Cookie", "a=<script>alert(1)</script>"), "941100"),
			blocked(ask("GET", "/", "", "", "", "User-Agent", "sqlmap/1.0"), "913100"),
			blocked(jsonBody(`{"name":`), "200002"),
			blocked(ask("POST", "/", "", "application/json", "x", "Content-Encoding", "br"), "Content-Encoding"),
			blocked(ask("POST", "/", "", "application/json", "x", "Content-Encoding", "gzip"), "Content-Encoding"),
			blocked(ask("POST", "/", "", "application/json", zip(`{"a":"`+injection+`"}`), "Content-Encoding", "gzip"), "942100"),
			passes(ask("POST", "/", "", "application/json", zip(`{"a":"b"}`), "Content-Encoding", "gzip")),
			passes(ask("POST", "/", "", "image/png", injection)),
		}},
		{Name: "detects", Config: `{"mode":"detect"}`, Steps: []policytest.Step{
			passes(jsonBody(`{"name":"`+injection+`"}`), "score 5 of 5", "942100 SQL Injection"),
			passes(ask("POST", "/", "", "application/json", "x", "Content-Encoding", "br"), "Content-Encoding"),
		}},
		{Name: "threshold", Config: `{"threshold":6}`, Steps: []policytest.Step{
			passes(jsonBody(`{"name":"`+injection+`"}`), "score 5 of 6"),
		}},
		{Name: "exclusions", Config: `{"exclude_rules":[942100],"exclude_tags":["attack-xss"],"exclude_parameters":[{"in":"headers","name":"user-agent","rules":[913100]}]}`, Steps: []policytest.Step{
			passes(jsonBody(`{"name":"` + injection + `"}`)),
			passes(ask("POST", "/", "", "application/x-www-form-urlencoded", "a=<b onclick=alert(1)>")),
			{Request: ask("GET", "/", "", "", "", "User-Agent", "sqlmap/1.0"), Want: policytest.Want{Forwarded: true}},
			blocked(ask("PUT", "/", "", "", ""), "911100"),
		}},
		{Name: "a parameter", Config: `{"exclude_parameters":[{"in":"arguments","name":"JSON.note"}]}`, Steps: []policytest.Step{
			passes(jsonBody(`{"note":"` + injection + `"}`)),
			blocked(jsonBody(`{"note":"`+injection+`","name":"`+injection+`"}`), "942100"),
		}},
		{Name: "too many values", Steps: []policytest.Step{
			blocked(jsonBody("["+strings.Repeat(`"%",`, maxArgument)+`"%"]`), "more arguments"),
			passes(jsonBody("[" + strings.Repeat(`"a",`, maxArgument) + `"a"]`)),
			blocked(ask("POST", "/", "", "application/x-www-form-urlencoded", strings.Repeat("a=1&", maxArgument+1)), "More arguments"),
		}},
		{Name: "large bodies", Config: `{"max_body_bytes":10}`, Steps: []policytest.Step{
			blocked(ask("POST", "/", "", "application/json", zip(`{"a":"1234567"}`)[:5], "Content-Encoding", "gzip"), "Content-Encoding"),
		}},
		{Name: "answers", Config: `{"responses":{"inspect":true,"max_body_bytes":200}}`, Steps: []policytest.Step{
			answered(answer(200, "text/html", leak), 502, "response score 10 of 4", "951110 Microsoft Access SQL Information Leakage at RESPONSE_BODY"),
			answered(answer(200, "application/problem+json; charset=utf-8", leak), 502, "951"),
			answered(answer(200, "text/html", zip(leak), "Content-Encoding", "gzip"), 502, "951"),
			answered(answer(200, "text/html", "x", "Content-Encoding", "compress"), 502, "Content-Encoding"),
			answered(answer(200, "text/html", "x", "Content-Encoding", "br"), 502, "Content-Encoding"),
			answered(answer(200, "text/html", strings.Repeat("x", 201)), 502),
			answered(answer(200, "text/html", "all is well"), 200),
			answered(answer(200, "image/png", leak), 200),
			answered(answer(200, "text/event-stream", leak), 200),
			answered(answer(206, "text/html", leak), 206),
		}},
		{Name: "answers are noted", Config: `{"mode":"detect","responses":{"inspect":true,"max_body_bytes":200}}`, Steps: []policytest.Step{
			answered(answer(200, "text/html", leak), 200, "response score 10 of 4", "951110"),
			answered(answer(200, "text/html", leak+strings.Repeat("x", 200)), 200),
		}},
		{Name: "large bodies are let by where it detects", Config: `{"mode":"detect","max_body_bytes":10}`, Steps: []policytest.Step{
			passes(jsonBody(`{"a":"` + injection + `"}`)),
		}},
		{Name: "large bodies pass", Config: `{"max_body_bytes":10,"large_bodies":"pass"}`, Steps: []policytest.Step{
			passes(jsonBody(`{"a":"` + injection + `"}`)),
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &Descriptor) }

// BenchmarkRequest measures a head, up to the hand-over.
func BenchmarkRequest(b *testing.B) {
	step := passes(ask("GET", "/orders", "page=2", "", ""))
	w, err := New(nil, policytest.NewDeps())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.(*firewall).scoreOf(b, step.Request)
	}
}
