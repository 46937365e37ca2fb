package conformance

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// wsSite is an edge whose routes take WebSockets.
type wsSite struct {
	addr, host, key, keyID string
	api                    *harness.API
	origin                 *wsOrigin
}

func newWSSite(t *testing.T) *wsSite {
	t.Helper()
	c := harness.New(t, harness.Options{})
	o := newWSOrigin(t)
	api := c.SignUp("ws")
	g := api.Must("POST", "/v1/gateways", harness.Object{"name": "ws"})
	put := func(path string, body harness.Object) { api.Must("PUT", "/v1/gateways/ws/"+path, body) }
	put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": "http://" + o.l.Addr().String()}}})
	route := func(name, path string, ws, more harness.Object) {
		r := harness.Object{"match": harness.Object{"path": path}, "upstream": "app"}
		if ws != nil {
			r["websocket"] = ws
		}
		for k, v := range more {
			r[k] = v
		}
		put("routes/"+name, r)
	}
	open := harness.Object{"public": true}
	route("ws", "/ws/*", harness.Object{"max_message_bytes": wsMax}, open)
	route("plain", "/plain", nil, open)
	route("pages", "/pages", harness.Object{"origins": []string{"https://app.example.com", "https://*.trusted.example"}}, open)
	route("keyed", "/keyed", harness.Object{}, harness.Object{"policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}}})
	put("consumers/alice", harness.Object{})
	api.WaitLive("ws")
	s := &wsSite{addr: c.Edges[0].Addr(), host: g["hostname"].(string), api: api, origin: o}
	s.keyID, s.key = api.Key("ws", "alice", nil)
	return s
}

// upgrade is a good handshake over HTTP/1.1 with other fields behind.
func (s *wsSite) upgrade(path string, more ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + s.host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(append(more, ""), "\r\n") + "\r\n"
}

// connect is a good handshake over HTTP/2.
func (s *wsSite) connect(path string, more ...field) []field {
	return append(append([]field{{":protocol", "websocket"}}, request("CONNECT", s.host, path, field{"sec-websocket-version", "13"})...), more...)
}

// ways are the two protocols.
func (s *wsSite) ways() map[string]func(t testing.TB, path string) *wsClient {
	return map[string]func(t testing.TB, path string) *wsClient{
		"h1": func(t testing.TB, path string) *wsClient {
			c := dialWS(t, s.addr, s.upgrade(path))
			if c.status != 101 || c.header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Fatalf("the handshake got %d %v", c.status, c.header)
			}
			return c
		},
		"h2": func(t testing.TB, path string) *wsClient {
			c := dialWS2(t, s.addr, s.connect(path))
			if c.status != 200 {
				t.Fatalf("the handshake got %d %v", c.status, c.header)
			}
			return c
		},
	}
}

// TestWebSocketFrames runs every case over HTTP/1.1 and over HTTP/2.
func TestWebSocketFrames(t *testing.T) {
	s := newWSSite(t)
	cases := wsCases()
	if len(cases) < 200 {
		t.Errorf("only %d cases", len(cases))
	}
	passed := 0
	for way, dial := range s.ways() {
		for i := range cases {
			c := &cases[i]
			if t.Run(way+"/"+c.id, func(t *testing.T) { s.run(t, dial, c) }) {
				passed++
			}
		}
	}
	t.Logf("%d of %d cases of frames pass, %d over each protocol", passed, 2*len(cases), len(cases))
}

func (s *wsSite) run(t *testing.T, dial func(testing.TB, string) *wsClient, c *wsCase) {
	s.origin.take()
	s.origin.mu.Lock()
	s.origin.raw = c.raw
	s.origin.mu.Unlock()
	path := c.path
	if path == "" {
		path = "/ws/echo"
	}
	cl := dial(t, path)
	go func() {
		for _, p := range c.send {
			if _, err := cl.Write(p); err != nil {
				return // the edge has closed
			}
		}
	}()
	back, code := collect(t, cl)
	if code != int(c.code) {
		t.Errorf("closed with %d, want %d", code, c.code)
	}
	if !c.fault && !slices.Equal(back, c.back) {
		t.Errorf("came back: %.200q, want %.200q", back, c.back)
	}
	if c.path != "" {
		_, _ = cl.Write(goodbye)
	}
	if _, err := io.Copy(io.Discard, cl.r); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Errorf("behind the close: %v", err)
	}
	cl.done()
	s.told(t, c)
}

