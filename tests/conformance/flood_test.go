package conformance

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
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
func (s *site) rss(t *testing.T) int64 { return s.c.Edges[0].RSS(t) }

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
		defer call.HTTP.CloseIdleConnections()
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

// endsFlood floods the edge and checks that the connection ends and others are
// served meanwhile.
func (s *site) endsFlood(t *testing.T, write func(h *h2, i int) error) {
	t.Helper()
	s.origin.take()
	s.during(t, func() {
		sent, o := flood(t, s, write)
		t.Logf("%d rounds, then %s", sent, o)
		if !o.closed && o.goaway == nil {
			t.Errorf("the edge took %d rounds in %s and let the connection live", sent, floodFor)
		}
	})
	s.origin.take()
}

// opens sends the head of a request.
func (s *site) opens(h *h2, stream uint32, end bool, method string) error {
	return h.open(stream, end, request(method, s.host, "/public/flood"))
}

func rapidReset(t *testing.T, s *site) {
	s.endsFlood(t, func(h *h2, i int) error {
		id := uint32(2*i + 1)
		if err := s.opens(h, id, true, "GET"); err != nil {
			return err
		}
		return h.fr.WriteRSTStream(id, http2.ErrCodeCancel)
	})
}

// madeToReset sends window updates of nothing, which are errors of their streams.
func madeToReset(t *testing.T, s *site) {
	s.endsFlood(t, func(h *h2, i int) error {
		id := uint32(2*i + 1)
		if err := s.opens(h, id, false, "GET"); err != nil {
			return err
		}
		return h.fr.WriteRawFrame(http2.FrameWindowUpdate, 0, id, []byte{0, 0, 0, 0})
	})
}

func continuations(t *testing.T, s *site) {
	for name, block := range map[string]func(h *h2, i int) []byte{
		"full": func(h *h2, i int) []byte {
			return h.block([]field{{fmt.Sprintf("x-%d", i), strings.Repeat("a", 1000)}})
		},
		"empty": func(*h2, int) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s.endsFlood(t, func(h *h2, i int) error {
				if i == 0 {
					return h.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: h.block(request("GET", s.host, "/public/flood"))})
				}
				return h.fr.WriteContinuation(1, false, block(h, i))
			})
			if seen := s.origin.take(); strings.Contains(strings.Join(seen, ""), "/public/flood") {
				t.Error("a head without an end reached the backend")
			}
		})
	}
}

// bombs are heads of a few bytes that are 31 MB when decoded. Each is answered; it
// must be cheap, and never taken.
func bombs(t *testing.T, s *site) {
	bomb := func(h *h2, i int) error {
		list := request("GET", s.host, "/public/flood")
		for range 8000 {
			list = append(list, field{"x-bomb", strings.Repeat("b", 3900)})
		}
		return h.open(uint32(2*i+1), true, list)
	}
	s.origin.take()
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
	if seen := s.origin.take(); strings.Contains(strings.Join(seen, ""), "/public/flood") {
		t.Error("a bomb reached the backend")
	}
}

func cheapFrames(t *testing.T, s *site) {
	for name, write := range map[string]func(h *h2, i int) error{
		"SETTINGS": func(h *h2, _ int) error { return h.fr.WriteSettings() },
		"PING":     func(h *h2, i int) error { return h.fr.WritePing(false, [8]byte{byte(i)}) },
		"PRIORITY": func(h *h2, i int) error { return h.fr.WritePriority(uint32(2*i+1), http2.PriorityParam{Weight: 1}) },
		"empty DATA": func(h *h2, i int) error {
			if i == 0 {
				return s.opens(h, 1, false, "POST")
			}
			return h.fr.WriteData(1, false, nil)
		},
	} {
		t.Run(name, func(t *testing.T) { s.endsFlood(t, write) })
	}
	t.Run("answers nobody reads", func(t *testing.T) {
		s.during(t, func() {
			h := dialH2(t, s.addr)
			var err error
			n := 0
			for end := time.Now().Add(floodFor); err == nil && time.Now().Before(end); n++ {
				_ = h.c.SetWriteDeadline(time.Now().Add(time.Second))
				err = h.fr.WritePing(false, [8]byte{})
			}
			t.Logf("%d pings, then %v", n, err)
			if err == nil {
				t.Error("the edge answers pings whose answers nobody reads, for ever")
			}
		})
	})
}

// shutWindows asks for 100 long answers and takes none of them.
func shutWindows(t *testing.T, s *site) {
	const streams, perStream = 100, 128 << 10 // a stream's two goroutines and their buffers
	big := make([]byte, 1<<20)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(big) }))
	t.Cleanup(backend.Close)
	s.behind("big", backend.URL, nil)
	for name, window := range map[string]uint32{"zero": 0, "one byte": 1} {
		t.Run(name, func(t *testing.T) {
			s.during(t, func() {
				before := s.rss(t)
				h := dialH2(t, s.addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
				for i := range streams {
					if err := h.open(uint32(2*i+1), true, request("GET", s.host, "/big/x")); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(2 * time.Second)
				grown := (s.rss(t) - before) / streams
				t.Logf("%d streams hold %d KiB each", streams, grown>>10)
				if grown > perStream {
					t.Errorf("a stream that nobody reads holds %d KiB", grown>>10)
				}
			})
		})
	}
}

// slowHeads is CON08: heads that come a byte at a time are ended after the header
// timeout of 10 s, and callers from elsewhere are served meanwhile.
func slowHeads(t *testing.T, s *site) {
	t.Run("slow", func(t *testing.T) {
		s.slowly(t, "GET /public/slow HTTP/1.1\r\nHost: "+s.host+"\r\nX-Slow: "+strings.Repeat("a", 100))
	})
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		began := time.Now()
		if _, err := io.WriteString(c, "GET /public/slow HTTP/1.1\r\nHost: "+s.host+"\r\nX-A: "); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		b, err := io.ReadAll(c)
		if err != nil {
			t.Fatalf("the connection is not closed: %v", err)
		}
		if !strings.HasPrefix(string(b), "HTTP/1.1 408 ") {
			t.Errorf("answered %s", clip(string(b)))
		}
		t.Logf("408 after %v", time.Since(began).Round(100*time.Millisecond))
	})
}

// slowPrefaces is CON12: the same with the preface of HTTP/2 in clear text.
func slowPrefaces(t *testing.T, s *site) { s.slowly(t, http2.ClientPreface[:20]) }

// slowly opens connections that send text a byte at a time.
func (s *site) slowly(t *testing.T, text string) {
	const slow = 200
	s.origin.take()
	s.during(t, func() {
		var all sync.WaitGroup
		late := make(chan struct{}, slow)
		for range slow {
			all.Go(func() {
				c, err := net.DialTimeout("tcp", s.addr, 2*time.Second)
				if err != nil {
					return // refused: so much the better
				}
				defer c.Close()
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
						late <- struct{}{}
						return
					}
				}
				select {
				case <-ended:
				case <-time.After(16*time.Second - time.Since(began)):
					late <- struct{}{}
				}
			})
		}
		all.Wait()
		if n := len(late); n > 0 {
			t.Errorf("%d of %d are still open after 16 s", n, slow)
		}
	})
	if seen := s.origin.take(); slices.ContainsFunc(seen, func(raw string) bool { return strings.Contains(raw, "/public/slow") }) {
		t.Error("an unfinished request reached the backend")
	}
}
