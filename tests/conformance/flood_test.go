package conformance

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/tollgate/tollgate/tests/harness"
)

// Bounds of what one attacking connection may cost the edge (reliability.md 3.6).
const (
	floodRSS     = 32 << 20 // bytes
	floodLatency = 1500 * time.Millisecond
	floodFor     = 3 * time.Second
)

// rss is the resident memory of the edge in bytes.
func (s *site) rss(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.c.Edges[0].PID()))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// during runs an attack while another client calls every 20 ms, and checks what
// it cost: the other client's latency and the edge's memory.
func (s *site) during(t *testing.T, attack func()) {
	t.Helper()
	before := s.rss(t)
	stop := make(chan struct{})
	var took []time.Duration
	var failed []string
	var other sync.WaitGroup
	other.Go(func() {
		call := harness.NewCaller(1)
		for {
			began := time.Now()
			if r := call.Get(s.addr, s.host, "/public/other", ""); r.Status != 200 {
				failed = append(failed, fmt.Sprintf("%d %v", r.Status, r.Err))
			}
			took = append(took, time.Since(began))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	attack()
	close(stop)
	other.Wait()
	if len(failed) > 0 {
		t.Errorf("%d of %d calls of another client failed: %s", len(failed), len(took), failed[0])
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	grown := s.rss(t) - before
	t.Logf("another client's p99 %s over %d calls; memory grew by %d KiB", p99.Round(time.Millisecond), len(took), grown>>10)
	if p99 > floodLatency {
		t.Errorf("another client's p99 is %s", p99)
	}
	if grown > floodRSS {
		t.Errorf("memory grew by %d MiB", grown>>20)
	}
	s.alive(t)
}

// flood writes frames until the edge ends the connection or time is over, with
// somebody reading what comes back. It reports how many were written.
func flood(t *testing.T, s *site, write func(h *h2, i int) error) (sent int, o outcome) {
	t.Helper()
	h := dialH2(t, s.addr)
	done := make(chan outcome, 1)
	go func() { done <- h.drain(floodFor + 5*time.Second) }()
	end := time.Now().Add(floodFor)
	var err error
	for err == nil && time.Now().Before(end) {
		_ = h.c.SetWriteDeadline(time.Now().Add(2 * time.Second))
		if err = write(h, sent); err == nil {
			sent++
		}
	}
	if err == nil {
		h.c.Close()
	}
	o = <-done
	if err == nil {
		o.closed = false // it was us
	}
	return sent, o
}

// TestFloods runs the floods of HTTP/2 one after the other against one edge. Each
// must end with the connection, and cost others next to nothing.
func TestFloods(t *testing.T) {
	s := newSite(t)
	s.alive(t)
	headers := func(h *h2, stream uint32, end bool) error {
		return h.open(stream, end, request("GET", s.host, "/public/flood"))
	}
	// A bomb is answered each time; it must be cheap, and never taken.
	bomb := func(h *h2, i int) error {
		list := request("GET", s.host, "/public/flood")
		for range 8000 {
			list = append(list, field{"x-bomb", strings.Repeat("b", 3900)})
		}
		return h.open(uint32(2*i+1), true, list)
	}
	t.Run("CON04 HPACK bomb", func(t *testing.T) {
		h := dialH2(t, s.addr)
		if err := bomb(h, 0); err != nil {
			t.Fatal(err)
		}
		if o := h.wait(1, 5*time.Second); o.status != "431" && o.reset == nil && o.goaway == nil && !o.closed {
			t.Errorf("answered %s", o)
		}
		s.during(t, func() {
			sent, o := flood(t, s, bomb)
			t.Logf("%d bombs of 31 MB, then %s", sent, o)
		})
	})
	for name, write := range map[string]func(h *h2, i int) error{
		"CON01 rapid reset": func(h *h2, i int) error {
			id := uint32(2*i + 1)
			if err := headers(h, id, true); err != nil {
				return err
			}
			return h.fr.WriteRSTStream(id, http2.ErrCodeCancel)
		},
		"CON02 resets made by us": func(h *h2, i int) error { // a window update of nothing is a stream error
			id := uint32(2*i + 1)
			if err := headers(h, id, false); err != nil {
				return err
			}
			return h.fr.WriteRawFrame(http2.FrameWindowUpdate, 0, id, []byte{0, 0, 0, 0})
		},
		"CON03 CONTINUATION": func(h *h2, i int) error {
			if i == 0 {
				return h.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: h.block(request("GET", s.host, "/public/flood"))})
			}
			return h.fr.WriteContinuation(1, false, h.block([]field{{fmt.Sprintf("x-%d", i), strings.Repeat("a", 1000)}}))
		},
		"CON03 empty CONTINUATION": func(h *h2, i int) error {
			if i == 0 {
				return h.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: h.block(request("GET", s.host, "/public/flood"))})
			}
			return h.fr.WriteContinuation(1, false, nil)
		},
		"CON05 SETTINGS": func(h *h2, _ int) error { return h.fr.WriteSettings() },
		"CON05 PING":     func(h *h2, i int) error { return h.fr.WritePing(false, [8]byte{byte(i)}) },
		"CON05 PRIORITY": func(h *h2, i int) error { return h.fr.WritePriority(uint32(2*i+1), http2.PriorityParam{Weight: 1}) },
		"CON05 empty DATA": func(h *h2, i int) error {
			if i == 0 {
				return h.open(1, false, request("POST", s.host, "/public/flood"))
			}
			return h.fr.WriteData(1, false, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.during(t, func() {
				sent, o := flood(t, s, write)
				t.Logf("%d rounds, then %s", sent, o)
				if !o.closed && o.goaway == nil {
					t.Errorf("the edge took %d rounds in %s and let the connection live", sent, floodFor)
				}
			})
		})
	}
}

