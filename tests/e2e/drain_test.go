package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tollgate/tollgate/tests/harness"
)

// How long the edge takes connections still, and how long calls may go on.
const (
	drainDelay   = 1500 * time.Millisecond
	drainTimeout = 6 * time.Second
)

// leaver is one client of an edge that is told to end: begin comes before SIGTERM
// and ends in what the client does and sees afterwards.
type leaver struct {
	name  string
	begin func(t *testing.T, d *drained) (after func(t testing.TB))
}

// drained is the edge under test.
type drained struct {
	*harness.TrafficSite
	edge  *harness.Edge
	since time.Time // of SIGTERM
}

// notes keeps what a client found wrong until its subtest runs.
type notes struct {
	testing.TB
	mu   sync.Mutex
	list []string
}

func (n *notes) Error(args ...any) { n.Errorf("%s", fmt.Sprint(args...)) }

func (n *notes) Errorf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, fmt.Sprintf(format, args...))
}

func (n *notes) Fatal(args ...any) {
	n.Error(args...)
	runtime.Goexit()
}

// at returns at a moment after SIGTERM.
func (d *drained) at(after time.Duration) { time.Sleep(time.Until(d.since.Add(after))) }

// TestSIGTERM ends an edge by SIGTERM while a client of each protocol is at it: each
// is told in its protocol's words, what can end ends, and the process ends with 0
// and everything counted.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	s := harness.NewTrafficSite(t, harness.Options{EdgeEnv: []string{"TOLLGATE_DRAIN_TIMEOUT=" + drainTimeout.String(), "TOLLGATE_DRAIN_DELAY=" + drainDelay.String()}}, "drained")
	s.Put("upstreams/long", harness.Object{"targets": []harness.Object{{"url": endless(t)}}})
	s.Route("long", "/long/*", "long", nil)
	ended := make(chan error, 1)
	s.Put("upstreams/ws2", harness.Object{"targets": []harness.Object{{"url": harness.WebSocketOrigin(t, func(err error) { ended <- err })}}})
	s.Route("ws2", "/ws2/*", "ws2", harness.Object{"websocket": harness.Object{}})
	s.API.WaitLive(s.Name)
	d := &drained{TrafficSite: s, edge: s.Edges[0]}

	leavers := []leaver{
		{"readiness", leavesReadiness},
		{"HTTP1 in flight", leavesFlight},
		{"HTTP1 idle, used once more", leavesIdleUsed},
		{"HTTP1 idle", leavesIdle},
		{"HTTP1 fresh", leavesFresh},
		{"HTTP2", leavesHTTP2},
		{"gRPC", leavesGRPC},
		{"WebSocket", leavesWebSocket},
		{"events", leavesEvents},
		{"download", leavesDownload},
		{"no answer yet", leavesUnanswered},
	}
	after := make([]func(testing.TB), len(leavers))
	for i, l := range leavers {
		after[i] = l.begin(t, d)
	}
	d.since = time.Now()
	if err := d.edge.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// All at once, whatever the number of processors is.
	seen := make([]notes, len(leavers))
	var all sync.WaitGroup
	for i := range leavers {
		seen[i].TB = t
		all.Go(func() { after[i](&seen[i]) })
	}
	all.Wait()
	for i, l := range leavers {
		t.Run(l.name, func(t *testing.T) {
			for _, text := range seen[i].list {
				t.Error(text)
			}
		})
	}
	t.Run("WebSocket backend", func(t *testing.T) {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the backend's side ended with %v, want a Close frame", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the backend was not told")
		}
	})
	t.Run("exit", func(t *testing.T) {
		if err := d.edge.Ended(15 * time.Second); err != nil {
			t.Errorf("the edge ended with %v, want 0", err)
		}
		if took := time.Since(d.since); took < drainTimeout {
			t.Errorf("it ended after %v, with calls open", took)
		}
	})
	t.Run("usage", func(t *testing.T) {
		want := map[string]int64{"ws2": 1, "rpc": 1, "http": 7, "long": 2}
		err := harness.Until(t.Context(), 30*time.Second, func() error {
			if got := s.Billed(); fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("billed %v, want %v", got, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// endless serves /long/events, events that go on for ever, /long/file, a download
// that takes a minute, and /long/never, which is never answered.
func endless(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	send := func(w http.ResponseWriter, r *http.Request, piece string) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, piece)
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	mux.HandleFunc("/long/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		send(w, r, "data: tick\n\n")
	})
	mux.HandleFunc("/long/file", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(600*1000))
		send(w, r, strings.Repeat("x", 1000))
	})
	mux.HandleFunc("/long/never", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

// line is a connection of HTTP/1.1.
type line struct {
	net.Conn
	r *bufio.Reader
	d *drained
}

func (d *drained) dial(t testing.TB) *line {
	t.Helper()
	c, err := net.Dial("tcp", d.edge.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &line{c, bufio.NewReader(c), d}
}

func (l *line) ask(t testing.TB, path string) {
	t.Helper()
	if _, err := fmt.Fprintf(l, "GET %s HTTP/1.1\r\nHost: %s\r\nX-API-Key: %s\r\n\r\n", path, l.d.Host, l.d.Key); err != nil {
		t.Error(err)
	}
}

// answer reads an answer whole.
func (l *line) answer(t testing.TB) (*http.Response, error) {
	t.Helper()
	resp, err := http.ReadResponse(l.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, err
}

func (l *line) last(t testing.TB) {
	t.Helper()
	resp, err := l.answer(t)
	if err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Errorf("%s, Connection: close is %v, %v", resp.Status, resp.Close, err)
	}
	l.ends(t)
}

// ends reads the connection's end, which must not be a reset.
func (l *line) ends(t testing.TB) {
	t.Helper()
	if _, err := l.r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection ends with %v", err)
	}
}

func leavesReadiness(_ *testing.T, d *drained) func(testing.TB) {
	return func(t testing.TB) {
		url := fmt.Sprintf("http://127.0.0.1:%d/readyz", d.edge.Admin)
		if err := harness.Until(t.Context(), drainDelay*2/3, func() error {
			resp, err := http.Get(url)
			if err == nil {
				if resp.Body.Close(); resp.StatusCode != 503 {
					err = errors.New(resp.Status)
				}
			}
			return err
		}); err != nil {
			t.Errorf("readyz: %v", err)
		}
		l := d.dial(t) // whoever has not noticed is served
		l.ask(t, "/http/x")
		l.last(t)
		d.at(drainDelay + time.Second)
		if c, err := net.DialTimeout("tcp", d.edge.Addr(), time.Second); err == nil {
			_ = c.Close()
			t.Error("connections are taken still")
		}
	}
}

func leavesFlight(t *testing.T, d *drained) func(testing.TB) {
	l := d.dial(t)
	l.ask(t, "/http/x?delay=1500ms")
	return l.last
}

func leavesIdleUsed(t *testing.T, d *drained) func(testing.TB) {
	l := d.dial(t)
	l.ask(t, "/http/x")
	if _, err := l.answer(t); err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB) {
		d.at(drainDelay + time.Second) // behind the delay: no more connections are taken
		l.ask(t, "/http/x")
		l.last(t)
	}
}

func leavesIdle(t *testing.T, d *drained) func(testing.TB) {
	l := d.dial(t)
	l.ask(t, "/http/x")
	if _, err := l.answer(t); err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB) {
		l.ends(t)
		if took := time.Since(d.since); took > drainTimeout {
			t.Errorf("an idle connection was closed after %v", took)
		}
	}
}

func leavesFresh(t *testing.T, d *drained) func(testing.TB) {
	l := d.dial(t)
	return l.ends
}

// leavesHTTP2 is told twice: that the connection takes no more than what is on its
// way, then what was the last.
func leavesHTTP2(t *testing.T, d *drained) func(testing.TB) {
	c, err := net.Dial("tcp", d.edge.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	fr := http2.NewFramer(c, c)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var mu sync.Mutex
	var buf bytes.Buffer
	enc := hpack.NewEncoder(&buf)
	open := func(id uint32, path string) {
		mu.Lock()
		defer mu.Unlock()
		buf.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", d.Host}, {":path", path}, {"x-api-key", d.Key}} {
			_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		if err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: buf.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
			t.Error(err)
		}
	}
	_, _ = io.WriteString(c, http2.ClientPreface)
	if err := fr.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	open(1, "/http/x?delay=2500ms")
	return func(t testing.TB) {
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		var goaways []uint32
		status := map[uint32]string{}
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("the connection ends with %v", err)
				}
				break
			}
			switch f := f.(type) {
			case *http2.GoAwayFrame:
				if f.ErrCode != http2.ErrCodeNo {
					t.Errorf("GOAWAY with %v", f.ErrCode)
				}
				if goaways = append(goaways, f.LastStreamID); len(goaways) == 1 {
					open(3, "/http/x") // was on its way
				}
			case *http2.MetaHeadersFrame:
				status[f.StreamID] = f.PseudoValue("status")
			case *http2.RSTStreamFrame:
				t.Errorf("stream %d is reset: %v", f.StreamID, f.ErrCode)
			case *http2.SettingsFrame:
				if !f.IsAck() {
					_ = fr.WriteSettingsAck()
				}
			}
		}
		if len(goaways) < 2 || goaways[0] != 1<<31-1 || goaways[len(goaways)-1] != 3 {
			t.Errorf("GOAWAY names streams %v, want the highest there is, then 3", goaways)
		}
		if status[1] != "200" || status[3] != "200" {
			t.Errorf("answers %v", status)
		}
	}
}

