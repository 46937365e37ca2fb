package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/tollgate/tollgate/tests/harness"
)

// zeros is a body without an end.
type zeros struct{ sent int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.sent += int64(len(p))
	return len(p), nil
}

func endlessBody(t *testing.T, s *sharing) {
	x := s.a
	x.route("big", harness.Object{"max_body_bytes": 8 << 20})
	x.live(t, "", "")
	edge := s.c.Edges[0]
	before := edge.RSS(t)
	body := &zeros{}
	if r := x.send(t, "POST", "/big/plain", io.LimitReader(body, 10<<30)); r.Err == nil && r.Status != 413 {
		t.Errorf("%d %s after %d bytes", r.Status, r.Code, body.sent)
	}
	if body.sent > 256<<20 {
		t.Errorf("%d bytes were taken", body.sent)
	}
	if grown := edge.RSS(t) - before; grown > 64<<20 {
		t.Errorf("the edge grew by %d bytes", grown)
	}
	c, err := net.Dial("tcp", edge.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /big/plain HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", x.host, int64(10)<<30)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	head := make([]byte, 64)
	if n, err := io.ReadFull(c, head[:12]); err != nil || !strings.Contains(string(head[:n]), " 413") {
		t.Errorf("a length of 10 GiB is answered %q, %v", head[:n], err)
	}
}

func growing(t *testing.T, s *sharing) {
	x := s.a
	x.route("grow", nil, policy("body_limits", harness.Object{"encodings": []string{"gzip", "br", "zstd"}}))
	x.live(t, "", "")
	plain := bytes.Repeat([]byte(" "), 64<<20)
	pack := map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"br":   func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 1) },
		"zstd": func(w io.Writer) io.WriteCloser {
			e, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	}
	for name, open := range pack {
		var b bytes.Buffer
		w := open(&b)
		_, _ = w.Write([]byte("["))
		_, _ = w.Write(plain)
		_, _ = w.Write([]byte("]"))
		_ = w.Close()
		s.backend.forget()
		r := x.send(t, "POST", "/grow/plain", &b, "Content-Type", "application/json", "Content-Encoding", name)
		if r.Status != 413 && r.Status != 400 {
			t.Errorf("%s: %d %s", name, r.Status, r.Code)
		}
		if n := len(s.backend.take()); n > 0 {
			t.Errorf("%s reached the backend", name)
		}
	}
	parts := strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", 5000) + "--x--\r\n"
	if r := x.send(t, "POST", "/grow/plain", strings.NewReader(parts), "Content-Type", "multipart/form-data; boundary=x"); r.Status/100 != 4 {
		t.Errorf("5,000 parts: %d %s", r.Status, r.Code)
	}
}

func sameBytes(t *testing.T, s *sharing) {
	x := s.a
	x.route("judged", nil, policy("validate_request", harness.Object{"body": harness.Object{"required": true, "schema": harness.Object{
		"type": "object", "required": []string{"role"}, "properties": harness.Object{"role": harness.Object{"const": "user"}},
	}}}))
	x.live(t, "", "")
	send := map[string]func(body string) (status string){
		"with a length": func(body string) string {
			return fmt.Sprint(x.send(t, "POST", "/judged/plain", strings.NewReader(body), "Content-Type", "application/json").Status)
		},
		"in chunks": func(body string) string {
			return fmt.Sprint(x.send(t, "POST", "/judged/plain", io.MultiReader(strings.NewReader(body)), "Content-Type", "application/json").Status)
		},
		"over HTTP/2": func(body string) string {
			h := dialH2(t, s.c.Edges[0].Addr())
			defer h.c.Close()
			fields := append(request("POST", x.host, "/judged/plain"), field{"content-type", "application/json"})
			if err := h.sendRow(&h2row{fields: fields, body: body}); err != nil {
				t.Fatal(err)
			}
			return h.wait(1, 3*time.Second).status
		},
	}
	for how, f := range send {
		for body, good := range map[string]bool{`{"role":"user"}`: true, `{"role":"admin"}`: false, ``: false, `{"role":"user"}{"role":"admin"}`: false, `{"role":"user","role":"admin"}`: false} {
			s.backend.forget()
			status := f(body)
			got := s.backend.take()
			switch {
			case good && (status != "200" || len(got) != 1 || got[0].body != body):
				t.Errorf("%q %s: %s, the backend got %d", body, how, status, len(got))
			case !good && (status == "200" || len(got) > 0):
				t.Errorf("%q %s: %s, the backend got %d", body, how, status, len(got))
			}
		}
	}
}

