package coding

import "io"

// input reads chunks. It is an io.ByteReader so that a decoder reads no byte too
// many.
type input struct {
	next func() ([]byte, bool)
	b    []byte
	n    int64
}

func (r *input) fill() bool {
	for len(r.b) == 0 {
		if r.next == nil {
			return false
		}
		var ok bool
		if r.b, ok = r.next(); !ok {
			r.next = nil
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
