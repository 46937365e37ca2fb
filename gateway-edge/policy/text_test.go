package policy

import (
	"math"
	"strings"
	"testing"
	"testing/quick"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
)

func TestTextInt(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "7": 7, "00012": 12, "9223372036854775807": math.MaxInt64,
		"": -1, "-1": -1, "+1": -1, " 1": -1, "1a": -1, "9223372036854775808": -1, "99999999999999999999": -1,
	} {
		if n, ok := Static(s).Int(); ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d %v", s, n, ok)
		}
	}
}

// TestFold agrees with the standard library on ASCII, and folds nothing else.
func TestFold(t *testing.T) {
	ascii := func(s string) string {
		return strings.Map(func(r rune) rune { return r & 0x7f }, s)
	}
	if err := quick.Check(func(a, b string) bool {
		a, b = ascii(a), ascii(b)
		return Static(a).Fold(b) == strings.EqualFold(a, b) && Static(a).Fold(strings.ToUpper(a))
	}, nil); err != nil {
		t.Error(err)
	}
	for _, c := range [][2]string{{"K", "\u212a"}, {"@", "`"}, {"[", "{"}, {"é", "É"}} {
		if Static(c[0]).Fold(c[1]) {
			t.Errorf("%q folds to %q", c[0], c[1])
		}
	}
}

func TestTextPieces(t *testing.T) {
	x := Static("  Bearer abc\t")
	if !x.Trim().Is("Bearer abc") || !x.Trim().HasPrefixFold("bEARER ") {
		t.Error(x)
	}
	a, b, ok := x.Trim().Cut(' ')
	if !a.Is("Bearer") || !b.Is("abc") || !ok || b.Index('c') != 2 || !b.Slice(1, 3).Is("bc") {
		t.Error(a, b, ok)
	}
	if v, ok := Find(map[string]int{"abc": 7}, b); !ok || v != 7 {
		t.Error(v, ok)
	}
	if n := alloctest.PerRun(50, func() { _, _ = Find(map[string]int(nil), b); _ = b.Fold("ABC") }); n != 0 {
		t.Error(n)
	}
}

// TestKnownNames: every known name is found in any case, and has one id.
func TestKnownNames(t *testing.T) {
	seen := map[uint8]string{}
	for _, n := range EngineNames() {
		for _, s := range []string{n.String(), strings.ToLower(n.String()), strings.ToUpper(n.String())} {
			if id := EngineClassify([]byte(s)); id != EngineNameID(n) {
				t.Errorf("%q is classified as %d, want %d", s, id, EngineNameID(n))
			}
		}
		if old, ok := seen[EngineNameID(n)]; ok {
			t.Errorf("%s and %s have one id", old, n)
		}
		seen[EngineNameID(n)] = n.String()
	}
	for _, s := range []string{"X-Unknown", "Hosts", "Hos", "h", "Content-Lengt\x00"} {
		if id := EngineClassify([]byte(s)); id != 0 {
			t.Errorf("%q is classified as %s", s, knownNames[id])
		}
	}
}

func TestHeaderName(t *testing.T) {
	for _, s := range []string{"", "a b", "a:", "a\r", "é", strings.Repeat("a", 257)} {
		if _, err := HeaderName(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
	if n, err := HeaderName("x-api-KEY"); err != nil || n != XAPIKey {
		t.Errorf("%v %v", n, err)
	}
}