func operations(t *testing.T, s *sharing) {
	x := s.a
	x.route("gql", nil, policy("graphql_limits", harness.Object{}))
	x.live(t, "", "")
	quoted := func(q string) string { return `{"query":"` + q + `"}` }
	var aliases strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&aliases, "a%d:name ", i)
	}
	for what, body := range map[string]string{
		"depth":         quoted(strings.Repeat("{a", 50) + strings.Repeat("}", 50)),
		"aliases":       quoted("{" + aliases.String() + "}"),
		"batch":         "[" + strings.Repeat(quoted("{a}")+",", 999) + quoted("{a}") + "]",
		"cycle":         quoted("{...f} fragment f on Q {...g} fragment g on Q {...f}"),
		"introspection": quoted("{__schema{types{name}}}"),
	} {
		s.backend.forget()
		if r := x.send(t, "POST", "/gql/plain", strings.NewReader(body), "Content-Type", "application/json"); r.Status/100 == 2 && r.Code == "" && !strings.Contains(r.Body, "errors") {
			t.Errorf("%s: %d %s", what, r.Status, r.Body)
		}
		if n := len(s.backend.take()); n > 0 {
			t.Errorf("%s reached the backend", what)
		}
	}
}

func badConfigurations(t *testing.T, s *sharing) {
	x := s.a
	for what, c := range map[string]struct{ body, at string }{
		"an unknown field":   {`{"routes":[{"name":"a","match":{"path":"/a"},"upstream":"app","public":true,"colour":"red"}]}`, "/routes/0/colour"},
		"a missing name":     {`{"routes":[{"match":{"path":"/a"},"upstream":"app","public":true}]}`, "/routes/0"},
		"an odd weight":      {`{"upstreams":[{"name":"u","targets":[{"url":"http://x.example","weight":"NaN"}]}]}`, "/upstreams/0/targets/0/weight"},
		"a negative timeout": {`{"routes":[{"name":"a","match":{"path":"/a"},"upstream":"app","public":true,"timeout":"-1s"}]}`, "/routes/0/timeout"},
		"no such upstream":   {`{"routes":[{"name":"a","match":{"path":"/a"},"upstream":"nobody","public":true}]}`, "/routes/0/upstream"},
		"one name twice":     {`{"upstreams":[{"name":"u","targets":[{"url":"http://x.example"}]},{"name":"u","targets":[{"url":"http://y.example"}]}]}`, "/upstreams/1"},
		"someone's host":     {`{"upstreams":[{"name":"u","targets":[{"url":"http://x.example"}]}],"routes":[{"name":"a","match":{"path":"/a","hosts":["` + s.b.host + `"]},"upstream":"u","public":true}]}`, "/routes/0/match/hosts"},
		"too many routes":    {`{"routes":[` + strings.Repeat(`{"name":"a","match":{"path":"/a"},"public":true},`, 10001) + `{"name":"b","match":{"path":"/b"}}]}`, "/routes"},
		"no JSON":            {`{"routes":[`, ""},
		"depth":              {strings.Repeat(`{"routes":[`, 5000), ""},
	} {
		r, err := x.api.Do("PUT", "/v1/gateways/"+x.name+"/config", []byte(c.body), "Content-Type", "application/json")
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != 422 && r.Status != 400 && r.Status != 413 || !strings.Contains(string(r.Body), c.at) {
			t.Errorf("%s: %d %.300s", what, r.Status, r.Body)
		}
	}
}

func templates(t *testing.T, s *sharing) {
	x := s.a
	set := harness.Object{"X-A": "{{env \"PATH\"}}", "X-B": "${HOME}", "X-C": "$(id)", "X-D": "`id`", "X-E": "<%= 7*7 %>", "X-F": "#{7*7}"}
	r, err := x.api.Do("PUT", "/v1/gateways/"+x.name+"/routes/tpl", harness.Object{
		"match": harness.Object{"path": "/tpl/*"}, "upstream": "app", "public": true, "policies": []harness.Object{policy("request_headers", harness.Object{"set": set})},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status == 422 { // refused is as good
		return
	}
	x.live(t, "", "")
	s.backend.forget()
	x.get("/tpl/plain?x={{env}}", "X-Sent", "{{7*7}}${HOME}")
	got := s.backend.take()
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	for name, want := range set {
		if v := got[0].header.Get(name); v != want {
			t.Errorf("%s is %q, want it as it was written", name, v)
		}
	}
	if v := got[0].header.Get("X-Sent"); v != "{{7*7}}${HOME}" {
		t.Errorf("a client's field became %q", v)
	}
}
