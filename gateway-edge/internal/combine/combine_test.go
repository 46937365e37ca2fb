package combine

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counting counts writes to the socket.
type counting struct {
	net.Conn
	writes atomic.Int32
	gate   chan struct{} // a write waits for it; nil: none does
	fails  error
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes.Add(1)
	if c.gate != nil {
		<-c.gate
	}
	if c.fails != nil {
		return 0, c.fails
	}
	return c.Conn.Write(p)
}

// pair is a combined connection and what comes out of it.
func pair(t *testing.T) (c *Conn, under *counting, got func() []byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	var readErr error
	var done sync.WaitGroup
	done.Go(func() { b, readErr = io.ReadAll(far) })
	t.Cleanup(func() { near.Close(); far.Close() })
	under = &counting{Conn: near}
	return New(under, 10*time.Second), under, func() []byte {
		done.Wait()
		if readErr != nil {
			t.Fatal(readErr)
		}
		return b
	}
}

// TestNothingIsLostOrMoved writes pieces of all sizes and closes at once.
func TestNothingIsLostOrMoved(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		c, _, got := pair(t)
		var want []byte
		for range 300 {
			n := r.IntN(200)
			if r.IntN(20) == 0 {
				n = r.IntN(3 * large)
			}
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(r.Uint32())
			}
			want = append(want, p...)
			if m, err := c.Write(p); m != n || err != nil {
				t.Fatalf("%d of %d, %v", m, n, err)
			}
			clear(p) // the writer's to use again
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got(), want) {
			t.Fatalf("seed %d: what came out is not what went in", seed)
		}
	}
}

func TestSmallWritesGoTogether(t *testing.T) {
	c, under, got := pair(t)
	under.gate = make(chan struct{})
	for range 1000 {
		if _, err := c.Write([]byte("frame")); err != nil {
			t.Fatal(err)
		}
	}
	close(under.gate)
	if err := c.CloseWrite(); !errors.Is(err, errors.ErrUnsupported) { // counting hides it
		t.Fatal(err)
	}
	c.Close()
	if n := len(got()); n != 5000 {
		t.Errorf("%d bytes of 5000", n)
	}
	if n := under.writes.Load(); n > 2 {
		t.Errorf("%d writes to the socket", n)
	}
}

func TestWritersWaitForTheSocket(t *testing.T) {
	c, under, _ := pair(t)
	under.gate = make(chan struct{})
	var taken atomic.Int64
	var writer sync.WaitGroup
	writer.Go(func() {
		for range 100 {
			n, err := c.Write(make([]byte, 8<<10))
			taken.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	waiting := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.buf != nil && len(*c.buf) > room-(8<<10)
	}
	for !waiting() {
		time.Sleep(time.Millisecond)
	}
	if n := taken.Load(); n > 2*room+large {
		t.Errorf("%d bytes were taken while the socket took none", n)
	}
	close(under.gate)
	writer.Wait()
	if n := taken.Load(); n != 100*(8<<10) {
		t.Errorf("%d bytes were taken", n)
	}
}

func TestErrorsStay(t *testing.T) {
	c, under, _ := pair(t)
	under.fails = errors.New("no route")
	_, _ = c.Write([]byte("x"))
	for {
		if _, err := c.Write([]byte("y")); err != nil {
			if !errors.Is(err, under.fails) {
				t.Errorf("%v", err)
			}
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := c.Write(make([]byte, 2*large)); !errors.Is(err, under.fails) {
		t.Errorf("a large piece: %v", err)
	}
	c.Close()
}

func TestClosedTakesNothing(t *testing.T) {
	c, _, _ := pair(t)
	c.Close()
	for _, n := range []int{1, 2 * large} {
		if _, err := c.Write(make([]byte, n)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestAStalledReaderEndsIt fills the socket of somebody who does not read.
func TestAStalledReaderEndsIt(t *testing.T) {
	near, far := net.Pipe() // takes nothing that is not read
	defer far.Close()
	c := New(near, 50*time.Millisecond)
	var err error
	for err == nil {
		_, err = c.Write(make([]byte, 4<<10))
	}
	var late net.Error
	if !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("%v", err)
	}
	c.Close()
}

func BenchmarkWrite(b *testing.B) {
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	c := New(near, time.Minute)
	p := make([]byte, 1200)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = c.Write(p)
	}
	c.Close()
}
