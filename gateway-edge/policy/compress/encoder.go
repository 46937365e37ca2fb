package compress

import (
	"io"
	"sync"

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

// makers make an encoder of a level: 0 fast, 1 balanced, 2 small.
var makers = map[string]func(level int) encoder{
	"br":   func(level int) encoder { return brotli.NewWriterLevel(nil, [...]int{2, 4, 8}[level]) },
	"gzip": makeGzip,
	"zstd": makeZstd,
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

// coding is a content coding with its idle encoders.
type coding struct {
	name string
	pool sync.Pool // of *filter
}

func newCoding(name string, make func() encoder) *coding {
	c := &coding{name: name}
	c.pool.New = func() any { return &filter{home: c, enc: make()} }
	return c
}

// filter compresses one body.
type filter struct {
	home  *coding
	enc   encoder
	out   *policy.Out
	flush bool // every piece goes out at once
}

// Write gives compressed bytes to the engine; the encoder calls it.
func (f *filter) Write(p []byte) (int, error) { return f.out.Write(p) }

// Filter compresses a piece.
func (f *filter) Filter(_ *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	f.out = out
	defer func() { f.out = nil }()
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

func (c *coding) take(flush bool) *filter {
	f := c.pool.Get().(*filter)
	f.flush = flush
	f.enc.Reset(f)
	return f
}

// release gives the encoder back, whatever became of the body.
func (f *filter) release() {
	f.out = nil
	f.enc.Reset(io.Discard)
	f.home.pool.Put(f)
}
