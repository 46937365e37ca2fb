package meter

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/internal/edgetest"
	"github.com/tollgate/tollgate/services/contract"
)

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
		if s := m.Stats(); s.Unacked != 3 {
			t.Errorf("%d records are unacknowledged, want 3", s.Unacked)
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
	if len(names) != 5*3+3 {
		t.Errorf("%d files %q, want three an hour, three spares, and no journal", len(names), names)
	}
	var bytes int64
	for _, f := range m.files() {
		bytes += fileLength(t, f.path)
		if f.ended.IsZero() || !f.acked {
			t.Errorf("%s has not ended or is not acknowledged", f.path)
		}
		f.ended = f.ended.Add(-unmapAfter) // the process has been running since
	}
	if bytes > 15*3*4096 {
		t.Errorf("ended files take %d bytes", bytes)
	}
	c.advance((keepHours - 2) * time.Hour)
	m.tick()
	m.house()
	if n := len(m.files()); n != 6 {
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
