package query

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

func TestEach(t *testing.T) {
	t.Parallel()
	var got []string
	for n, v := range Each(policy.Static("a=1&&b&c=x=y&=z&")) {
		got = append(got, n.Clone()+">"+v.Clone())
	}
	if s := strings.Join(got, " "); s != "a>1 b> c>x=y >z" {
		t.Fatalf("got %q", s)
	}
	for range Each(policy.Static("")) {
		t.Fatal("an empty query has no parameters")
	}
}

func TestNameIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		raw, want string
		is        bool
	}{
		{"api_key", "api_key", true},
		{"api%5fkey", "api_key", true},
		{"%61pi_key", "api_key", true},
		{"a+b", "a b", true},
		{"api_ke", "api_key", false},
		{"api_keys", "api_key", false},
		{"api%5", "api%5", true},
		{"%zz", "%zz", true},
		{"", "", true},
		{"a", "", false},
	} {
		if got := NameIs(policy.Static(tt.raw), tt.want); got != tt.is {
			t.Errorf("NameIs(%q, %q) = %v", tt.raw, tt.want, got)
		}
	}
}

func TestAppendWithout(t *testing.T) {
	t.Parallel()
	drop := func(n policy.Text) bool { return NameIs(n, "k") }
	for in, want := range map[string]string{
		"":                "",
		"k=1":             "",
		"k=1&a=2":         "a=2",
		"a=2&%6b=1&b=%zz": "a=2&b=%zz",
		"a&k&&b":          "a&&b",
		"a;k=1&k":         "a;k=1",
	} {
		if got := string(AppendWithout(nil, policy.Static(in), drop)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	q := policy.Static("a=1&b=2&api_key=tg_live_x&c=3")
	buf := make([]byte, 0, 256)
	n := alloctest.PerRun(100, func() {
		for name := range Each(q) {
			_ = NameIs(name, "api_key")
		}
		buf = AppendWithout(buf[:0], q, func(n policy.Text) bool { return NameIs(n, "api_key") })
	})
	if n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func FuzzEscaped(f *testing.F) {
	f.Add("a b/c%é")
	f.Fuzz(func(t *testing.T, s string) {
		e := string(AppendEscaped(nil, s))
		back, err := url.QueryUnescape(e)
		if err != nil || back != s {
			t.Fatalf("%q became %q, which reads %q (%v)", s, e, back, err)
		}
		if !NameIs(policy.Static(e), s) {
			t.Fatalf("NameIs(%q, %q) is false", e, s)
		}
	})
}
