package conformance

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"

	"github.com/tollgate/tollgate/tests/harness"
)

// dialH3From is dialH3 from an address of its own: what one address may have is
// bounded, and the other client's is another.
func dialH3From(t testing.TB, s *site, from string, c *quic.Config) (*h3, error) {
	t.Helper()
	pc, err := net.ListenPacket("udp", from+":0")
	if err != nil {
		return nil, err
	}
	tr := &quic.Transport{Conn: pc}
	t.Cleanup(func() { _ = tr.Close(); _ = pc.Close() })
	addr, err := net.ResolveUDPAddr("udp", s.secureAddr())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := tr.Dial(ctx, addr, h3TLS(s.host), c)
	if err != nil {
		return nil, err
	}
	h := &h3{t: t, c: conn}
	h.control = h.uni(h3Control, h3Frame(h3Settings, nil))
	return h, nil
}

// TestHTTP3Floods runs the floods of HTTP/3 one after the other against one edge.
// Each must end with its connection, and cost others next to nothing.
func TestHTTP3Floods(t *testing.T) {
	s := newSite(t)
	s.aliveH3(t)
	head := h3Frame(h3Headers, h3Block(secure(request("GET", s.host, "/public/flood"))))
	// open writes to a stream of its own, waiting for one as any client must.
	open := func(ctx context.Context, h *h3, b []byte) (*quic.Stream, error) {
		str, err := h.c.OpenStreamSync(ctx)
		if err != nil {
			return nil, err
		}
		_, err = str.Write(b)
		return str, err
	}
	reset := func(str *quic.Stream) {
		str.CancelWrite(0x10c)
		str.CancelRead(0x10c)
	}
	long := h3Frame(h3Headers, make([]byte, 60_000))
	for name, step := range map[string]func(ctx context.Context, h *h3, i int) error{
		"CON01 rapid reset": func(ctx context.Context, h *h3, _ int) error {
			str, err := open(ctx, h, head)
			if err != nil {
				return err
			}
			if err := str.Close(); err != nil {
				return err
			}
			time.Sleep(20 * time.Microsecond) // the head gets a packet of its own
			reset(str)
			return nil
		},
		"CON01 resets before the head's end": func(ctx context.Context, h *h3, _ int) error {
			str, err := open(ctx, h, long[:1000])
			if err == nil {
				reset(str)
			}
			return err
		},
		"CON03 heads without end": func(ctx context.Context, h *h3, _ int) error {
			_, err := open(ctx, h, long[:50_000])
			return err
		},
		"CON05 frames that nobody knows": func(_ context.Context, h *h3, i int) error {
			_, err := h.control.Write(h3Frame(0x21+0x1f*uint64(i%100), make([]byte, 1000)))
			return err
		},
		"CON05 priorities": func(_ context.Context, h *h3, i int) error {
			_, err := h.control.Write(h3Frame(0xf0700, append(quicvarint.Append(nil, uint64(4*i)), "u=1"...)))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.during(t, func() {
				h, err := dialH3From(t, s, "127.0.0.5", nil)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*floodFor)
				defer cancel()
				n := 0
				for ; err == nil && ctx.Err() == nil; n++ {
					err = step(ctx, h, n)
				}
				code := h.ended(3 * time.Second)
				if code == nil || uint64(*code) != h3ExcessiveLoad {
					t.Errorf("after %d rounds: %v, %v; want the connection closed with %#x", n, code, err, h3ExcessiveLoad)
				} else {
					t.Logf("%d rounds, then %#x", n, uint64(*code))
				}
			})
			s.aliveH3(t)
		})
	}
	t.Run("CON04 QPACK bomb", func(t *testing.T) {
		// Two bytes for each line of 75: index 85 of the static table.
		bomb := append([]byte{0, 0}, []byte(strings.Repeat("\xff\x16", 30_000))...)
		s.during(t, func() {
			h, err := dialH3From(t, s, "127.0.0.5", nil)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for end := time.Now().Add(floodFor); time.Now().Before(end); n++ {
				str, err := open(t.Context(), h, h3Frame(h3Headers, bomb))
				if err != nil {
					break
				}
				_ = str.Close()
				if o := h.wait(str, 3*time.Second); !o.refused() {
					t.Fatalf("answered %s", o)
				}
			}
			t.Logf("%d bombs of 2 MB were refused", n)
		})
	})
}

// TestHTTP3SlowHeads is CON08: heads that don't come to their end hold a
// connection for the head's time, with and without requests beside them.
func TestHTTP3SlowHeads(t *testing.T) {
	s := newSite(t)
	half := h3Frame(h3Headers, make([]byte, 8000))[:20]
	good := request("GET", s.host, "/public/slow")
	s.during(t, func() {
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				h, err := dialH3From(t, s, fmt.Sprintf("127.0.0.%d", 10+i%4), nil)
				if err != nil {
					return // refused: so much the better
				}
				for range 80 {
					str, err := h.c.OpenStream()
					if err != nil {
						break
					}
					_, _ = str.Write(half)
				}
				began := time.Now()
				for h.c.Context().Err() == nil && time.Since(began) < 20*time.Second {
					if i%2 == 1 {
						if str, err := h.ask(good); err == nil {
							h.wait(str, time.Second)
						}
					}
					select {
					case <-h.c.Context().Done():
					case <-time.After(time.Second):
					}
				}
				if h.c.Context().Err() == nil {
					t.Errorf("connection %d lives on after %v", i, time.Since(began).Round(time.Second))
				}
			})
		}
		all.Wait()
	})
	s.aliveH3(t)
}

