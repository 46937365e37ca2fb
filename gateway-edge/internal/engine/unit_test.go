package engine

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

func TestTrueClient(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for list, want := range map[string]string{
		"203.0.113.9":                          "203.0.113.9",
		"6.6.6.6, 203.0.113.9":                 "203.0.113.9",
		"6.6.6.6, 203.0.113.9, 10.0.0.1":       "203.0.113.9",
		"203.0.113.9,10.0.0.1 ,\t10.0.0.2":     "203.0.113.9",
		"10.0.0.1":                             "10.0.0.1",
		"::ffff:203.0.113.9":                   "203.0.113.9",
		"203.0.113.9:4711":                     "203.0.113.9",
		"[2001:470::1]:4711":                   "2001:470::1",
		"[2001:470::1]":                        "2001:470::1",
		"2001:470::1, 2001:db8::7":             "2001:470::1",
		"unknown":                              "",
		"":                                     "",
		"203.0.113.9, unknown, 10.0.0.1":       "10.0.0.1",
		"fe80::1%eth0, 10.0.0.1":               "10.0.0.1",
		"_hidden":                              "",
		"203.0.113.9, 0x7f.1, 10.0.0.1":        "10.0.0.1",
		strings.Repeat("1.1.1.1, ", 1000) + "": "",
	} {
		a, ok := trueClient(list, trusted)
		if got := a.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%.40q: %s %v, want %q", list, got, ok, want)
		}
	}
}

func TestTraceparent(t *testing.T) {
	made := string(appendTraceparent(nil))
	for s, want := range map[string]bool{
		made: true,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":       true,
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later": true,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01":       false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01":       false,
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":       false,
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01":       false,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331":          false,
		"": false,
	} {
		if got := validTraceparent(policy.Static(s)); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

func TestCookieEscapes(t *testing.T) {
	const host = "demo.example.com"
	for v, want := range map[string]bool{
		"a=b":                                false,
		"a=b; Path=/; Secure":                false,
		"a=b; Domain=demo.example.com":       false,
		"a=b; domain=.demo.example.com":      false,
		"a=b; Domain=x.demo.example.com":     false,
		"a=b; Domain=example.com":            true,
		"a=b; DOMAIN = .Example.com; Path=/": true,
		"a=b; Domain=other.example.com":      true,
		"a=b; Domain=xdemo.example.com":      true,
		"a=Domain=example.com":               false,
	} {
		if got := cookieEscapes(v, host); got != want {
			t.Errorf("%q: %v", v, got)
		}
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\"\\\u2028\xff</script>")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendJSON(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if got != strings.ToValidUTF8(s, "\ufffd") && strings.ToValidUTF8(s, "") == s {
			t.Fatalf("%q comes back as %q", s, got)
		}
	})
}

// TestTimer: a deadline that was taken over by another is never enforced, and one
// that passed is seen by its owner.
func TestTimer(t *testing.T) {
	var tm timer
	if !tm.arm(phaseHead, 10_000) || tm.expire(9_000) {
		t.Fatal("too early")
	}
	if !tm.arm(phaseBody, 20_000) || tm.expire(15_000) || !tm.expire(21_000) || !tm.expired() {
		t.Fatal("not at its time")
	}
	if tm.expire(22_000) || tm.clear() || tm.expired() {
		t.Fatal("twice")
	}
	tm.arm(phaseUpstream, 10_000)
	tm.extend(30_000)
	if tm.expire(20_000) || phase(tm.at.Load()&7) != phaseUpstream {
		t.Fatal("not extended")
	}
	if !tm.clear() || tm.expire(40_000) {
		t.Fatal("cleared ones expire")
	}
	tm.extend(50_000)
	if tm.at.Load() != 0 {
		t.Fatal("extended what was cleared")
	}
}