// told looks at what the backend got: masked frames, and 1001 when the caller
// broke a rule.
func (s *wsSite) told(t *testing.T, c *wsCase) {
	var got []wsFrame
	err := harness.Until(t.Context(), 5*time.Second, func() error {
		frames, unmasked, _ := s.origin.take()
		if got = append(got, frames...); unmasked > 0 {
			t.Errorf("%d frames without a mask reached the backend", unmasked)
		}
		if !c.fault {
			return nil
		}
		if n := len(got); n == 0 || got[n-1].first != 0x88 || len(got[n-1].data) < 2 || binary.BigEndian.Uint16(got[n-1].data) != 1001 {
			return fmt.Errorf("the backend was not told: %.200v", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// collect reads messages up to a Close frame; code is -1 when none came.
func collect(t *testing.T, c *wsClient) (back []string, code int) {
	t.Helper()
	var open []byte
	var kind byte
	for {
		f, masked, err := readWS(c.r)
		if err != nil {
			t.Logf("the connection ended: %v", err)
			return back, -1
		}
		if masked {
			t.Error("a frame to the caller is masked")
		}
		switch op := f.first & 0xf; {
		case op == 8:
			if len(f.data) < 2 {
				return back, 0
			}
			return back, int(binary.BigEndian.Uint16(f.data))
		case op >= 8:
			back = append(back, fmt.Sprintf("%x%s", op, f.data))
			continue
		case op != 0:
			kind, open = op, nil
		}
		if open = append(open, f.data...); f.first&0x80 != 0 {
			back = append(back, fmt.Sprintf("%x%s", kind, open))
		}
	}
}

// handshakes is CON14: handshakes that are not taken, or only in part. (Frames:
// TestWebSocketFrames.)
func handshakes(t *testing.T, _ *site) {
	s := newWSSite(t)
	swap := func(old, with string) string { return strings.Replace(s.upgrade("/ws/echo"), old, with, 1) }
	for _, row := range []struct {
		id, raw string
		status  int
		code    string
	}{
		{"good", s.upgrade("/ws/echo"), 101, ""},
		{"token lists in any case", swap("Connection: Upgrade\r\nUpgrade: websocket", "connection: keep-alive, UPGRADE\r\nupgrade: WebSocket"), 101, ""},
		{"h2c offered too", swap("Upgrade: websocket", "Upgrade: h2c, websocket"), 101, ""},
		{"another protocol", swap("Upgrade: websocket", "Upgrade: foo"), 400, "upgrade_refused"},
		{"another protocol beside", swap("Upgrade: websocket", "Upgrade: websocket, foo"), 400, "upgrade_refused"},
		{"no Connection", swap("Connection: Upgrade\r\n", ""), 400, "upgrade_refused"},
		{"Connection without Upgrade", swap("Connection: Upgrade", "Connection: keep-alive"), 400, "upgrade_refused"},
		{"no key", swap("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400, "upgrade_refused"},
		{"two keys", swap("Sec-WebSocket-Version", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version"), 400, "upgrade_refused"},
		{"key of 15 bytes", swap("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"), 400, "upgrade_refused"},
		{"key that is not base64", swap("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j!!=="), 400, "upgrade_refused"},
		{"empty key", swap("dGhlIHNhbXBsZSBub25jZQ==", ""), 400, "upgrade_refused"},
		{"no version", swap("Sec-WebSocket-Version: 13\r\n", ""), 426, "websocket_version"},
		{"version 8", swap("Version: 13", "Version: 8"), 426, "websocket_version"},
		{"version 12", swap("Version: 13", "Version: 12"), 426, "websocket_version"},
		{"version 13 and 8", swap("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 8"), 426, "websocket_version"},
		{"version 013", swap("Version: 13", "Version: 013"), 426, "websocket_version"},
		{"POST", swap("GET ", "POST "), 400, "upgrade_refused"},
		{"a body", swap("Upgrade: websocket", "Content-Length: 5\r\nUpgrade: websocket") + "hello", 400, "upgrade_refused"},
		{"a chunked body", swap("Upgrade: websocket", "Transfer-Encoding: chunked\r\nUpgrade: websocket") + "0\r\n\r\n", 400, "upgrade_refused"},
		{"a route without WebSockets", s.upgrade("/plain"), 400, "upgrade_refused"},
		{"no route", s.upgrade("/nowhere"), 404, "no_route"},
		{"no key of the API", s.upgrade("/keyed"), 401, "key_missing"},
		{"a wrong key of the API", s.upgrade("/keyed", "X-API-Key: tg_live_nonsense"), 401, "key_invalid"},
		{"a good key of the API", s.upgrade("/keyed", "X-API-Key: "+s.key), 101, ""},
		{"no page", s.upgrade("/pages"), 101, ""},
		{"an allowed page", s.upgrade("/pages", "Origin: https://app.example.com"), 101, ""},
		{"a page below", s.upgrade("/pages", "Origin: https://a.b.trusted.example"), 101, ""},
		{"another page", s.upgrade("/pages", "Origin: https://evil.example.com"), 403, "forbidden"},
		{"the page in clear text", s.upgrade("/pages", "Origin: http://app.example.com"), 403, "forbidden"},
		{"the page on another port", s.upgrade("/pages", "Origin: https://app.example.com:8443"), 403, "forbidden"},
		{"a page that ends alike", s.upgrade("/pages", "Origin: https://eviltrusted.example"), 403, "forbidden"},
		{"the domain itself", s.upgrade("/pages", "Origin: https://trusted.example"), 403, "forbidden"},
		{"no page of anybody's", s.upgrade("/pages", "Origin: null"), 403, "forbidden"},
	} {
		t.Run("h1/"+row.id, func(t *testing.T) {
			if row.code == "key_missing" || row.code == "" && strings.Contains(row.raw, "X-API-Key") {
				s.waitKey(t)
			}
			c := dialWS(t, s.addr, row.raw)
			if c.status != row.status || c.header.Get("Tollgate-Error") != row.code {
				t.Errorf("%d %s, want %d %s", c.status, c.header.Get("Tollgate-Error"), row.status, row.code)
			}
			if row.status == 426 && (c.header.Get("Sec-WebSocket-Version") != "13" || c.header.Get("Upgrade") != "websocket") {
				t.Errorf("426 with %v", c.header)
			}
		})
	}
	for _, row := range []struct {
		id     string
		fields []field
		status int
		code   string
	}{
		{"good", s.connect("/ws/echo"), 200, ""},
		{"no version", without(s.connect("/ws/echo"), "sec-websocket-version"), 426, "websocket_version"},
		{"version 8", append(without(s.connect("/ws/echo"), "sec-websocket-version"), field{"sec-websocket-version", "8"}), 426, "websocket_version"},
		{"a route without WebSockets", s.connect("/plain"), 400, "upgrade_refused"},
		{"no route", s.connect("/nowhere"), 404, "no_route"},
		{"no key of the API", s.connect("/keyed"), 401, "key_missing"},
		{"a good key of the API", s.connect("/keyed", field{"x-api-key", s.key}), 200, ""},
		{"an allowed page", s.connect("/pages", field{"origin", "https://app.example.com"}), 200, ""},
		{"another page", s.connect("/pages", field{"origin", "https://evil.example.com"}), 403, "forbidden"},
		{"another protocol", append([]field{{":protocol", "connect-udp"}}, request("CONNECT", s.host, "/ws/echo")...), 405, "method_not_allowed"},
	} {
		t.Run("h2/"+row.id, func(t *testing.T) {
			c := dialWS2(t, s.addr, row.fields)
			if c.status != row.status || c.header.Get("Tollgate-Error") != row.code {
				t.Errorf("%d %s, want %d %s", c.status, c.header.Get("Tollgate-Error"), row.status, row.code)
			}
		})
	}
	s.origin.take()
	c := dialWS(t, s.addr, s.upgrade("/ws/echo", "Sec-WebSocket-Protocol: chat, superchat", "Sec-WebSocket-Extensions: permessage-deflate"))
	if c.header.Get("Sec-WebSocket-Protocol") != "chat" || c.header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("what was agreed on: %v", c.header)
	}
	if _, _, reqs := s.origin.take(); len(reqs) != 1 || reqs[0].Header.Get("Sec-WebSocket-Extensions") != "" || reqs[0].Header.Get("Sec-WebSocket-Key") == "dGhlIHNhbXBsZSBub25jZQ==" {
		t.Errorf("the backend was asked %v", reqs)
	}
}

// waitKey waits until the edge knows the key.
func (s *wsSite) waitKey(t *testing.T) {
	t.Helper()
	if err := harness.Until(t.Context(), 5*time.Second, func() error {
		c := dialWS(t, s.addr, s.upgrade("/keyed", "X-API-Key: "+s.key))
		defer c.done()
		if c.status != 101 {
			return fmt.Errorf("%d", c.status)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestWebSocketBackendAnswers looks at backends that answer a handshake wrongly.
func TestWebSocketBackendAnswers(t *testing.T) {
	s := newWSSite(t)
	const ok = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"
	for _, row := range []struct {
		id, head string
		h1, h2   int
	}{
		{"good", ok + "\r\n", 101, 200},
		{"no accept", strings.Replace(ok, "Sec-WebSocket-Accept: ACCEPT\r\n", "", 1) + "\r\n", 502, 502},
		{"wrong accept", strings.Replace(ok, "ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 1) + "\r\n", 502, 502},
		{"no Upgrade", strings.Replace(ok, "Upgrade: websocket\r\n", "", 1) + "\r\n", 502, 502},
		{"no Connection", strings.Replace(ok, "Connection: Upgrade\r\n", "", 1) + "\r\n", 502, 502},
		{"another protocol", strings.Replace(ok, "websocket", "foo", 1) + "\r\n", 502, 502},
		{"subprotocol unasked", ok + "Sec-WebSocket-Protocol: chat\r\n\r\n", 502, 502},
		{"extension unasked", ok + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 502, 502},
		{"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 404, 404},
		{"plain answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 200, 502},
		{"no HTTP", "nonsense nonsense nonsense\r\n\r\n", 502, 502},
	} {
		s.origin.mu.Lock()
		s.origin.head = []byte(row.head)
		s.origin.mu.Unlock()
		if c := dialWS(t, s.addr, s.upgrade("/ws/head")); c.status != row.h1 {
			t.Errorf("h1/%s: %d, want %d", row.id, c.status, row.h1)
		}
		if c := dialWS2(t, s.addr, s.connect("/ws/head")); c.status != row.h2 {
			t.Errorf("h2/%s: %d, want %d", row.id, c.status, row.h2)
		}
	}
}

// endedKeys is CON15: a key is revoked, a route and the gateway deleted while
// WebSockets are open.
func endedKeys(t *testing.T, _ *site) {
	s := newWSSite(t)
	s.waitKey(t)
	closed := func(name string, cs []*wsClient, change func()) {
		t.Helper()
		began := time.Now()
		change()
		for _, c := range cs {
			if _, code := collect(t, c); code != 1008 {
				t.Errorf("%s: closed with %d", name, code)
			}
		}
		t.Logf("%s: closed with 1008 after %v", name, time.Since(began).Round(time.Millisecond))
	}
	closed("key revoked", []*wsClient{
		dialWS(t, s.addr, s.upgrade("/keyed", "X-API-Key: "+s.key)),
		dialWS2(t, s.addr, s.connect("/keyed", field{"x-api-key", s.key})),
	}, func() { s.api.Must("POST", "/v1/gateways/ws/keys/"+s.keyID+"/revoke", nil) })
	pages := []*wsClient{dialWS(t, s.addr, s.upgrade("/pages")), dialWS2(t, s.addr, s.connect("/pages"))}
	others := []*wsClient{dialWS(t, s.addr, s.upgrade("/ws/echo")), dialWS2(t, s.addr, s.connect("/ws/echo"))}
	closed("route deleted", pages, func() { s.api.Must("DELETE", "/v1/gateways/ws/routes/pages", nil) })
	for _, c := range others {
		if _, err := c.Write(masked(0x81, "still here")); err != nil {
			t.Error(err)
		}
		if f, _, err := readWS(c.r); err != nil || string(f.data) != "still here" {
			t.Errorf("another route's: %v %v", f, err)
		}
	}
	closed("gateway deleted", others, func() { s.api.Must("DELETE", "/v1/gateways/ws", nil) })
}
