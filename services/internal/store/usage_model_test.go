package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/usage"
)

// history makes the batches that a few writers ship while they count, and what
// they have counted in the end.
func history(rng *rand.Rand) (batches []usage.Batch, want map[contract.CounterID]uint64, last map[usage.Writer]uint64) {
	want, last = map[contract.CounterID]uint64{}, map[usage.Writer]uint64{}
	for w := range 3 {
		writer := usage.Writer{Edge: fmt.Sprint("edge-", w), Epoch: uint64(w + 1), Incarnation: [16]byte{byte(w)}}
		totals := map[contract.CounterID]contract.Counts{}
		statuses, edge := uint64(0), uint32(0)
		for seq := range uint64(25) {
			b := batch(writer, seq+1, usageNow.Add(time.Duration(seq)*20*time.Second))
			for range rng.IntN(6) + 1 {
				id := contract.CounterID{Organization: 1, Gateway: 1, Route: rng.Uint64N(2) + 1, Key: rng.Uint64N(3), Consumer: rng.Uint64N(2), Plan: 1, Hour: hour0 + uint32(seq/15) - 24*rng.Uint32N(12)}
				c := totals[id]
				n := rng.Uint64N(5)
				c.Billed, c.C2xx, c.Admitted, c.BytesOut = c.Billed+n, c.C2xx+n, c.Admitted+n, c.BytesOut+100*n
				totals[id] = c
				b.Counters = append(b.Counters, contract.Counter{ID: id, Counts: c})
				want[id] += n
			}
			statuses, edge = statuses+rng.Uint64N(9), edge+rng.Uint32N(9)
			b.Statuses = []contract.StatusCount{{Organization: 1, Gateway: 1, Route: 1, Hour: hour0, Status: 200, Count: statuses}}
			split := contract.Split{ID: contract.SplitID{Organization: 1, Gateway: 1, Route: 1, Value: 77, Hour: hour0, Dim: contract.SplitTarget}}
			split.Counts.C2xx, split.Counts.Failed, split.Upstream[7] = statuses, statuses/2, uint32(statuses)
			b.Splits = []contract.Split{split}
			b.Latency = []contract.Latency{{Organization: 1, Gateway: 1, Route: 1, Hour: hour0, Edge: [contract.LatencyBuckets]uint32{5: edge}}}
			batches = append(batches, b)
		}
		last[writer] = 25
	}
	return batches, want, last
}

// TestUsageIsExactForAnyDelivery gives several workers at once the same batches:
// shuffled, repeated, in parcels of any size. Every total is exact, minutes sum
// to their hour, and the acknowledgements reach the end.
func TestUsageIsExactForAnyDelivery(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		for seed := range uint64(3) {
			rng := rand.New(rand.NewPCG(seed, 3))
			batches, want, last := history(rng)
			if seed > 0 {
				clearUsage(t, u)
			}
			var all sync.WaitGroup
			for worker := range 3 {
				mine := append([]usage.Batch(nil), batches...)
				r := rand.New(rand.NewPCG(seed, uint64(worker)))
				r.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				all.Go(func() {
					for len(mine) > 0 {
						n := min(r.IntN(12)+1, len(mine))
						dying(t, u, r, mine[:n])
						if _, err := u.Apply(t.Context(), mine[:n]); err != nil {
							t.Error(err)
							return
						}
						if r.IntN(4) > 0 { // else it dies before it acknowledges
							mine = mine[n:]
						}
					}
				})
			}
			all.Wait()
			checkUsage(t, u, want)
			for w, seq := range last {
				acks := apply(t, u, batch(w, 1, usageNow))
				if len(acks) != 1 || acks[0].Seq != seq {
					t.Errorf("seed %d: %s is acknowledged up to %+v, want %d", seed, w.Edge, acks, seq)
				}
			}
		}
	})
}

// dying applies batches in a process that may be killed on the way: its
// transaction is rolled back, or just committed before anybody hears of it.
func dying(t *testing.T, u *store.Usage, r *rand.Rand, batches []usage.Batch) {
	t.Helper()
	if r.IntN(3) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(20_000))*time.Microsecond)
	defer cancel()
	if _, err := u.Apply(ctx, batches); err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}

func clearUsage(t *testing.T, u *store.Usage) {
	t.Helper()
	for _, table := range []string{
		"usage_counters", "usage_minutes", "usage_days", "usage_callers", "usage_sums", "usage_statuses", "usage_status_sums", "usage_latencies",
		"usage_latency_sums", "usage_splits", "usage_split_sums", "usage_target_latencies", "usage_sources",
	} {
		if err := u.DB.Tx(t.Context(), func(tx *store.Txn) error { return tx.Exec("DELETE FROM " + table).Error }); err != nil {
			t.Fatal(err)
		}
	}
}

func checkUsage(t *testing.T, u *store.Usage, want map[contract.CounterID]uint64) {
	t.Helper()
	for id, n := range want {
		where := " WHERE gateway = 1 AND route = ? AND kid = ? AND consumer = ? AND "
		got := one(t, u, "SELECT COALESCE(SUM(billed), 0) FROM usage_counters"+where+"hour = ?", id.Route, id.Key, id.Consumer, id.Hour)
		minutes := one(t, u, "SELECT COALESCE(SUM(billed), 0) FROM usage_minutes"+where+"minute / 60 = ?", id.Route, id.Key, id.Consumer, id.Hour)
		if got != int64(n) || minutes != got {
			t.Errorf("%+v: billed %d, minutes %d, want %d", id, got, minutes, n)
		}
	}
	if off := one(t, u, `SELECT COUNT(*) FROM usage_counters WHERE billed <> c2xx OR admitted <> billed OR bytes_out <> 100 * billed`); off != 0 {
		t.Errorf("%d rows mix totals of different moments", off)
	}
	checkSums(t, u)
	q := usage.SeriesQuery{Gateway: 1, From: usageNow.Truncate(time.Hour), To: usageNow.Truncate(time.Hour).Add(time.Hour), Interval: usage.IntervalTotal}
	hours, err := u.Latencies(t.Context(), "org_a", q)
	if err != nil {
		t.Fatal(err)
	}
	q.Interval = usage.IntervalMinute
	minutes, err := u.Latencies(t.Context(), "org_a", q)
	if err != nil {
		t.Fatal(err)
	}
	var sum usage.Histogram
	for i := range minutes {
		sum.Add(&minutes[i].Edge)
	}
	if len(hours) != 1 || sum != hours[0].Edge {
		t.Errorf("histograms: the minutes sum to %v, the hour is %+v", sum[5], hours)
	}
}

