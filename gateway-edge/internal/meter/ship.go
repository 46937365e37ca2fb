package meter

import (
	"context"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/contract/failpoint"
)

// sealGrace is how long after an hour's end it counts as closed: a goroutine
// that looked at the clock before the turn has long added its count.
const sealGrace = 10 * time.Second

// parcel is what one ship sends: batches, and which records are in which.
type parcel struct {
	batches []contract.Batch
	items   []item
}

// item is a record in a parcel.
type item struct {
	file  *file
	n     uint32
	batch int
}

// ship sends what moved since the last time, or everything unacknowledged, and
// takes acknowledgements. Only one runs at a time.
func (m *Meter) ship(ctx context.Context, sealed uint32) error {
	m.shipping.Lock()
	defer m.shipping.Unlock()
	seq, ackErr := m.readAck(ctx, &m.stream)
	now := m.now()

	m.mu.Lock()
	m.harvest()
	if ackErr == nil {
		m.takeAck(seq, now)
	}
	m.settle()
	full, held := m.stream.plan(now)
	if ackErr != nil {
		// What waits in the stream may not survive what ails Redis.
		m.stream.again = m.stream.again || m.stream.waiting() > 0
	}
	if held || ackErr != nil {
		m.mu.Unlock()
		return ackErr
	}
	p := m.pack(full)
	sealed = max(sealed, m.stream.sealed)
	if len(p.batches) == 0 {
		if sealed == m.stream.sealed && !full {
			m.mu.Unlock()
			return nil
		}
		p.batches = append(p.batches, contract.Batch{})
	}
	m.stream.number(p.batches, full, sealed, now)
	m.recordSeq(m.stream.seq)
	if sealed > m.stream.sealed {
		failpoint.Hit(failpoint.EdgeSeal)
	}
	m.mu.Unlock()

	err := m.post(ctx, m.stream.edge, p.batches)
	failpoint.Hit(failpoint.EdgeAfterXaddBeforeMark)

	m.mu.Lock()
	defer m.mu.Unlock()
	for _, it := range p.items {
		if err != nil {
			it.file.unsent.set(it.n)
			continue
		}
		it.file.sent[it.n] = p.batches[it.batch].Seq
	}
	if err != nil {
		// What arrived of it is harmless; what did not leaves a gap that only
		// a complete parcel closes.
		m.stream.again = true
		return err
	}
	m.stream.sealed = sealed
	m.stream.sentNow(full, now)
	m.lastShip = now
	return nil
}

// takeAck takes an acknowledgement. The caller holds m.mu.
func (m *Meter) takeAck(seq uint64, now time.Time) {
	was := m.stream.acked
	if m.stream.ack(seq, now) {
		for _, f := range m.files() {
			for n, sent := range f.sent {
				if sent > was {
					f.unsent.set(uint32(n))
				}
			}
		}
		m.cfg.Logger.Error("meter: another process ships under this edge's identity", "edge", m.stream.edge, "epoch", m.stream.epoch)
		return
	}
	if m.stream.acked > was {
		m.lastAck = now
	}
}

// pack takes records into batches: those that moved, or all that are not
// acknowledged. The caller holds m.mu and has harvested.
func (m *Meter) pack(full bool) *parcel {
	p := &parcel{}
	for _, f := range m.counters.list() {
		for n := range f.take(full, m.stream.acked) {
			b := p.batch(func(b *contract.Batch) bool { return len(b.Counters) < batchCounters })
			r := f.record(n)
			b.Counters = append(b.Counters, contract.Counter{ID: getCounterID(r), Counts: f.counter(n).totals()})
			p.items = append(p.items, item{f, n, len(p.batches) - 1})
		}
	}
	for _, f := range m.routes.list() {
		for n := range f.take(full, m.stream.acked) {
			b := p.batch(func(b *contract.Batch) bool { return len(b.Latency) < batchRoutes })
			appendRoute(b, getRouteID(f.record(n)), f.route(n))
			p.items = append(p.items, item{f, n, len(p.batches) - 1})
		}
	}
	for _, f := range m.splits.list() {
		for n := range f.take(full, m.stream.acked) {
			b := p.batch(func(b *contract.Batch) bool { return len(b.Splits) < batchSplits })
			b.Splits = append(b.Splits, readSplit(f.record(n)))
			p.items = append(p.items, item{f, n, len(p.batches) - 1})
		}
	}
	return p
}

// batch returns the last batch, or a new one when it has no room.
func (p *parcel) batch(room func(*contract.Batch) bool) *contract.Batch {
	if n := len(p.batches); n == 0 || !room(&p.batches[n-1]) {
		p.batches = append(p.batches, contract.Batch{})
	}
	return &p.batches[len(p.batches)-1]
}

func appendRoute(b *contract.Batch, id routeID, r *routeRecord) {
	l := contract.Latency{Organization: id.organization, Gateway: id.gateway, Route: id.route, Hour: id.hour}
	for i := range contract.LatencyBuckets {
		l.Edge[i], l.Upstream[i] = r.edge[i].Load(), r.upstream[i].Load()
	}
	b.Latency = append(b.Latency, l)
	for i := range statusPairs {
		if n := r.counts[i].Load(); n != 0 {
			b.Statuses = append(b.Statuses, contract.StatusCount{
				Organization: id.organization, Gateway: id.gateway, Route: id.route, Hour: id.hour,
				Status: uint16(r.codes[i].Load()), Count: n,
			})
		}
	}
}

// take yields the records to be sent and clears their bits; those that fail to
// be sent are set again by the caller.
func (f *file) take(full bool, acked uint64) func(func(uint32) bool) {
	used := f.used.Load()
	for uint32(len(f.sent)) < used && !f.acked {
		f.sent = append(f.sent, 0)
	}
	return func(yield func(uint32) bool) {
		for n := range uint32(len(f.sent)) {
			if !f.unsent.has(n) && !(full && f.sent[n] > acked) {
				continue
			}
			f.unsent.clear(n)
			if !yield(n) {
				return
			}
		}
	}
}

// harvest moves what moved to the journal's and the shipper's sets. The caller
// holds m.mu.
func (m *Meter) harvest() {
	for _, f := range m.files() {
		if f.harvest() && f.acked {
			f.acked = false // a late credit or byte count
			f.word(headAcked).Store(0)
		}
	}
}

// settle marks the ended files of which the database has everything. The caller
// holds m.mu.
func (m *Meter) settle() {
	m.unacked = 0
	for _, f := range m.files() {
		if f.acked {
			continue
		}
		waiting := 0
		for n := range f.used.Load() {
			if f.unsent.has(n) || int(n) < len(f.sent) && f.sent[n] > m.stream.acked {
				waiting++
			}
		}
		m.unacked += waiting
		if waiting == 0 && !f.ended.IsZero() {
			f.acked, f.sent = true, nil
			f.word(headAcked).Store(1)
		}
	}
}

// recordSeq keeps the last batch's number where a successor finds it.
func (m *Meter) recordSeq(seq uint64) {
	files := m.counters.list()
	if n := len(files); n > 0 {
		files[n-1].word(headSeq).Store(seq)
	}
}

// files are the files of all kinds.
func (m *Meter) files() []*file {
	return append(append(m.counters.list(), m.routes.list()...), m.splits.list()...)
}

// sealedHour is the hour before which all are closed here.
func (m *Meter) sealedHour() uint32 {
	now := m.cfg.Wall()
	h := m.hour.Load()
	if hourOf(now.Add(-sealGrace)) < h {
		return h - 1
	}
	return h
}
