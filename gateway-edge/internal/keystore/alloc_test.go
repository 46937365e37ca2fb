//go:build !race

package keystore

import (
	"testing"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// The race detector makes sync.Pool forget what it holds, so it is not on here.
func TestPeekDoesNotAllocate(t *testing.T) {
	b := newBench(t)
	good, rec := b.key()
	b.publish(rec)
	unknownKey, _ := b.key()
	b.load(unknownKey)
	v := b.view()
	for name, k := range map[string]policy.Text{
		"good": policy.Static(good), "unknown": policy.Static(unknownKey), "malformed": policy.Static(good[1:]),
	} {
		if n := alloctest.PerRun(200, func() { v.Peek(k, b.now.Load()) }); n != 0 {
			t.Errorf("%s key: %v allocations", name, n)
		}
	}
}
