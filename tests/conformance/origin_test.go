package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// origin is a raw backend: it records the bytes of every request it gets.
type origin struct {
	l    net.Listener
	mu   sync.Mutex
	seen []string
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{l: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go o.serve(c)
		}
	}()
	return o
}

// serve reads heads and bodies and answers each with a short 200.
func (o *origin) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		var raw strings.Builder
		length, chunked := 0, false
		for {
			line, err := r.ReadString('\n')
			raw.WriteString(line)
			if err != nil {
				if raw.Len() > 0 {
					o.add(raw.String())
				}
				return
			}
			name, value, _ := strings.Cut(line, ":")
			switch strings.ToLower(name) {
			case "content-length":
				fmt.Sscan(strings.TrimSpace(value), &length)
			case "transfer-encoding":
				chunked = true
			}
			if line == "\r\n" || line == "\n" {
				break
			}
		}
		if chunked {
			for {
				size, err := r.ReadString('\n')
				raw.WriteString(size)
				var n int
				fmt.Sscanf(size, "%x", &n)
				if err != nil {
					o.add(raw.String())
					return
				}
				b := make([]byte, n+2)
				m, err := io.ReadFull(r, b)
				raw.Write(b[:m])
				if n == 0 || err != nil {
					break
				}
			}
		} else if length > 0 {
			b := make([]byte, length)
			m, _ := io.ReadFull(r, b)
			raw.Write(b[:m])
		}
		o.add(raw.String())
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\nTollgate-Error: forged\r\n\r\nok")
	}
}

func (o *origin) add(raw string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, raw)
}

// take returns what was recorded since the last take.
func (o *origin) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.seen
	o.seen = nil
	return s
}

// site is one edge with one public route over the raw origin, one keyed route
// under /admin, and one host.
type site struct {
	c      *harness.Cluster
	addr   string
	host   string
	key    string
	origin *origin
	api    *harness.API
	call   *harness.Caller
	dns    *harness.DNS // that proofs of domains are looked for at
}

func newSite(t *testing.T) *site {
	t.Helper()
	dns := harness.StartDNS(t)
	c := harness.New(t, harness.Options{Env: []string{"TOLLGATE_DNS_RESOLVER=" + dns.Addr}})
	o := newOrigin(t)
	api := c.SignUp("conf")
	g := api.Must("POST", "/v1/gateways", harness.Object{"name": "conf"})
	put := func(path string, body harness.Object) { api.Must("PUT", "/v1/gateways/conf/"+path, body) }
	put("upstreams/app", harness.Object{"targets": []harness.Object{{"url": "http://" + o.l.Addr().String()}}})
	put("routes/public", harness.Object{"match": harness.Object{"path": "/public/*"}, "upstream": "app", "public": true})
	put("routes/admin", harness.Object{"match": harness.Object{"path": "/admin/*"}, "upstream": "app", "policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}}})
	put("consumers/alice", harness.Object{})
	api.WaitLive("conf")
	_, key := api.Key("conf", "alice", nil)
	s := &site{c: c, addr: c.Edges[0].Addr(), host: g["hostname"].(string), key: key, origin: o, api: api, dns: dns, call: harness.NewCaller(4)}
	if err := harness.Until(t.Context(), 5*time.Second, func() error {
		if r := s.call.Get(s.addr, s.host, "/admin/x", key); r.Status != 200 {
			return fmt.Errorf("%d %s", r.Status, r.Body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	o.take()
	return s
}

// answer is what came back for raw bytes.
type answer struct {
	statuses []int
	text     string
	closed   bool // the edge closed the connection
}

// send writes raw bytes in one piece and reads until the edge closes or is quiet.
func (s *site) send(t *testing.T, raw string) answer {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.addr, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() { _, _ = io.WriteString(c, raw) }()
	var a answer
	var b strings.Builder
	buf := make([]byte, 32<<10)
	for {
		_ = c.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
		n, err := c.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			ne, ok := err.(net.Error)
			a.closed = !ok || !ne.Timeout()
			break
		}
	}
	a.text = b.String()
	for line := range strings.SplitSeq(a.text, "\n") {
		i := strings.Index(line, "HTTP/1.1 ")
		if i < 0 {
			continue
		}
		var code int
		if _, err := fmt.Sscanf(line[i:], "HTTP/1.1 %d", &code); err == nil {
			a.statuses = append(a.statuses, code)
		}
	}
	return a
}
