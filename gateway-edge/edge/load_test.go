package edge

import (
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	t.Parallel()
	var l load
	at := time.Unix(1_800_000_000, 0)
	if r, c := l.rates(at, 100, time.Second); r != 0 || c != 0 {
		t.Errorf("the first sample says %v, %v", r, c)
	}
	for i := 1; i <= 20; i++ { // 50 a second, half a processor
		at = at.Add(time.Second)
		r, c := l.rates(at, uint64(100+50*i), time.Second+time.Duration(i)*time.Second/2)
		if r != 50 || c != 0.5 {
			t.Fatalf("after %d s: %v, %v", i, r, c)
		}
		if again, _ := l.rates(at.Add(time.Millisecond), 1_000_000, time.Hour); again != 50 {
			t.Fatalf("a report right after another says %v", again)
		}
	}
	for range 10 { // nothing any more
		at = at.Add(time.Second)
		l.rates(at, 1100, 11*time.Second)
	}
	if r, c := l.rates(at.Add(time.Second), 1100, 11*time.Second); r != 0 || c != 0 {
		t.Errorf("at rest: %v, %v", r, c)
	}
	if len(l.seen) > 8 {
		t.Errorf("%d samples are kept", len(l.seen))
	}
}
