package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// TestBenchHTTP3 prints what a request over HTTP/3 costs the edge beside one over
// HTTP/2: the same 1 KB, fields, key and number of streams. There is no bar: no peer
// on the bench speaks it.
func TestBenchHTTP3(t *testing.T) {
	s := newSite(t)
	s.certify()
	s.me.alone(t)
	run := map[string]func(d time.Duration) load{
		"HTTP/2": func(d time.Duration) load {
			return s.bed.h2load(t, "https", s.me.tls, "/api/1k", d, "-c4", "-m100")
		},
		"HTTP/3": func(d time.Duration) load { return s.http3(t, "/api/1k", 4, 100, d) },
	}
	cost := map[string]series{}
	for name, f := range run {
		if l := f(time.Second); l.bad != "" {
			t.Fatalf("%s: %s", name, l.bad)
		}
	}
	for round := range rounds {
		line := fmt.Sprintf("round %d:", round+1)
		for _, name := range []string{"HTTP/2", "HTTP/3"} {
			from := cpu(t, s.me.pids)
			l := run[name](roundLen)
			used := float64(cpu(t, s.me.pids)-from) / float64(time.Microsecond) / float64(l.requests)
			cost[name] = append(cost[name], used)
			line += fmt.Sprintf("  %s %.1f µs/request at %.0f/s", name, used, l.perSec)
			if l.bad != "" {
				t.Errorf("%s: %s", name, l.bad)
			}
		}
		t.Log(line)
	}
	t.Logf("CPU a request, TLS 1.3, 1 KB, 4 connections of 100 streams: HTTP/2 %v µs, HTTP/3 %v µs", cost["HTTP/2"], cost["HTTP/3"])
}

// http3 calls over some connections, as many streams on each, for the duration.
func (s *site) http3(t *testing.T, path string, connections, streams int, d time.Duration) load {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var n, bad atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range connections {
		tr := &http3.Transport{
			DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the peers' clients don't look either
			Dial: func(ctx context.Context, _ string, t *tls.Config, c *quic.Config) (*quic.Conn, error) {
				return quic.DialAddr(ctx, s.me.tls, t, c)
			},
		}
		defer func() { _ = tr.Close() }()
		for range streams {
			all.Go(func() {
				for ctx.Err() == nil {
					r, err := http.NewRequest("GET", "https://bench.localhost"+path, nil)
					if err != nil {
						bad.Add(1)
						return
					}
					r.Header = http.Header{"X-Api-Key": {s.bed.keys[0]}, "User-Agent": {"bench/1.0"}, "Accept": {"application/json"}, "Accept-Encoding": {"gzip, deflate"}}
					resp, err := tr.RoundTrip(r)
					if err != nil {
						bad.Add(1)
						return
					}
					if _, err = io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
						bad.Add(1)
					}
					resp.Body.Close()
					n.Add(1)
				}
			})
		}
	}
	all.Wait()
	l := load{requests: n.Load(), perSec: float64(n.Load()) / time.Since(began).Seconds()}
	if bad.Load() > 0 || l.requests == 0 {
		l.bad = fmt.Sprintf("%d of %d requests failed", bad.Load(), l.requests)
	}
	return l
}
