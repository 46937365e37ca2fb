package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Traffic is requests, WebSockets and gRPC over one gateway, all at once, counted
// as callers see them. Half of the requests are POST, which nobody on the way may
// send twice.
type Traffic struct {
	Front  string   // where requests and WebSockets go: a balancer before the edges
	Direct []string // edges, where gRPC goes in clear text
	Host   string
	Key    string
	// Rate is requests/s; Sockets and Streams are open at any time.
	Rate, Sockets, Streams int

	Requests Score // those of HTTP
	WS       Score // WebSockets, by connection
	GRPC     Score // streams
	Unary    Score // calls of gRPC, one after the other
	messages atomic.Int64

	mu    sync.Mutex
	times []time.Duration
}

// Score counts what one kind of traffic came to. An end that was announced (close
// 1001, a status of the edge) is no failure.
type Score struct {
	Good, Told atomic.Int64
	mu         sync.Mutex
	bad        []string // the first few
	failed     int64
}

func (s *Score) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed++; len(s.bad) < 5 {
		s.bad = append(s.bad, time.Now().Format("15:04:05.000 ")+err.Error())
	}
}

// Failed returns how many failed, and the first of them.
func (s *Score) Failed() (int64, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed, s.bad
}

// Run sends until ctx ends, and returns when everything has been answered.
func (f *Traffic) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { f.requests(ctx) })
	for range f.Sockets {
		all.Go(func() { f.sockets(ctx) })
	}
	for i := range f.Streams {
		all.Go(func() { f.streams(ctx, f.Direct[i%len(f.Direct)], i == 0) })
	}
	all.Wait()
}

// Report is the figures, and Check fails the test for every failure.
func (f *Traffic) Report() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.Sort(f.times)
	at := func(q float64) time.Duration {
		if len(f.times) == 0 {
			return 0
		}
		return f.times[min(len(f.times)-1, int(q*float64(len(f.times))))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%d requests (p50 %v, p99 %v, max %v), %d WebSockets (%d told to go) with %d messages, %d gRPC streams (%d told), %d gRPC calls",
		f.Requests.Good.Load(), at(.5), at(.99), at(1), f.WS.Good.Load(), f.WS.Told.Load(), f.messages.Load(), f.GRPC.Good.Load(), f.GRPC.Told.Load(), f.Unary.Good.Load())
}

// Check fails the test for everything that failed.
func (f *Traffic) Check(t testing.TB) {
	t.Helper()
	for name, s := range map[string]*Score{"requests": &f.Requests, "WebSockets": &f.WS, "gRPC streams": &f.GRPC, "gRPC calls": &f.Unary} {
		if n, first := s.Failed(); n > 0 {
			t.Errorf("%d %s failed: %s", n, name, strings.Join(first, "; "))
		}
	}
}

// maxOpen bounds the requests under way: a machine that stands still for a second
// must not be given a second's requests at once, which the balancer would refuse.
const maxOpen = 512

// requests is an open loop up to maxOpen: a stall shows.
func (f *Traffic) requests(ctx context.Context) {
	c := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 512, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext}}
	defer c.CloseIdleConnections()
	var all sync.WaitGroup
	defer all.Wait()
	start := time.Now()
	room := make(chan struct{}, maxOpen)
	for i := 0; ctx.Err() == nil; i++ {
		room <- struct{}{}
		if w := time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(f.Rate))); w > 0 {
			time.Sleep(w)
		}
		all.Go(func() {
			defer func() { <-room }()
			began := time.Now()
			if err := f.request(c, i); err != nil {
				f.Requests.fail(fmt.Errorf("after %v: %w", time.Since(began).Round(time.Millisecond), err))
				return
			}
			f.Requests.Good.Add(1)
			f.mu.Lock()
			f.times = append(f.times, time.Since(began))
			f.mu.Unlock()
		})
	}
}

