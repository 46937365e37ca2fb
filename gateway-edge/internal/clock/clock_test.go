package clock

import (
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/alloctest"
)

func TestClockAgreesWithTheSystem(t *testing.T) {
	c := New()
	if d := c.Boot() - boottime(); d > 1e9 || d < -1e9 {
		t.Errorf("Boot is %d ns off", d)
	}
	if d := c.Milli(c.Boot()) - time.Now().UnixMilli(); d > 1000 || d < -1000 {
		t.Errorf("Milli is %d ms off", d)
	}
	before := c.Coarse()
	time.Sleep(2 * time.Millisecond)
	if c.Coarse() != before {
		t.Error("Coarse moved without Refresh")
	}
	c.Refresh()
	if c.Coarse() <= before {
		t.Error("Coarse did not move with Refresh")
	}
}

func TestBootAllocatesNothing(t *testing.T) {
	c := New()
	if n := alloctest.PerRun(100, func() { c.Boot() }); n != 0 {
		t.Error(n)
	}
}
