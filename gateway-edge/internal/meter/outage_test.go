package meter

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate/tollgate/gateway-edge/internal/edgetest"
	"github.com/tollgate/tollgate/services/contract"
)

// TestRedisOutages (R01, R05–R07, R09): while Redis is away in whatever way,
// counting goes on, shipping gives up in time, and afterwards nothing is missing.
func TestRedisOutages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		begin, cease func(t *testing.T, r *edgetest.Redis, c *redis.Client)
	}{
		{"killed", func(_ *testing.T, r *edgetest.Redis, _ *redis.Client) { r.Kill() }, func(t *testing.T, r *edgetest.Redis, _ *redis.Client) { r.Start(t) }},
		{"frozen", func(_ *testing.T, r *edgetest.Redis, _ *redis.Client) { r.Freeze() }, func(_ *testing.T, r *edgetest.Redis, _ *redis.Client) { r.Thaw() }},
		{"out of memory", func(t *testing.T, _ *edgetest.Redis, c *redis.Client) { setMemory(t, c, "1") }, func(t *testing.T, _ *edgetest.Redis, c *redis.Client) { setMemory(t, c, "0") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := edgetest.StartRedis(t)
			rdb := server.Client()
			defer rdb.Close()
			cfg := testConfig(t, newClock(noon))
			cfg.Redis = rdb
			m := open(t, cfg)
			l := newLedger(t, rdb)
			r := NewRoute(1, 2, 3, false)
			id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3}
			ship := func() error {
				request(m, &r.Hot, r, &id)
				began := time.Now()
				err := m.shipAll(context.Background(), m.sealedHour())
				if d := time.Since(began); d > 4*time.Second {
					t.Errorf("shipping took %v", d)
				}
				return err
			}
			if err := ship(); err != nil {
				t.Fatal(err)
			}
			c.begin(t, server, rdb)
			for range 2 {
				if ship() == nil {
					t.Error("no error while Redis is away")
				}
			}
			c.cease(t, server, rdb)
			for range 20 {
				if err := ship(); err == nil {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			for range 3 {
				for _, b := range l.read(t) {
					l.apply(b)
				}
				l.acknowledge(t)
				if err := m.shipAll(context.Background(), m.sealedHour()); err != nil {
					t.Fatal(err)
				}
			}
			want := m.counters.files[0].counter(0).billed.Load()
			if l.billed() != want || want < 4 || m.Stats().Unacked != 0 {
				t.Errorf("billed %d of %d, %+v", l.billed(), want, m.Stats())
			}
		})
	}
}

func setMemory(t *testing.T, c *redis.Client, most string) {
	t.Helper()
	if err := c.ConfigSet(context.Background(), "maxmemory", most).Err(); err != nil {
		t.Fatal(err)
	}
}

// TestClonedDisk (E10): two processes with one identity and one incarnation. Each
// takes the other's acknowledgements for what they are, and nothing is lost.
func TestClonedDisk(t *testing.T) {
	t.Parallel()
	rdb := edgetest.StartRedis(t).Client()
	defer rdb.Close()
	cfg := testConfig(t, newClock(noon))
	cfg.Redis = rdb
	a := open(t, cfg)
	cfg.Dir = t.TempDir()
	b := open(t, cfg)
	l := newLedger(t, rdb)
	var offset time.Duration
	for _, m := range []*Meter{a, b} {
		m.now = func() time.Time { return time.Now().Add(offset) }
	}
	r, s := NewRoute(1, 2, 3, false), NewRoute(1, 2, 4, false)
	for range 40 {
		request(a, &r.Hot, r, &contract.CounterID{Organization: 1, Gateway: 2, Route: 3})
		request(b, &s.Hot, s, &contract.CounterID{Organization: 1, Gateway: 2, Route: 4})
		for _, m := range []*Meter{a, a, a, b} {
			offset += time.Second
			if err := m.ship(context.Background(), m.sealedHour()); err != nil {
				t.Fatal(err)
			}
			got := l.read(t)
			if m == b && offset%(3*time.Second) == 0 {
				continue // lost on the way
			}
			for _, batch := range got {
				l.apply(batch)
			}
			l.acknowledge(t)
		}
	}
	for range 5 {
		for _, m := range []*Meter{a, b} {
			offset += stallMax
			if err := m.ship(context.Background(), m.sealedHour()); err != nil {
				t.Fatal(err)
			}
			for _, batch := range l.read(t) {
				l.apply(batch)
			}
			l.acknowledge(t)
		}
	}
	if l.billed() != 80 {
		t.Errorf("billed %d, want the 80 of both", l.billed())
	}
}

// TestFormerEpochIsShippedSealedAndForgotten restarts an edge and lets two days
// pass.
func TestFormerEpochIsShippedSealedAndForgotten(t *testing.T) {
	t.Parallel()
	rdb := edgetest.StartRedis(t).Client()
	defer rdb.Close()
	c := newClock(noon)
	cfg := testConfig(t, c)
	cfg.Redis = rdb
	first := open(t, cfg)
	r := NewRoute(1, 2, 3, false)
	id := contract.CounterID{Organization: 1, Gateway: 2, Route: 3}
	for range 3 {
		request(first, &r.Hot, r, &id)
		first.save()
		c.advance(time.Hour)
		first.tick()
	}
	old := writer{cfg.Edge, cfg.Epoch, cfg.Incarnation}
	cfg.Epoch, cfg.Incarnation = cfg.Epoch+1, [16]byte{9}
	second := open(t, cfg)
	if s := second.Stats(); s.Old != 9 {
		t.Errorf("%d files of the former epoch, want 9", s.Old)
	}
	l := newLedger(t, rdb)
	for range 20 {
		if err := second.shipAll(context.Background(), second.sealedHour()); err != nil {
			t.Fatal(err)
		}
		for _, b := range l.read(t) {
			l.apply(b)
		}
		l.acknowledge(t)
	}
	if l.billed() != 3 || l.sealed[old] != contract.SealedAll || second.Stats().Old != 0 {
		t.Errorf("billed %d, sealed %d, %+v", l.billed(), l.sealed[old], second.Stats())
	}
	third := open(t, func() Config { cfg.Epoch++; cfg.Incarnation = [16]byte{10}; return cfg }())
	if s := third.Stats(); s.Old != 0 {
		t.Errorf("%d files are shipped again after they were acknowledged", s.Old)
	}
	c.advance((keepHours - 2) * time.Hour)
	third.tick()
	third.house()
	left, err := filepath.Glob(filepath.Join(first.counters.dir, "*"+counterKind.ext))
	if err != nil || len(left) != 2 {
		t.Errorf("%d counter files of the former epoch are left, want those of the last two hours", len(left))
	}
	c.advance(5 * time.Hour)
	third.tick()
	third.house()
	if _, err := os.Stat(first.counters.dir); !os.IsNotExist(err) {
		t.Errorf("the former epoch's directory is still there: %v", err)
	}
}
