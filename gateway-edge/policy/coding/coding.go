package coding

import (
	"errors"
	"iter"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Coding is how a body is encoded.
type Coding uint8

// Codings of a body (RFC 9110 8.4.1, RFC 7932, RFC 8878).
const (
	Plain Coding = iota
	Gzip
	Deflate // zlib's format, as RFC 9110 8.4.1.2 says, and never the bare one
	Brotli
	Zstd
	Unknown
)

// names are those of codings.
var names = [...]struct {
	name string
	is   Coding
}{{"gzip", Gzip}, {"br", Brotli}, {"zstd", Zstd}, {"deflate", Deflate}, {"identity", Plain}, {"", Plain}, {"x-gzip", Gzip}}

// Named is the coding of a name, in any case.
func Named(name policy.Text) Coding {
	for i := range names {
		if name.Fold(names[i].name) {
			return names[i].is
		}
	}
	return Unknown
}

// Of reads a message's Content-Encoding. More than one is Unknown.
func Of(h policy.Headers) (c Coding) {
	n := 0
	for v := range h.All(policy.ContentEncoding) {
		if n++; n > 1 {
			return Unknown
		}
		c = Named(v.Trim())
	}
	return c
}

// Errors of Decode.
var (
	ErrTooLarge  = errors.New("the decoded body is larger than allowed")
	ErrMalformed = errors.New("the body is not what its Content-Encoding says")
	ErrUnknown   = errors.New("the body's Content-Encoding is not one that can be undone")
)

// maxRatio bounds what comes out of a byte that goes in, past slack bytes.
const (
	maxRatio = 100
	slack    = 64 << 10
	piece    = 16 << 10
)

// Decode hands a body to put without its coding, in pieces that are valid for the
// call only. It ends with ErrTooLarge past limit bytes or past a hundred times what
// went in, with ErrMalformed, with ErrUnknown, or early and without an error when
// put says so.
func Decode(c Coding, chunks iter.Seq[[]byte], limit int64, put func(p []byte) bool) error {
	switch c {
	case Plain:
		return pass(chunks, limit, put)
	case Unknown:
		return ErrUnknown
	case Zstd:
		whole, ok := oneFrame(chunks)
		if !ok {
			return ErrMalformed
		}
		chunks = func(yield func([]byte) bool) { yield(whole) }
	}
	next, stop := iter.Pull(chunks)
	defer stop()
	d := pools[c].Get().(*decoder)
	defer d.release(c)
	d.in = input{next: next}
	return d.run(limit, put)
}

func pass(chunks iter.Seq[[]byte], limit int64, put func(p []byte) bool) error {
	var total int64
	for p := range chunks {
		if total += int64(len(p)); total > limit {
			return ErrTooLarge
		}
		if !put(p) {
			return nil
		}
	}
	return nil
}
