package proxyproto

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func v2(cmd, family byte, body []byte) string {
	b := append([]byte(signature), 0x20|cmd, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return string(append(b, body...))
}

func v4body(src string, port uint16, more string) []byte {
	a := netip.MustParseAddr(src).As4()
	b := append(a[:], 10, 0, 0, 1)
	b = binary.BigEndian.AppendUint16(b, port)
	b = binary.BigEndian.AppendUint16(b, 80)
	return append(b, more...)
}

func v6body(src string, port uint16) []byte {
	a := netip.MustParseAddr(src).As16()
	b := append(a[:], make([]byte, 16)...)
	b = binary.BigEndian.AppendUint16(b, port)
	return binary.BigEndian.AppendUint16(b, 443)
}

func TestRead(t *testing.T) {
	const rest = "GET / HTTP/1.1\r\n"
	for _, c := range []struct {
		name, in string
		client   string // "" for nobody
		bad      bool
	}{
		{"none", rest, "", false},
		{"v1 TCP4", "PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n" + rest, "203.0.113.9:4711", false},
		{"v1 TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n" + rest, "[2001:db8::1]:4711", false},
		{"v1 mapped", "PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n" + rest, "203.0.113.9:1", false},
		{"v1 UNKNOWN", "PROXY UNKNOWN\r\n" + rest, "", false},
		{"v1 UNKNOWN with more", "PROXY UNKNOWN a b c d\r\n" + rest, "", false},
		{"v1 family", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n" + rest, "", true},
		{"v1 zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n" + rest, "", true},
		{"v1 port", "PROXY TCP4 203.0.113.9 10.0.0.1 99999 80\r\n" + rest, "", true},
		{"v1 line feed", "PROXY TCP4 203.0.113.9 10.0.0.1 1 2\n" + rest, "", true},
		{"v1 too long", "PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n", "", true},
		{"v1 words", "PROXY TCP4 203.0.113.9 10.0.0.1 1\r\n", "", true},
		{"v2 TCP4", v2(1, 0x11, v4body("203.0.113.9", 4711, "")) + rest, "203.0.113.9:4711", false},
		{"v2 with more", v2(1, 0x11, v4body("203.0.113.9", 4711, strings.Repeat("x", 300))) + rest, "203.0.113.9:4711", false},
		{"v2 TCP6", v2(1, 0x21, v6body("2001:db8::1", 9)) + rest, "[2001:db8::1]:9", false},
		{"v2 mapped", v2(1, 0x21, v6body("::ffff:203.0.113.9", 9)) + rest, "203.0.113.9:9", false},
		{"v2 local", v2(0, 0x00, nil) + rest, "", false},
		{"v2 short", v2(1, 0x11, []byte("abc")) + rest, "", true},
		{"v2 UDP", v2(1, 0x12, v4body("203.0.113.9", 1, "")) + rest, "", true},
		{"v2 too large", v2(1, 0x11, make([]byte, 5000)) + rest, "", true},
		{"v2 version", strings.Replace(v2(1, 0x11, v4body("203.0.113.9", 1, "")), "QUIT\n\x21", "QUIT\n\x11", 1), "", true},
		{"begins alike", "PROXYING / HTTP/1.1\r\n", "", false},
		{"request that begins like v2", "\r\nGET / HTTP/1.1\r\n", "", false},
	} {
		for _, step := range []int{1, 7, 1 << 16} {
			t.Run(c.name, func(t *testing.T) {
				client, ahead, err := feed(t, c.in, step)
				if (err != nil) != c.bad {
					t.Fatalf("error %v", err)
				}
				if c.bad {
					return
				}
				got := ""
				if client.IsValid() {
					got = client.String()
				}
				if got != c.client {
					t.Errorf("client %q, want %q", got, c.client)
				}
				if want := rest; c.client != "" && !strings.HasPrefix(want, string(ahead)) {
					t.Errorf("behind it %q", ahead)
				}
			})
		}
	}
}

// feed sends in by pieces of step bytes and reads the header at the other end.
func feed(t *testing.T, in string, step int) (netip.AddrPort, []byte, error) {
	t.Helper()
	a, b := net.Pipe()
	defer b.Close()
	go func() {
		for i := 0; i < len(in); i += step {
			if _, err := a.Write([]byte(in[i:min(i+step, len(in))])); err != nil {
				break
			}
		}
		_ = a.Close()
	}()
	_ = b.SetReadDeadline(time.Now().Add(5 * time.Second))
	h, _, ahead, err := Read(b)
	return h.Source, ahead, err
}

// TestSilentProxy: a connection opened in advance is no error.
func TestSilentProxy(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	_ = b.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if h, n, ahead, err := Read(b); err != nil || h.Source.IsValid() || n != 0 || len(ahead) > 0 {
		t.Error(h, n, ahead, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n"))
	f.Add([]byte(v2(1, 0x11, v4body("203.0.113.9", 1, "x"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, need, err := Parse(b)
		client := h.Source
		if n > len(b) || need > 0 && need <= len(b) && err == nil || need > maxV2 {
			t.Fatalf("n=%d need=%d of %d", n, need, len(b))
		}
		if client.IsValid() && (n == 0 || client.Addr().Is4In6() || client.Addr().Zone() != "") {
			t.Fatalf("client %v of %d bytes", client, n)
		}
	})
}

func TestAppended(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, dst, v1 string }{
		{"203.0.113.9:4711", "198.51.100.1:9000", "PROXY TCP4 203.0.113.9 198.51.100.1 4711 9000\r\n"},
		{"[2001:db8::1]:1", "[2001:db8::2]:65535", "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"},
		{"[::ffff:203.0.113.9]:4711", "198.51.100.1:9000", "PROXY TCP4 203.0.113.9 198.51.100.1 4711 9000\r\n"},
		{"203.0.113.9:4711", "[2001:db8::2]:9000", "PROXY TCP6 ::ffff:203.0.113.9 2001:db8::2 4711 9000\r\n"},
	} {
		h := Header{netip.MustParseAddrPort(c.src), netip.MustParseAddrPort(c.dst)}
		if got := string(AppendV1(nil, h)); got != c.v1 {
			t.Errorf("%s: %q", c.src, got)
		}
		roundTrip(t, h)
	}
}

// roundTrip reads both forms of a header back.
func roundTrip(t *testing.T, h Header) {
	t.Helper()
	want := Header{unmapped(h.Source), unmapped(h.Destination)}
	for _, b := range [][]byte{AppendV1(nil, h), AppendV2(nil, h, false)} {
		if len(b) > MaxAppended {
			t.Fatalf("%d bytes for %v", len(b), h)
		}
		got, n, need, err := Parse(append(b, "payload"...))
		if got != want || n != len(b) || need != 0 || err != nil {
			t.Fatalf("%v came back as %v, %d of %d, need %d, %v", want, got, n, len(b), need, err)
		}
	}
	if udp, tcp := AppendV2(nil, h, true), AppendV2(nil, h, false); udp[13] != tcp[13]+1 {
		t.Fatalf("datagrams are kind %x beside %x", udp[13], tcp[13])
	}
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// FuzzAppend reads back whatever is written.
func FuzzAppend(f *testing.F) {
	f.Add([]byte{203, 0, 113, 9}, uint16(4711), []byte{10, 0, 0, 1}, uint16(80))
	f.Add(make([]byte, 16), uint16(0), []byte{10, 0, 0, 1}, uint16(65535))
	f.Fuzz(func(t *testing.T, src []byte, sport uint16, dst []byte, dport uint16) {
		s, ok1 := netip.AddrFromSlice(src)
		d, ok2 := netip.AddrFromSlice(dst)
		if ok1 && ok2 {
			roundTrip(t, Header{netip.AddrPortFrom(s, sport), netip.AddrPortFrom(d, dport)})
		}
	})
}
