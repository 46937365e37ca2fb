package alloctest

import "testing"

var kept []byte

func TestPerRun(t *testing.T) {
	if n := PerRun(100, func() {}); n != 0 {
		t.Errorf("nothing makes %v allocations", n)
	}
	if n := PerRun(100, func() { kept = make([]byte, 64) }); n != 1 && !Raced {
		t.Errorf("one allocation counts as %v", n)
	}
	seldom := 0
	if n := PerRun(100, func() {
		if seldom++; seldom < 150 {
			kept = append(make([]byte, 0, 64), make([]byte, 4096)...)
		}
	}); n != 0 {
		t.Errorf("what ends after a first measurement counts as %v", n)
	}
}
