package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
)

// stub is a connection whose input is a reader.
type stub struct {
	net.Conn
	io.Reader
	closed bool
}

func (s *stub) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (s *stub) Close() error               { s.closed = true; return nil }

func frame(kind, flags byte, payload int) []byte {
	b := []byte{byte(payload >> 16), byte(payload >> 8), byte(payload), kind, flags, 0, 0, 0, 1}
	return append(b, make([]byte, payload)...)
}

// window is a window update of n.
func window(n uint32) []byte {
	return binary.BigEndian.AppendUint32(frame(frameWindowUpdate, 0, 4)[:frameHead], n)
}

func stream(frames ...[]byte) []byte {
	return append(make([]byte, preface), bytes.Join(frames, nil)...)
}

func repeat(n int, f []byte) (out [][]byte) {
	for range n {
		out = append(out, f)
	}
	return out
}

// These tests' clock stands still: how many frames may come depends on it.

func TestFrames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testFrames)
}

func testFrames(t *testing.T) {
	mixed := repeat(500, frame(6, 0, 8))
	for range 20_000 {
		mixed = append(mixed, frame(frameHeaders, 5, 40), frame(frameData, 0, 100), window(1), window(1<<30), frame(frameData, flagEndStream, 0))
	}
	for name, c := range map[string]struct {
		in   [][]byte
		over bool
	}{
		"an honest client":          {mixed, false},
		"as many pings as may":      {repeat(cheapBurst, frame(6, 0, 8)), false},
		"pings":                     {repeat(cheapBurst+100, frame(6, 0, 8)), true},
		"settings":                  {repeat(cheapBurst+100, frame(4, 0, 6)), true},
		"priorities":                {repeat(cheapBurst+100, frame(2, 0, 5)), true},
		"resets":                    {repeat(cheapBurst+100, frame(3, 0, 4)), true},
		"continuations":             {repeat(cheapBurst+100, frame(9, 0, 100)), true},
		"window updates of nothing": {repeat(cheapBurst+100, frame(frameWindowUpdate, 0, 4)), true},
		"empty data":                {repeat(cheapBurst+100, frame(frameData, 0, 0)), true},
		"kinds that nobody knows":   {repeat(cheapBurst+100, frame(99, 0, 1)), true},
	} {
		in := stream(c.in...)
		for how, r := range map[string]io.Reader{
			"whole": bytes.NewReader(in), "halves": iotest.HalfReader(bytes.NewReader(in)),
			"pieces": &pieces{bytes.NewReader(in), rand.New(rand.NewPCG(1, 2))},
		} {
			s := &stub{Reader: r}
			got, err := io.ReadAll(newFrames(s, nil))
			if over := errors.Is(err, errFlood); over != c.over || over != s.closed {
				t.Errorf("%s in %s: %v", name, how, err)
			}
			if !c.over && !bytes.Equal(got, in) {
				t.Errorf("%s in %s: the bytes changed", name, how)
			}
		}
	}
}

// TestResetsOfOurs ends a connection whose client makes the server reset streams.
func TestResetsOfOurs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testResetsOfOurs)
}

func testResetsOfOurs(t *testing.T) {
	for n, over := range map[int]bool{cheapBurst: false, cheapBurst + 100: true} {
		s := &stub{Conn: sink{}}
		f := newFrames(s, nil)
		var err error
		for range n {
			for _, part := range [][]byte{frame(frameHeaders, 4, 30), frame(frameReset, 0, 4)[:5], frame(frameReset, 0, 4)[5:]} {
				if _, e := f.Write(part); e != nil {
					err = e
				}
			}
		}
		if errors.Is(err, errFlood) != over || s.closed != over {
			t.Errorf("%d resets: %v, closed %v", n, err, s.closed)
		}
	}
}

// sink takes everything that is written.
type sink struct{ net.Conn }

func (sink) Write(p []byte) (int, error)      { return len(p), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }

// pieces reads a few bytes at a time.
type pieces struct {
	r io.Reader
	n *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), 1+p.n.IntN(60))]) }

func TestFramesDoNotAllocate(t *testing.T) {
	in := stream(repeat(50, frame(frameHeaders, 5, 40))...)
	r := bytes.NewReader(in)
	f := newFrames(&stub{Reader: r}, nil)
	buf := make([]byte, 4096)
	if n := alloctest.PerRun(100, func() {
		r.Reset(in)
		f.in.skip, f.in.have = preface, 0
		_, _ = f.Read(buf)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
