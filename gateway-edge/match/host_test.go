package match

import (
	"errors"
	"strings"
	"testing"
)

func TestCanonHost(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for _, c := range []struct {
		row, in string
		want    any // string or refusedAt
		port    int
	}{
		{"plain", "a.com", "a.com", 0},
		{"plain", "localhost", "localhost", 0},
		{"plain", "my_service-1.x", "my_service-1.x", 0},
		{"plain", "xn--bcher-kva.example", "xn--bcher-kva.example", 0},
		{"plain", long + ".com", long + ".com", 0},
		{"HST01", "a.com, b.com", refusedAt(5), 0},
		{"HST01", "a.com b.com", refusedAt(5), 0},
		{"HST01", "user@a.com", refusedAt(4), 0},
		{"HST01", "user:pw@a.com", refusedAt(5), 0},
		{"HST01", "a.com/x", refusedAt(5), 0},
		{"HST01", `a.com\x`, refusedAt(5), 0},
		{"HST01", "bücher.example", refusedAt(1), 0},
		{"HST01", "a.com?x", refusedAt(5), 0},
		{"HST01", "a\x00.com", refusedAt(1), 0},
		{"HST02", "", refusedAt(0), 0},
		{"HST02", ".", refusedAt(0), 0},
		{"HST02", ":80", refusedAt(0), 0},
		{"HST03", "A.COM", "a.com", 0},
		{"HST03", "a.com.", "a.com", 0},
		{"HST03", "A.Com.:8443", "a.com", 8443},
		{"HST03", "a.com:443", "a.com", 443},
		{"HST03", "a.com:80", "a.com", 80},
		{"HST03", "a.com..", refusedAt(6), 0},
		{"HST03", ".a.com", refusedAt(0), 0},
		{"HST03", "a..com", refusedAt(2), 0},
		{"HST04", "a.com:99999", refusedAt(6), 0},
		{"HST04", "a.com:65535", "a.com", 65535},
		{"HST04", "a.com:0", refusedAt(6), 0},
		{"HST04", "a.com:080", refusedAt(6), 0},
		{"HST04", "a.com:x", refusedAt(6), 0},
		{"HST04", "a.com:", refusedAt(6), 0},
		{"HST04", "a.com:80:80", refusedAt(8), 0},
		{"HST04", "a%2ecom", refusedAt(1), 0},
		{"HST04", "[::1%25eth0]", refusedAt(4), 0},
		{"HST04", "[::1%eth0]", refusedAt(4), 0},
		{"HST04", "-a.com", refusedAt(0), 0},
		{"HST04", "a-.com", refusedAt(1), 0},
		{"HST04", long + "a.com", refusedAt(63), 0},
		{"HST04", strings.Repeat("a.", 127) + "aa", refusedAt(253), 0},
		{"HST05", "127.0.0.1:8000", "127.0.0.1", 8000},
		{"HST05", "[::1]:8000", "[::1]", 8000},
		{"HST05", "[2001:DB8:0::1]", "[2001:db8::1]", 0},
		{"HST05", "[::1", refusedAt(4), 0},
		{"HST05", "[127.0.0.1]", refusedAt(1), 0},
		{"HST05", "[::1]x", refusedAt(5), 0},
		{"HST05", "::1", refusedAt(1), 0},
	} {
		got, port, err := HostString(c.in)
		switch want := c.want.(type) {
		case string:
			if err != nil || got != want || port != c.port {
				t.Errorf("%s %q = %q, %d, %v; want %q, %d", c.row, c.in, got, port, err, want, c.port)
			}
		case refusedAt:
			var e *Error
			if !errors.As(err, &e) || e.Offset != int(want) || e.Reason == "" {
				t.Errorf("%s %q = %q, %v; want an error at byte %d", c.row, c.in, got, err, want)
			}
		}
	}
}

func TestHostPattern(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"A.com": "a.com", "*.Example.com": "*.example.com",
		"*.com": "", "*": "", "a.*.com": "", "*.*.com": "", "a.com:80": "", "10.0.0.1": "", "[::1]": "", "*.0.0.1": "", "": "",
	} {
		got, err := HostPattern(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, c := range []struct {
		pattern, host string
		want          bool
	}{
		{"a.com", "a.com", true},
		{"a.com", "b.a.com", false},
		{"*.a.com", "b.a.com", true},
		{"*.a.com", "c.b.a.com", false},
		{"*.a.com", "a.com", false},
		{"*.a.com", "ba.com", false},
	} {
		if HostMatches(c.pattern, c.host) != c.want {
			t.Errorf("HostMatches(%q, %q) is not %v", c.pattern, c.host, c.want)
		}
	}
}

// FuzzCanonHost: the form is stable and has only what a name or a bracketed
// address may have.
func FuzzCanonHost(f *testing.F) {
	for _, s := range []string{"a.com", "A.COM.:80", "[::1]:8000", "[2001:DB8::]", "127.0.0.1", "a..b", "xn--a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		canon, port, err := HostString(in)
		if err != nil {
			return
		}
		if canon == "" || len(canon) > MaxHost || port < 0 || port > 65535 {
			t.Fatalf("%q became %q, %d", in, canon, port)
		}
		again, p, out, err := CanonHost(nil, canon)
		if err != nil || again != canon || p != 0 || len(out) != 0 {
			t.Fatalf("%q became %q, which becomes %q, %v", in, canon, again, err)
		}
		if canon[0] != '[' && strings.Trim(canon, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" {
			t.Fatalf("%q became %q", in, canon)
		}
	})
}
