package webhook

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// Bounds of a worker's sending.
const (
	lookEvery  = 500 * time.Millisecond
	leaseTime  = 20 * time.Second
	leaseEvery = 5 * time.Second
	// maxLanes is how many webhooks are served at once; those that fail have at most
	// half of the places, and one organization laneOf.
	maxLanes = 128
	laneOf   = 16
	// A turn sends laneBatch deliveries, laneWidth at once, and then lets others have
	// the place; of a webhook that fails one alone, to see whether it is back.
	laneBatch = 16
	laneWidth = 4
	trimEvery = 10 * time.Minute
	trimBatch = 5000
)

// Sender sends the deliveries of all organizations. Several may run.
type Sender struct {
	Service *Service
	Holder  string // names the worker
	Logger  *slog.Logger
	// Done is told of each turn of a webhook, when it began and what went wrong with
	// our own part of it; nil: nobody is.
	Done func(began time.Time, err error)

	mu    sync.Mutex
	lanes map[string]*Webhook // that are served, by id
	all   sync.WaitGroup
	wake  chan struct{}
}

// Run sends what is due until ctx ends.
func (n *Sender) Run(ctx context.Context) error {
	n.wake = make(chan struct{}, 1)
	look, lease, trim := time.NewTicker(lookEvery), time.NewTicker(leaseEvery), time.NewTicker(trimEvery)
	defer look.Stop()
	defer lease.Stop()
	defer trim.Stop()
	defer n.Service.client.CloseIdleConnections()
	defer n.all.Wait()
	failing := false
	for {
		_, err := n.begin(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			n.Logger.Warn("webhooks can't be sent now", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-n.wake:
		case <-lease.C:
			n.note("prolong leases", n.extend(ctx))
		case <-trim.C:
			n.note("trim deliveries", n.Trim(ctx))
		}
	}
}

func (n *Sender) note(what string, err error) {
	if err != nil && core.CodeOf(err) != core.CodeStoreUnavailable {
		n.Logger.Warn("webhooks: "+what, "error", err)
	}
}

// begin takes webhooks and serves each beside the others.
func (n *Sender) begin(ctx context.Context) (began int, err error) {
	// Only a look where there is nothing to do, which is most of the time.
	if due, err := n.Service.store.AnyDue(ctx, n.Service.clock()); err != nil || !due {
		return 0, err
	}
	for _, healthy := range []bool{true, false} {
		room, full := n.room(healthy)
		if room <= 0 {
			continue
		}
		now := n.Service.clock()
		taken, err := n.Service.store.ClaimLanes(ctx, Claim{
			Holder: n.Holder, Now: now, Until: now.Add(leaseTime), Limit: room, Healthy: healthy, Most: laneOf, Full: full,
		})
		if err != nil {
			return began, err
		}
		for i := range taken {
			n.serve(ctx, &taken[i])
		}
		began += len(taken)
	}
	return began, nil
}

// room is how many webhooks more can be served, and the organizations of which no
// more can.
func (n *Sender) room(healthy bool) (room int, full []core.OrganizationID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	room = maxLanes - len(n.lanes)
	failing, of := 0, map[core.OrganizationID]int{}
	for _, w := range n.lanes {
		if w.State.Failures > 0 {
			failing++
		}
		if of[w.Organization]++; of[w.Organization] == laneOf {
			full = append(full, w.Organization)
		}
	}
	if !healthy {
		room = min(room, maxLanes/2-failing)
	}
	return room, full
}

// serve has a webhook's turn run beside others.
func (n *Sender) serve(ctx context.Context, w *Webhook) {
	n.mu.Lock()
	if n.lanes == nil {
		n.lanes = map[string]*Webhook{}
	}
	n.lanes[w.ID] = w
	n.mu.Unlock()
	n.all.Go(func() {
		began := time.Now()
		err := n.turn(ctx, w)
		n.mu.Lock()
		delete(n.lanes, w.ID)
		n.mu.Unlock()
		if ctx.Err() == nil {
			n.note("serve a webhook", err)
			if n.Done != nil {
				n.Done(began, err)
			}
		}
		select {
		case n.wake <- struct{}{}: // there is room
		default:
		}
	})
}

// turn sends some deliveries of a webhook and gives it back.
func (n *Sender) turn(ctx context.Context, w *Webhook) error {
	s, limit := n.Service, laneBatch
	if w.State.Failures > 0 {
		limit = 1
	}
	due, err := s.store.Due(ctx, w.ID, s.clock(), limit)
	if err != nil {
		return err
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex // guards first
		first error
		next  = make(chan *Delivery)
	)
	for range min(laneWidth, len(due)) {
		all.Go(func() {
			for d := range next {
				if err := s.try(ctx, w, d); err != nil {
					mu.Lock()
					first = err
					mu.Unlock()
				}
			}
		})
	}
	for i := range due {
		next <- &due[i]
	}
	close(next)
	all.Wait()
	if first != nil && ctx.Err() == nil {
		return first // the lease runs out by itself, and what is not settled is sent again
	}
	// A worker that ends gives back what it has: the next one goes on at once.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseEvery)
	defer cancel()
	return s.store.ReleaseLane(ctx, n.Holder, w.ID, s.clock())
}

// extend prolongs the leases of what is served.
func (n *Sender) extend(ctx context.Context) error {
	n.mu.Lock()
	ids := slices.Collect(maps.Keys(n.lanes))
	n.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	return n.Service.store.ExtendLanes(ctx, n.Holder, ids, n.Service.clock().Add(leaseTime))
}

// Trim deletes what is older than it is kept.
func (n *Sender) Trim(ctx context.Context) error {
	for {
		gone, err := n.Service.store.Trim(ctx, n.Service.clock().Add(-Kept), trimBatch)
		if err != nil || gone < trimBatch {
			return err
		}
	}
}
