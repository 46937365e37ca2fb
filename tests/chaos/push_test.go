package chaos

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/tests/harness"
)

// TestPush measures from the call of the management API to the arrival at a client
// whose WebSocket one of two edges holds, 400 times beside other traffic, and looks
// at what becomes of ids that lead to nobody.
func TestPush(t *testing.T) {
	ids := make(chan string, 16)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Tollgate-Event") == "connect" {
			ids <- r.Header.Get("Tollgate-Connection-Id")
		}
	}))
	defer backend.Close()
	s := newSite(t, harness.Options{Edges: 2}, "pushed")
	s.put("upstreams/talk", harness.Object{"targets": []harness.Object{{"url": backend.URL}}})
	s.put("routes/live", harness.Object{
		"match": harness.Object{"path": "/live"}, "websocket": harness.Object{"max_message_bytes": 1000},
		"policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}},
		"integration": harness.Object{"type": "websocket_http", "config": harness.Object{
			"upstream": "talk", "connect_path": "/connect", "message_path": "/message",
		}},
	})
	s.api.WaitLive(s.name)
	_, key := s.api.Key(s.name, "alice", nil)
	type held struct {
		*harness.WebSocket
		id string
	}
	var sockets []held
	for _, e := range s.Edges {
		s.accepted(e, "/x", key, 5*time.Second)
		w, err := harness.DialWebSocket(e.Addr(), s.host, "/live", key)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		sockets = append(sockets, held{w, <-ids})
	}
	address := func(id string) string { return "/v1/gateways/" + s.name + "/connections/" + id }
	stop := s.background(100, key)
	bestOf(t, func() (string, error) {
		var all spread
		for i := range 400 {
			h := sockets[i%len(sockets)]
			text := fmt.Sprint("message ", i)
			_ = h.SetDeadline(time.Now().Add(10 * time.Second))
			began := time.Now()
			s.api.Must("POST", address(h.id), harness.Object{"text": text})
			got, err := h.Receive()
			if err != nil || got != text {
				return "", fmt.Errorf("the client got %q, %v", got, err)
			}
			all = append(all, time.Since(began))
			time.Sleep(10 * time.Millisecond) // the pace that one organization is given
		}
		if all.at(0.99) > 250*time.Millisecond {
			return "", fmt.Errorf("the bar is p99 <= 250ms: %v", all)
		}
		return fmt.Sprintf("from the call to the client: %v", all), nil
	})
	stop()
	want := func(what, id string, status int, api *harness.API) {
		t.Helper()
		r, err := api.Do("POST", address(id), harness.Object{"text": "x"})
		if err != nil || r.Status != status {
			t.Errorf("%s: %v %v, want %d", what, r, err, status)
		}
	}
	_, _ = s.api.Do("POST", address(sockets[0].id), harness.Object{"text": "counted"})
	o := s.api.Must("GET", address(sockets[0].id), nil)
	if o["route"] != "live" || o["consumer"] != "alice" || o["sent"].(float64) < 201 {
		t.Errorf("%v", o)
	}
	want("an id that never was", contract.ConnectionID(sockets[0].id[3:11], [contract.ConnectionRandom]byte{1}), 410, s.api)
	want("no edge's", contract.ConnectionID("AAAAAAAA", [contract.ConnectionRandom]byte{1}), 410, s.api)
	other := s.SignUp("stranger")
	want("another organization", sockets[0].id, 404, other)
	other.Must("POST", "/v1/gateways", harness.Object{"name": s.name})
	want("another organization's gateway of this name", sockets[0].id, 410, other)
	if r, err := s.api.Do("POST", address(sockets[0].id), harness.Object{"text": strings.Repeat("x", 1001)}); err != nil || r.Status != 413 {
		t.Errorf("too long: %v %v", r, err)
	}
	if r, err := s.api.Do("DELETE", address(sockets[0].id)+"?code=4001&reason=enough", nil); err != nil || r.Status != 204 {
		t.Errorf("closing: %v %v", r, err)
	}
	for {
		if _, err := sockets[0].Receive(); err != nil {
			if c, ok := err.(*harness.ClosedError); !ok || c.Code != 4001 || c.Reason != "enough" {
				t.Errorf("closed by %v", err)
			}
			break
		}
	}
	want("a connection that was closed", sockets[0].id, 410, s.api)
	s.Edges[1].Kill()
	gone := time.Now()
	for time.Since(gone) < 15*time.Second {
		if r, err := s.api.Do("POST", address(sockets[1].id), harness.Object{"text": "x"}); err == nil && r.Status == 410 {
			t.Logf("a killed edge's connections are gone after %v", time.Since(gone).Round(10*time.Millisecond))
			return
		}
	}
	want("a killed edge's", sockets[1].id, 410, s.api)
}
