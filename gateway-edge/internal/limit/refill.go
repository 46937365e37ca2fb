package limit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the refiller.
const (
	senders   = 4   // round trips under way at a time
	maxBatch  = 256 // scripts in one round trip
	wheelTick = 25 * time.Millisecond
	wheelSize = 512 // slots of the wheel: 12.8 s
)

// refiller is the one place that talks to Redis for all cells. Cells push
// themselves onto a queue without a lock; the loop takes what is there, sends it
// in as few round trips as it makes, and looks after active cells by a timing
// wheel. The wheel is the loop's own.
type refiller struct {
	l     *Limits
	head  atomic.Pointer[node] // cells that want to talk
	fresh atomic.Pointer[node] // cells to look after
	bell  chan struct{}
	work  chan []*node
	// claims rings the watch: some shard waits for the worker.
	claims chan struct{}
	shared bool // another process still spends former epochs' leases; the loop's own

	mu          sync.Mutex // guards settlements
	settlements []*settlement

	wheel  [wheelSize][]*node
	cursor int64 // tick number that the wheel has reached

	calls, waits atomic.Uint64
	active       atomic.Int64
}

func newRefiller(l *Limits) *refiller {
	return &refiller{l: l, bell: make(chan struct{}, 1), work: make(chan []*node, senders), claims: make(chan struct{}, 1)}
}

func (r *refiller) push(n *node) {
	for {
		h := r.head.Load()
		n.next = h
		if r.head.CompareAndSwap(h, n) {
			return
		}
	}
}

func (r *refiller) attend(n *node) {
	for {
		h := r.fresh.Load()
		n.due = h
		if r.fresh.CompareAndSwap(h, n) {
			return // the next tick is soon enough
		}
	}
}

// ring makes the loop look now, for a request that waits; without it the queue
// is taken at the next tick, so that many cells share a round trip.
func (r *refiller) ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

func (r *refiller) run(ctx context.Context) error {
	var wg sync.WaitGroup
	stop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	for range senders {
		wg.Go(func() { r.sender(stop) })
	}
	if r.l.link.rdb != nil {
		r.settle()
		wg.Go(func() { r.l.watch(ctx) })
	}
	r.loop(ctx)
	cancel()
	wg.Wait()
	r.giveBack(context.WithoutCancel(ctx))
	return r.l.ledger.Close()
}

func (r *refiller) loop(ctx context.Context) {
	tick := time.NewTicker(wheelTick)
	defer tick.Stop()
	r.cursor = r.l.now() / int64(wheelTick)
	swept := r.l.now()
	looked := swept
	var pending []*node
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.bell:
		case <-tick.C:
			r.turn()
			now := r.l.now()
			if now-swept > int64(time.Minute) {
				swept = now
				r.l.sweep(now)
			}
			if r.shared && now-looked > int64(time.Second) {
				looked = now
				r.inherit()
			}
		}
		pending = r.collect(pending)
		pending = r.dispatch(pending)
	}
}

// collect takes the queue, oldest first.
func (r *refiller) collect(pending []*node) []*node {
	at := len(pending)
	for n := r.head.Swap(nil); n != nil; {
		next := n.next
		n.next = nil
		pending = append(pending, n)
		n = next
	}
	for i, j := at, len(pending)-1; i < j; i, j = i+1, j-1 {
		pending[i], pending[j] = pending[j], pending[i]
	}
	return pending
}

// dispatch hands work to idle senders and returns what is left. While Redis is
// away only a probe goes out; the others are told at once that nothing comes.
func (r *refiller) dispatch(pending []*node) []*node {
	for len(pending) > 0 {
		if !r.l.link.mayTry() {
			for _, n := range pending {
				n.state.Store(idle)
				n.open()
			}
			return pending[:0]
		}
		n := min(len(pending), maxBatch)
		if r.l.link.down() {
			n = 1
		}
		batch := append([]*node(nil), pending[:n]...)
		select {
		case r.work <- batch:
			pending = append(pending[:0], pending[n:]...)
		default:
			return pending // every sender is busy; one rings when it is done
		}
	}
	return pending
}

func (r *refiller) sender(ctx context.Context) {
	calls := make([]*call, 0, maxBatch)
	for {
		select {
		case <-ctx.Done():
			return
		case batch := <-r.work:
			calls = r.flight(ctx, batch, calls[:0])
			r.ring()
		}
	}
}

// flight asks the cells of a batch, sends, and tells them the answers.
func (r *refiller) flight(ctx context.Context, batch []*node, calls []*call) []*call {
	now := r.l.now()
	for _, n := range batch {
		n.state.Store(flying)
		if c := n.cell.ask(now); c != nil {
			calls = append(calls, c)
		} else {
			n.landed()
			n.open()
		}
	}
	if len(calls) == 0 {
		return calls
	}
	r.calls.Add(uint64(len(calls)))
	r.l.link.pipeline(ctx, calls)
	now = r.l.now()
	for _, c := range calls {
		n := c.cell.link()
		c.cell.hear(c, now)
		n.landed()
		n.open()
	}
	clear(calls)
	return calls
}

// turn moves the wheel to now and looks after the cells that are due.
func (r *refiller) turn() {
	for n := r.fresh.Swap(nil); n != nil; {
		next := n.due
		n.due = nil
		r.active.Add(1)
		r.place(n, r.l.now()+int64(wheelTick))
		n = next
	}
	until := r.l.now() / int64(wheelTick)
	if until-r.cursor > wheelSize { // the machine slept: look at every cell once
		r.cursor = until - wheelSize
	}
	for ; r.cursor <= until; r.cursor++ {
		at := r.cursor % wheelSize
		due := r.wheel[at]
		r.wheel[at] = nil
		now := r.l.now()
		for _, n := range due {
			if next := n.cell.check(now); next != 0 {
				r.place(n, next)
				continue
			}
			r.active.Add(-1)
		}
		if r.wheel[at] == nil {
			clear(due)
			r.wheel[at] = due[:0]
		}
	}
}

// place puts a cell into the wheel; one that is due later than the wheel reaches
// is looked at once a turn.
func (r *refiller) place(n *node, at int64) {
	t := max(at/int64(wheelTick), r.cursor+1)
	t = min(t, r.cursor+wheelSize-1)
	r.wheel[t%wheelSize] = append(r.wheel[t%wheelSize], n)
}

func (r *refiller) stats() Stats {
	return Stats{
		Calls: r.calls.Load(), Trips: r.l.link.trips.Load(), Errors: r.l.link.fails.Load(),
		Waits: r.waits.Load(), Active: r.active.Load(),
	}
}
