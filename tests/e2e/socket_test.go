package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// TestHTTPToWebSocket asks a backend that speaks WebSocket by plain requests, over a
// real edge: one answer, a stream, a client that goes away, a backend that does.
func TestHTTPToWebSocket(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 20)
	url := harness.SpeakingOrigin(t, func(r *http.Request, w *harness.WebSocket) {
		text, err := w.Receive()
		switch {
		case err != nil:
		case text == "count":
			for i := range 20 {
				_ = w.Send(fmt.Sprint("n", i))
			}
			_ = w.CloseWith(1000)
		case text == "hang":
			return
		case text == "close":
			_ = w.CloseWith(4001)
		case text == "wait":
			_ = w.Send("waiting")
		default:
			_ = w.Send(r.URL.RequestURI() + " " + r.Header.Get("Tollgate-Consumer") + " " + text)
		}
		_ = w.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, err = io.Copy(io.Discard, w.Conn)
		ended <- err
	})
	c := harness.New(t, harness.Options{})
	s := newShop(t, c, "sockets", []*harness.Backend{harness.StartBackend(t, "unused")}, nil)
	target := func(url string) harness.Object { return harness.Object{"targets": []harness.Object{{"url": url}}} }
	s.put("upstreams/app", target(url))
	s.put("upstreams/away", target(fmt.Sprintf("http://127.0.0.1:%d", testport.Free(t))))
	keyed := []harness.Object{{"type": "api_key", "config": harness.Object{}}}
	route := func(name string, config harness.Object) {
		s.put("routes/"+name, harness.Object{
			"match": harness.Object{"path": "/" + name}, "policies": keyed, "integration": harness.Object{"type": "http_websocket", "config": config},
		})
	}
	route("ask", harness.Object{"upstream": "app", "path": "/socket"})
	route("listen", harness.Object{"upstream": "app", "answer": "stream"})
	route("nobody", harness.Object{"upstream": "away"})
	_, key := s.consumer("ann", "")
	s.api.WaitLive(s.name)
	addr := c.Edges[0].Addr()
	post := func(ctx context.Context, path, body string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, "POST", "http://"+addr+path, strings.NewReader(body))
		must(t, err)
		r.Host = s.host
		r.Header.Set("X-API-Key", key)
		r.Header.Set("Content-Type", "text/plain")
		resp, err := http.DefaultClient.Do(r)
		must(t, err)
		return resp
	}
	read := func(resp *http.Response) string {
		t.Helper()
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		must(t, err)
		return string(b)
	}
	must(t, harness.Until(t.Context(), 10*time.Second, func() error { // the key is on its way
		resp := post(t.Context(), "/ask?a=b", "hello")
		if got := read(resp); resp.StatusCode != 200 || got != "/socket?a=b ann hello" {
			return fmt.Errorf("%s %q", resp.Status, got)
		}
		return nil
	}))
	<-ended

	want := ""
	for i := range 20 {
		want += fmt.Sprintf("data: n%d\n\n", i)
	}
	want += "event: end\ndata: {\"reason\":\"closed\",\"close\":1000}\n\n"
	resp := post(t.Context(), "/listen", "count")
	if got := read(resp); resp.Header.Get("Content-Type") != "text/event-stream" || got != want {
		t.Errorf("%v %q", resp.Header, got)
	}
	<-ended

	ctx, cancel := context.WithCancel(t.Context())
	resp = post(ctx, "/listen", "wait")
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "data: waiting\n" {
		t.Fatalf("%q %v", line, err)
	}
	cancel()
	gone := time.Now()
	if err := <-ended; err != nil {
		t.Errorf("the backend was told of its client's end by %v", err)
	}
	took := time.Since(gone)
	t.Logf("the backend's connection ends %v after its client's", took.Round(time.Millisecond))
	if took > 10*time.Second { // TestEvents has the engine's part of it
		t.Error("it took too long")
	}

	for _, c := range []struct {
		path, body, code string
		status           int
	}{
		{"/nobody", "x", "upstream_unavailable", 503}, {"/ask", "hang", "upstream_reset", 502}, {"/ask", "close", "upstream_protocol", 502},
	} {
		resp := post(t.Context(), c.path, c.body)
		if got := resp.Header.Get("Tollgate-Error"); resp.StatusCode != c.status || got != c.code {
			t.Errorf("%s %s: %s %s, want %d %s", c.path, c.body, resp.Status, got, c.status, c.code)
		}
		_ = resp.Body.Close()
	}
	resp = post(t.Context(), "/listen", "hang")
	if got := read(resp); got != "event: error\ndata: {\"code\":\"upstream_reset\"}\n\n" {
		t.Errorf("a backend that went away: %q", got)
	}
	bad, err := s.api.Do("PUT", "/v1/gateways/"+s.name+"/upstreams/app", harness.Object{"targets": []harness.Object{{"url": url}}, "protocol": "h2c"})
	if err != nil || bad.Status != 422 && bad.Status != 400 {
		t.Errorf("an upstream of HTTP/2 for WebSockets: %v %v", bad, err)
	}
}
