package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Bounds of a header, in bytes.
const (
	maxV1 = 107 // of the specification, with its line end
	maxV2 = 2048
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// ErrMalformed says that something began like a PROXY header and is none.
var ErrMalformed = errors.New("the PROXY header is malformed")

// Header is what a proxy said. Source is invalid when it speaks for itself, or of
// a client whose address it does not know.
type Header struct {
	Source, Destination netip.AddrPort
}

// Read reads a header if the connection begins with one. n is its length (0: there
// was none) and ahead what was read behind it. The caller bounds the time: a
// connection that stays silent until then has no header.
func Read(c net.Conn) (h Header, n int, ahead []byte, err error) {
	buf := make([]byte, 0, maxV1)
	for {
		h, n, need, err := Parse(buf)
		if err != nil {
			return h, 0, nil, err
		}
		if need == 0 {
			return h, n, buf[n:], nil
		}
		if need > cap(buf) {
			buf = append(make([]byte, 0, need), buf...)
		}
		m, err := c.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		if err != nil && m == 0 {
			if len(buf) == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
				return h, 0, nil, nil // opened in advance
			}
			return h, 0, nil, err
		}
	}
}

// Parse looks for a header at the beginning of b. need is how many bytes there
// must be before it can be told; 0 when it was: then n is the header's length, 0
// for none.
func Parse(b []byte) (h Header, n, need int, err error) {
	switch {
	case begins(b, "PROXY "):
		if len(b) < len("PROXY ") {
			return h, 0, len("PROXY "), nil
		}
		return parseV1(b)
	case begins(b, signature):
		if len(b) < 16 {
			return h, 0, 16, nil
		}
		return parseV2(b)
	}
	return h, 0, 0, nil
}

// begins reports whether b begins with s, as far as b goes.
func begins(b []byte, s string) bool {
	if len(b) > len(s) {
		b = b[:len(s)]
	}
	return string(b) == s[:len(b)]
}

// parseV1 parses "PROXY TCP4 source destination port port".
func parseV1(b []byte) (h Header, n, need int, err error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if len(b) >= maxV1 {
			return h, 0, 0, ErrMalformed
		}
		return h, 0, maxV1, nil
	}
	if end >= maxV1 || end == 0 || b[end-1] != '\r' {
		return h, 0, 0, ErrMalformed
	}
	parts := strings.Split(string(b[:end-1]), " ")
	if len(parts) >= 2 && parts[1] == "UNKNOWN" {
		return h, end + 1, 0, nil
	}
	if len(parts) != 6 || parts[1] != "TCP4" && parts[1] != "TCP6" {
		return h, 0, 0, ErrMalformed
	}
	src, err1 := netip.ParseAddr(parts[2])
	dst, err2 := netip.ParseAddr(parts[3])
	sport, err3 := strconv.ParseUint(parts[4], 10, 16)
	dport, err4 := strconv.ParseUint(parts[5], 10, 16)
	if err := errors.Join(err1, err2, err3, err4); err != nil || src.Is4() != (parts[1] == "TCP4") || dst.Is4() != src.Is4() || src.Zone() != "" || dst.Zone() != "" {
		return h, 0, 0, ErrMalformed
	}
	h.Source = netip.AddrPortFrom(src.Unmap(), uint16(sport))
	h.Destination = netip.AddrPortFrom(dst.Unmap(), uint16(dport))
	return h, end + 1, 0, nil
}

// parseV2 parses the binary header; b holds its first 16 bytes at least.
func parseV2(b []byte) (h Header, n, need int, err error) {
	size := 16 + int(binary.BigEndian.Uint16(b[14:]))
	if b[12]>>4 != 2 || b[12]&15 > 1 || size > maxV2 {
		return h, 0, 0, ErrMalformed
	}
	if len(b) < size {
		return h, 0, size, nil
	}
	if b[12]&15 == 0 { // LOCAL: the proxy speaks for itself
		return h, size, 0, nil
	}
	body := b[16:size]
	switch b[13] {
	case streamV4:
		if len(body) < 12 {
			return h, 0, 0, ErrMalformed
		}
		h.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[:4])), binary.BigEndian.Uint16(body[8:]))
		h.Destination = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[4:8])), binary.BigEndian.Uint16(body[10:]))
		return h, size, 0, nil
	case streamV6:
		if len(body) < 36 {
			return h, 0, 0, ErrMalformed
		}
		h.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[:16])).Unmap(), binary.BigEndian.Uint16(body[32:]))
		h.Destination = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[16:32])).Unmap(), binary.BigEndian.Uint16(body[34:]))
		return h, size, 0, nil
	case 0x00:
		return h, size, 0, nil
	}
	return h, 0, 0, ErrMalformed
}
