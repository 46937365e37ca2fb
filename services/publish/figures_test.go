package publish_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// BenchmarkRefill measures row R03's figure: from FLUSHALL until all of 100,000
// keys are back, detection included.
func BenchmarkRefill(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": migrationstest.SQLite, "postgres": migrationstest.Postgres} {
		b.Run(name, func(b *testing.B) {
			w, t := newWorld(b, url(b)), b
			g := w.Gateway(t, w.org, "shop")
			c := w.Consumer(t, w.org, g, "ann")
			storetest.BulkKeys(t, w.DB, w.org, &c.Consumer, 100_000)
			w.publisher(t, "a", nil)
			w.drained(t)
			full := func() bool {
				time.Sleep(50 * time.Millisecond) // looking costs 4,096 reads
				return w.seeded(t) == contract.KeyShards
			}
			until(t, "all shards", full)
			for b.Loop() {
				w.redis.FlushAll(t.Context())
				until(t, "all shards again", full)
			}
		})
	}
}

// BenchmarkRevoke measures from the call of Revoke until the notice is in the
// change stream.
func BenchmarkRevoke(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": migrationstest.SQLite, "postgres": migrationstest.Postgres} {
		b.Run(name, func(b *testing.B) {
			w, t := newWorld(b, url(b)), b
			g := w.Gateway(t, w.org, "shop")
			w.Consumer(t, w.org, g, "ann")
			w.publisher(t, "a", nil)
			w.drained(t)
			until(t, "all shards", func() bool { return w.seeded(t) == contract.KeyShards })
			var took []time.Duration
			for b.Loop() {
				b.StopTimer()
				k := w.Key(t, w.org, g, "ann").Key
				w.drained(t)
				b.StartTimer()
				began := time.Now()
				if _, err := w.Keys.Revoke(t.Context(), w.org, apikey.Target{Gateway: g.ID, ID: k.ID}); err != nil {
					t.Fatal(err)
				}
				until(t, "the revocation", func() bool {
					r := w.key(t, k.KID)
					return r.State == contract.KeyRevoked
				})
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "p99-ms")
		})
	}
}
