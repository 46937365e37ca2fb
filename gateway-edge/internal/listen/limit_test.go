package listen

import (
	"net/netip"
	"testing"
)

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
