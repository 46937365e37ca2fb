package handover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// predecessor is a Server and what was asked of it.
type predecessor struct {
	*Server
	dir             string
	paused, resumed atomic.Int64
	failed          chan error
	ended           chan error
	troubled        chan struct{}
	stop            context.CancelFunc
}

func serve(t *testing.T, dir string, offer func() (Offer, error)) *predecessor {
	t.Helper()
	p := &predecessor{dir: dir, failed: make(chan error, 10), ended: make(chan error, 1), troubled: make(chan struct{}, 100)}
	var err error
	p.Server, err = Listen(Config{
		Dir: dir, Me: Facts{Edge: "edge-a", Epoch: 7, Version: "1", PID: 1}, Offer: offer, Logger: slog.New(warnings{slog.DiscardHandler, p.troubled}),
		Pause: func() { p.paused.Add(1) }, Resume: func() { p.resumed.Add(1) }, Failed: func(err error) { p.failed <- err },
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	go func() { p.ended <- p.Run(ctx) }()
	t.Cleanup(cancel)
	return p
}

// warnings tells of what is logged as a warning.
type warnings struct {
	slog.Handler
	came chan struct{}
}

func (w warnings) Enabled(context.Context, slog.Level) bool { return true }
func (w warnings) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn {
		w.came <- struct{}{}
	}
	return nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// held is an offer of n listeners and a socket for datagrams.
func held(t *testing.T, n int) (offer func() (Offer, error), listeners []net.Listener, packets net.PacketConn) {
	t.Helper()
	var o Offer
	for i := range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { _ = ln.Close() })
		listeners = append(listeners, ln)
		o.Sockets = append(o.Sockets, Socket{Name("tcp", fmt.Sprintf("host:%d", i)), ln.(Conn)})
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = packets.Close() })
	o.Sockets = append(o.Sockets, Socket{Name("udp", "host:1"), packets.(Conn)})
	o.Lock, err = os.Create(filepath.Join(t.TempDir(), "lock"))
	must(t, err)
	t.Cleanup(func() { _ = o.Lock.Close() })
	return func() (Offer, error) { return o, nil }, listeners, packets
}

// TestHandOver hands 250 sockets over by a path that is too long for the kernel.
func TestHandOver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	must(t, os.Mkdir(dir, 0o700))
	offer, listeners, packets := held(t, 250)
	p := serve(t, dir, offer)
	r, err := Ask(t.Context(), dir, Facts{Version: "2"})
	must(t, err)
	defer r.Close()
	if r.Predecessor.Edge != "edge-a" || r.Predecessor.Epoch != 7 || r.Lock == nil {
		t.Errorf("predecessor %+v, lock %v", r.Predecessor, r.Lock)
	}
	for i, old := range listeners {
		ln, err := r.Sockets.Listen(t.Context(), &net.ListenConfig{}, "tcp", fmt.Sprintf("host:%d", i))
		must(t, err)
		if ln.Addr().String() != old.Addr().String() {
			t.Fatalf("listener %d is at %v, was at %v", i, ln.Addr(), old.Addr())
		}
		defer ln.Close()
		if i > 0 {
			continue
		}
		must(t, old.Close()) // connections are taken still
		c, err := net.Dial("tcp", ln.Addr().String())
		must(t, err)
		defer c.Close()
		a, err := ln.Accept()
		must(t, err)
		must(t, a.Close())
	}
	pc, err := r.Sockets.ListenPacket(t.Context(), &net.ListenConfig{}, "udp", "host:1")
	must(t, err)
	defer pc.Close()
	if pc.LocalAddr().String() != packets.LocalAddr().String() {
		t.Errorf("datagrams at %v", pc.LocalAddr())
	}
	other, err := r.Sockets.Listen(t.Context(), &net.ListenConfig{}, "tcp", "127.0.0.1:0")
	must(t, err)
	must(t, other.Close()) // one that the predecessor did not have is bound
	must(t, r.Ready())
	if p.paused.Load() != 1 {
		t.Error("the predecessor speaks on")
	}
	must(t, r.Serving())
	if err := <-p.ended; err != nil || p.resumed.Load() != 0 || len(p.failed) != 0 {
		t.Errorf("the predecessor: %v, resumed %d, failed %d", err, p.resumed.Load(), len(p.failed))
	}
}

