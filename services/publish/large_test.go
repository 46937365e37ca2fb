package publish_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/gateway"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/publish"
)

// slowly is a store that takes its time to read what documents are made of.
type slowly struct{ store.Publisher }

func (s slowly) Sources(ctx context.Context, ids []string) ([]gateway.Source, error) {
	time.Sleep(150 * time.Millisecond)
	return s.Publisher.Sources(ctx, ids)
}

// TestSlowReadsAreNoEndlessLoop has gateways that take longer to read than a
// pass may compile for: they go out all the same, one a pass.
func TestSlowReadsAreNoEndlessLoop(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		a, b := w.Gateway(t, w.org, "large"), w.Gateway(t, w.org, "second")
		w.publisher(t, "a", func(o *publish.Options) { o.Store = slowly{store.Publisher{DB: w.DB}} })
		w.drained(t)
		for _, g := range []*gateway.Gateway{a, b} {
			version := w.putRoute(t, g, "more")
			w.drained(t)
			if doc := w.document(t, g.ID); doc == nil || doc.Version != version {
				t.Errorf("document %+v, want version %d", doc, version)
			}
		}
	})
}

// large is a configuration of n routes, an upstream for each hundred of them.
func large(n int) gateway.Config {
	c := gateway.Config{Routes: make([]contract.Route, n)}
	for i := range max(1, n/100) {
		c.Upstreams = append(c.Upstreams, contract.Upstream{Name: fmt.Sprintf("app-%03d", i), Targets: []contract.Target{{URL: "https://app.example.com"}}})
	}
	for i := range c.Routes {
		c.Routes[i] = contract.Route{
			Name: fmt.Sprintf("route-%05d", i), Match: contract.Match{Path: fmt.Sprintf("/area-%d/item-%d", i%100, i)},
			Upstream: fmt.Sprintf("app-%03d", i/100), Public: true,
		}
	}
	return c
}

// BenchmarkLargeGateway measures changes of gateways of 1,000 and 10,000 routes,
// in ms: one PUT of the whole configuration, changed in every route; one of a
// single route; and the way of either until its document is in Redis. Ten times
// the routes should cost ten times as much.
func BenchmarkLargeGateway(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": migrationstest.SQLite, "postgres": migrationstest.Postgres} {
		for _, n := range []int{1000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				w, t := newWorld(b, url(b)), b
				g := w.Gateway(t, w.org, "shop")
				w.publisher(t, "a", nil)
				w.drained(t)
				var first, whole, one, out time.Duration
				timed := func(into *time.Duration, do func()) {
					began := time.Now()
					do()
					*into += time.Since(began)
				}
				put := func(c gateway.Config) {
					if _, err := w.Gateways.PutConfig(t.Context(), w.org, gateway.PutConfig{Gateway: g.ID, Config: c}); err != nil {
						t.Fatal(err)
					}
				}
				for i := 0; b.Loop(); i++ {
					c := large(n)
					timed(&first, func() { put(c) })
					w.drained(t)
					for i := range c.Routes {
						c.Routes[i].Priority = 7
					}
					timed(&whole, func() { put(c) })
					timed(&out, func() { w.drained(t) })
					r := c.Routes[n/2]
					r.ID, r.Match.Path = "", fmt.Sprintf("/moved-%d", i)
					timed(&one, func() {
						if _, err := w.Gateways.Routes.Put(t.Context(), w.org, gateway.Put[contract.Route]{Gateway: g.ID, Name: r.Name, Value: r}); err != nil {
							t.Fatal(err)
						}
					})
					w.drained(t)
					put(gateway.Config{})
					w.drained(t)
				}
				for unit, d := range map[string]time.Duration{"new-ms": first, "all-ms": whole, "one-ms": one, "out-ms": out} {
					b.ReportMetric(float64(d.Milliseconds())/float64(b.N), unit)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
