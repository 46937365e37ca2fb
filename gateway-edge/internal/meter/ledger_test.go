package meter

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/services/contract"
)

// ledger is a model of the worker and its database: the greater total wins, and
// an acknowledgement moves only over what is there without a gap.
type ledger struct {
	rdb    *redis.Client
	keys   *contract.EdgeKeys
	totals map[ledgerKey]contract.Counts
	seqs   map[ledgerKey]uint64
	acked  map[writer]uint64
	ahead  map[writer]map[uint64]bool
	sealed map[writer]uint32
	status map[writer]map[uint16]uint64
	edge   map[writer][contract.LatencyBuckets]uint32
	splits map[splitKey]contract.Split
}

type splitKey struct {
	w  writer
	id contract.SplitID
}

type writer struct {
	edge        string
	epoch       uint64
	incarnation [16]byte
}

type ledgerKey struct {
	w  writer
	id contract.CounterID
}

func newLedger(t testing.TB, rdb *redis.Client) *ledger {
	return &ledger{
		rdb: rdb, keys: testKeys(t), totals: map[ledgerKey]contract.Counts{}, seqs: map[ledgerKey]uint64{},
		acked: map[writer]uint64{}, ahead: map[writer]map[uint64]bool{}, sealed: map[writer]uint32{},
		status: map[writer]map[uint16]uint64{}, edge: map[writer][contract.LatencyBuckets]uint32{}, splits: map[splitKey]contract.Split{},
	}
}

// read takes what is in the streams out of them.
func (l *ledger) read(t testing.TB) []*contract.Batch {
	t.Helper()
	ctx := context.Background()
	var out []*contract.Batch
	for n := range contract.UsageStreams {
		entries, err := l.rdb.XRange(ctx, contract.RedisUsage(n), "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := contract.DecodeBatch(l.keys, []byte(e.Values[contract.BatchField].(string)))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, b)
			l.rdb.XDel(ctx, contract.RedisUsage(n), e.ID)
		}
	}
	return out
}

func (l *ledger) apply(b *contract.Batch) {
	w := writer{b.Edge, b.Epoch, b.Incarnation}
	for _, c := range b.Counters {
		k := ledgerKey{w, c.ID}
		have := l.totals[k]
		n := contract.Counts{
			Billed: max(have.Billed, c.Counts.Billed), C2xx: max(have.C2xx, c.Counts.C2xx), C5xx: max(have.C5xx, c.Counts.C5xx),
			Refused: max(have.Refused, c.Counts.Refused), Admitted: have.Admitted,
		}
		if b.Seq >= l.seqs[k] {
			n.Admitted, l.seqs[k] = c.Counts.Admitted, b.Seq
		}
		l.totals[k] = n
	}
	for _, s := range b.Statuses {
		if l.status[w] == nil {
			l.status[w] = map[uint16]uint64{}
		}
		l.status[w][s.Status] = max(l.status[w][s.Status], s.Count)
	}
	for _, x := range b.Latency {
		h := l.edge[w]
		for i := range h {
			h[i] = max(h[i], x.Edge[i])
		}
		l.edge[w] = h
	}
	for _, s := range b.Splits {
		k := splitKey{w, s.ID}
		have := l.splits[k].Counts
		s.Counts.C2xx, s.Counts.C5xx = max(s.Counts.C2xx, have.C2xx), max(s.Counts.C5xx, have.C5xx)
		s.Counts.Failed, s.Counts.BytesOut = max(s.Counts.Failed, have.Failed), max(s.Counts.BytesOut, have.BytesOut)
		l.splits[k] = s
	}
	if l.ahead[w] == nil {
		l.ahead[w] = map[uint64]bool{}
	}
	if b.Complete && b.Seq > l.acked[w] {
		l.acked[w] = b.Seq
	}
	l.ahead[w][b.Seq] = true
	for l.ahead[w][l.acked[w]+1] {
		l.acked[w]++
	}
	if b.Seq <= l.acked[w] {
		l.sealed[w] = max(l.sealed[w], b.Sealed)
	}
}

// acknowledge tells the edges.
func (l *ledger) acknowledge(t testing.TB) {
	t.Helper()
	for w, seq := range l.acked {
		field := contract.AckField(w.incarnation)
		msg, err := contract.EncodeMessage(l.keys, contract.MessageAck, contract.UsageAck{Edge: w.edge, Epoch: w.epoch, Incarnation: field, Seq: seq})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.rdb.HSet(context.Background(), contract.RedisUsageAck(w.edge, w.epoch), field, msg).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *ledger) billed() (n uint64) {
	for _, c := range l.totals {
		n += c.Billed
	}
	return n
}
