package conformance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// streamSite is an edge in front of a backend of long bodies: once over HTTP/1.1
// and, below /h2, once over HTTP/2.
func streamSite(t *testing.T) (s *site, taken *atomic.Int64) {
	t.Helper()
	taken = &atomic.Int64{}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /{way}/upload", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		taken.Store(n)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%d %v %s", n, err, r.Trailer.Get("X-End"))
		w.Header().Set("X-Sum", strconv.FormatInt(n, 10))
	})
	mux.HandleFunc("GET /{way}/download", func(w http.ResponseWriter, r *http.Request) {
		left, _ := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
		b := make([]byte, 64<<10)
		for left > 0 {
			n, err := w.Write(b[:min(int64(len(b)), left)])
			if err != nil {
				return
			}
			left -= int64(n)
		}
	})
	mux.HandleFunc("GET /{way}/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 200 {
			fmt.Fprintf(w, "data: %d\n\n", time.Now().UnixNano())
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	mux.HandleFunc("GET /{way}/forever", func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := io.WriteString(w, ": still here\n\n"); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	b := httptest.NewUnstartedServer(mux)
	b.Config.Protocols = p
	b.Start()
	t.Cleanup(b.Close)
	c := harness.New(t, harness.Options{})
	api := c.SignUp("streams")
	g := api.Must("POST", "/v1/gateways", harness.Object{"name": "streams"})
	put := func(path string, body harness.Object) { api.Must("PUT", "/v1/gateways/streams/"+path, body) }
	targets := []harness.Object{{"url": b.URL}}
	put("upstreams/h1", harness.Object{"targets": targets})
	put("upstreams/h2", harness.Object{"targets": targets, "protocol": "h2c"})
	for _, way := range []string{"h1", "h2"} {
		put("routes/"+way, harness.Object{"match": harness.Object{"path": "/" + way + "/*"}, "upstream": way, "public": true})
		put("routes/keyed-"+way, harness.Object{
			"match": harness.Object{"path": "/" + way + "/forever"}, "upstream": way, "policies": []harness.Object{{"type": "api_key", "config": harness.Object{}}},
		})
	}
	put("consumers/alice", harness.Object{})
	api.WaitLive("streams")
	return &site{c: c, addr: c.Edges[0].Addr(), host: g["hostname"].(string), api: api}, taken
}

// callers are the versions of HTTP that callers speak.
var callers = []int{1, 2, 3}

// base is the beginning of URLs for callers of a version.
func (s *site) base(version int) string {
	if version == 3 {
		return "https://" + s.host
	}
	return "http://" + s.host
}

// client speaks a version of HTTP to the edge, whatever host is named.
func (s *site) client(t *testing.T, version int) *http.Client {
	if version == 3 {
		return s.h3Client(t)
	}
	p := new(http.Protocols)
	p.SetHTTP1(version == 1)
	p.SetUnencryptedHTTP2(version == 2)
	tr := &http.Transport{Protocols: p, DisableCompression: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.addr)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// endless reads as zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

const largeBody = 1 << 30

// TestLargeBodies carries a gigabyte up and a gigabyte down over every pair of
// protocols, a quarter of it from callers of HTTP/3, and holds the edge's memory to a small part of it.
func TestLargeBodies(t *testing.T) {
	s, taken := streamSite(t)
	for _, way := range []string{"h1", "h2"} {
		for _, version := range callers {
			cl := s.client(t, version)
			name := fmt.Sprintf("caller HTTP/%d, backend %s", version, way)
			size := int64(largeBody)
			if version == 3 {
				size /= 4
			}
			before, peak := s.rss(t), s.rss(t)
			stop := make(chan struct{})
			watched := make(chan struct{})
			go func() {
				defer close(watched)
				for {
					select {
					case <-stop:
						return
					case <-time.After(20 * time.Millisecond):
						peak = max(peak, s.rss(t))
					}
				}
			}()
			began := time.Now()
			r, err := http.NewRequest("PUT", s.base(version)+"/"+way+"/upload", io.LimitReader(endless{}, size))
			if err != nil {
				t.Fatal(err)
			}
			r.Trailer = http.Header{"X-End": {"fin"}}
			resp, err := cl.Do(r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if want := fmt.Sprintf("%d <nil> fin", size); err != nil || string(text) != want || taken.Load() != size || resp.Trailer.Get("X-Sum") != strconv.FormatInt(size, 10) {
				t.Errorf("%s: %d %.200s %v, trailers %v", name, resp.StatusCode, text, err, resp.Trailer)
			}
			up := time.Since(began)
			began = time.Now()
			resp, err = cl.Get(fmt.Sprintf("%s/%s/download?bytes=%d", s.base(version), way, size))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err != nil || n != size {
				t.Errorf("%s: %d bytes came, %v", name, n, err)
			}
			close(stop)
			<-watched
			t.Logf("%s: %d MiB up in %.1f s, down in %.1f s; RSS %d MiB before, %d MiB at most", name, size>>20, up.Seconds(), time.Since(began).Seconds(), before>>20, peak>>20)
			if peak-before > 64<<20 {
				t.Errorf("%s: the edge grew by %d MiB", name, (peak-before)>>20)
			}
		}
	}
}

// TestServerSentEvents prints what the edge adds to an event's way, and holds
// that none waits for the next.
func TestServerSentEvents(t *testing.T) {
	s, _ := streamSite(t)
	for _, way := range []string{"h1", "h2"} {
		for _, version := range callers {
			resp, err := s.client(t, version).Get(s.base(version) + "/" + way + "/events")
			if err != nil {
				t.Fatal(err)
			}
			var delays []time.Duration
			for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
				if v, ok := strings.CutPrefix(sc.Text(), "data: "); ok {
					at, _ := strconv.ParseInt(v, 10, 64)
					delays = append(delays, time.Duration(time.Now().UnixNano()-at))
				}
			}
			resp.Body.Close()
			if len(delays) != 200 {
				t.Fatalf("%d events", len(delays))
			}
			slices.Sort(delays)
			t.Logf("caller HTTP/%d, backend %s: from backend to caller p50 %v, p99 %v, max %v", version, way, delays[100], delays[198], delays[199])
		}
	}
}

// TestRevokedKeysEndStreams revokes a key under streams that would never end.
func TestRevokedKeysEndStreams(t *testing.T) {
	s, _ := streamSite(t)
	id, key := s.api.Key("streams", "alice", nil)
	var bodies []io.ReadCloser
	for _, way := range []string{"h1", "h2"} {
		for _, version := range callers {
			cl := s.client(t, version)
			var resp *http.Response
			if err := harness.Until(t.Context(), 5*time.Second, func() error {
				r, err := http.NewRequest("GET", s.base(version)+"/"+way+"/forever", nil)
				if err != nil {
					return err
				}
				r.Header.Set("X-API-Key", key)
				if resp, err = cl.Do(r); err != nil || resp.StatusCode != 200 {
					return fmt.Errorf("%v %v", resp, err)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, resp.Body)
		}
	}
	time.Sleep(1200 * time.Millisecond) // a stream is looked at when it is older than a second
	began := time.Now()
	s.api.Must("POST", "/v1/gateways/streams/keys/"+id+"/revoke", nil)
	for _, b := range bodies {
		if _, err := io.Copy(io.Discard, b); err == nil {
			t.Error("a stream came to a clean end")
		}
		b.Close()
	}
	t.Logf("%d streams were cut %v after the revocation was asked for", len(bodies), time.Since(began).Round(time.Millisecond))
}