// leavesGRPC has a stream open on which nothing moves.
func leavesGRPC(t *testing.T, d *drained) func(testing.TB) {
	conn, err := grpc.NewClient("passthrough:///"+d.edge.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(d.Host), grpc.WithDisableRetry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s, err := testpb.NewTestServiceClient(conn).FullDuplexCall(metadata.AppendToOutgoingContext(t.Context(), "x-api-key", d.Key))
	if err == nil {
		err = s.Send(&testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 10}}})
	}
	if err == nil {
		_, err = s.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB) {
		_, err := s.Recv()
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "The gateway is") {
			t.Errorf("the stream ends with %v, want a status of the gateway's", err)
		}
		if took := time.Since(d.since); took < drainTimeout {
			t.Errorf("the stream was ended after %v", took)
		}
	}
}

func leavesWebSocket(t *testing.T, d *drained) func(testing.TB) {
	w, err := harness.DialWebSocket(d.edge.Addr(), d.Host, "/ws2/x", d.Key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return func(t testing.TB) {
		_ = w.SetDeadline(time.Now().Add(10 * time.Second))
		_, err := w.Receive()
		var closed *harness.ClosedError
		if !errors.As(err, &closed) || closed.Code != 1001 {
			t.Errorf("the WebSocket ends with %v, want 1001", err)
		}
		if took := time.Since(d.since); took > drainTimeout-time.Second {
			t.Errorf("it was told after %v", took)
		}
	}
}

// leavesEvents reads events to their end, which is in order: it would connect again.
func leavesEvents(t *testing.T, d *drained) func(testing.TB) {
	l := d.dial(t)
	l.ask(t, "/long/events")
	return func(t testing.TB) {
		if resp, err := l.answer(t); err != nil || resp.StatusCode != 200 {
			t.Errorf("the events end with %v %v", resp.Status, err)
		}
		if took := time.Since(d.since); took < drainTimeout {
			t.Errorf("they were ended after %v", took)
		}
	}
}

// leavesDownload is cut off: the client must see that it is not whole.
func leavesDownload(t *testing.T, d *drained) func(testing.TB) {
	l := d.dial(t)
	l.ask(t, "/long/file")
	return func(t testing.TB) {
		if _, err := l.answer(t); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the download ends with %v", err)
		}
		if took := time.Since(d.since); took < drainTimeout {
			t.Errorf("it was ended after %v", took)
		}
	}
}

// leavesUnanswered waits for a backend that never answers.
func leavesUnanswered(t *testing.T, d *drained) func(testing.TB) {
	l := d.dial(t)
	l.ask(t, "/long/never")
	return func(t testing.TB) {
		if resp, _ := l.answer(t); resp.StatusCode != 504 && resp.StatusCode != 503 {
			t.Errorf("answered %s", resp.Status)
		}
		if took := time.Since(d.since); took < drainTimeout {
			t.Errorf("it was answered after %v", took)
		}
	}
}