// TestHTTP3UnreadAnswers is CON06 by a client that takes nothing: answers must not
// pile up in memory.
func TestHTTP3UnreadAnswers(t *testing.T) {
	s := newSite(t)
	big := make([]byte, 1<<20)
	backend := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(big) })}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = backend.Serve(l) }()
	t.Cleanup(func() { backend.Close() })
	s.api.Must("PUT", "/v1/gateways/conf/upstreams/big", harness.Object{"targets": []harness.Object{{"url": "http://" + l.Addr().String()}}})
	s.api.Must("PUT", "/v1/gateways/conf/routes/big", harness.Object{"match": harness.Object{"path": "/big"}, "upstream": "big", "public": true})
	s.api.WaitLive("conf")
	s.during(t, func() {
		h, err := dialH3From(t, s, "127.0.0.6", &quic.Config{InitialStreamReceiveWindow: 1, MaxStreamReceiveWindow: 1, InitialConnectionReceiveWindow: 1, MaxConnectionReceiveWindow: 1})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if _, err := h.ask(request("GET", s.host, "/big")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		if m := s.metrics(t); m["tollgate_edge_open_requests"] < 50 {
			t.Errorf("only %v requests are held", m["tollgate_edge_open_requests"])
		}
	})
}

// deaf is a socket that hears nothing: whatever it sends could be from anybody.
// It counts what goes and what comes.
type deaf struct {
	net.PacketConn
	sent, got atomic.Int64 // bytes
}

func (d *deaf) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, _, err := d.PacketConn.ReadFrom(p)
		if err != nil {
			return 0, nil, err
		}
		d.got.Add(int64(n))
	}
}

func (d *deaf) WriteTo(p []byte, a net.Addr) (int, error) {
	d.sent.Add(int64(len(p)))
	return d.PacketConn.WriteTo(p, a)
}

// TestHTTP3Initials floods the edge with first packets of nobody: newcomers have to
// prove their address then, those who do are served, and nobody gets more bytes than
// three times what was sent in his name (RFC 9000, 8.1).
func TestHTTP3Initials(t *testing.T) {
	t.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true") // of a socket that hears nothing
	s := newSite(t)
	s.aliveH3(t)
	before := s.metrics(t)
	s.during(t, func() {
		addr, err := net.ResolveUDPAddr("udp", s.secureAddr())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*floodFor)
		defer cancel()
		var floods sync.WaitGroup
		var sockets []*deaf
		for i := range 20 {
			pc, err := net.ListenPacket("udp", fmt.Sprintf("127.0.1.%d:0", i+1))
			if err != nil {
				t.Fatal(err)
			}
			d := &deaf{PacketConn: pc}
			sockets = append(sockets, d)
			tr := &quic.Transport{Conn: d}
			floods.Go(func() {
				var dials sync.WaitGroup
				for n := 0; n < 100 && ctx.Err() == nil; n++ {
					dials.Go(func() {
						one, stop := context.WithTimeout(ctx, floodFor)
						defer stop()
						if c, err := tr.Dial(one, addr, h3TLS(s.host), nil); err == nil {
							_ = c.CloseWithError(0, "")
							t.Error("a handshake came to its end without an answer")
						}
					})
					time.Sleep(10 * time.Millisecond)
				}
				dials.Wait()
				_ = tr.Close()
				_ = pc.Close()
			})
		}
		for ctx.Err() == nil { // meanwhile others are served, by a round trip more
			s.aliveH3(t)
			time.Sleep(100 * time.Millisecond)
		}
		floods.Wait()
		var sent, got int64
		for _, d := range sockets {
			sent += d.sent.Load()
			got += d.got.Load()
			if d.got.Load() > 3*d.sent.Load() {
				t.Errorf("%d bytes came for %d", d.got.Load(), d.sent.Load())
			}
		}
		t.Logf("%d bytes were sent in the name of others, %d came back", sent, got)
	})
	after := s.metrics(t)
	retries := after["tollgate_edge_http3_retries_total"] - before["tollgate_edge_http3_retries_total"]
	t.Logf("%v first packets had to prove their address, %v connections were opened", retries, after["tollgate_edge_http3_connections_total"]-before["tollgate_edge_http3_connections_total"])
	if retries < 100 {
		t.Errorf("only %v first packets had to prove their address", retries)
	}
}

// TestHTTP3ConnectionsPerAddress: one address can't take the connections of all.
func TestHTTP3ConnectionsPerAddress(t *testing.T) {
	s := newSite(t)
	s.during(t, func() {
		held, refused := 0, 0
		for range 300 {
			if _, err := dialH3From(t, s, "127.0.0.7", nil); err != nil {
				refused++
			} else {
				held++
			}
		}
		t.Logf("%d connections were taken, %d refused", held, refused)
		if held > 256 || refused == 0 {
			t.Errorf("%d connections of one address were taken", held)
		}
	})
}
