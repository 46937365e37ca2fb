package turn_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/turn"
)

type waits struct{ ctx context.Context }

func (w waits) Context() context.Context                        { return w.ctx }
func (waits) Reader(policy.Side) io.Reader                      { return nil }
func (waits) Writer(policy.Origin, int) (io.WriteCloser, error) { return nil, io.ErrClosedPipe }

func may(ctx context.Context) policy.Blocking { return policy.EngineMayBlock(waits{ctx}) }

// TestTurns: whoever comes to a short line does not wait for all of a long one, and
// no more are inside than there is room for.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		room := turn.NewRoom(2)
		long, short := room.Line(1), room.Line(1)
		var wg sync.WaitGroup
		var mu sync.Mutex
		var order strings.Builder
		inside, done := 0, make(chan struct{})
		work := func(l *turn.Line, name string) {
			wg.Go(func() {
				if !l.Enter(may(t.Context())) {
					t.Error("turned away")
					return
				}
				defer l.Leave()
				mu.Lock()
				order.WriteString(name)
				if inside++; inside > 2 {
					t.Errorf("%d inside", inside)
				}
				mu.Unlock()
				<-done
				mu.Lock()
				inside--
				mu.Unlock()
			})
		}
		for range 20 {
			work(long, "l")
		}
		synctest.Wait()
		for range 3 {
			work(short, "s")
		}
		synctest.Wait()
		for range 23 {
			done <- struct{}{}
			synctest.Wait()
		}
		wg.Wait()
		if got := order.String(); strings.LastIndex(got, "s") > 6 {
			t.Errorf("in the order %s", got)
		}
	})
}

// TestEnded: who ends while he waits leaves nothing behind.
func TestEnded(t *testing.T) {
	t.Parallel()
	room := turn.NewRoom(1)
	a, b := room.Line(1), room.Line(1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if !a.Enter(may(t.Context())) {
		t.Fatal("there is room")
	}
	for range 10 { // at the door, and in the line
		if b.Enter(may(ended)) || a.Enter(may(ended)) {
			t.Fatal("there is no room")
		}
	}
	a.Leave()
	if !b.Enter(may(t.Context())) {
		t.Fatal("there is room again")
	}
	b.Leave()
	if !a.Enter(may(t.Context())) {
		t.Fatal("and again")
	}
}
