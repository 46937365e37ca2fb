package engine_test

import (
	"strings"
	"testing"
)

func TestForward(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	s := e.dial()
	for range 3 {
		s.send("GET /a/b?x=1 HTTP/1.1\r\nHost: DEMO.localhost\r\nX-Mine: yes\r\nTollgate-Consumer: forged\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n")
		m := s.answer()
		if m.status() != 200 || m.body != "ok" || m.get("X-Request-Id") == "" || m.get("Content-Type") != "text/plain" {
			t.Fatalf("%+v", m)
		}
	}
	got := b.received()
	for _, want := range []string{
		"GET /a/b?x=1 HTTP/1.1\r\nHost: 127.0.0.1:", "X-Mine: yes\r\n", "X-Forwarded-For: 127.0.0.1\r\n",
		"X-Forwarded-Host: demo.localhost\r\n", "X-Forwarded-Proto: http\r\n", "Via: 1.1 tollgate\r\n", "Traceparent: 00-",
		"Forwarded: for=127.0.0.1;host=demo.localhost;proto=http\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the backend did not get %q in %q", want, got)
		}
	}
	if strings.Contains(got, "forged") || strings.Contains(got, "1.2.3.4") {
		t.Errorf("forged fields reached the backend: %q", got)
	}
	if n := b.connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestNoRoute(t *testing.T) {
	b := answers(t, okAnswer)
	e := newEdge(t, edgeOptions{})
	e.serve(plain(b.url))
	m := e.once("GET / HTTP/1.1\r\nHost: other.localhost\r\n\r\n")
	if m.status() != 404 || m.code() != "no_route" || jsonOf(t, m.body)["code"] != "no_route" {
		t.Fatalf("%+v", m)
	}
	if b.received() != "" {
		t.Error("a backend got something")
	}
}
