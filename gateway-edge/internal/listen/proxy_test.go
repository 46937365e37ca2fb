package listen

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func v2(cmd, family byte, body []byte) string {
	b := append([]byte(proxyV2), 0x20|cmd, family)
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

func TestReadProxy(t *testing.T) {
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
	return readProxy(b)
}

// TestSilentProxy: a connection opened in advance is no error.
func TestSilentProxy(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	_ = b.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if client, ahead, err := readProxy(b); err != nil || client.IsValid() || len(ahead) > 0 {
		t.Error(client, ahead, err)
	}
}

func FuzzParseProxy(f *testing.F) {
	f.Add([]byte("PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n"))
	f.Add([]byte(v2(1, 0x11, v4body("203.0.113.9", 1, "x"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		client, n, need, err := parseProxy(b)
		if n > len(b) || need > 0 && need <= len(b) && err == nil || need > maxProxyV2 {
			t.Fatalf("n=%d need=%d of %d", n, need, len(b))
		}
		if client.IsValid() && (n == 0 || client.Addr().Is4In6() || client.Addr().Zone() != "") {
			t.Fatalf("client %v of %d bytes", client, n)
		}
	})
}

func TestCensus(t *testing.T) {
	c := newCensus(10, 2)
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	if !c.enter(a) || !c.enter(b) || c.enter(a) {
		t.Error("addresses of one /64 are not counted together")
	}
	c.leave(b)
	if !c.enter(a) {
		t.Error("what leaves is not taken back")
	}
	c.leave(a)
	c.leave(a)
	if len(c.by) != 0 {
		t.Error("empty entries stay")
	}
}
