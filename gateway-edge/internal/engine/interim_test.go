package engine_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/tollgate/tollgate/services/contract"
)

// TestInterim sends early hints from backends of both protocols to clients of
// both: they come before the answer, and hold nothing but the hint.
func TestInterim(t *testing.T) {
	h1 := answers(t, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nSet-Cookie: a=b\r\nX-Inner: 1\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"+okAnswer)
	h2 := h2Backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</x>")
		w.Header().Set("X-Inner", "1")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.WriteHeader(http.StatusProcessing)
		_, _ = io.WriteString(w, "ok")
	})
	for name, g := range map[string]struct{ url, protocol string }{"h1": {h1.url, ""}, "h2c": {h2, "h2c"}} {
		t.Run("backend "+name, func(t *testing.T) {
			e := newEdge(t, edgeOptions{})
			e.serve(withProtocol(plain(g.url), g.protocol))
			t.Run("client h1", func(t *testing.T) {
				s := e.dial()
				s.send(get("/"))
				var got []string
				for range 3 {
					line, err := s.r.ReadString('\n')
					must(t, err)
					h, err := readFields(s.r)
					must(t, err)
					got = append(got, strings.Fields(line)[1])
					if len(got) < 3 && (len(h) > 1 || len(got) == 2 && len(h) != 0) {
						t.Errorf("%s came with %v", line, h)
					}
				}
				if strings.Join(got, " ") != "103 102 200" {
					t.Errorf("the answers were %v", got)
				}
			})
			t.Run("client of HTTP/1.0", func(t *testing.T) {
				s := e.dial()
				s.send("GET / HTTP/1.0\r\n" + host + "\r\n")
				if m := s.answer(); m.status() != 200 {
					t.Errorf("got %s", m.line)
				}
			})
			t.Run("client h2", func(t *testing.T) {
				var mu sync.Mutex
				var got []int
				trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
					mu.Lock()
					defer mu.Unlock()
					if got = append(got, code); code == 103 && (h.Get("Link") != "</x>" || len(h) != 1) {
						t.Errorf("103 came with %v", h)
					}
					return nil
				}}
				r, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), "GET", "http://demo.localhost/", nil)
				must(t, err)
				resp, err := e.h2Client(false).Do(r)
				must(t, err)
				defer resp.Body.Close()
				mu.Lock()
				defer mu.Unlock()
				if resp.StatusCode != 200 || len(got) != 2 || resp.Header.Get("Link") != "" {
					t.Errorf("%s after %v", resp.Status, got)
				}
			})
		})
	}
}

func TestInterimWithoutEnd(t *testing.T) {
	b := answers(t, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 40)+okAnswer)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	resp, err := e.h2Client(false).Get("http://demo.localhost/")
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != 502 || resp.Header.Get("Tollgate-Error") != "upstream_protocol" {
		t.Errorf("%s %s", resp.Status, resp.Header.Get("Tollgate-Error"))
	}
}

// TestInterimForNobody: a client that has gone when an interim answer comes does
// not count against the backend, and nothing is asked again for it.
func TestInterimForNobody(t *testing.T) {
	came, reset := make(chan struct{}, 10), make(chan struct{}, 10)
	b := newBackend(t, func(_ *rawBackend, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if req.URL.Path == "/hints" {
				came <- struct{}{}
				<-reset
				for range 3 { // the first may still find room in the socket
					_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
				}
			}
			_, _ = io.WriteString(c, okAnswer)
		}
	})
	e := newEdge(t, edgeOptions{})
	g := plain(b.url)
	g.Upstreams[0].Outlier = &contract.OutlierDetection{ConsecutiveErrors: 1, MaxEjectedPercent: 100}
	g.Upstreams[0].WhenAllDown = "refuse"
	e.serve(g)
	for range 3 {
		s := e.dial()
		s.send(get("/hints"))
		<-came
		must(t, s.Conn.(*net.TCPConn).SetLinger(0))
		must(t, s.Close())
		reset <- struct{}{}
		eventually(t, func() bool { return e.Open() == 0 })
		if m := e.once(get("/")); m.status() != 200 {
			t.Fatalf("the target is held for ill: %s %s", m.line, m.code())
		}
		if len(came) != 0 {
			t.Fatal("the request was sent again")
		}
	}
}
