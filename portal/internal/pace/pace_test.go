package pace_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tollgate/tollgate/portal/internal/pace"
)

func TestTake(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := pace.New(time.Second, 3, 10, func() time.Time { return now })
	for i := range 3 {
		if wait := l.Take("a"); wait != 0 {
			t.Fatalf("take %d waits %s", i, wait)
		}
	}
	if wait := l.Take("a"); wait != time.Second {
		t.Fatalf("the fourth waits %s, want 1s", wait)
	}
	if wait := l.Take("b"); wait != 0 {
		t.Fatalf("another key waits %s", wait)
	}
	now = now.Add(1500 * time.Millisecond)
	if wait := l.Take("a"); wait != 0 {
		t.Fatalf("after 1.5s it waits %s", wait)
	}
	if wait := l.Take("a"); wait != 500*time.Millisecond {
		t.Fatalf("then it waits %s, want 500ms", wait)
	}
}

func TestKeysAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := pace.New(time.Second, 1, 100, func() time.Time { return now })
	allowed := 0
	for i := range 1000 {
		if l.Take(fmt.Sprint(i)) == 0 {
			allowed++
		}
	}
	if allowed != 100 {
		t.Fatalf("%d keys were let in, want 100", allowed)
	}
	now = now.Add(time.Second)
	if wait := l.Take("late"); wait != 0 {
		t.Fatalf("when buckets are full again, a new key waits %s", wait)
	}
}
