package edge

import (
	"context"
	"testing"
	"time"
)

func TestBehind(t *testing.T) {
	t.Parallel()
	var b behind
	release, ended := make(chan struct{}), make(chan error, behindRoom)
	for range behindRoom {
		if !b.Go(func(ctx context.Context) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			ended <- ctx.Err()
			panic("on purpose")
		}) {
			t.Fatal("there is no room")
		}
	}
	if b.Go(func(context.Context) {}) || b.dropped.Load() != 1 {
		t.Errorf("more than there is room for; %d dropped", b.dropped.Load())
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		close(release)
	}()
	if !b.wait(t.Context()) || b.open() != 0 {
		t.Errorf("%d are under way", b.open())
	}
	if b.Go(func(context.Context) {}) {
		t.Error("something was begun behind a drain")
	}
}

// TestBehindCutOff: a drain waits no longer than it may.
func TestBehindCutOff(t *testing.T) {
	t.Parallel()
	var b behind
	ended := make(chan struct{})
	b.Go(func(ctx context.Context) {
		<-ctx.Done()
		close(ended)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if b.wait(ctx) {
		t.Error("it has ended")
	}
	<-ended
}
