package meter

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/edgetest"
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
		status: map[writer]map[uint16]uint64{}, edge: map[writer][contract.LatencyBuckets]uint32{},
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

func TestTotalsAreShippedAndAcknowledged(t *testing.T) {
	t.Parallel()
	rdb := edgetest.StartRedis(t).Client()
	defer rdb.Close()
	c := newClock(noon)
	cfg := testConfig(t, c)
	cfg.Redis = rdb
	m := open(t, cfg)
	l := newLedger(t, rdb)
	ctx := context.Background()
	h, r := &Hot{}, NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 9}
	for round := range uint64(3) {
		request(m, h, r, &id)
		if err := m.ship(ctx, m.sealedHour()); err != nil {
			t.Fatal(err)
		}
		got := l.read(t)
		if len(got) != 1 || got[0].Seq != round+1 || len(got[0].Counters) != 1 || got[0].Counters[0].Counts.Billed != round+1 {
			t.Fatalf("round %d: shipped %+v", round, got)
		}
		if s := m.Stats(); s.Unacked != 2 {
			t.Errorf("%d records are unacknowledged, want 2", s.Unacked)
		}
		l.apply(got[0])
		l.acknowledge(t)
		if err := m.ship(ctx, m.sealedHour()); err != nil {
			t.Fatal(err)
		}
		if s := m.Stats(); s.Unacked != 0 || len(l.read(t)) != 0 {
			t.Errorf("after the acknowledgement: %+v", s)
		}
	}
	w := writer{cfg.Edge, cfg.Epoch, cfg.Incarnation}
	if l.status[w][200] != 3 || l.edge[w][Bucket(80)] != 3 {
		t.Errorf("status codes %v, latency %v", l.status[w], l.edge[w])
	}
	if l.sealed[w] != hourOf(noon) {
		t.Errorf("sealed %d, want %d", l.sealed[w], hourOf(noon))
	}
}

func TestForgedAcknowledgementIsNotBelieved(t *testing.T) {
	t.Parallel()
	rdb := edgetest.StartRedis(t).Client()
	defer rdb.Close()
	cfg := testConfig(t, newClock(noon))
	cfg.Redis = rdb
	m := open(t, cfg)
	ctx := context.Background()
	h, r := &Hot{}, NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 9}
	request(m, h, r, &id)
	if err := m.ship(ctx, 0); err != nil {
		t.Fatal(err)
	}
	other, err := contract.NewRootKeys([]byte("another root secret of 32 bytes!"))
	if err != nil {
		t.Fatal(err)
	}
	field := contract.AckField(cfg.Incarnation)
	for name, msg := range map[string]func() ([]byte, error){
		"another secret": func() ([]byte, error) {
			return contract.EncodeMessage(&other.Edge, contract.MessageAck, contract.UsageAck{Edge: cfg.Edge, Epoch: cfg.Epoch, Incarnation: field, Seq: 1})
		},
		"another epoch's": func() ([]byte, error) {
			return contract.EncodeMessage(cfg.Keys, contract.MessageAck, contract.UsageAck{Edge: cfg.Edge, Epoch: cfg.Epoch + 1, Incarnation: field, Seq: 1})
		},
		"garbage": func() ([]byte, error) { return []byte("1"), nil },
	} {
		b, err := msg()
		if err != nil {
			t.Fatal(err)
		}
		if err := rdb.HSet(ctx, contract.RedisUsageAck(cfg.Edge, cfg.Epoch), field, b).Err(); err != nil {
			t.Fatal(err)
		}
		if err := m.ship(ctx, 0); err != nil || m.Stats().Unacked == 0 {
			t.Errorf("%s was believed, %v", name, err)
		}
	}
}

// TestShippingIsExactWhateverHappens plays requests against shipping over a
// Redis that loses, delays, repeats and reorders what it is given, workers that
// crash between any two steps, FLUSHALL, and restarts of the edge by SIGKILL
// (its files are all that stays). At the end the ledger holds exactly what was
// counted.
func TestShippingIsExactWhateverHappens(t *testing.T) {
	t.Parallel()
	server := edgetest.StartRedis(t)
	for seed := range uint64(8) {
		shipRandomly(t, server, seed)
	}
}

