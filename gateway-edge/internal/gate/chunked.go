package gate

import (
	"bytes"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Chunked decodes a chunked body (RFC 9112 7.1) in place. The zero value stands
// at the body's beginning.
type Chunked struct {
	state chunkState
	left  uint64 // of the present chunk
	ext   int    // bytes of chunk extensions so far
	// Code of faults: the client's or the backend's.
	Code contract.Code
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd // the CRLF behind the data
	chunkTrailer
	chunkDone
)

const (
	maxChunkLine = 512  // a size line with its extensions
	maxChunkExt  = 4096 // extensions of a whole body
)

// Done reports whether the body has ended.
func (c *Chunked) Done() bool { return c.state == chunkDone }

// Reset puts c at a body's beginning.
func (c *Chunked) Reset(code contract.Code) { *c = Chunked{Code: code} }

// Next takes the next piece off b: data is the part of it that is body, n how
// many bytes of b were used up. When n is 0, more bytes are needed behind what b
// holds, and the caller keeps b. The fields of the trailer
// section go to into, copied.
func (c *Chunked) Next(b []byte, into *policy.EngineHeaders) (data []byte, n int, f *Fault) {
	for {
		switch c.state {
		case chunkSize:
			m, f := c.size(b[n:])
			if m == 0 || f != nil {
				return nil, n, c.fault(f)
			}
			n += m
		case chunkData:
			d := b[n:]
			if len(d) == 0 {
				return nil, n, nil
			}
			if uint64(len(d)) > c.left {
				d = d[:c.left]
			}
			n += len(d)
			if c.left -= uint64(len(d)); c.left == 0 {
				c.state = chunkEnd
				// The line end is taken along, so that a chunk that is all
				// there costs one call.
				if len(b)-n >= 2 && b[n] == '\r' && b[n+1] == '\n' {
					n += 2
					c.state = chunkSize
				}
			}
			return d, n, nil
		case chunkEnd:
			d := b[n:]
			if len(d) > 0 && d[0] != '\r' || len(d) > 1 && d[1] != '\n' {
				return nil, n, c.fault(invalid(n, "a chunk's data is not followed by a line end"))
			}
			if len(d) < 2 {
				return nil, n, nil
			}
			n += 2
			c.state = chunkSize
		case chunkTrailer:
			m, f := c.trailer(b[n:], into)
			return nil, n + m, c.fault(f)
		default:
			return nil, n, nil
		}
	}
}

func (c *Chunked) fault(f *Fault) *Fault {
	if f != nil {
		f.Code = c.Code
	}
	return f
}

// size reads a chunk's size line.
func (c *Chunked) size(b []byte) (n int, f *Fault) {
	nl := bytes.IndexByte(b, '\n')
	line := b
	if nl >= 0 {
		line = b[:nl]
	}
	if len(line) > maxChunkLine {
		return 0, invalid(-1, "a chunk's size line is too long")
	}
	v, i, f := hexNumber(line)
	if f != nil {
		return 0, f
	}
	ext := i
	if i < len(line) && line[i] == ';' {
		for i = control(line, i); i < len(line) && line[i] == '\t'; {
			i = control(line, i+1)
		}
	}
	if i < len(line) && (line[i] != '\r' || i+1 != len(line)) {
		return 0, invalid(i, "a chunk's size line is malformed")
	}
	if nl < 0 {
		return 0, nil
	}
	if i == len(line) {
		return 0, invalid(i, "a chunk's size line ends without a carriage return")
	}
	if c.ext += i - ext; c.ext > maxChunkExt {
		return 0, invalid(-1, "chunk extensions are too long")
	}
	if c.left = v; v == 0 {
		c.state = chunkTrailer
	} else {
		c.state = chunkData
	}
	return nl + 1, nil
}

// hexNumber reads the digits at the beginning of a size line: at least one when
// the line goes on, at most 15.
func hexNumber(line []byte) (v uint64, n int, f *Fault) {
	for ; n < len(line); n++ {
		d := hexDigit(line[n])
		if d < 0 {
			break
		}
		if n == 15 {
			return 0, n, invalid(n, "a chunk's size is too large")
		}
		v = v<<4 | uint64(d)
	}
	if n == 0 && len(line) > 0 {
		return 0, 0, invalid(0, "a chunk's size is not hexadecimal")
	}
	return v, n, nil
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// trailer reads the trailer section when all of it is there. Fields that a
// trailer may not carry are dropped, never merged into the header.
func (c *Chunked) trailer(b []byte, into *policy.EngineHeaders) (n int, f *Fault) {
	end, f := trailerEnd(b)
	if end == 0 || f != nil {
		if f == nil && len(b) > MaxTrailers {
			f = invalid(-1, "the trailer section is too long")
		}
		return 0, f
	}
	if end == 2 {
		c.state = chunkDone
		return 2, nil
	}
	kept := append(make([]byte, 0, end), b[:end]...)
	for i := 0; kept[i] != '\r'; {
		fl, _, f := scanField(kept, i)
		if f != nil {
			return 0, f
		}
		if n++; n > MaxFields {
			return 0, invalid(-1, "more than 100 trailer fields")
		}
		name := kept[fl.name:fl.nameEnd]
		if !fl.odd && trailerAllowed(name) {
			into.Append(name, kept[fl.value:fl.valueEnd])
		}
		i = fl.next
	}
	c.state = chunkDone
	return end, nil
}

// trailerEnd finds the empty line that ends the section at the beginning of b;
// 0 when it is not there yet.
func trailerEnd(b []byte) (end int, f *Fault) {
	for i := 0; i < len(b); {
		nl := bytes.IndexByte(b[i:], '\n')
		if nl < 0 {
			return 0, nil
		}
		nl += i
		if nl == i || b[nl-1] != '\r' {
			return 0, invalid(nl, "a line ends without a carriage return")
		}
		if nl == i+1 {
			return nl + 1, nil
		}
		if nl > MaxTrailers {
			return 0, invalid(-1, "the trailer section is too long")
		}
		i = nl + 1
	}
	return 0, nil
}

const hexDigits = "0123456789abcdef"

// AppendChunk appends a chunk's size line for n > 0 bytes of data.
func AppendChunk(dst []byte, n int) []byte {
	shift := 28
	for shift > 0 && n>>shift == 0 {
		shift -= 4
	}
	for ; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[n>>shift&15])
	}
	return append(dst, '\r', '\n')
}

// AppendLast appends the last chunk with the trailer fields of t, which may be
// nil.
func AppendLast(dst []byte, t *policy.EngineHeaders) []byte {
	dst = append(dst, "0\r\n"...)
	if t != nil {
		fields := t.Fields()
		for i := range fields {
			if f := &fields[i]; !f.Dead {
				dst = AppendField(dst, f.Name, f.Value)
			}
		}
	}
	return append(dst, '\r', '\n')
}

// AppendField appends one field line.
func AppendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}
