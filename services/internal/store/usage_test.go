package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/migrations"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/usage"
)

var usageNow = time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)

// onBoth runs a test on a new SQLite file and a new PostgreSQL database.
func onBoth(t *testing.T, test func(t *testing.T, u *Usage)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, openUsage(t, "sqlite:"+filepath.Join(t.TempDir(), "usage.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, openUsage(t, newDatabase(t)))
	})
}

// newDatabase makes a database of its own and drops it at the end.
func newDatabase(t *testing.T) string {
	t.Helper()
	server := os.Getenv("TOLLGATE_TEST_DATABASE_URL")
	if server == "" {
		t.Fatal("TOLLGATE_TEST_DATABASE_URL is not set: run `make test`")
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("usage_%d_%d", os.Getpid(), rand.Uint32())
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = db.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		db.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func openUsage(t *testing.T, databaseURL string) *Usage {
	t.Helper()
	ctx := context.Background()
	m, err := migrations.Open(ctx, databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Up(ctx); err != nil {
		t.Fatal(err)
	}
	db, err := Open(ctx, Config{URL: databaseURL, Logger: slog.New(slog.DiscardHandler), Clock: func() time.Time { return usageNow }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	u := NewUsage(db)
	seedUsage(t, u)
	return u
}

// seedUsage makes two organizations with a gateway each; the first has a route, a
// consumer and a key. Numbers are 1 and 2, as they are the first.
func seedUsage(t *testing.T, u *Usage) {
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
		if err := u.DB.Tx(context.Background(), func(t *Txn) error { return t.Exec(q).Error }); err != nil {
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

func apply(t *testing.T, u *Usage, batches ...usage.Batch) []usage.Ack {
	t.Helper()
	acks, err := u.Apply(context.Background(), batches)
	if err != nil {
		t.Fatal(err)
	}
	return acks
}

// one reads one number.
func one(t *testing.T, u *Usage, query string, args ...any) (n int64) {
	t.Helper()
	err := u.DB.View(context.Background(), func(db *gorm.DB) error { return db.Raw(query, args...).Scan(&n).Error })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUsageGreaterTotalWins(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *Usage) {
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
	onBoth(t, func(t *testing.T, u *Usage) {
		apply(t, u, batch(writA, 1, usageNow.Add(3*time.Hour), counter(1, 77, 5, 5)))
		apply(t, u, batch(writA, 2, usageNow.Add(-3*time.Hour), counter(1, 77, 6, 6)))
		if n := one(t, u, "SELECT COUNT(*) FROM usage_minutes WHERE minute / 60 = ?", hour0); n != 2 {
			t.Errorf("%d minutes lie in the counter's hour, want 2", n)
		}
	})
}

func TestUsageLedgerRefusesToFall(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *Usage) {
		apply(t, u, batch(writA, 1, usageNow, counter(1, 77, 5, 5)))
		for _, set := range []string{"billed = 4", "c2xx = 4", "bytes_out = 1", "billed = -1"} {
			err := u.DB.Tx(context.Background(), func(t *Txn) error { return t.Exec("UPDATE usage_counters SET " + set).Error })
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
	onBoth(t, func(t *testing.T, u *Usage) {
		twin := writA
		twin.Incarnation[15] = 9 // a cloned disk
		apply(t, u, batch(writA, 1, usageNow, counter(1, 77, 5, 5)), batch(twin, 1, usageNow, counter(1, 77, 3, 3)))
		got, err := u.Admitted(context.Background(), []usage.LedgerQuery{
			{Gateway: 1, Key: 77, FromHour: hour0, ToHour: hour0 + 1},
			{Organization: 1, Consumer: 1}, {Gateway: 1, NoKey: true}, {Gateway: 2}, {Organization: 1, FromHour: hour0 + 1},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []usage.LedgerSum{{Edge: "edge-a", Epoch: 3, Admitted: 8, Billed: 8}}
		for i, w := range [][]usage.LedgerSum{want, want, nil, nil, nil} {
			if len(got[i]) != len(w) || len(w) > 0 && got[i][0] != w[0] {
				t.Errorf("query %d: %+v, want %+v", i, got[i], w)
			}
		}
		if n := one(t, u, "SELECT billed FROM usage_minutes"); n != 8 {
			t.Errorf("the minute has %d, want both writers' 8", n)
		}
	})
}

func TestUsageRefusesNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *Usage) {
		for _, c := range []contract.Counter{counter(1, 77, 1<<60, 0), counter(1, 1<<63, 1, 1), counter(1<<63, 1, 1, 1)} {
			if _, err := u.Apply(context.Background(), []usage.Batch{batch(writA, 1, usageNow, c)}); err == nil {
				t.Errorf("took %+v", c)
			}
		}
	})
}

func TestUsageLargeBatch(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *Usage) {
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
	onBoth(t, func(t *testing.T, u *Usage) {
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
			lat, err := u.Latencies(context.Background(), "org_a", q)
			if err != nil {
				t.Fatal(err)
			}
			if len(lat) != 1 || lat[0].Edge[3] != 250 || lat[0].Edge[40] != 1 || lat[0].Upstream[20] != 200 {
				t.Errorf("%s: %+v", i, lat)
			}
			st, err := u.Statuses(context.Background(), "org_a", q)
			if err != nil {
				t.Fatal(err)
			}
			if len(st) != 2 || st[0].Status != 200 || st[0].Count != 90 || st[1].Count != 12 {
				t.Errorf("%s: %+v", i, st)
			}
		}
	})
}

// TestUsageWrongOrganization tries every read with an organization that does not
// own the gateway.
func TestUsageWrongOrganization(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *Usage) {
		ctx, wrong := context.Background(), core.OrganizationID("org_b")
		b := batch(writA, 1, usageNow, counter(1, 77, 5, 5))
		b.Statuses = []contract.StatusCount{{Organization: 1, Gateway: 1, Route: 1, Hour: hour0, Status: 200, Count: 5}}
		b.Latency = []contract.Latency{{Organization: 1, Gateway: 1, Route: 1, Hour: hour0, Edge: [contract.LatencyBuckets]uint32{1}}}
		apply(t, u, b)
		if err := u.AppendLogs(ctx, []contract.LogRecord{{Organization: 1, Gateway: 1, RequestID: "r1", Time: 1}}); err != nil {
			t.Fatal(err)
		}
		gw := usage.Gateway{ID: "gw_a", Num: 1}
		q := usage.SeriesQuery{Gateway: 1, From: usageNow.Truncate(time.Hour), To: usageNow.Add(time.Hour), Interval: usage.IntervalHour, GroupBy: usage.GroupRoute}
		reads := map[string]func(core.OrganizationID) (int, error){
			"Gateway": func(o core.OrganizationID) (int, error) {
				g, err := u.Gateway(ctx, o, "gw_a")
				if core.CodeOf(err) == core.CodeNotFound {
					return 0, nil
				}
				return int(g.Num), err
			},
			"Top":       func(o core.OrganizationID) (int, error) { r, err := u.Top(ctx, o, q, 10); return len(r), err },
			"Counters":  func(o core.OrganizationID) (int, error) { r, err := u.Counters(ctx, o, q); return len(r), err },
			"Statuses":  func(o core.OrganizationID) (int, error) { r, err := u.Statuses(ctx, o, q); return len(r), err },
			"Latencies": func(o core.OrganizationID) (int, error) { r, err := u.Latencies(ctx, o, q); return len(r), err },
			"Names": func(o core.OrganizationID) (int, error) {
				r, err := u.Names(ctx, o, gw, usage.GroupKey, []uint64{77})
				return len(r), err
			},
			"Resolve": func(o core.OrganizationID) (int, error) {
				n, err := u.Resolve(ctx, o, gw, usage.GroupRoute, "orders")
				if core.CodeOf(err) == core.CodeNotFound {
					return 0, nil
				}
				return int(n), err
			},
			"Logs": func(o core.OrganizationID) (int, error) {
				r, err := u.Logs(ctx, o, usage.LogQuery{Gateway: 1, Limit: 10}, 0)
				return len(r), err
			},
			"LogsAfter": func(o core.OrganizationID) (int, error) {
				r, err := u.LogsAfter(ctx, o, usage.LogQuery{Gateway: 1, Limit: 10}, 0)
				return len(r), err
			},
			"LastLog": func(o core.OrganizationID) (int, error) { n, err := u.LastLog(ctx, o, 1); return int(n), err },
		}
		for name, read := range reads {
			if n, err := read("org_a"); err != nil || n == 0 {
				t.Errorf("%s finds nothing for the owner: %d, %v", name, n, err)
			}
			if n, err := read(wrong); err != nil || n != 0 {
				t.Errorf("%s gives another organization %d, %v", name, n, err)
			}
		}
	})
}

func TestUsageLogs(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *Usage) {
		ctx := context.Background()
		at := usageNow.UnixMilli()
		records := []contract.LogRecord{
			{Organization: 1, Gateway: 1, RequestID: "r1", Time: at - 5000, Edge: "e", Method: "GET", Path: "/a_b/c", Status: 200, Route: "orders", Key: contract.FormatKID(77)},
			{Organization: 1, Gateway: 1, RequestID: "r2", Time: at - 4000, Edge: "e", Method: "POST", Path: "/aXb", Status: 429, Code: "rate_limited", Consumer: "acme"},
			{Organization: 1, Gateway: 1, RequestID: "r3", Time: at - 3000, Edge: "e", Method: "GET", Path: "/x", Status: 502, Aborted: "upstream", Client: "192.0.2.1"},
			{Organization: 2, Gateway: 2, RequestID: "r4", Time: at - 2000, Edge: "e", Method: "GET", Path: "/", Status: 200},
			{Organization: 1, Gateway: 0, RequestID: "r5", Time: at, Path: "nobody's"},
			{Organization: 1, Gateway: 1, RequestID: "r6\x00", Time: at - 1000, Edge: "e", Method: "GET", Path: "/\x00\xff", Status: 200},
		}
		for range 2 { // redelivered
			if err := u.AppendLogs(ctx, records); err != nil {
				t.Fatal(err)
			}
		}
		if n := one(t, u, "SELECT COUNT(*) FROM access_logs"); n != 5 {
			t.Errorf("%d records are stored, want 5", n)
		}
		for _, c := range []struct {
			name   string
			filter usage.LogFilter
			kid    string
			from   int
			to     int
			want   string
		}{
			{name: "all", want: "r6 r3 r2 r1"},
			{name: "path is a prefix, not a pattern", filter: usage.LogFilter{Path: "/a_b"}, want: "r1"},
			{name: "refused", filter: usage.LogFilter{Outcome: "refused"}, want: "r2"},
			{name: "failed", filter: usage.LogFilter{Outcome: "failed"}, want: "r3"},
			{name: "key", kid: contract.FormatKID(77), want: "r1"},
			{name: "class", from: 400, to: 500, want: "r2"},
			{name: "route", filter: usage.LogFilter{Route: "orders"}, want: "r1"},
			{name: "consumer and method", filter: usage.LogFilter{Consumer: "acme", Method: "POST"}, want: "r2"},
			{name: "client", filter: usage.LogFilter{Client: "192.0.2.1"}, want: "r3"},
			{name: "quote", filter: usage.LogFilter{Path: "' OR '1'='1"}, want: ""},
			{name: "time", filter: usage.LogFilter{From: time.UnixMilli(at - 4000), To: time.UnixMilli(at - 1000)}, want: "r3 r2"},
		} {
			got, err := u.Logs(ctx, "org_a", usage.LogQuery{Gateway: 1, Filter: c.filter, KID: c.kid, StatusFrom: c.from, StatusTo: c.to, Limit: 10}, 0)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			var ids []string
			for _, e := range got {
				ids = append(ids, strings.TrimRight(e.RequestID, "\x00"))
			}
			if s := strings.Join(ids, " "); s != c.want {
				t.Errorf("%s: %q, want %q", c.name, s, c.want)
			}
		}
	})
}

func TestUsageTrim(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *Usage) {
		ctx := context.Background()
		apply(t, u, batch(writA, 1, usageNow, counter(1, 77, 5, 5)))
		if err := u.Trim(ctx, usageNow.Add(time.Hour).UnixMilli()); err != nil {
			t.Fatal(err)
		}
		if n := one(t, u, "SELECT COUNT(*) FROM usage_minutes"); n != 0 {
			t.Errorf("%d minutes are left", n)
		}
		if n := one(t, u, "SELECT COUNT(*) FROM usage_counters"); n != 1 {
			t.Errorf("the ledger has %d rows, want 1", n)
		}
		var records []contract.LogRecord
		for i := range 20 {
			age := time.Duration(i) * time.Hour
			records = append(records,
				contract.LogRecord{Organization: 1, Gateway: 1, RequestID: fmt.Sprint("a", i), Time: usageNow.Add(-age).UnixMilli()},
				contract.LogRecord{Organization: 2, Gateway: 2, RequestID: fmt.Sprint("b", i), Time: usageNow.Add(-age).UnixMilli()},
				contract.LogRecord{Organization: 2, Gateway: 99, RequestID: fmt.Sprint("c", i), Time: usageNow.UnixMilli()})
		}
		if err := u.AppendLogs(ctx, records); err != nil {
			t.Fatal(err)
		}
		n, err := u.TrimLogs(ctx, usage.Retention{"free": 5*time.Hour + time.Minute, "pro": 24 * time.Hour}, 12)
		if err != nil {
			t.Fatal(err)
		}
		if n != 14+8+20 {
			t.Errorf("deleted %d records, want 14 old, 8 over the bound and 20 of no gateway", n)
		}
		if n := one(t, u, "SELECT COUNT(*) FROM access_logs WHERE gateway = 1"); n != 6 {
			t.Errorf("%d records of the free plan are left, want 6", n)
		}
	})
}
