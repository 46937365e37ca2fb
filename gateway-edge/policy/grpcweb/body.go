package grpcweb

import (
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
)

var errText = errors.New("the body is no base64 text")

// decoder unpacks base64 that may be padded in its midst, where the client flushed.
type decoder struct {
	rest [4]byte
	n    int
	out  []byte
}

// Filter is policy.BodyFilter.
func (d *decoder) Filter(_ *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	d.out = d.out[:0]
	for _, c := range in {
		if c == '\r' || c == '\n' {
			continue
		}
		d.rest[d.n] = c
		if d.n++; d.n < 4 {
			continue
		}
		d.n = 0
		var group [3]byte
		k, err := base64.StdEncoding.Decode(group[:], d.rest[:])
		if err != nil {
			return errText
		}
		d.out = append(d.out, group[:k]...)
	}
	if last && d.n > 0 {
		return errText
	}
	_, err := out.Write(d.out)
	return err
}

// trailers passes frames on and puts the call's trailers behind them, as a frame of
// their own: lines of name and value, as of a head of HTTP/1.1, names in lower case.
type trailers struct {
	text  bool
	lines []byte
	buf   []byte

	head  []byte // of the frame under way
	left  int64  // bytes of it that are to come
	ends  bool   // what is written next ends it
	carry []byte // less than a group of base64
}

// Filter is policy.BodyFilter.
func (t *trailers) Filter(x *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	if !last {
		return t.write(in, out)
	}
	t.take(x.Response().Trailer, false)
	if len(t.lines) == 0 {
		t.lines = append(t.lines, "grpc-status:13\r\ngrpc-message:"...)
		t.lines = append(append(t.lines, grpcwire.Missing.Message...), "\r\n"...)
	}
	frame := grpcwire.AppendHead(nil, grpcwire.FlagTrailers, len(t.lines))
	if err := t.write(append(append(append([]byte(nil), in...), frame...), t.lines...), out); err != nil || len(t.carry) == 0 {
		return err
	}
	t.ends, t.buf = true, t.buf[:0] // behind a frame that the backend did not end
	t.group(nil)
	_, err := out.Write(t.buf)
	return err
}

// write writes p; in the text form each frame is padded at its end, so that what
// has come whole can be read at once.
func (t *trailers) write(p []byte, out *policy.Out) error {
	if len(p) == 0 {
		return nil
	}
	if t.text {
		p = t.encode(p)
	}
	_, err := out.Write(p)
	return err
}

// encode writes whole groups of three bytes, and the rest of a group where a frame
// ends.
func (t *trailers) encode(p []byte) []byte {
	t.buf = t.buf[:0]
	for len(p) > 0 {
		n := len(p)
		if t.left == 0 { // in a head
			n = min(n, grpcwire.HeadLen-len(t.head))
			if t.head = append(t.head, p[:n]...); len(t.head) == grpcwire.HeadLen {
				t.left, t.head = int64(binary.BigEndian.Uint32(t.head[1:])), t.head[:0]
				t.ends = t.left == 0
			}
		} else {
			n = int(min(int64(n), t.left))
			t.left -= int64(n)
			t.ends = t.left == 0
		}
		t.group(p[:n])
		p = p[n:]
	}
	return t.buf
}

func (t *trailers) group(p []byte) {
	t.carry = append(t.carry, p...)
	n := len(t.carry) / 3 * 3
	if t.ends {
		n, t.ends = len(t.carry), false
	}
	t.buf = base64.StdEncoding.AppendEncode(t.buf, t.carry[:n])
	t.carry = append(t.carry[:0], t.carry[n:]...)
}

// take moves fields into the frame: all of trailers, of a head the status alone.
func (t *trailers) take(h policy.Headers, head bool) {
	if head && !h.Has(policy.GRPCStatus) {
		return
	}
	var names []policy.Name
	for n, v := range h.Each() {
		if head && !n.Fold("grpc-status") && !n.Fold("grpc-message") && !n.Fold("grpc-status-details-bin") {
			continue
		}
		for i := range n.Len() {
			c := n.At(i)
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			t.lines = append(t.lines, c)
		}
		t.lines = append(v.AppendTo(append(t.lines, ':')), "\r\n"...)
		if name, err := policy.HeaderName(n.Clone()); err == nil {
			names = append(names, name)
		}
	}
	for _, n := range names {
		h.Del(n)
	}
}