func shipRandomly(t *testing.T, server *edgetest.Redis, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	ctx := context.Background()
	rdb := server.Client()
	defer rdb.Close()
	if err := rdb.FlushAll(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	c := newClock(noon)
	cfg := testConfig(t, c)
	cfg.Redis = rdb
	l := newLedger(t, rdb)
	var offset time.Duration // of the monotonic clock
	start := func() (*Meter, []*Route) {
		cfg.Epoch++
		for i := range cfg.Incarnation {
			cfg.Incarnation[i] = byte(rng.Uint32())
		}
		m := open(t, cfg)
		m.now = func() time.Time { return time.Now().Add(offset) }
		return m, []*Route{NewRoute(1, 2, 1, false), NewRoute(1, 2, 2, false)}
	}
	m, routes := start()
	hots := map[uint64]*Hot{}
	var held []*contract.Batch // delayed on the way
	want := map[contract.CounterID]uint64{}
	for range 400 {
		switch p := rng.IntN(100); {
		case p < 55:
			key := rng.Uint64N(20) + 1
			if hots[key] == nil {
				hots[key] = &Hot{}
			}
			r := routes[rng.IntN(2)]
			id := contract.CounterID{Organization: 1, Gateway: 2, Route: r.route, Key: key}
			request(m, hots[key], r, &id)
			id.Hour = m.hour.Load()
			want[id]++
		case p < 75:
			_ = m.shipAll(ctx, m.sealedHour())
		case p < 85: // the worker
			held = append(held, l.read(t)...)
			rng.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
			n := rng.IntN(len(held) + 1)
			for _, b := range held[:n] {
				l.apply(b)
			}
			if rng.IntN(3) > 0 { // else it dies before it deletes: they come again
				held = held[n:]
			}
		case p < 90:
			l.acknowledge(t)
		case p < 93:
			offset += stallMax
		case p < 95:
			c.advance(25 * time.Minute)
			m.tick()
			m.house()
		case p < 97: // batches are lost
			l.read(t)
			held = nil
		case p < 98:
			if err := rdb.FlushAll(ctx).Err(); err != nil {
				t.Fatal(err)
			}
		default: // SIGKILL: nothing but the files is left
			m, routes = start()
			hots = map[uint64]*Hot{}
		}
	}
	for i := 0; ; i++ { // the way is clear again
		offset += time.Second
		if err := m.shipAll(ctx, m.sealedHour()); err != nil {
			t.Fatal(err)
		}
		for _, b := range append(l.read(t), held...) {
			l.apply(b)
		}
		held = nil
		l.acknowledge(t)
		if s := m.Stats(); s.Unacked == 0 && s.Old == 0 {
			break
		}
		if i > 2000 {
			t.Fatalf("seed %d: not acknowledged: %+v", seed, m.Stats())
		}
	}
	got := map[contract.CounterID]uint64{}
	for k, c := range l.totals {
		got[k.id] += c.Billed
		if c.Billed != c.C2xx || c.Billed != c.Admitted {
			t.Errorf("seed %d: %+v has %+v", seed, k.id, c)
		}
	}
	for id, n := range want {
		if got[id] != n {
			t.Errorf("seed %d: %+v billed %d, want %d", seed, id, got[id], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("seed %d: %d counters, want %d", seed, len(got), len(want))
	}
}

func TestStoppedWorkerDoesNotFillRedis(t *testing.T) {
	t.Parallel()
	rdb := edgetest.StartRedis(t).Client()
	defer rdb.Close()
	cfg := testConfig(t, newClock(noon))
	cfg.Redis = rdb
	m := open(t, cfg)
	var offset time.Duration
	m.now = func() time.Time { return time.Now().Add(offset) }
	ctx := context.Background()
	h, r := &Hot{}, NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3, Key: 9}
	for range 3600 { // an hour of seconds
		request(m, h, r, &id)
		offset += time.Second
		if err := m.ship(ctx, m.sealedHour()); err != nil {
			t.Fatal(err)
		}
	}
	n, err := rdb.XLen(ctx, contract.RedisUsage(contract.UsageStream(cfg.Edge))).Result()
	if err != nil {
		t.Fatal(err)
	}
	if n > 100 {
		t.Errorf("%d batches wait in the stream after an hour without a worker", n)
	}
	l := newLedger(t, rdb)
	for range 3 {
		for _, b := range l.read(t) {
			l.apply(b)
		}
		l.acknowledge(t)
		offset += time.Second
		if err := m.ship(ctx, m.sealedHour()); err != nil {
			t.Fatal(err)
		}
	}
	if m.Stats().Unacked != 0 || l.billed() != 3600 {
		t.Errorf("after the worker is back: %+v, billed %d", m.Stats(), l.billed())
	}
}

func TestFilesEndAndGo(t *testing.T) {
	t.Parallel()
	rdb := edgetest.StartRedis(t).Client()
	defer rdb.Close()
	c := newClock(noon)
	cfg := testConfig(t, c)
	cfg.Redis = rdb
	m := open(t, cfg)
	l := newLedger(t, rdb)
	ctx := context.Background()
	r := NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3}
	turn := func() {
		request(m, &r.Hot, r, &id)
		m.save()
		c.advance(time.Hour)
		m.tick()
		m.house()
		for range 2 {
			if err := m.ship(ctx, m.sealedHour()); err != nil {
				t.Fatal(err)
			}
			for _, b := range l.read(t) {
				l.apply(b)
			}
			l.acknowledge(t)
		}
	}
	for range 5 {
		turn()
	}
	names, err := filepath.Glob(filepath.Join(m.counters.dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 5*2+2 {
		t.Errorf("%d files %q, want two an hour, two spares, and no journal", len(names), names)
	}
	var bytes int64
	for _, f := range m.files() {
		bytes += fileLength(t, f.path)
		if f.ended.IsZero() || !f.acked {
			t.Errorf("%s has not ended or is not acknowledged", f.path)
		}
		f.ended = f.ended.Add(-unmapAfter) // the process has been running since
	}
	if bytes > 10*3*4096 {
		t.Errorf("ended files take %d bytes", bytes)
	}
	c.advance((keepHours - 2) * time.Hour)
	m.tick()
	m.house()
	if n := len(m.files()); n != 4 {
		t.Errorf("%d files are left, want those of the last two hours", n)
	}
	if l.billed() != 5 {
		t.Errorf("billed %d", l.billed())
	}
}

func TestRunSealsAndShipsAtTheEnd(t *testing.T) {
	t.Parallel()
	rdb := edgetest.StartRedis(t).Client()
	defer rdb.Close()
	cfg := testConfig(t, newClock(noon))
	cfg.Redis = rdb
	m := open(t, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	r := NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3}
	for range 100 {
		request(m, &r.Hot, r, &id)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l := newLedger(t, rdb)
	for _, b := range l.read(t) {
		l.apply(b)
	}
	if l.billed() != 100 || l.sealed[writer{cfg.Edge, cfg.Epoch, cfg.Incarnation}] != contract.SealedAll {
		t.Errorf("billed %d, sealed %v", l.billed(), l.sealed)
	}
	l.acknowledge(t)
	flush, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	if err := m.Flush(flush); err != nil {
		t.Errorf("flush: %v", err)
	}
}
