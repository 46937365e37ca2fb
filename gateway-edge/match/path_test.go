package match

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
)

// refusedAt marks a path without canonical form, with the offset of the error.
type refusedAt int

func TestCanonPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		row, in string
		want    any // string or refusedAt
	}{
		{"plain", "/", "/"},
		{"plain", "", "/"},
		{"plain", "/a/b.c/d-e_f~g", "/a/b.c/d-e_f~g"},
		{"plain", "/a/b/", "/a/b/"},
		{"plain", "/!$&'()*+,=:@", "/!$&'()*+,=:@"},
		{"plain", "/.well-known/x", "/.well-known/x"},
		{"plain", "/...", "/..."},
		{"plain", "/..a/.b/c..", "/..a/.b/c.."},
		{"plain", "a/b", refusedAt(0)},
		{"plain", "*", refusedAt(0)},
		{"URI01", "/public/../admin", "/admin"},
		{"URI01", "/public/%2e%2e/admin", "/admin"},
		{"URI01", "/public/.%2e/admin", "/admin"},
		{"URI01", "/public/%2E./admin", "/admin"},
		{"URI01", "/a/./b/%2e/c/.", "/a/b/c/"},
		{"URI01", "/a/b/..", "/a/"},
		{"URI01", "/a/..", "/"},
		{"URI01", "/a/../..", refusedAt(6)},
		{"URI01", "/..", refusedAt(1)},
		{"URI01", "/../admin", refusedAt(1)},
		{"URI01", "/a/../%2e%2e/x", refusedAt(6)},
		{"URI02", "//admin", "/admin"},
		{"URI02", "/./admin", "/admin"},
		{"URI02", "/admin/", "/admin/"},
		{"URI02", "/admin//x///y", "/admin/x/y"},
		{"URI02", "///", "/"},
		{"URI02", "/a//../b", "/b"},
		{"URI03", "/a%2fb", refusedAt(2)},
		{"URI03", "/a%2Fb", refusedAt(2)},
		{"URI03", "/a%5cb", refusedAt(2)},
		{"URI03", "/a%00b", refusedAt(2)},
		{"URI03", "/a%23b", refusedAt(2)},
		{"URI03", "/a%25b", refusedAt(2)},
		{"URI03", "/a%3bb", refusedAt(2)},
		{"URI03", "/a%3Fb", refusedAt(2)},
		{"URI04", "/public%2f..%2fadmin", refusedAt(7)},
		{"URI04", "/public%252f..%252fadmin", refusedAt(7)},
		{"URI05", "/public/..;/admin", refusedAt(10)},
		{"URI05", "/admin;x=1", refusedAt(6)},
		{"URI05", "/admin;/", refusedAt(6)},
		{"URI06", `/public\..\admin`, refusedAt(7)},
		{"URI06", "/public%5c..%5Cadmin", refusedAt(7)},
		{"URI07", "/admin%00.css", refusedAt(6)},
		{"URI07", "/admin%0d%0aX:y", refusedAt(6)},
		{"URI07", "/admin%0a", refusedAt(6)},
		{"URI07", "/admin\n", refusedAt(6)},
		{"URI07", "/admin\x7f", refusedAt(6)},
		{"URI07", "/admin%7f", refusedAt(6)},
		{"URI07", "/a b", refusedAt(2)},
		{"URI07", "/a\tb", refusedAt(2)},
		{"URI07", "/a%09b", refusedAt(2)},
		{"URI07", "/a%c2%85b", refusedAt(2)}, // NEL, a C1 control
		{"URI08", "/%c0%ae%c0%ae/admin", refusedAt(1)},
		{"URI08", "/%ff", refusedAt(1)},
		{"URI08", "/a%80", refusedAt(2)},
		{"URI08", "/a%c3", refusedAt(2)},
		{"URI08", "/a%c3/b", refusedAt(2)},
		{"URI08", "/a%ed%a0%80", refusedAt(2)},    // a surrogate
		{"URI08", "/a%f4%90%80%80", refusedAt(2)}, // past U+10FFFF
		{"URI08", "/a%e0%80%af", refusedAt(2)},    // "/" overlong
		{"URI08", "/%u002e", refusedAt(1)},
		{"URI08", "/a%", refusedAt(2)},
		{"URI08", "/a%4", refusedAt(2)},
		{"URI08", "/a%4g", refusedAt(2)},
		{"URI08", "/a%%41", refusedAt(2)},
		{"URI09", "/public#/../admin", refusedAt(7)},
		{"URI09", "/public%23/../admin", refusedAt(7)},
		{"URI09", "/public?x", refusedAt(7)},
		{"URI11", "/ADMIN", "/ADMIN"},
		{"URI11", "/%41dmin", "/Admin"},
		{"URI11", "/%61dmin%2d%5f%7E", "/admin-_~"},
		{"URI11", "/users/%40me", "/users/@me"},
		{"URI11", "/v1/x%3Acancel", "/v1/x:cancel"},
		{"URI11", "/a%2bb", "/a%2Bb"},
		{"URI11", "/a%2Bb", "/a%2Bb"},
		{"URI11", "/a%20b", "/a%20b"},
		{"URI11", "/%7bid%7D", "/%7Bid%7D"},
		{"URI11", "/{id}", "/%7Bid%7D"},
		{"URI11", "/a|b^c`d\"e<f>g[h]", "/a%7Cb%5Ec%60d%22e%3Cf%3Eg%5Bh%5D"},
		{"URI12", "/ａdmin", "/%EF%BD%81dmin"},
		{"URI12", "/%ef%bd%81dmin", "/%EF%BD%81dmin"},
		{"URI12", "/e\u0301", "/e%CC%81"},
		{"URI12", "/é", "/%C3%A9"},
		{"URI12", "/\xc3%a9", "/%C3%A9"},
		{"URI12", "/a\u2215b", "/a%E2%88%95b"},
		{"URI12", "/\U0001F600/../x", "/x"},
	} {
		got, err := PathString(c.in)
		switch want := c.want.(type) {
		case string:
			if err != nil || got != want {
				t.Errorf("%s %q = %q, %v; want %q", c.row, c.in, got, err, want)
			}
		case refusedAt:
			var e *Error
			if !errors.As(err, &e) || e.Offset != int(want) || e.Reason == "" {
				t.Errorf("%s %q = %q, %v; want an error at byte %d", c.row, c.in, got, err, want)
			}
		}
	}
}