// checkSums holds every table of sums against the ledger it grows with.
func checkSums(t *testing.T, u *store.Usage) {
	t.Helper()
	for _, c := range []struct{ ledger, sums, column string }{
		{"usage_counters", "usage_sums", "billed"},
		{"usage_counters", "usage_sums", "bytes_out"},
		{"usage_statuses", "usage_status_sums", "count"},
		{"usage_splits", "usage_split_sums", "c2xx"},
		{"usage_splits", "usage_split_sums", "failed"},
	} {
		want := one(t, u, "SELECT COALESCE(SUM("+c.column+"), 0) FROM "+c.ledger)
		for _, span := range []int{1, 60, 1440} {
			for part := range 2 {
				if got := one(t, u, "SELECT COALESCE(SUM("+c.column+"), 0) FROM "+c.sums+" WHERE span = ? AND part = ?", span, part); got != want || want == 0 {
					t.Errorf("%s.%s of span %d, part %d sums to %d, the ledger to %d", c.sums, c.column, span, part, got, want)
				}
			}
		}
	}
	counts := "SUM(billed), SUM(c2xx), SUM(bytes_out)"
	for _, c := range []struct{ table, keys, made, where string }{
		{"usage_days", "gateway, day, route, kid, consumer", "gateway, hour / 24, route, kid, consumer", ""},
		{"usage_callers", "gateway, at, kid, consumer", "gateway, hour / 24, kid, consumer", " WHERE span = 1440"},
		{"usage_callers", "gateway, at, kid, consumer", "gateway, hour / 168, kid, consumer", " WHERE span = 10080"},
		{"usage_sums", "gateway, at, route", "gateway, hour / 168, route", " WHERE span = 10080 AND part = 1"},
	} {
		sums := "SELECT " + c.keys + ", " + counts + " FROM " + c.table + c.where + " GROUP BY " + c.keys
		ledger := "SELECT " + c.made + ", " + counts + " FROM usage_counters GROUP BY " + c.made + " HAVING SUM(c2xx) > 0"
		for _, q := range []string{sums + " EXCEPT " + ledger, ledger + " EXCEPT " + sums} {
			if off := one(t, u, "SELECT COUNT(*) FROM ("+q+") AS x"); off != 0 {
				t.Errorf("%d rows differ: %s", off, q)
			}
		}
	}
	if a, b := histogramSum(t, u, "usage_latencies", ""), histogramSum(t, u, "usage_latency_sums", " WHERE span = 1440 AND part = 0"); a != b || a == 0 {
		t.Errorf("histograms hold %d in the ledger, %d in their days", a, b)
	}
	if a, b := histogramSum(t, u, "usage_splits", ""), histogramSum(t, u, "usage_target_latencies", " WHERE span = 1 AND part = 1"); a != b || a == 0 {
		t.Errorf("histograms of targets hold %d in the ledger, %d in their minutes", a, b)
	}
}

// histogramSum is the number of values in a table's histograms of backends, or of
// the edge where those are empty.
func histogramSum(t *testing.T, u *store.Usage, table, where string) (n int) {
	t.Helper()
	column := "upstream"
	if strings.HasPrefix(table, "usage_latenc") {
		column = "edge"
	}
	var texts []string
	err := u.DB.View(t.Context(), func(db *gorm.DB) error {
		return db.Raw("SELECT " + column + " FROM " + table + where).Scan(&texts).Error
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		for _, pair := range strings.Fields(text) {
			_, count, _ := strings.Cut(pair, ":")
			v, err := strconv.Atoi(count)
			if err != nil {
				t.Fatal(err)
			}
			n += v
		}
	}
	return n
}

// TestUsagePartitions: PostgreSQL gets a partition for each month that comes, and
// the rest stays empty.
func TestUsagePartitions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) {
		far := counter(1, 77, 5, 5)
		far.ID.Hour = 10 // an edge whose clock stands in 1970
		next := counter(1, 77, 5, 5)
		next.ID.Hour += 24 * 20 // next month
		apply(t, u, batch(writA, 1, usageNow, counter(1, 77, 5, 5), far, next))
		if n := one(t, u, "SELECT SUM(billed) FROM usage_counters"); n != 15 {
			t.Errorf("billed %d, want 15", n)
		}
		var dialect string
		if err := u.DB.View(t.Context(), func(db *gorm.DB) error { dialect = db.Name(); return nil }); err != nil {
			t.Fatal(err)
		}
		if dialect != "postgres" {
			return
		}
		for table, want := range map[string]int64{"usage_counters_rest": 1, "usage_counters_2026_11": 1, "usage_counters_2026_12": 1} {
			if n := one(t, u, "SELECT COUNT(*) FROM "+table); n != want {
				t.Errorf("%s has %d rows, want %d", table, n, want)
			}
		}
	})
}
