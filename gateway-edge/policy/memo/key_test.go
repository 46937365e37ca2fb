package memo

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// TestKeysAreApart: neither the parts of a configuration nor a configuration and
// a credential can be cut elsewhere to give the same name (JWT14).
func TestKeysAreApart(t *testing.T) {
	t.Parallel()
	prints := [][32]byte{Print("a|bc"), Print("ab|c"), Print("a", "bc"), Print("ab", "c"), Print("abc"), Print("abc", ""), Print()}
	seen := map[[32]byte]bool{}
	for i := range prints {
		for _, c := range []string{"", "x", strings.Repeat("x", small), strings.Repeat("x", small+1), strings.Repeat("x", MaxSecret)} {
			k := Key(&prints[i], policy.Static(c))
			if seen[k] {
				t.Errorf("parts %d with a credential of %d bytes: the name of another pair", i, len(c))
			}
			seen[k] = true
		}
	}
	long := strings.Repeat("abc", 1000)
	whole := Key(&prints[0], policy.Static(long))
	for _, at := range []int{0, 1, small, len(long)} {
		if KeyJoined(&prints[0], []policy.Text{policy.Static(long[:at]), policy.Static(long[at:])}) != whole {
			t.Errorf("cut at %d, another name", at)
		}
	}
	over := policy.Static(strings.Repeat("x", MaxSecret+1))
	if KeyJoined(&prints[0], []policy.Text{over, over}) != Key(&prints[0], over) {
		t.Error("a credential over the bound has another name in pieces")
	}
	if got := Display("x_", &[32]byte{0xab, 0x01}); got != "x_ab0100000000" {
		t.Errorf("shown as %q", got)
	}
}
