package coding

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// decoder is kept and used again.
type decoder struct {
	in   input
	open func(in *input) (io.Reader, error)
	idle func() // forgets the body
	out  [piece]byte
}

// pools has one for each coding that is undone.
var pools = [Unknown]*sync.Pool{
	Gzip:    {New: func() any { return &decoder{open: openGzip()} }},
	Deflate: {New: func() any { return &decoder{open: openZlib()} }},
	Brotli:  {New: func() any { return &decoder{open: openBrotli} }},
	Zstd:    {New: func() any { return newZstd() }},
}

func (d *decoder) release(c Coding) {
	d.in = input{}
	if d.idle != nil {
		d.idle()
	}
	pools[c].Put(d)
}

// run decodes what is in.
func (d *decoder) run(limit int64, put func(p []byte) bool) error {
	r, err := d.open(&d.in)
	if err != nil {
		return ErrMalformed
	}
	var total int64
	for {
		n, err := r.Read(d.out[:])
		if total += int64(n); total > limit || total > slack+maxRatio*d.in.n {
			return ErrTooLarge
		}
		if n > 0 && !put(d.out[:n]) {
			return nil
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return ErrMalformed
		}
	}
	if d.in.fill() {
		return ErrMalformed
	}
	return nil
}

func openGzip() func(*input) (io.Reader, error) {
	var z gzip.Reader
	return func(in *input) (io.Reader, error) {
		if err := z.Reset(in); err != nil {
			return nil, err
		}
		z.Multistream(false)
		return &z, nil
	}
}

func openZlib() func(*input) (io.Reader, error) {
	var z io.ReadCloser
	return func(in *input) (r io.Reader, err error) {
		if z == nil {
			z, err = zlib.NewReader(in)
			return z, err
		}
		return z, z.(zlib.Resetter).Reset(in, nil)
	}
}

// Windows that a decoder makes room for at most, in bits: what encoders of brotli
// take by default, of the 24 that they may; and all that RFC 9659 allows for zstd.
const (
	maxBrotliWindow = 22
	maxZstdWindow   = 23
)

// openBrotli makes a reader for every body, for it keeps its window. It fails on
// what stands behind the data by itself.
func openBrotli(in *input) (io.Reader, error) {
	if !in.fill() || brotliWindow(in.b[0]) > maxBrotliWindow {
		return nil, ErrMalformed
	}
	return brotli.NewReader(in), nil
}

// brotliWindow is the size of a stream's window in bits (RFC 7932 9.1); a large
// one, which the RFC does not know, is more than any.
func brotliWindow(b byte) int {
	switch {
	case b&1 == 0:
		return 16
	case b>>1&7 != 0:
		return 17 + int(b>>1&7)
	case b>>4&7 == 0:
		return 17
	case b>>4&7 == 1:
		return 99
	}
	return 8 + int(b>>4&7)
}

func newZstd() *decoder {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(1<<maxZstdWindow),
		zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		panic(err) // the options are wrong
	}
	return &decoder{
		open: func(in *input) (io.Reader, error) { return z, z.Reset(bufio.NewReaderSize(in, 4<<10)) },
		idle: func() { _ = z.Reset(nil) },
	}
}
