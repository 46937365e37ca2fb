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
	mu      sync.Mutex  // guards last
	last    uint64      // version of the newest order that was taken
	resting atomic.Bool // an operator drains the edge, which lives on
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
	if e.orders.resting.Swap(on) != on && !e.draining.Load() {
		e.server.Rest(on)
		e.cfg.Logger.Info("an operator's order", "drain", on, "order", o.ID)
	}
	_ = e.sync.Load().SendReport(ctx) // the next second's tells it else
	return o.ID, nil
}

// rest closes connections that stay idle while an operator drains the edge.
func (e *Edge) rest(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if e.orders.resting.Load() && !e.draining.Load() {
			e.engine.CloseIdle(min(idleTime, e.cfg.DrainTimeout/2))
		}
	}
}
