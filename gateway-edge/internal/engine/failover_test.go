package engine_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/testport"
)

// mortal is a backend that can be killed as SIGKILL would: its socket is closed
// and every connection reset.
type mortal struct {
	srv    *http.Server
	ln     net.Listener
	addr   string
	served atomic.Int64
	mu     sync.Mutex
	conns  map[net.Conn]bool
}

func newMortal(t *testing.T, addr string, handler http.HandlerFunc) *mortal {
	t.Helper()
	m := &mortal{conns: map[net.Conn]bool{}}
	var err error
	m.ln, err = net.Listen("tcp", addr)
	must(t, err)
	m.addr = m.ln.Addr().String()
	m.srv = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.served.Add(1); handler(w, r) }),
		ConnState: func(c net.Conn, s http.ConnState) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if s == http.StateNew {
				m.conns[c] = true
			} else if s == http.StateClosed {
				delete(m.conns, c)
			}
		},
	}
	go func() { _ = m.srv.Serve(m.ln) }()
	t.Cleanup(m.kill)
	return m
}

func (m *mortal) url() string { return "http://" + m.addr }

func (m *mortal) kill() {
	_ = m.ln.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

func ok(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(time.Millisecond)
	_, _ = io.WriteString(w, "ok")
}

// load sends count GETs from n clients and returns the answers by status (0 for a
// broken one, and for one that took half a minute).
func load(t *testing.T, e *testEdge, n, count int) map[int]int {
	t.Helper()
	tr := &http.Transport{MaxIdleConnsPerHost: n, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", e.addr)
	}}
	defer tr.CloseIdleConnections()
	out := map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var sent atomic.Int64
	for range n {
		wg.Go(func() {
			for sent.Add(1) <= int64(count) {
				status := 0
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://demo.localhost/x", nil)
				if resp, err := tr.RoundTrip(r); err == nil {
					if _, err := io.Copy(io.Discard, resp.Body); err == nil {
						status = resp.StatusCode
					}
					_ = resp.Body.Close()
				}
				cancel()
				mu.Lock()
				out[status]++
				mu.Unlock()
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	return out
}

// TestBackendKilled is row B01: one of three backends dies under load and no
// client notices; it is no longer asked, and is again when it is back.
func TestBackendKilled(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	var b *mortal
	var seen atomic.Int64
	a, c := newMortal(t, "127.0.0.1:0", ok), newMortal(t, "127.0.0.1:0", ok)
	b = newMortal(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		if seen.Add(1) == 50 {
			b.kill() // this request is under way, and others
		}
		ok(w, r)
	})
	e.serve(plain(a.url(), b.url(), c.url()))
	got := load(t, e, 8, 600)
	if len(got) != 1 || got[200] != 600 {
		t.Errorf("%v", got)
	}
	if n := b.served.Load(); a.served.Load() < 150 || n < 50 || n >= 150 || c.served.Load() < 150 {
		t.Errorf("%d, %d, %d served", a.served.Load(), b.served.Load(), c.served.Load())
	}
}

// TestAllBackendsKilled is row B12 without checks: 503 or a gateway error at
// once, and service as soon as one is back.
func TestAllBackendsKilled(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	address := fmt.Sprintf("127.0.0.1:%d", testport.Free(t)) // nobody else takes it while it is not bound
	a, b := newMortal(t, "127.0.0.1:0", ok), newMortal(t, address, ok)
	e.serve(plain(a.url(), b.url()))
	if got := load(t, e, 2, 20); len(got) != 1 || got[200] != 20 {
		t.Fatal(got)
	}
	a.kill()
	b.kill()
	if got := load(t, e, 1, 10); len(got) != 1 || got[503] != 10 {
		t.Errorf("%v", got)
	}
	back := newMortal(t, address, ok)
	if got := load(t, e, 2, 20); len(got) != 1 || got[200] != 20 {
		t.Errorf("%v after one came back", got)
	}
	if back.served.Load() == 0 {
		t.Error("the one that came back was not asked")
	}
}

// TestRetryStorm is row B15: with half of the answers bad and retries on, the
// backends see at most 1.2 times the requests, and a few.
func TestRetryStorm(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	var n atomic.Int64
	flaky := func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}
	a, b := newMortal(t, "127.0.0.1:0", flaky), newMortal(t, "127.0.0.1:0", flaky)
	g := plain(a.url(), b.url())
	g.Upstreams[0].Retries = &contract.Retries{Attempts: 3, On: []string{"502"}}
	g.Upstreams[0].Outlier = &contract.OutlierDetection{Disabled: true}
	e.serve(g)
	got := load(t, e, 8, 1000)
	asked, served := int64(got[200]+got[502]), a.served.Load()+b.served.Load()
	if len(got) != 2 || asked != 1000 || served > asked*12/10+5 || served < asked*11/10 {
		t.Errorf("%v: %d requests became %d", got, asked, served)
	}
}

// TestShares is what the product promises of weights: over the whole path each
// backend gets its share within 1 %.
func TestShares(t *testing.T) {
	t.Parallel()
	e := newEdge(t, edgeOptions{})
	quick := func(w http.ResponseWriter, _ *http.Request) {}
	var backends []*mortal
	g := plain()
	for _, w := range []int{5, 3, 2} {
		m := newMortal(t, "127.0.0.1:0", quick)
		backends = append(backends, m)
		g.Upstreams[0].Targets = append(g.Upstreams[0].Targets, contract.Target{URL: m.url(), Weight: &w})
	}
	e.serve(g)
	const all = 1000
	if got := load(t, e, 8, all); got[200] != all {
		t.Fatal(got)
	}
	for i, share := range []int{50, 30, 20} {
		if n := int(backends[i].served.Load()); n*100 < all*(share-1) || n*100 > all*(share+1) {
			t.Errorf("backend %d got %d of %d, not %d %%", i, n, all, share)
		}
	}
}
