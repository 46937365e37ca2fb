package cache

import (
	"strings"
	"testing"
)

// TestOrder: members of a list are put in order, unless there are so many or such
// long ones that a client could have the edge move bytes about for it.
func TestOrder(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("z", maxOrderedBytes/2)
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"b", "b"},
		{"c,a,b", "a,b,c"},
		{"text/html,*/*;q=0.8,application/json", "*/*;q=0.8,application/json,text/html"},
		{"b,,a", ",a,b"},
		{strings.Repeat("b,a,", maxOrdered/2), strings.Repeat("b,a,", maxOrdered/2)},
		{long + ",a", "a," + long},
		{long + long + ",a", long + long + ",a"},
	} {
		got := []byte(c.in)
		if order(got); string(got) != c.want {
			t.Errorf("%.60q became %.60q", c.in, got)
		}
	}
}