func (f *Traffic) request(c *http.Client, i int) error {
	method, body := http.MethodGet, io.Reader(nil)
	if i%2 == 1 {
		method, body = http.MethodPost, strings.NewReader(strings.Repeat("x", 100))
	}
	req, err := http.NewRequest(method, "http://"+f.Front+"/http/x", body)
	if err != nil {
		return err
	}
	req.GetBody = nil // the client must not try again either
	req.Host = f.Host
	req.Header.Set("X-API-Key", f.Key)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
		return fmt.Errorf("%s %s %s %.100s %v", method, resp.Status, resp.Header.Get("Tollgate-Error"), b, err)
	}
	return nil
}

// pace is between two messages of a WebSocket or stream.
func pace() { time.Sleep(80*time.Millisecond + rand.N(40*time.Millisecond)) }

func (f *Traffic) sockets(ctx context.Context) {
	for ctx.Err() == nil {
		w, err := DialWebSocket(f.Front, f.Host, "/ws/x", f.Key)
		if err != nil {
			f.WS.fail(err)
			pace()
			continue
		}
		f.WS.Good.Add(1)
		err = f.socket(ctx, w)
		_ = w.Close()
		var closed *ClosedError
		switch {
		case err == nil:
		case errors.As(err, &closed) && closed.Code == 1001:
			f.WS.Told.Add(1)
		default:
			f.WS.fail(err)
		}
	}
}

// socket speaks until ctx ends (nil) or the WebSocket does.
func (f *Traffic) socket(ctx context.Context, w *WebSocket) error {
	for i := 0; ctx.Err() == nil; i++ {
		_ = w.SetDeadline(time.Now().Add(15 * time.Second))
		text := fmt.Sprintf("message %d", i)
		if err := w.Send(text); err != nil {
			return err
		}
		got, err := w.Receive()
		if err != nil {
			return err
		}
		if got != text {
			return fmt.Errorf("%q came back as %q", text, got)
		}
		f.messages.Add(1)
		pace()
	}
	_ = w.frame(wsClose, []byte{0x03, 0xe8})
	return nil
}

func (f *Traffic) streams(ctx context.Context, addr string, unary bool) {
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(f.Host),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry())
	if err != nil {
		f.GRPC.fail(err)
		return
	}
	defer conn.Close()
	client := testpb.NewTestServiceClient(conn)
	with := metadata.AppendToOutgoingContext(context.Background(), "x-api-key", f.Key)
	for ctx.Err() == nil {
		err := f.stream(ctx, with, client, unary)
		switch {
		case err == nil:
		case status.Code(err) == codes.Unavailable && strings.Contains(err.Error(), "The gateway is"):
			f.GRPC.Told.Add(1)
		default:
			f.GRPC.fail(err)
			pace()
		}
	}
}

// stream asks and is answered until ctx ends (nil) or the stream does; unary has a
// call of its own made each time.
func (f *Traffic) stream(ctx, with context.Context, client testpb.TestServiceClient, unary bool) error {
	with, cancel := context.WithCancel(with)
	defer cancel()
	s, err := client.FullDuplexCall(with, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	for i := 0; ctx.Err() == nil; i++ {
		err := s.Send(&testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 10}}})
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := s.Recv(); err != nil {
			return err
		}
		if i == 0 {
			f.GRPC.Good.Add(1)
		}
		if unary {
			one, cancel := context.WithTimeout(with, 15*time.Second)
			if _, err := client.EmptyCall(one, &testpb.Empty{}, grpc.WaitForReady(true)); err != nil {
				f.Unary.fail(err)
			} else {
				f.Unary.Good.Add(1)
			}
			cancel()
		}
		pace()
	}
	_ = s.CloseSend()
	for err == nil {
		_, err = s.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// GRPCOrigin serves grpc-go's test service in clear text.
func GRPCOrigin(t testing.TB) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := grpc.NewServer()
	testpb.RegisterTestServiceServer(s, interop.NewTestServer())
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(s.Stop)
	return "http://" + ln.Addr().String()
}
