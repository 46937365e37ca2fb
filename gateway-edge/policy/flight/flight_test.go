package flight_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/flight"
)

type waits struct{ ctx context.Context }

func (w waits) Context() context.Context                          { return w.ctx }
func (w waits) Reader(policy.Side) io.Reader                      { return nil }
func (w waits) Writer(policy.Origin, int) (io.WriteCloser, error) { return nil, io.ErrClosedPipe }

func may(ctx context.Context) policy.Blocking { return policy.EngineMayBlock(waits{ctx}) }

func TestOneCallForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g flight.Group[string, int]
		var calls atomic.Int64
		gate := make(chan struct{})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				v, err := g.Do(may(t.Context()), "a", func() (int, error) {
					calls.Add(1)
					<-gate
					return 7, nil
				})
				if v != 7 || err != nil {
					t.Errorf("%d %v", v, err)
				}
			})
		}
		synctest.Wait()
		if v, err := g.Do(may(t.Context()), "b", func() (int, error) { return 8, nil }); v != 8 || err != nil {
			t.Errorf("another key waits: %d %v", v, err)
		}
		close(gate)
		wg.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d calls", calls.Load())
		}
	})
}

// TestTheLeaderEnds: another request leads, and one that ends while it waits goes
// at once.
func TestTheLeaderEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g flight.Group[string, int]
		lead, cancel := context.WithCancel(t.Context())
		short, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := g.Do(may(lead), "a", func() (int, error) {
				<-lead.Done()
				return 0, lead.Err()
			})
			if !errors.Is(err, flight.ErrEnded) {
				t.Errorf("the leader: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := g.Do(may(short), "a", nil); !errors.Is(err, flight.ErrEnded) {
				t.Errorf("who ended while it waited: %v", err)
			}
		})
		wg.Go(func() {
			v, err := g.Do(may(t.Context()), "a", func() (int, error) { return 9, nil })
			if v != 9 || err != nil {
				t.Errorf("who waited: %d %v", v, err)
			}
		})
		synctest.Wait()
		stop()
		synctest.Wait()
		cancel()
		wg.Wait()
	})
}

func TestErrorsAreShared(t *testing.T) {
	t.Parallel()
	var g flight.Group[int, int]
	want := errors.New("no")
	if _, err := g.Do(may(t.Context()), 1, func() (int, error) { return 0, want }); !errors.Is(err, want) {
		t.Error(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = g.Do(may(t.Context()), 1, func() (int, error) { panic("x") })
	}()
	if v, err := g.Do(may(t.Context()), 1, func() (int, error) { return 3, nil }); v != 3 || err != nil {
		t.Errorf("after a panic: %d %v", v, err)
	}
}
