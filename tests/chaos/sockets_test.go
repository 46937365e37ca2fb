package chaos

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestSocketKilled: what a WebSocket carries is counted while it is open. An edge that
// is killed meanwhile, with -9, has billed it once and counted all that was carried
// more than a moment before; its metrics have said so too.
func TestSocketKilled(t *testing.T) {
	s := newSite(t, harness.Options{}, "counted")
	s.put("upstreams/echo", harness.Object{"targets": []harness.Object{{"url": harness.WebSocketOrigin(t, func(error) {})}}})
	s.put("routes/live", harness.Object{
		"match": harness.Object{"path": "/live"}, "upstream": "echo", "websocket": harness.Object{},
		"policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}},
	})
	s.api.WaitLive(s.name)
	_, key := s.api.Key(s.name, "alice", nil)
	e := s.Edges[0]
	if _, err := s.accepted(e, "/x", key, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	w, err := harness.DialWebSocket(e.Addr(), s.host, "/live", key)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_ = w.SetDeadline(time.Now().Add(90 * time.Second))
	text := strings.Repeat("x", 100)
	const frameIn, frameOut = 2 + 4 + 100, 2 + 100
	echo := func(w *harness.WebSocket, n int) {
		t.Helper()
		for range n {
			if err := w.Send(text); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Receive(); err != nil {
				t.Fatal(err)
			}
		}
	}
	const many, short, late = 1000, 200, 50
	echo(w, many)
	began := time.Now()
	carried := func() (in, out, billed int64) {
		o := s.api.Must("GET", "/v1/gateways/"+s.name+"/usage?group_by=route&interval=total", nil)
		series, _ := o["series"].([]any)
		for _, v := range series {
			g, _ := v.(map[string]any)
			total, _ := g["total"].(map[string]any)
			if g["name"] == "live" && total != nil {
				number := func(name string) int64 { f, _ := total[name].(float64); return int64(f) }
				return number("bytes_in"), number("bytes_out"), number("billed")
			}
		}
		return 0, 0, 0
	}
	within := func(in, out int64, most int) bool { // the handshake's heads are a few hundred bytes
		const heads = 2000
		return in >= many*frameIn && out >= many*frameOut && in <= int64(many+most)*frameIn+heads && out <= int64(many+most)*frameOut+heads
	}
	if err := harness.Until(t.Context(), time.Minute, func() error {
		if in, out, billed := carried(); !within(in, out, 0) || billed != 1 {
			return fmt.Errorf("%d bytes in, %d out and %d units while it is open", in, out, billed)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages each way are in the usage %v after they were carried, the WebSocket open", many, time.Since(began).Round(100*time.Millisecond))
	r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", e.Admin))
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, direction := range []string{"in", "out"} {
		if want := fmt.Sprintf("tollgate_edge_websocket_messages_total{direction=%q} %d\n", direction, many); !strings.Contains(string(page), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	// One that ends is not counted again at its end.
	other, err := harness.DialWebSocket(e.Addr(), s.host, "/live", key)
	if err != nil {
		t.Fatal(err)
	}
	echo(other, short)
	_ = other.CloseWith(1000)
	_, _ = other.Receive()
	_ = other.Close()
	time.Sleep(5 * time.Second)
	before, out, billed := carried()
	if !within(before, out, short) || before < (many+short)*frameIn || billed != 2 {
		t.Errorf("with one that has ended, %d bytes in, %d out and %d units are counted", before, out, billed)
	}
	echo(w, late)
	e.Kill()
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Second) // former epochs are shipped within a second or two
	in, out, billed := carried()
	if in < before || !within(in, out, short+late) || billed != 2 {
		t.Errorf("behind a kill %d bytes in, %d out and %d units are counted", in, out, billed)
	}
	t.Logf("killed right behind %d more messages: %d of their bytes in are counted", late, in-before)
}
