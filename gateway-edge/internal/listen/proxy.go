package listen

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

// Bounds of a PROXY header, in bytes.
const (
	maxProxyV1 = 107 // of the specification, with its line end
	maxProxyV2 = 2048
)

const proxyV2 = "\r\n\r\n\x00\r\nQUIT\n"

var errProxy = errors.New("the PROXY header is malformed")

// readProxy reads a PROXY header if the connection begins with one. It returns
// whom it names (invalid when it names nobody) and what was read behind it. The
// caller bounds the time.
func readProxy(c net.Conn) (client netip.AddrPort, ahead []byte, err error) {
	buf := make([]byte, 0, maxProxyV1)
	for {
		client, n, need, err := parseProxy(buf)
		if err != nil {
			return client, nil, err
		}
		if need == 0 {
			return client, buf[n:], nil
		}
		if need > cap(buf) {
			buf = append(make([]byte, 0, need), buf...)
		}
		m, err := c.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+m]
		if err != nil && m == 0 {
			if len(buf) == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
				return client, nil, nil // opened in advance: there is no header
			}
			return client, nil, err
		}
	}
}

// parseProxy looks for a PROXY header at the beginning of b. need is how many
// bytes there must be before it can be told; 0 when it was: then n is the
// header's length, 0 for none.
func parseProxy(b []byte) (client netip.AddrPort, n, need int, err error) {
	switch {
	case begins(b, "PROXY "):
		if len(b) < len("PROXY ") {
			return client, 0, len("PROXY "), nil
		}
		return parseV1(b)
	case begins(b, proxyV2):
		if len(b) < 16 {
			return client, 0, 16, nil
		}
		return parseV2(b)
	}
	return client, 0, 0, nil
}

// begins reports whether b begins with s, as far as b goes.
func begins(b []byte, s string) bool {
	if len(b) > len(s) {
		b = b[:len(s)]
	}
	return string(b) == s[:len(b)]
}

// parseV1 parses "PROXY TCP4 source destination port port".
func parseV1(b []byte) (client netip.AddrPort, n, need int, err error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if len(b) >= maxProxyV1 {
			return client, 0, 0, errProxy
		}
		return client, 0, maxProxyV1, nil
	}
	if end >= maxProxyV1 || end == 0 || b[end-1] != '\r' {
		return client, 0, 0, errProxy
	}
	parts := strings.Split(string(b[:end-1]), " ")
	if len(parts) >= 2 && parts[1] == "UNKNOWN" {
		return client, end + 1, 0, nil
	}
	if len(parts) != 6 || parts[1] != "TCP4" && parts[1] != "TCP6" {
		return client, 0, 0, errProxy
	}
	src, err1 := netip.ParseAddr(parts[2])
	dst, err2 := netip.ParseAddr(parts[3])
	sport, err3 := strconv.ParseUint(parts[4], 10, 16)
	_, err4 := strconv.ParseUint(parts[5], 10, 16)
	if err := errors.Join(err1, err2, err3, err4); err != nil || src.Is4() != (parts[1] == "TCP4") || dst.Is4() != src.Is4() || src.Zone() != "" {
		return client, 0, 0, errProxy
	}
	return netip.AddrPortFrom(src.Unmap(), uint16(sport)), end + 1, 0, nil
}

// parseV2 parses the binary header; b holds its first 16 bytes at least.
func parseV2(b []byte) (client netip.AddrPort, n, need int, err error) {
	size := 16 + int(binary.BigEndian.Uint16(b[14:]))
	if b[12]>>4 != 2 || b[12]&15 > 1 || size > maxProxyV2 {
		return client, 0, 0, errProxy
	}
	if len(b) < size {
		return client, 0, size, nil
	}
	if b[12]&15 == 0 { // LOCAL: the proxy speaks for itself
		return client, size, 0, nil
	}
	body := b[16:size]
	switch b[13] {
	case 0x11:
		if len(body) < 12 {
			return client, 0, 0, errProxy
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[:4])), binary.BigEndian.Uint16(body[8:])), size, 0, nil
	case 0x21:
		if len(body) < 36 {
			return client, 0, 0, errProxy
		}
		a := netip.AddrFrom16([16]byte(body[:16])).Unmap()
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(body[32:])), size, 0, nil
	case 0x00:
		return client, size, 0, nil
	}
	return client, 0, 0, errProxy
}
