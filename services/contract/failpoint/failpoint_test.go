package failpoint

import "testing"

func TestPointsAreUnique(t *testing.T) {
	seen := map[Point]bool{}
	for _, p := range Points {
		if seen[p] {
			t.Errorf("%s is listed twice", p)
		}
		seen[p] = true
	}
}

// BenchmarkHit shows what a released program pays for a point: nothing.
func BenchmarkHit(b *testing.B) {
	for range b.N { // b.Loop would keep the call
		Hit(EdgeAfterHeaderWrite)
	}
}
