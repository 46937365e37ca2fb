package compress_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/tollgate/tollgate/gateway-edge/policy/compress"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

var page = strings.Repeat("all work and no play ", 200)

func plain(t testing.TB, coding, body string) string {
	t.Helper()
	var r io.Reader
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(strings.NewReader(body))
	case "br":
		r = brotli.NewReader(strings.NewReader(body))
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(strings.NewReader(body), zstd.WithDecoderMaxWindow(8<<20)); err == nil {
			defer d.Close()
			r = d
		}
	default:
		return body
	}
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := io.Copy(&out, r); err != nil {
		t.Fatalf("%s: %v", coding, err)
	}
	return out.String()
}

// answer is a backend's answer to a caller with this Accept-Encoding, and the
// coding in which the caller gets it.
func answer(accept, want string, fields ...string) policytest.Step {
	if len(fields) == 0 {
		fields = []string{"Content-Type", "application/json; charset=utf-8"}
	}
	s := policytest.Step{
		Backend: policytest.Response{Body: page, Header: append(policytest.Fields{"ETag", `"1"`, "Accept-Ranges", "bytes", "Digest", "x"}, fields...)},
		Want:    policytest.Want{Forwarded: true, Status: 200},
		Check: func(t testing.TB, r *policytest.Result) {
			coding, _ := r.Header.Get("Content-Encoding")
			if coding != want {
				t.Fatalf("the coding is %q, want %q", coding, want)
			}
			if plain(t, coding, r.Body) != page {
				t.Errorf("%d bytes of %s do not give the page", len(r.Body), coding)
			}
			tag, _ := r.Header.Get("ETag")
			_, ranges := r.Header.Get("Accept-Ranges")
			_, digest := r.Header.Get("Digest")
			if changed := want != ""; changed != (tag == `W/"1"`) || changed == ranges || changed == digest {
				t.Errorf("ETag %s, Accept-Ranges %v, Digest %v", tag, ranges, digest)
			}
			if want != "" && len(r.Body) >= len(page)/2 {
				t.Errorf("%d bytes of %d", len(r.Body), len(page))
			}
		},
	}
	if accept != "" {
		s.Request.Header = policytest.Fields{"Accept-Encoding", accept}
	}
	return s
}

// as is an answer that stays as it is.
func as(change func(s *policytest.Step), fields ...string) policytest.Step {
	s := answer("gzip", "", fields...)
	s.Check = nil
	body := s.Backend.Body
	change(&s)
	if s.Backend.Body == body {
		s.Want.Body = &body
	}
	return s
}

func TestPolicy(t *testing.T) {
	vary := func(s policytest.Step, want string) policytest.Step {
		s.Want.Header = map[string]string{"Vary": want}
		return s
	}
	none := func(*policytest.Step) {}
	policytest.Run(t, &compress.Descriptor, policytest.Suite{Cases: []policytest.Case{
		{Name: "negotiation", Steps: []policytest.Step{
			vary(answer("gzip, deflate, br, zstd", "zstd"), "Accept-Encoding"), answer("gzip, deflate, br", "br"), answer("gzip", "gzip"), answer("x-gzip", "gzip"), answer("GZIP;q=0.5", "gzip"),
			answer("br;q=0.5, gzip;q=0.8", "gzip"), answer("*", "zstd"), answer("*, zstd;q=0", "br"), answer("*;q=0", ""), answer("identity, gzip;q=0.5", ""),
			answer("gzip;q=0", ""), answer("deflate", ""), vary(answer("", ""), "Accept-Encoding"), answer("gzip;q=x", ""), answer("zstd;q=0, *;q=0.1, identity;q=0", "br"),
		}},
		{Name: "preference", Config: `{"codings":["gzip","br"],"level":"small"}`, Steps: []policytest.Step{answer("br, gzip", "gzip"), answer("br, gzip;q=0.9", "br"), answer("zstd", "")}},
		{Name: "fast", Config: `{"level":"fast"}`, Steps: []policytest.Step{answer("zstd", "zstd"), answer("br", "br"), answer("gzip", "gzip")}},
		{Name: "content types", Config: `{"content_types":["text/*","a/b"]}`, Steps: []policytest.Step{
			answer("br", "br", "Content-Type", "text/x"), answer("br", "br", "Content-Type", "A/B ;x"), vary(answer("br", "", "Content-Type", "image/png"), ""), answer("br", "", "Content-Type", "text/event-stream"),
		}},
		{Name: "what passes", Hot: false, Steps: []policytest.Step{
			as(none, "Content-Type", "text/html", "Content-Encoding", "br"), as(none, "Content-Type", "text/html", "Cache-Control", "public, No-Transform"), as(none, "Content-Type", "text/html", "Content-Range", "bytes 0-1/2"),
			as(func(s *policytest.Step) { s.Backend.Status, s.Want.Status = 206, 206 }), as(func(s *policytest.Step) { s.Backend.Body = "short" }),
			as(func(s *policytest.Step) { s.Request.Method, s.Backend.Body = "HEAD", "" }), as(func(s *policytest.Step) { s.Backend.Status, s.Want.Status, s.Backend.Body = 304, 304, "" }),
		}},
		{Name: "callers who take none", Hot: true, Steps: []policytest.Step{answer("deflate", "")}},
		{Name: "types that are none", Hot: true, Steps: []policytest.Step{answer("gzip", "", "Content-Type", "image/png")}},
	}})
}

func FuzzConfig(f *testing.F) { policytest.FuzzConfig(f, &compress.Descriptor) }

// FuzzAccept: whatever a caller writes, what comes is readable.
func FuzzAccept(f *testing.F) {
	f.Add("gzip;q=0.5, br;q=1.0, *;q=0")
	f.Fuzz(func(t *testing.T, accept string) {
		policytest.Fuzz(t, &compress.Descriptor, policytest.Case{Steps: []policytest.Step{
			{Request: policytest.Request{Header: policytest.Fields{"Accept-Encoding", accept}}, Backend: policytest.Response{Body: page, Header: policytest.Fields{"Content-Type", "text/html"}}},
		}})
	})
}

func BenchmarkPass(b *testing.B) {
	policytest.Bench(b, &compress.Descriptor, policytest.Case{Steps: []policytest.Step{answer("deflate", "")}})
}
