//go:build !chaos

package failpoint

import "testing"

func TestOff(t *testing.T) {
	t.Setenv("FP", "edge.in_policy:panic:1")
	if n := testing.AllocsPerRun(100, func() { Hit(EdgeInPolicy) }); n != 0 || On || Ahead() != 0 {
		t.Errorf("%v allocations, on %v, ahead %v", n, On, Ahead())
	}
}
