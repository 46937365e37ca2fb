package store_test

import (
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/usage"
)

var usageNow = time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)

// onBoth runs a test on a new SQLite file and a new PostgreSQL database.
func onBoth(t *testing.T, test func(t *testing.T, u *store.Usage)) {
	for name, databaseURL := range map[string]func(testing.TB) string{"sqlite": migrationstest.SQLite, "postgres": migrationstest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t, databaseURL(t), func() time.Time { return usageNow })
			u := store.NewUsage(db)
			seedUsage(t, u)
			test(t, u)
		})
	}
}

// seedUsage makes two organizations with a gateway each; the first has a route, a
// consumer and a key. Numbers are 1 and 2, as they are the first.
func seedUsage(t *testing.T, u *store.Usage) {
	t.Helper()
	for i, q := range []string{
		`INSERT INTO organizations (id, name, plan, plan_since, period_start, period_end, created_at, updated_at) VALUES ('org_a', 'A', 'free', 0, 0, 0, 0, 0)`,
		`INSERT INTO organizations (id, name, plan, plan_since, period_start, period_end, created_at, updated_at) VALUES ('org_b', 'B', 'pro', 0, 0, 0, 0, 0)`,
		`INSERT INTO gateways (id, organization_id, name, label, mode, settings, policies, version, created_at, updated_at) VALUES ('gw_a', 'org_a', 'shop', 'shop', 'live', '{}', '[]', 1, 0, 0)`,
		`INSERT INTO gateways (id, organization_id, name, label, mode, settings, policies, version, created_at, updated_at) VALUES ('gw_b', 'org_b', 'shop', 'shop-b', 'test', '{}', '[]', 1, 0, 0)`,
		`INSERT INTO routes (id, organization_id, gateway_id, name, document, revision, created_at, updated_at) VALUES ('rt_1', 'org_a', 'gw_a', 'orders', '{}', 1, 0, 0)`,
		`INSERT INTO consumers (id, organization_id, gateway_id, name, metadata, revision, created_at, updated_at) VALUES ('co_1', 'org_a', 'gw_a', 'acme', '{}', 1, 0, 0)`,
		`INSERT INTO api_keys (kid, shard, organization_id, gateway_id, consumer_id, name, test, hash, pepper, scopes, state, version, created_by, created_at, updated_at)
			VALUES (77, 0, 'org_a', 'gw_a', 'co_1', 'first key', false, '', 1, '', 1, 1, '', 0, 0)`,
	} {
		if err := u.DB.Tx(t.Context(), func(t *store.Txn) error { return t.Exec(q).Error }); err != nil {
			t.Fatalf("seed %d: %v", i, err)
		}
	}
}

var (
	hour0 = uint32(usageNow.Unix() / 3600)
	writA = usage.Writer{Edge: "edge-a", Epoch: 3, Incarnation: [16]byte{1}}
)

func counter(route, key uint64, billed, admitted uint64) contract.Counter {
	return contract.Counter{
		ID:     contract.CounterID{Organization: 1, Gateway: 1, Route: route, Consumer: 1, Key: key, Plan: 1, Hour: hour0},
		Counts: contract.Counts{Admitted: admitted, Billed: billed, C2xx: billed, BytesIn: 10 * billed, BytesOut: 100 * billed},
	}
}

func batch(w usage.Writer, seq uint64, arrived time.Time, counters ...contract.Counter) usage.Batch {
	return usage.Batch{Arrived: arrived.UnixMilli(), Batch: contract.Batch{
		Edge: w.Edge, Epoch: w.Epoch, Incarnation: w.Incarnation, Seq: seq, Counters: counters,
	}}
}

func apply(t *testing.T, u *store.Usage, batches ...usage.Batch) []usage.Ack {
	t.Helper()
	acks, err := u.Apply(t.Context(), batches)
	if err != nil {
		t.Fatal(err)
	}
	return acks
}

// one reads one number.
func one(t *testing.T, u *store.Usage, query string, args ...any) (n int64) {
	t.Helper()
	err := u.DB.View(t.Context(), func(db *gorm.DB) error { return db.Raw(query, args...).Scan(&n).Error })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUsageGreaterTotalWins(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		apply(t, u, batch(writA, 1, usageNow, counter(1, 77, 5, 6)))
		apply(t, u, batch(writA, 3, usageNow.Add(time.Minute), counter(1, 77, 9, 8)))
		for range 2 { // late, twice
			acks := apply(t, u, batch(writA, 2, usageNow.Add(2*time.Minute), counter(1, 77, 7, 9)))
			if len(acks) != 1 || acks[0].Seq != 3 || acks[0].Edge != "edge-a" || acks[0].Incarnation != writA.Incarnation {
				t.Errorf("acknowledged %+v, want all three", acks)
			}
		}
		if n := one(t, u, "SELECT billed FROM usage_counters"); n != 9 {
			t.Errorf("billed %d, want the greatest total 9", n)
		}
		if n := one(t, u, "SELECT admitted FROM usage_counters"); n != 8 {
			t.Errorf("admitted %d, want that of the last batch, 8", n)
		}
		if n := one(t, u, "SELECT SUM(billed) FROM usage_minutes"); n != 9 {
			t.Errorf("minutes sum to %d, want 9", n)
		}
		if n := one(t, u, "SELECT billed FROM usage_minutes ORDER BY minute LIMIT 1"); n != 5 {
			t.Errorf("the first minute has %d, want 5", n)
		}
	})
}

