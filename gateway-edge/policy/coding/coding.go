package coding

import (
	"compress/gzip"
	"errors"
	"io"
	"iter"
	"sync"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Coding is how a body is encoded.
type Coding uint8

// Codings of a body.
const (
	Plain Coding = iota
	Gzip
	Unknown
)

// Of reads a message's Content-Encoding. More than one is Unknown.
func Of(h policy.Headers) (c Coding) {
	n := 0
	for v := range h.All(policy.ContentEncoding) {
		v = v.Trim()
		n++
		switch {
		case v.Empty(), v.Fold("identity"):
		case v.Fold("gzip"), v.Fold("x-gzip"):
			c = Gzip
		default:
			c = Unknown
		}
	}
	if n > 1 {
		return Unknown
	}
	return c
}

// Errors of Decode.
var (
	ErrTooLarge  = errors.New("the decoded body is larger than allowed")
	ErrMalformed = errors.New("the body is not what its Content-Encoding says")
)

// maxRatio bounds what comes out of a byte that goes in, past slack bytes.
const (
	maxRatio = 100
	slack    = 64 << 10
	piece    = 16 << 10
)

// decoder is kept and used again.
type decoder struct {
	in  input
	z   gzip.Reader
	out [piece]byte
}

var decoders = sync.Pool{New: func() any { return &decoder{} }}

// input reads chunks. It is an io.ByteReader so that the decoder reads no byte
// too many.
type input struct {
	next func() ([]byte, bool)
	b    []byte
	n    int64
}

func (r *input) fill() bool {
	for len(r.b) == 0 {
		var ok bool
		if r.b, ok = r.next(); !ok {
			return false
		}
	}
	return true
}

func (r *input) Read(p []byte) (int, error) {
	if !r.fill() {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b, r.n = r.b[n:], r.n+int64(n)
	return n, nil
}

func (r *input) ReadByte() (byte, error) {
	if !r.fill() {
		return 0, io.EOF
	}
	c := r.b[0]
	r.b, r.n = r.b[1:], r.n+1
	return c, nil
}

// Decode hands the decoded body to put in pieces, which are valid for the call
// only. It ends with ErrTooLarge past limit bytes or past a hundred times what
// went in, with ErrMalformed, or early and without an error when put says so.
func Decode(chunks iter.Seq[[]byte], limit int64, put func(p []byte) bool) error {
	next, stop := iter.Pull(chunks)
	defer stop()
	d := decoders.Get().(*decoder)
	defer func() {
		d.in = input{}
		decoders.Put(d)
	}()
	d.in = input{next: next}
	if err := d.z.Reset(&d.in); err != nil {
		return ErrMalformed
	}
	d.z.Multistream(false)
	var total int64
	for {
		n, err := d.z.Read(d.out[:])
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
