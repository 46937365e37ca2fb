package edge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/observe"
	"github.com/tollgate/tollgate/services/contract"
)

// orders are what the control plane told this process.
type orders struct {
	mu   sync.Mutex // guards last
	last uint64     // version of the newest order that was taken
	rest rest
}

// rest is how an operator drains an edge that lives on: first clients are told to
// go elsewhere, then, when balancers have noticed, what has connections that last
// takes no new ones. Nothing of it happens once the edge drains to end.
type rest struct {
	resting atomic.Bool

	mu       sync.Mutex // guards what follows, and is held while either step is taken
	since    time.Time  // of resting
	refusing bool       // the second step was taken
	ended    bool
}

// turn takes the first step, or takes all back. It is false where nothing changes.
// tell and refuse carry the steps out.
func (r *rest) turn(on bool, tell, refuse func(bool)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.resting.Swap(on) == on || r.ended {
		return false
	}
	r.since = time.Now()
	tell(on)
	if r.refusing && !on {
		r.refusing = false
		refuse(false)
	}
	return true
}

// look takes the second step once the first is delay ago. It reports whether the
// edge rests.
func (r *rest) look(delay time.Duration, refuse func(bool)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.resting.Load() || r.ended {
		return false
	}
	if !r.refusing && time.Since(r.since) >= delay {
		r.refusing = true
		refuse(true)
	}
	return true
}

// end ends the rest's say: no step is under way and none will be.
func (r *rest) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

// takeOrders carries out what the control plane signs for this process, until ctx
// ends.
func (e *Edge) takeOrders(ctx context.Context) error {
	return observe.Orders(ctx, e.blocking, e.peers, e.cfg.Keys, e.id.Edge, e.obey, e.cfg.Logger)
}

// obey carries out one order and returns its id. What the control plane did not
// sign for this process, or has signed for another moment, is an error.
func (e *Edge) obey(ctx context.Context, msg []byte) (id string, err error) {
	e.orders.mu.Lock()
	defer e.orders.mu.Unlock()
	o, version, err := contract.OpenOrder(e.cfg.Keys.Verifier, msg, e.id.Edge, e.incarnation(), e.orders.last, e.clock.Wall())
	if err != nil {
		return "", err
	}
	e.orders.last = version
	on := o.Op == contract.OrderDrain
	if e.orders.rest.turn(on, e.server.Rest, e.refuse) {
		e.cfg.Logger.Info("an operator's order", "drain", on, "order", o.ID)
	}
	_ = e.sync.Load().SendReport(ctx) // the next second's tells it else
	return o.ID, nil
}

// restEvery is how often an edge that rests is looked at.
const restEvery = time.Second

// refuse takes no new connections of those that last, HTTP/3's and streams', or
// takes them again.
func (e *Edge) refuse(on bool) {
	e.server.RestHTTP3(on)
	e.streams.Rest(on)
}

// rest takes the second step of an operator's drain, and closes connections that
// stay idle.
func (e *Edge) rest(ctx context.Context) error {
	t := time.NewTicker(restEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if e.orders.rest.look(e.cfg.drainDelay(), e.refuse) {
			e.engine.CloseIdle(min(idleTime, e.cfg.DrainTimeout/2))
		}
	}
}