func TestUsageMinutesStayInTheirHour(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		apply(t, u, batch(writA, 1, usageNow.Add(3*time.Hour), counter(1, 77, 5, 5)))
		apply(t, u, batch(writA, 2, usageNow.Add(-3*time.Hour), counter(1, 77, 6, 6)))
		if n := one(t, u, "SELECT COUNT(*) FROM usage_minutes WHERE minute / 60 = ?", hour0); n != 2 {
			t.Errorf("%d minutes lie in the counter's hour, want 2", n)
		}
	})
}

func TestUsageLedgerRefusesToFall(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		apply(t, u, batch(writA, 1, usageNow, counter(1, 77, 5, 5)))
		for _, set := range []string{"billed = 4", "c2xx = 4", "bytes_out = 1", "billed = -1"} {
			err := u.DB.Tx(t.Context(), func(t *store.Txn) error { return t.Exec("UPDATE usage_counters SET " + set).Error })
			if err == nil {
				t.Errorf("the ledger took %s", set)
			}
		}
		if n := one(t, u, "SELECT billed FROM usage_counters"); n != 5 {
			t.Errorf("billed %d, want 5", n)
		}
	})
}

func TestUsageWritersAreApart(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		twin := writA
		twin.Incarnation[15] = 9 // a cloned disk
		apply(t, u, batch(writA, 1, usageNow, counter(1, 77, 5, 5)), batch(twin, 1, usageNow, counter(1, 77, 3, 3)))
		got, err := u.Admitted(t.Context(), []usage.LedgerQuery{
			{Gateway: 1, Key: 77, FromHour: hour0, ToHour: hour0 + 1},
			{Organization: 1, Consumer: 1, LiveOnly: true},
			{Gateway: 1, NoKey: true},
			{Gateway: 2},
			{Organization: 1, FromHour: hour0 + 1},
			{Plan: 1, Route: 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []usage.LedgerSum{{Edge: "edge-a", Epoch: 3, Admitted: 8, Billed: 8}}
		for i, w := range [][]usage.LedgerSum{want, want, nil, nil, nil, want} {
			if len(got[i]) != len(w) || len(w) > 0 && got[i][0] != w[0] {
				t.Errorf("query %d: %+v, want %+v", i, got[i], w)
			}
		}
		for hour, want := range map[uint32]bool{hour0 - 100: true, hour0: true, hour0 + 1: false} {
			if is, err := u.Counted(t.Context(), hour); err != nil || is != want {
				t.Errorf("counted from %d: %v, %v", hour, is, err)
			}
		}
		if n := one(t, u, "SELECT billed FROM usage_minutes"); n != 8 {
			t.Errorf("the minute has %d, want both writers' 8", n)
		}
	})
}

func TestUsageRefusesNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		for _, c := range []contract.Counter{counter(1, 77, 1<<60, 0), counter(1, 1<<63, 1, 1), counter(1<<63, 1, 1, 1)} {
			if _, err := u.Apply(t.Context(), []usage.Batch{batch(writA, 1, usageNow, c)}); err == nil {
				t.Errorf("took %+v", c)
			}
		}
	})
}

func TestUsageLargeBatch(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		b := batch(writA, 1, usageNow)
		for k := range uint64(contract.MaxBatchCounters) {
			b.Counters = append(b.Counters, counter(k%7+1, k+1, 3, 3))
		}
		began := time.Now()
		apply(t, u, b)
		t.Logf("%d counters in %v", len(b.Counters), time.Since(began))
		if n := one(t, u, "SELECT SUM(billed) FROM usage_minutes"); n != 3*contract.MaxBatchCounters {
			t.Errorf("minutes sum to %d", n)
		}
	})
}

func TestUsageStatusesAndLatencies(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		b := batch(writA, 1, usageNow)
		b.Statuses = []contract.StatusCount{{Organization: 1, Gateway: 1, Route: 1, Hour: hour0, Status: 200, Count: 90}, {Organization: 1, Gateway: 1, Route: 1, Hour: hour0, Status: 404, Count: 10}}
		l := contract.Latency{Organization: 1, Gateway: 1, Route: 1, Hour: hour0}
		l.Edge[3], l.Upstream[20] = 100, 100
		b.Latency = []contract.Latency{l}
		other := batch(usage.Writer{Edge: "edge-b", Epoch: 1}, 1, usageNow)
		other.Latency = []contract.Latency{l}
		apply(t, u, b, other)
		b.Seq = 2
		l.Edge[3], l.Edge[40] = 150, 1
		b.Latency = []contract.Latency{l}
		b.Statuses[1].Count = 12
		apply(t, u, b, b)
		q := usage.SeriesQuery{Gateway: 1, From: usageNow.Truncate(time.Hour), To: usageNow.Truncate(time.Hour).Add(time.Hour)}
		for _, i := range []usage.Interval{usage.IntervalMinute, usage.IntervalHour, usage.IntervalTotal} {
			q.Interval = i
			lat, err := u.Latencies(t.Context(), "org_a", q)
			if err != nil {
				t.Fatal(err)
			}
			if len(lat) != 1 || lat[0].Edge[3] != 250 || lat[0].Edge[40] != 1 || lat[0].Upstream[20] != 200 {
				t.Errorf("%s: %+v", i, lat)
			}
			st, err := u.Statuses(t.Context(), "org_a", q)
			if err != nil {
				t.Fatal(err)
			}
			if len(st) != 2 || st[0].Status != 200 || st[0].Count != 90 || st[1].Count != 12 {
				t.Errorf("%s: %+v", i, st)
			}
		}
	})
}
