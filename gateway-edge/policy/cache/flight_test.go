package cache

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
)

// TestHerd: of ten thousand for one key one leads and the others wait for it, and
// all of them give back what they took.
func TestHerd(t *testing.T) {
	t.Parallel()
	const clients = 10_000
	var f flights
	var leads, served atomic.Int64
	var wg sync.WaitGroup
	key := []byte("gateway https://api.example.com/offers?page=1")
	lead, ok := f.join(key)
	if lead == nil || !ok {
		t.Fatal("the first one does not lead")
	}
	joined := make(chan struct{}, clients)
	for range clients {
		wg.Go(func() {
			fl, first := f.join(key)
			joined <- struct{}{}
			switch {
			case first:
				leads.Add(1)
			case fl != nil:
				<-fl.done
				f.leave(key)
				if fl.how == kept {
					served.Add(1)
				}
			}
		})
	}
	for range clients {
		<-joined
	}
	if got := f.waiting.Load(); got < clients*waiter || got > maxWaiting {
		t.Errorf("%d bytes wait", got)
	}
	f.land(key, lead, kept)
	wg.Wait()
	if leads.Load() != 0 || served.Load() != clients || f.waiting.Load() != 0 {
		t.Errorf("%d lead, %d served, %d bytes are left", leads.Load(), served.Load(), f.waiting.Load())
	}
}

// TestWaitingIsBounded: those who wait with long keys are fewer, and whoever finds no
// room asks for his own.
func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	var f flights
	key := bytes.Repeat([]byte("k"), maxAhead)
	if _, leads := f.join(key); !leads {
		t.Fatal("the first one does not lead")
	}
	n := 0
	for {
		fl, leads := f.join(key)
		if leads {
			t.Fatal("two lead")
		}
		if fl == nil {
			break
		}
		n++
	}
	if want := maxWaiting / (waiter + maxAhead); n != want {
		t.Errorf("%d wait, want %d", n, want)
	}
	f.leave(key)
	if fl, _ := f.join(key); fl == nil {
		t.Error("room that was given back is not used")
	}
}
