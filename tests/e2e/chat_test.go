package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract/testport"
	"github.com/tollgate/tollgate/tests/harness"
)

// TestChat runs the example of portal/docs/connections.md: two people on two edges
// talk through a backend that speaks plain HTTP.
func TestChat(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../portal/docs/connections.md")
	must(t, err)
	code, err := os.ReadFile("../cmd/chat/main.go")
	must(t, err)
	_, program, _ := strings.Cut(string(code), "package main\n")
	if !strings.Contains(string(page), "package main\n"+program) {
		t.Error("the page and the program differ")
	}
	c := harness.New(t, harness.Options{Edges: 2})
	port := testport.Free(t)
	s := newShop(t, c, "talk", []*harness.Backend{{Name: "chat", Port: port}}, nil)
	token := s.api.Must("POST", "/v1/tokens", harness.Object{"name": "chat", "scopes": []string{"connections:write"}})
	backend := &harness.Process{Name: "chat", Path: harness.Helper(t, "chat", "cmd/chat"), Env: []string{
		fmt.Sprintf("ADDR=127.0.0.1:%d", port), "GATEWAY=talk", "TOLLGATE_URL=" + c.PortalURL, "TOLLGATE_TOKEN=" + token["token"].(string),
	}}
	must(t, backend.Start())
	t.Cleanup(backend.Kill)
	must(t, harness.Until(t.Context(), 10*time.Second, func() error {
		r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err == nil {
			r.Body.Close()
		}
		return err
	}))
	s.put("routes/chat", harness.Object{
		"match": harness.Object{"path": "/chat"}, "public": true, "websocket": harness.Object{},
		"integration": harness.Object{"type": "websocket_http", "config": harness.Object{
			"upstream": "app", "connect_path": "/connect", "message_path": "/message", "disconnect_path": "/disconnect",
		}},
	})
	s.api.WaitLive(s.name)
	if _, err := harness.DialWebSocket(c.Edges[0].Addr(), s.host, "/chat", ""); err == nil || !strings.HasPrefix(err.Error(), "403") {
		t.Errorf("nobody was let in: %v", err)
	}
	ann, err := harness.DialWebSocket(c.Edges[0].Addr(), s.host, "/chat?name=ann", "")
	must(t, err)
	defer ann.Close()
	bob, err := harness.DialWebSocket(c.Edges[1].Addr(), s.host, "/chat?name=bob", "")
	must(t, err)
	defer bob.Close()
	must(t, ann.SetDeadline(time.Now().Add(20*time.Second)))
	must(t, bob.SetDeadline(time.Now().Add(20*time.Second)))
	hears := func(who *harness.WebSocket, want string) {
		t.Helper()
		if got, err := who.Receive(); err != nil || got != want {
			t.Fatalf("heard %q, %v, want %q\n%s", got, err, want, backend.Log())
		}
	}
	for i := range 5 {
		must(t, ann.Send(fmt.Sprint("hello ", i)))
		hears(ann, fmt.Sprint("ann: hello ", i))
		hears(bob, fmt.Sprint("ann: hello ", i))
		must(t, bob.Send("hi"))
		hears(bob, "bob: hi")
		hears(ann, "bob: hi")
	}
	_ = bob.Close()
	time.Sleep(500 * time.Millisecond) // bob's end is told; were it not, 410 would tell it
	must(t, ann.Send("alone"))
	hears(ann, "ann: alone")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
