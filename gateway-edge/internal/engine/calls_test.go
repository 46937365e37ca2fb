package engine_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestCallsEnd looks at how calls of gRPC end that do not end well.
func TestCallsEnd(t *testing.T) {
	left := make(chan string, 10)
	url := h2Backend(t, func(w http.ResponseWriter, r *http.Request) {
		left <- r.Header.Get("Grpc-Timeout")
		w.Header().Set("Content-Type", "application/grpc")
		if r.URL.Path == "/s/only" { // trailers alone, while the client still sends
			w.Header().Set("Grpc-Status", "5")
			return
		}
		_, _ = io.WriteString(w, grpcMessage("first"))
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/s/break" {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
	})
	e := newEdge(t, edgeOptions{})
	e.serve(withProtocol(plain(url), "h2c"))
	c := e.h2Client(false)
	call := func(host, path, kind, timeout string, body io.Reader) *http.Response {
		r, err := http.NewRequest("POST", "http://"+host+path, body)
		must(t, err)
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Te", "trailers")
		if timeout != "" {
			r.Header.Set("Grpc-Timeout", timeout)
		}
		resp, err := c.Do(r)
		must(t, err)
		return resp
	}
	t.Run("the backend breaks", func(t *testing.T) {
		resp := call("demo.localhost", "/s/break", "application/grpc+proto", "", strings.NewReader("x"))
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != grpcMessage("first") || resp.Trailer.Get("Grpc-Status") != "14" || !strings.HasPrefix(resp.Trailer.Get("Grpc-Message"), "upstream_reset: ") {
			t.Errorf("%q %v %v", got, err, resp.Trailer)
		}
		if d := <-left; d != "" {
			t.Errorf("the backend was given %q", d)
		}
	})
	t.Run("the time is over", func(t *testing.T) {
		resp := call("demo.localhost", "/s/hang", "application/grpc", "300m", strings.NewReader("x"))
		if _, err := io.ReadAll(resp.Body); err != nil || resp.Trailer.Get("Grpc-Status") != "4" {
			t.Errorf("%v %v", err, resp.Trailer)
		}
		if d := <-left; len(d) != 7 || d[6] != 'u' || d > "300000u" { // less than it was
			t.Errorf("the backend was given %q", d)
		}
	})
	t.Run("trailers only while the client sends", func(t *testing.T) {
		pr, pw := io.Pipe()
		defer pw.Close()
		resp := call("demo.localhost", "/s/only", "application/grpc", "", pr)
		if resp.Header.Get("Grpc-Status") != "5" {
			t.Errorf("%v", resp.Header)
		}
		<-left
	})
	t.Run("gRPC-Web is told in the head", func(t *testing.T) {
		resp := call("nobody.localhost", "/s/m", "application/grpc-web+proto", "", strings.NewReader("x"))
		if resp.StatusCode != 200 || resp.Header.Get("Grpc-Status") != "12" || resp.Header.Get("Content-Type") != "application/grpc-web" {
			t.Errorf("%s %v", resp.Status, resp.Header)
		}
	})
	t.Run("nothing is left", func(t *testing.T) {
		for range 100 {
			if e.Open() == 0 {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%d requests are under way", e.Open())
	})
}
