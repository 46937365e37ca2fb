package bodylimits_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy/bodylimits"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
	"github.com/tollgate/tollgate/services/contract"
)

// post is a request with a body of a type.
func post(typ, body string, more ...string) policytest.Request {
	var h policytest.Fields
	if typ != "" {
		h = policytest.Fields{"Content-Type", typ}
	}
	return policytest.Request{Method: "POST", Header: append(h, more...), Body: body}
}

// passes is a body that arrives as it was sent.
func passes(q policytest.Request) policytest.Step {
	return policytest.Step{Request: q, Want: policytest.Want{Forwarded: true}, Check: func(t testing.TB, r *policytest.Result) {
		if r.Sent.Body != q.Body {
			t.Errorf("the backend gets %q", r.Sent.Body)
		}
	}}
}

// refused is a body of which nothing arrives.
func refused(q policytest.Request, code contract.Code, detail string) policytest.Step {
	return policytest.Step{Request: q, Want: policytest.Want{Rejected: true, Code: code}, Check: func(t testing.TB, r *policytest.Result) {
		if !strings.Contains(r.Reply.Detail, detail) {
			t.Errorf("detail %q, want %q", r.Reply.Detail, detail)
		}
	}}
}

func zip(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

const (
	invalid = contract.CodeRequestInvalid
	media   = contract.CodeMediaType
	form    = "multipart/form-data; boundary=b"
	upload  = "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n12345\r\n--b--\r\n"
)

func TestPolicy(t *testing.T) {
	policytest.Run(t, &bodylimits.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "no body", Hot: true, Steps: []policytest.Step{passes(policytest.Request{})}},
		{Name: "defaults", Steps: []policytest.Step{
			passes(post("application/json", `{"a":[1,2]}`)),
			passes(post("application/x-ndjson", "{}\n{}\n")),
			passes(post("text/xml; charset=utf-8", "<a>b</a>")),
			passes(post("application/x-www-form-urlencoded", "a=1&b=2")),
			passes(post(form, upload)),
			passes(post("video/mp4", "\x00\x01")),
			refused(post("application/json", strings.Repeat("[", 65)+strings.Repeat("]", 65)), invalid, "deeper than 64 levels"),
			refused(post("application/vnd.x+json", `{"a":1,"a":2}`), invalid, "two keys of one name"),
			refused(post("application/json", "\xFF\xFE{\x00}\x00"), invalid, "value must be"),
			refused(post("application/json; charset=utf-16", `{}`), media, "UTF-8"),
			refused(post("application/soap+xml", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`), invalid, "document type"),
			refused(post("application/x-www-form-urlencoded", "a=%"), invalid, "hexadecimal"),
			refused(post("multipart/form-data", upload), invalid, "boundary"),
			refused(post("", `{}`), media, "no Content-Type"),
			refused(post("json", `{}`), media, "malformed"),
			refused(post("application/json", zip(`{}`), "Content-Encoding", "gzip"), media, "Content-Encoding"),
			refused(post("text/plain", "x", "Content-Encoding", "br"), media, "Content-Encoding"),
		}},
		{Name: "size", Config: `{"max_bytes":5}`, Steps: []policytest.Step{
			passes(post("text/plain", "12345")),
			refused(post("text/plain", "123456"), contract.CodeBodyTooLarge, ""),
			{Request: post("application/json", "123456"), Want: policytest.Want{Status: 413}},
		}},
		{Name: "types", Config: `{"content_types":["application/json","image/*"],"allow_untyped":true}`, Steps: []policytest.Step{
			passes(post("application/json", "1")),
			passes(post("image/png", "1")),
			passes(post("", "1")),
			refused(post("text/plain", "1"), media, "not one that is accepted"),
		}},
		{Name: "limits of their own", Config: `{"json":{"depth":1,"allow_duplicate_keys":true},"multipart":{"files":0}}`, Steps: []policytest.Step{
			passes(post("application/json", `{"a":1,"a":2}`)),
			refused(post("application/json", `[[]]`), invalid, "deeper than 1 levels"),
			refused(post(form, upload), invalid, "more than 0 files"),
		}},
		{Name: "other codings", Config: `{"encodings":["br","zstd","deflate"]}`, Steps: []policytest.Step{
			passes(post("application/json", "\x0b\x03\x80{\"a\":1}\x03", "Content-Encoding", "br")),
			refused(post("application/json", "\x0b\x02\x80{\"a\":\x03", "Content-Encoding", "br"), invalid, "ends too early"),
			refused(post("application/json", "{}", "Content-Encoding", "zstd"), invalid, "not what its Content-Encoding says"),
			refused(post("application/json", zip(`{}`), "Content-Encoding", "gzip"), media, "Content-Encoding"),
		}},
		{Name: "gzip", Config: `{"encodings":["gzip"],"max_bytes":100000}`, Steps: []policytest.Step{
			passes(post("application/json", zip(`{"a":1}`), "Content-Encoding", "gzip")),
			passes(post("text/plain", zip(`x`), "Content-Encoding", "gzip")),
			refused(post("application/json", zip(`{"a":1`), "Content-Encoding", "gzip"), invalid, "ends too early"),
			refused(post("application/json", zip(`[[1`+strings.Repeat(" ", 20_000)+`}`), "Content-Encoding", "gzip"), invalid, "does not fit"),
			refused(post("application/json", zip(strings.Repeat(" ", 200_000)), "Content-Encoding", "gzip"), contract.CodeBodyTooLarge, "decoded"),
			refused(post("text/plain", zip(strings.Repeat(" ", 200_000)), "Content-Encoding", "gzip"), contract.CodeBodyTooLarge, "decoded"),
			refused(post("application/json", `{}`, "Content-Encoding", "gzip"), invalid, "not what its Content-Encoding says"),
			refused(post("application/json", zip(`{}`), "Content-Encoding", "gzip, gzip"), media, "Content-Encoding"),
		}},
		{Name: "on the way", Config: `{"streaming":true,"max_bytes":100000}`, Steps: []policytest.Step{
			passes(post("application/json", `{"a":[1,2]}`)),
			passes(post(form, upload)),
			passes(post("text/plain", "x")),
			passes(policytest.Request{Method: "POST"}),
			refused(post("", `{}`), media, "no Content-Type"),
			refused(post("multipart/form-data", upload), invalid, "boundary"),
		}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &bodylimits.Descriptor) }

func FuzzRequest(f *testing.F) {
	f.Add("application/json", `{"a":1}`)
	f.Add(form, upload)
	f.Add("text/xml", "<a/>")
	f.Fuzz(func(t *testing.T, typ, body string) {
		policytest.Fuzz(t, &bodylimits.Descriptor, policytest.Case{Steps: []policytest.Step{{Request: post(typ, body)}}})
	})
}

func BenchmarkNoBody(b *testing.B) {
	policytest.Bench(b, &bodylimits.Descriptor, policytest.Case{Steps: []policytest.Step{passes(policytest.Request{})}})
}