// TestFailedSuccessors fail at every step; the last one takes over all the same.
func TestFailedSuccessors(t *testing.T) {
	dir := t.TempDir()
	offer, _, _ := held(t, 2)
	var refuse atomic.Bool
	p := serve(t, dir, func() (Offer, error) {
		if refuse.Load() {
			return Offer{}, errors.New("not now")
		}
		return offer()
	})
	failed := func(want string) {
		t.Helper()
		select {
		case err := <-p.failed:
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the predecessor says %v, want %s", err, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the predecessor does not notice")
		}
	}
	ask := func() *Request {
		t.Helper()
		r, err := Ask(t.Context(), dir, Facts{})
		must(t, err)
		return r
	}
	refuse.Store(true)
	if _, err := Ask(t.Context(), dir, Facts{}); err == nil || !strings.Contains(err.Error(), "not now") {
		t.Errorf("refused with %v", err)
	}
	failed("not now")
	refuse.Store(false)

	ask().Close()
	failed("ended the conversation")
	r := ask()
	r.GiveUp(errors.New("the disk is full"))
	r.Close()
	failed("the disk is full")
	if p.paused.Load() != 0 {
		t.Error("the predecessor was paused for one that was not ready")
	}
	r = ask()
	must(t, r.Ready())
	r.Close()
	failed("ended the conversation")
	if p.paused.Load() != 1 || p.resumed.Load() != 1 {
		t.Errorf("paused %d times, resumed %d times", p.paused.Load(), p.resumed.Load())
	}

	// Nonsense, and a format of the future.
	for _, text := range []string{"\xff\xff\xff\xff", "\x00\x00\x00\x02{]", "GET / HTTP/1.1\r\n\r\n"} {
		c, err := net.Dial("unix", filepath.Join(dir, SocketFile))
		must(t, err)
		_, err = io.WriteString(c, text)
		must(t, err)
		failed("hand-over")
		must(t, c.Close())
	}
	c, err := net.Dial("unix", filepath.Join(dir, SocketFile))
	must(t, err)
	w := newWire(c.(*net.UnixConn))
	must(t, w.send(&message{Hello: &Facts{Format: Format + 1}}))
	m, _, err := w.receive()
	if err != nil || m.Refused == "" {
		t.Errorf("a future format: %+v, %v", m, err)
	}
	w.drop()
	failed("format")

	r = ask()
	defer r.Close()
	must(t, r.Ready())
	must(t, r.Serving())
	must(t, <-p.ended)
}

// TestStopped: an edge that is to end lets no successor go any more, and waits for one
// that may have been told.
func TestStopped(t *testing.T) {
	for _, told := range []bool{false, true} {
		dir := t.TempDir()
		offer, _, _ := held(t, 2)
		p := serve(t, dir, offer)
		r, err := Ask(t.Context(), dir, Facts{})
		must(t, err)
		defer r.Close()
		if told {
			must(t, r.Ready())
		}
		stopped := make(chan bool, 1)
		go func() { stopped <- p.Stop() }()
		if !told {
			if <-stopped {
				t.Error("a successor that was not ready has taken over")
			}
			if err := r.Ready(); err == nil {
				t.Error("a successor is told to go by an edge that was told to end")
			}
			if err := <-p.ended; !errors.Is(err, ErrStopped) || p.paused.Load() != 0 {
				t.Errorf("the predecessor: %v, paused %d", err, p.paused.Load())
			}
			continue
		}
		must(t, r.Serving())
		if !<-stopped {
			t.Error("a successor that serves has not taken over")
		}
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
	}
	// Nobody came.
	p := serve(t, t.TempDir(), nil)
	if p.Stop() {
		t.Error("nobody has taken over")
	}
	if err := <-p.ended; !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

// TestNoFilesLeft: a successor that comes while the edge may open no more files is let
// in later; the edge goes on.
func TestNoFilesLeft(t *testing.T) {
	dir := t.TempDir()
	offer, _, _ := held(t, 1)
	p := serve(t, dir, offer)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	var was unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &was))
	free, err := unix.Dup(fd)
	must(t, err)
	must(t, unix.Close(free))
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(free), Max: was.Max}))
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: filepath.Join(dir, SocketFile)})
	accepted := p.refused(time.Minute)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &was))
	must(t, err)
	if !accepted {
		t.Fatal("the edge took the successor in, or ended")
	}
	must(t, unix.Shutdown(fd, unix.SHUT_RDWR))
	if err := <-p.failed; !strings.Contains(err.Error(), "ended the conversation") {
		t.Error(err)
	}
	r, err := Ask(t.Context(), dir, Facts{})
	must(t, err)
	defer r.Close()
	must(t, r.Ready())
	must(t, r.Serving())
	must(t, <-p.ended)
}

// refused waits until the server could not take a connection.
func (p *predecessor) refused(limit time.Duration) bool {
	select {
	case <-p.troubled:
		return true
	case err := <-p.ended:
		p.ended <- err
	case <-time.After(limit):
	}
	return false
}

// TestNobodyThere: without an edge that runs there is nothing to take over, also
// where one has left its socket.
func TestNobodyThere(t *testing.T) {
	dir := t.TempDir()
	if r, err := Ask(t.Context(), dir, Facts{}); r != nil || err != nil {
		t.Errorf("%v, %v", r, err)
	}
	offer, _, _ := held(t, 1)
	p := serve(t, dir, offer)
	p.stop()
	if err := <-p.ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if r, err := Ask(t.Context(), dir, Facts{}); r != nil || err != nil {
		t.Errorf("%v, %v", r, err)
	}
	again := serve(t, dir, offer)
	r, err := Ask(t.Context(), dir, Facts{})
	must(t, err)
	r.Close()
	<-again.failed
}
