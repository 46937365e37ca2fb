package compress

import (
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// encoder is what the libraries' writers have in common.
type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// maker makes the encoders of a coding.
type maker struct {
	make func(level int) encoder // 0 fast, 1 balanced, 2 small
	// bytes are what an encoder at work takes of memory at each level, rounded up
	// (BenchmarkHeld measures it).
	bytes [3]int64
}

var makers = map[string]maker{
	"br":   {makeBrotli, [...]int64{2 << 20, 7 << 20, 10 << 20}},
	"gzip": {makeGzip, [...]int64{5 << 18, 5 << 18, 5 << 18}},
	"zstd": {makeZstd, [...]int64{2 << 20, 4 << 20, 6 << 20}},
}

// brotliWindow is the binary logarithm of the bytes that brotli looks back at. Its own
// choice of 4 MiB takes 9 to 36 MiB an encoder.
const brotliWindow = 19

func makeBrotli(level int) encoder {
	return brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: [...]int{2, 4, 6}[level], LGWin: brotliWindow})
}

func makeGzip(level int) encoder {
	w, err := gzip.NewWriterLevel(nil, [...]int{2, 5, 8}[level])
	if err != nil {
		panic(err) // the levels are the library's own
	}
	return w
}

// zstdWindow is what decoders of browsers take at most (RFC 9659).
const zstdWindow = 1 << 20

func makeZstd(level int) encoder {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(zstdWindow),
		zstd.WithEncoderLevel([...]zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBetterCompression}[level]))
	if err != nil {
		panic(err) // the options are fixed
	}
	return w
}

// room bounds the memory of all encoders at work in this process. An encoder is held
// for as long as its caller takes to read, so that callers who read slowly could hold
// any number. Answers that find no room are sent as they are.
type room struct {
	used atomic.Int64
	most int64
}

// Bounds of the room: a part of the memory that the process may use.
const (
	roomShare   = 16
	leastRoom   = 16 << 20
	unknownRoom = 256 << 20 // where no limit on memory is set
)

// all is the room of this process.
var all = sync.OnceValue(func() *room {
	limit := debug.SetMemoryLimit(-1)
	if limit >= 1<<40 {
		return &room{most: unknownRoom}
	}
	return &room{most: max(limit/roomShare, leastRoom)}
})

func (r *room) enter(n int64) bool {
	if r.used.Add(n) > r.most {
		r.used.Add(-n)
		return false
	}
	return true
}

func (r *room) leave(n int64) { r.used.Add(-n) }

// coding is a content coding with its idle encoders.
type coding struct {
	name     string
	room     *room
	bytes    int64     // of an encoder at work
	encoders sync.Pool // of encoder
}

func newCoding(name string, level int, r *room) *coding {
	m := makers[name]
	c := &coding{name: name, room: r, bytes: m.bytes[level]}
	c.encoders.New = func() any { return m.make(level) }
	return c
}

// filters are those of no body.
var filters = sync.Pool{New: func() any { return new(filter) }}

// filter compresses one body.
type filter struct {
	home  *coding
	enc   encoder // nil: given back
	out   *policy.Out
	flush bool // every piece goes out at once
}

// Write gives compressed bytes to the engine; the encoder calls it.
func (f *filter) Write(p []byte) (int, error) { return f.out.Write(p) }

// Filter compresses a piece. The encoder is given back with the last one: the caller
// may take long to read what is compressed by then.
func (f *filter) Filter(_ *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	if f.enc == nil {
		return io.ErrClosedPipe
	}
	f.out = out
	defer func() {
		f.out = nil
		if last {
			f.giveBack()
		}
	}()
	if len(in) > 0 {
		if _, err := f.enc.Write(in); err != nil {
			return err
		}
	}
	if last {
		return f.enc.Close()
	}
	if f.flush && len(in) > 0 {
		return f.enc.Flush()
	}
	return nil
}

// take returns a filter with an encoder, nil where there is no room for one.
func (c *coding) take(flush bool) *filter {
	if !c.room.enter(c.bytes) {
		return nil
	}
	f := filters.Get().(*filter)
	f.home, f.flush, f.enc = c, flush, c.encoders.Get().(encoder)
	f.enc.Reset(f)
	return f
}

func (f *filter) giveBack() {
	if f.enc == nil {
		return
	}
	f.enc.Reset(io.Discard)
	f.home.encoders.Put(f.enc)
	f.home.room.leave(f.home.bytes)
	f.enc = nil
}

// release gives everything back, whatever became of the body.
func (f *filter) release() {
	f.giveBack()
	f.home, f.out = nil, nil
	filters.Put(f)
}
