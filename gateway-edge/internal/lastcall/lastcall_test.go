package lastcall

import (
	"errors"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestNothingIsLost closes listeners while clients connect and ask as fast as they
// can: each is answered, or was never connected.
func TestNothingIsLost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can refuse new connections without closing")
	}
	defer func(d time.Duration) { settle = d }(settle)
	settle = time.Second // a busy machine may not accept what came for that long
	var served, refused, slow int
	for range 6 {
		ln, err := ListenConfig().Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		accepts := make(chan struct{})
		go func() {
			defer close(accepts)
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					b := make([]byte, 1)
					if _, err := io.ReadFull(c, b); err == nil {
						_, _ = c.Write(b)
					}
				}()
			}
		}()
		type result struct {
			stage string
			err   error
		}
		results := make(chan result, 8)
		var over atomic.Bool
		var good atomic.Int64
		for range 8 {
			go func() {
				for {
					c, err := net.DialTimeout("tcp", ln.Addr().String(), 200*time.Millisecond)
					if err != nil {
						results <- result{"dial", err}
						return
					}
					_ = c.SetDeadline(time.Now().Add(30 * time.Second))
					_, err = c.Write([]byte("x"))
					if err == nil {
						_, err = io.ReadFull(c, make([]byte, 1))
					}
					_ = c.(*net.TCPConn).SetLinger(0)
					_ = c.Close()
					if err != nil {
						results <- result{"ask", err}
						return
					}
					if good.Add(1); over.Load() {
						results <- result{}
						return
					}
				}
			}()
		}
		time.Sleep(5 * time.Millisecond)
		Close(ln)
		over.Store(true)
		<-accepts
		for range 8 {
			r := <-results
			var timeout net.Error
			switch {
			case r.stage == "ask":
				t.Fatalf("a client that was connected: %v", r.err)
			case r.err == nil:
			case errors.Is(r.err, syscall.ECONNREFUSED):
				refused++
			case errors.As(r.err, &timeout) && timeout.Timeout():
				slow++
			default:
				t.Fatalf("a client: %v", r.err)
			}
		}
		served += int(good.Load())
	}
	t.Logf("%d served, %d refused, %d heard nothing", served, refused, slow)
}
