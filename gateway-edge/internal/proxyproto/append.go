package proxyproto

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// Families of version 2: the address family in the high half, the transport in
// the low one.
const (
	streamV4 = 0x11
	streamV6 = 0x21
	datagram = 0x01 // added to streamV4 and streamV6
)

// AppendV1 appends a header of version 1 for a TCP connection. Addresses of two
// families are both written as IPv6.
func AppendV1(b []byte, h Header) []byte {
	src, dst, six := h.family()
	b = append(b, "PROXY TCP4 "...)
	if six {
		b[len(b)-2] = '6'
	}
	b = append(src.Addr().AppendTo(b), ' ')
	b = append(dst.Addr().AppendTo(b), ' ')
	b = append(strconv.AppendUint(b, uint64(src.Port()), 10), ' ')
	b = strconv.AppendUint(b, uint64(dst.Port()), 10)
	return append(b, '\r', '\n')
}

// AppendV2 appends a header of version 2; udp says that it is about datagrams.
func AppendV2(b []byte, h Header, udp bool) []byte {
	src, dst, six := h.family()
	kind, size := byte(streamV4), 12
	if six {
		kind, size = streamV6, 36
	}
	if udp {
		kind += datagram
	}
	b = append(b, signature...)
	b = append(b, 0x21, kind, 0, byte(size))
	if six {
		s, d := src.Addr().As16(), dst.Addr().As16()
		b = append(append(b, s[:]...), d[:]...)
	} else {
		s, d := src.Addr().As4(), dst.Addr().As4()
		b = append(append(b, s[:]...), d[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, src.Port())
	return binary.BigEndian.AppendUint16(b, dst.Port())
}

// MaxAppended bounds what AppendV1 and AppendV2 append, in bytes.
const MaxAppended = maxV1

// family returns both addresses in one family: IPv4 where both are.
func (h Header) family() (src, dst netip.AddrPort, six bool) {
	s, d := h.Source.Addr().Unmap().WithZone(""), h.Destination.Addr().Unmap().WithZone("")
	if six = !s.Is4() || !d.Is4(); six {
		s, d = netip.AddrFrom16(s.As16()), netip.AddrFrom16(d.As16())
	}
	return netip.AddrPortFrom(s, h.Source.Port()), netip.AddrPortFrom(d, h.Destination.Port()), six
}
