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
	if got := Display("x_", &[32]byte{0xab, 0x01}); got != "x_ab0100000000" {
		t.Errorf("shown as %q", got)
	}
}