// TestUnreadAnswers is CON05 and CON06 by a client that reads nothing: answers
// must not pile up in memory.
func TestUnreadAnswers(t *testing.T) {
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
	t.Run("CON05 PING", func(t *testing.T) {
		s.during(t, func() {
			h := dialH2(t, s.addr)
			var err error
			n := 0
			for end := time.Now().Add(floodFor); err == nil && time.Now().Before(end); n++ {
				_ = h.c.SetWriteDeadline(time.Now().Add(time.Second))
				err = h.fr.WritePing(false, [8]byte{})
			}
			t.Logf("%d pings, then %v", n, err)
		})
	})
	t.Run("CON06 zero window", func(t *testing.T) {
		s.during(t, func() {
			h := dialH2(t, s.addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			for i := range 100 {
				if err := h.open(uint32(2*i+1), true, request("GET", s.host, "/big")); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Second)
			if grown := s.rss(t); grown == 0 {
				t.Error("no memory")
			}
		})
	})
}

// TestSlowHeads is CON08 and CON12: connections that begin a head, or HTTP/2's
// preface, and go on a byte at a time are closed after the header timeout of 10 s,
// and callers from elsewhere are served meanwhile.
func TestSlowHeads(t *testing.T) {
	s := newSite(t)
	const slow = 200
	s.during(t, func() {
		var all sync.WaitGroup
		late := make(chan string, slow)
		for i := range slow {
			all.Go(func() {
				c, err := net.DialTimeout("tcp", s.addr, 2*time.Second)
				if err != nil {
					return // refused: so much the better
				}
				defer c.Close()
				text := "GET /public/slow HTTP/1.1\r\nHost: " + s.host + "\r\nX-Slow: " + strings.Repeat("a", 100)
				if i%2 == 1 {
					text = http2.ClientPreface[:20]
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					_, _ = io.Copy(io.Discard, c)
				}()
				began := time.Now()
				for n := range text {
					if _, err := io.WriteString(c, text[n:n+1]); err != nil {
						return
					}
					select {
					case <-ended:
						return
					case <-time.After(900 * time.Millisecond):
					}
					if time.Since(began) > 16*time.Second {
						late <- text[:20]
						return
					}
				}
				select {
				case <-ended:
				case <-time.After(16*time.Second - time.Since(began)):
					late <- text[:20]
				}
			})
		}
		all.Wait()
		close(late)
		n := 0
		var which string
		for l := range late {
			n, which = n+1, l
		}
		if n > 0 {
			t.Errorf("%d of %d slow heads are still open after 16 s, such as %q", n, slow, which)
		}
	})
	if seen := s.origin.take(); slices.ContainsFunc(seen, func(raw string) bool { return strings.Contains(raw, "/public/slow") }) {
		t.Error("an unfinished request reached the backend")
	}
}