// TestCanonPathMemory pins what callers rely on: a canonical path comes back as
// itself, and what was in the buffer before stays.
func TestCanonPathMemory(t *testing.T) {
	t.Parallel()
	buf := append(make([]byte, 0, 64), "head"...)
	canon, out, err := CanonPath(buf, "/a/%C3%A9/b")
	if err != nil || canon != "/a/%C3%A9/b" || len(out) != 4 {
		t.Errorf("an escaped canonical path: %q %q %v", canon, out, err)
	}
	canon, out, err = CanonPath(buf, "/a/../x")
	if err != nil || canon != "/x" || string(out) != "head/x" {
		t.Errorf("a path to resolve: %q %q %v", canon, out, err)
	}
	if canon, out, err = CanonPath(buf, "/a/%2f"); err == nil || canon != "" || string(out) != "head" {
		t.Errorf("a refused path: %q %q %v", canon, out, err)
	}
}

// FuzzCanonPath: the form is stable, bounded, ASCII and free of everything that
// two servers could read in two ways.
func FuzzCanonPath(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "/%2e%2e/x", "//a/./b//", "/%c3%a9/é", "/a%2bb+c", "/..", "/a/b/../../..", "/{x}|", "/%u002e", "/a/.%2e/%2E%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		canon, err := PathString(in)
		if err != nil {
			return
		}
		if canon == "" || canon[0] != '/' || len(canon) > max(1, 3*len(in)) {
			t.Fatalf("%q became %q", in, canon)
		}
		again, out, err := CanonPath(nil, canon)
		if err != nil || again != canon || len(out) != 0 {
			t.Fatalf("%q became %q, which becomes %q, %v", in, canon, again, err)
		}
		for _, segment := range strings.Split(canon[1:], "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("%q became %q with a dot segment", in, canon)
			}
		}
		if strings.Contains(canon, "//") || strings.ContainsAny(canon, ";\\?# \x00\x7f") || !utf8.ValidString(canon) {
			t.Fatalf("%q became %q", in, canon)
		}
		for i := 0; i < len(canon); i++ {
			if canon[i] >= 0x80 || canon[i] <= ' ' {
				t.Fatalf("%q became %q", in, canon)
			}
		}
	})
}

func TestCheckQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		row, in string
		at      int // -1: accepted
	}{
		{"URI14", "", -1},
		{"URI14", "a=1;b=2", -1},
		{"URI14", "a=%zz", -1},
		{"URI14", "&&&=", -1},
		{"URI14", "a=1&a=2", -1},
		{"URI14", "a=é", -1},
		{"HDR10", strings.Repeat("a&", 999), -1},
		{"HDR10", strings.Repeat("a&", 1000), 1999},
		{"URI14", "a b", 1},
		{"URI14", "a=1#x", 3},
		{"URI14", "a\r\nb", 1},
		{"URI14", "a\x00", 1},
	} {
		err := CheckQuery(c.in)
		var e *Error
		if errors.As(err, &e); c.at < 0 && err != nil || c.at >= 0 && (e == nil || e.Offset != c.at) {
			t.Errorf("%s %.20q: %v, want byte %d", c.row, c.in, err, c.at)
		}
	}
}

func TestCanonAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 256)
	for _, in := range []string{"/v1/orders/12345", "/v1/orders/%C3%A9", "/v1/../v2/orders/%41", "/v1//x"} {
		if n := alloctest.PerRun(100, func() {
			if _, _, err := CanonPath(buf, in); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("path %q: %v allocations", in, n)
		}
	}
	for _, in := range []string{"api.example.com", "API.example.com:8443", "[2001:DB8::1]:80"} {
		if n := alloctest.PerRun(100, func() {
			if _, _, _, err := CanonHost(buf, in); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("host %q: %v allocations", in, n)
		}
	}
	if n := alloctest.PerRun(100, func() {
		if err := CheckQuery("a=1&b=2&c=3"); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("query: %v allocations", n)
	}
}

func BenchmarkCanonPath(b *testing.B) {
	buf := make([]byte, 0, 256)
	for name, in := range map[string]string{"canonical": "/v1/orders/12345/items", "escaped": "/v1/orders/%C3%A9t%C3%A9", "dots": "/v1/../v1/./orders//12345"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := CanonPath(buf, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCanonHost(b *testing.B) {
	buf := make([]byte, 0, 256)
	for name, in := range map[string]string{"canonical": "api.example.com:8443", "upper": "API.Example.com"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := CanonHost(buf, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
