package store_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/usage"
)

// books is the ledger of hours over a ledger of usage.
type books struct {
	*testing.T
	u *store.Usage
	store.BillingHours
}

func eachBooks(t *testing.T, run func(b *books)) {
	t.Parallel()
	onBoth(t, func(t *testing.T, u *store.Usage) { run(&books{t, u, store.BillingHours{DB: u.DB}}) })
}

func (b *books) exec(query string, args ...any) error {
	return b.u.DB.Tx(b.Context(), func(tx *store.Txn) error { return tx.Exec(query, args...).Error })
}

var planNums = map[string]uint32{"free": 1, "pro": 2, "scale": 3}

// fold folds everything that is noted.
func (b *books) fold() {
	b.Helper()
	for {
		n, err := b.Fold(b.Context(), 7, planNums)
		if err != nil {
			b.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func (b *books) seal(now time.Time) int {
	b.Helper()
	n, err := b.Seal(b.Context(), now, 100)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// entries are the totals in org_a's chain, which must be whole.
func (b *books) entries() (totals []int64) {
	b.Helper()
	all, head, err := b.Chain(b.Context(), "org_a", 0, 1000)
	if err != nil {
		b.Fatal(err)
	}
	var at billing.Head
	for i := range all {
		if err := at.Follow(&all[i]); err != nil {
			b.Error(err)
		}
		totals = append(totals, all[i].Total)
	}
	if at != head {
		b.Errorf("the chain ends at %+v, its head is %+v", at, head)
	}
	return totals
}

// on is a counter of a plan and an hour.
func on(plan, hour uint32, route uint64, billed uint64) contract.Counter {
	c := counter(route, 77, billed, billed)
	c.ID.Plan, c.ID.Hour = plan, hour
	return c
}

// sealedBatch is an empty batch that says up to where its edge is done.
func sealedBatch(w usage.Writer, seq uint64, hour uint32) usage.Batch {
	b := batch(w, seq, usageNow)
	b.Sealed = hour
	return b
}

// TestHoursSumTheCounters: by hour and plan, over edges, routes and keys; what was
// not billed leaves no hour.
func TestHoursSumTheCounters(t *testing.T) {
	eachBooks(t, func(b *books) {
		other := usage.Writer{Edge: "edge-b", Epoch: 1}
		unbilled := on(1, hour0, 9, 0)
		unbilled.Counts.Refused = 5
		apply(b.T, b.u, batch(writA, 1, usageNow, on(1, hour0, 1, 5), on(1, hour0, 2, 7), on(2, hour0, 1, 3), on(1, hour0+1, 1, 2)))
		apply(b.T, b.u, batch(other, 1, usageNow, on(1, hour0, 1, 100), on(2, hour0+3, 9, 0), unbilled))
		b.fold()
		hours, err := b.Hours(b.Context(), "org_a", billing.Period{Start: int64(hour0), End: int64(hour0) + 100})
		if err != nil {
			b.Fatal(err)
		}
		var got []string
		for _, h := range hours {
			got = append(got, fmt.Sprint(h.Hour-int64(hour0), " ", h.Plan, " ", h.Total))
		}
		if want := []string{"0 1 112", "0 2 3", "1 1 2"}; !slices.Equal(got, want) {
			b.Errorf("hours %q, want %q", got, want)
		}
		sums, err := b.Sums(b.Context(), "org_a", billing.Period{Start: int64(hour0), End: int64(hour0) + 2})
		if err != nil || !slices.Equal(sums, []billing.Sum{{Plan: 1, Total: 114}, {Plan: 2, Total: 3}}) {
			b.Errorf("sums %+v, %v", sums, err)
		}
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_dirty"); n != 0 {
			b.Errorf("%d notes are left", n)
		}
		// A batch that comes again, or an older one, notes nothing.
		apply(b.T, b.u, batch(writA, 1, usageNow, on(1, hour0, 1, 5)), batch(writA, 2, usageNow, on(1, hour0, 1, 4)))
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_dirty"); n != 0 {
			b.Errorf("%d notes of what changed nothing", n)
		}
	})
}

// TestHoursNeverWrap: sums near and beyond 2^63 stand still at what an int64 holds.
func TestHoursNeverWrap(t *testing.T) {
	eachBooks(t, func(b *books) {
		// The counters are written here as they are: an edge's batches are refused long
		// before the sums beside them end.
		put := func(hour uint32, route int, billed int64) {
			b.Helper()
			err := b.exec(`INSERT INTO usage_counters (source_id, hour, organization, gateway, route, consumer, kid, plan, seq, admitted, billed, c2xx, c3xx, c4xx, c5xx, refused, bytes_in, bytes_out)
				VALUES (1, ?, 1, 1, ?, 1, 77, 1, 1, 0, ?, 0, 0, 0, 0, 0, 0, 0)`, hour, route, billed)
			if err == nil {
				err = b.exec("INSERT INTO billing_dirty (organization, hour) VALUES (1, ?)", hour)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		put(hour0, 1, 1<<53)
		put(hour0, 2, 1<<53+1)
		b.fold()
		if n := one(b.T, b.u, "SELECT total FROM billing_hours"); n != 1<<54+1 {
			b.Errorf("2^53 and 2^53 + 1 are %d", n)
		}
		for route := range 3 {
			put(hour0+1, route, math.MaxInt64-1)
		}
		b.fold()
		if n := one(b.T, b.u, "SELECT total FROM billing_hours WHERE hour = ?", hour0+1); n != math.MaxInt64 {
			b.Errorf("more than 2^63 - 1 is %d", n)
		}
		sums, err := b.Sums(b.Context(), "org_a", billing.Period{Start: int64(hour0), End: int64(hour0) + 2})
		if err != nil || len(sums) != 1 || sums[0].Total != math.MaxInt64 {
			b.Errorf("sums %+v, %v", sums, err)
		}
	})
}

// TestHourIsClosedByItsWriters: an hour is closed when it has ended and all edges
// that wrote in it said so, or two hours after its end; each later rise is an entry.
func TestHourIsClosedByItsWriters(t *testing.T) {
	eachBooks(t, func(b *books) {
		other := usage.Writer{Edge: "edge-b", Epoch: 1}
		idle := usage.Writer{Edge: "edge-c", Epoch: 1}
		end := billing.TimeOf(int64(hour0) + 1)
		openFor := func(want time.Duration) {
			b.Helper()
			if s, err := b.State(b.Context(), end.Add(time.Hour)); err != nil || s.OpenFor != want {
				b.Errorf("the oldest hour is open for %s, want %s: %v", s.OpenFor, want, err)
			}
		}
		openFor(0)
		apply(b.T, b.u, batch(writA, 1, usageNow, on(1, hour0, 1, 5)), batch(other, 1, usageNow, on(1, hour0, 1, 10)), sealedBatch(idle, 1, 3))
		b.fold()
		apply(b.T, b.u, sealedBatch(writA, 2, hour0+1))
		if n := b.seal(end.Add(-time.Millisecond)); n != 0 {
			b.Error("an hour was closed before its end")
		}
		if n := b.seal(end.Add(time.Minute)); n != 0 {
			b.Error("an hour was closed while an edge that wrote in it had not closed it")
		}
		if n := b.seal(end.Add(billing.SealAfter - time.Millisecond)); n != 0 {
			b.Error("an hour was closed before it was late")
		}
		openFor(time.Hour)
		apply(b.T, b.u, sealedBatch(other, 2, hour0+1))
		if n := b.seal(end.Add(time.Minute)); n != 1 {
			b.Errorf("%d hours closed, want 1: its writers closed it", n)
		}
		if got := b.entries(); !slices.Equal(got, []int64{15}) {
			b.Errorf("the chain has %v", got)
		}
		// The next hour's writer is never heard of again.
		apply(b.T, b.u, batch(writA, 3, usageNow, on(1, hour0+1, 1, 3)))
		b.fold()
		late := end.Add(time.Hour + billing.SealAfter)
		if b.seal(late.Add(-time.Millisecond)) != 0 || b.seal(late) != 1 || b.seal(late) != 0 {
			b.Error("an hour is closed two hours after its end, once")
		}
		// Late usage, in parts.
		apply(b.T, b.u, batch(other, 3, usageNow, on(1, hour0, 1, 12)))
		b.fold()
		apply(b.T, b.u, batch(other, 4, usageNow, on(1, hour0, 1, 13), on(1, hour0, 2, 1)))
		b.fold()
		b.fold()
		if got := b.entries(); !slices.Equal(got, []int64{15, 3, 17, 19}) {
			b.Errorf("the chain has %v", got)
		}
	})
}

// TestLedgerOfHoursRefuses what nobody may do to it.
func TestLedgerOfHoursRefuses(t *testing.T) {
	eachBooks(t, func(b *books) {
		apply(b.T, b.u, batch(writA, 1, usageNow, on(1, hour0, 1, 5)))
		b.fold()
		b.seal(usageNow.Add(10 * time.Hour))
		if err := b.exec("UPDATE billing_hours SET posted = 3"); err != nil {
			b.Fatal(err)
		}
		for _, query := range []string{
			"UPDATE billing_hours SET total = 4", "UPDATE billing_hours SET posted = 2", "UPDATE billing_hours SET posted = 6", "UPDATE billing_hours SET sealed_at = 0",
			"UPDATE billing_hours SET total = -1", "UPDATE billing_chain SET total = 4", "DELETE FROM billing_chain",
		} {
			if err := b.exec(query); err == nil {
				b.Errorf("%s was done", query)
			}
		}
		if got := b.entries(); !slices.Equal(got, []int64{5}) {
			b.Errorf("the chain has %v", got)
		}
	})
}

// TestPeriodsAreKept: a period that ends, is cut short, made longer or moved leaves a
// history without gaps.
func TestPeriodsAreKept(t *testing.T) {
	eachBooks(t, func(b *books) {
		set := func(start, end int64) {
			b.Helper()
			if err := b.exec("UPDATE organizations SET period_start = ?, period_end = ? WHERE id = 'org_a'", start*3600_000, end*3600_000); err != nil {
				b.Fatal(err)
			}
		}
		want := func(periods ...billing.Period) {
			b.Helper()
			var got []billing.Period
			for hour := int64(90); hour < 500; hour++ {
				p, err := b.Period(b.Context(), "org_a", hour)
				if core.CodeOf(err) == core.CodeNotFound && err != nil {
					continue
				}
				if err != nil || !p.Holds(hour) {
					b.Fatalf("hour %d: %+v, %v", hour, p, err)
				}
				if len(got) == 0 || got[len(got)-1] != p {
					got = append(got, p)
				}
			}
			if !slices.Equal(got, periods) {
				b.Errorf("periods %v, want %v", got, periods)
			}
		}
		want()
		set(100, 130)
		want(billing.Period{Start: 100, End: 130})
		set(130, 160)
		set(160, 190)
		want(billing.Period{Start: 100, End: 130}, billing.Period{Start: 130, End: 160}, billing.Period{Start: 160, End: 190})
		set(160, 180) // cut short
		set(175, 205) // moved into the present one
		set(240, 270) // nobody was there for a while
		if err := b.exec("UPDATE organizations SET name = 'x', revision = revision + 1 WHERE id = 'org_a'"); err != nil {
			b.Fatal(err)
		}
		want(billing.Period{Start: 100, End: 130}, billing.Period{Start: 130, End: 160}, billing.Period{Start: 160, End: 175}, billing.Period{Start: 175, End: 240}, billing.Period{Start: 240, End: 270})
		set(150, 180) // back
		want(billing.Period{Start: 100, End: 130}, billing.Period{Start: 130, End: 150}, billing.Period{Start: 150, End: 180})
	})
}

// TestHoursAreExactForAnyDelivery folds and closes hours while several workers apply
// the same batches in any order: every hour is what the counters sum to, and the
// last entry of its chain says so.
func TestHoursAreExactForAnyDelivery(t *testing.T) {
	eachBooks(t, func(b *books) {
		rng := rand.New(rand.NewPCG(4, 4))
		batches, _, _ := history(rng)
		var all sync.WaitGroup
		done := make(chan struct{})
		for worker := range 2 {
			mine := slices.Clone(batches)
			r := rand.New(rand.NewPCG(4, uint64(worker)))
			r.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			all.Go(func() {
				for len(mine) > 0 {
					n := min(r.IntN(12)+1, len(mine))
					dying(b.T, b.u, r, mine[:n])
					if _, err := b.u.Apply(b.Context(), mine[:n]); err != nil {
						b.Error(err)
						return
					}
					mine = mine[n:]
				}
			})
		}
		var folding sync.WaitGroup
		for range 2 {
			folding.Go(func() {
				for {
					if _, err := b.Fold(b.Context(), 5, planNums); err != nil {
						b.Error(err)
						return
					}
					if _, err := b.Seal(b.Context(), usageNow.Add(100*time.Hour), 3); err != nil {
						b.Error(err)
						return
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		all.Wait()
		close(done)
		folding.Wait()
		b.fold()
		b.seal(usageNow.Add(100 * time.Hour))
		counters := "SELECT organization, hour, plan, SUM(billed) AS total FROM usage_counters GROUP BY organization, hour, plan HAVING SUM(billed) > 0"
		hours := "SELECT organization, hour, plan, total FROM billing_hours"
		last := `SELECT organization, hour, plan, total FROM billing_chain c WHERE seq =
			(SELECT MAX(seq) FROM billing_chain d WHERE d.organization = c.organization AND d.hour = c.hour AND d.plan = c.plan)`
		for _, q := range []string{counters + " EXCEPT " + hours, hours + " EXCEPT " + counters, hours + " EXCEPT " + last, last + " EXCEPT " + hours} {
			if n := one(b.T, b.u, "SELECT COUNT(*) FROM ("+q+") AS x"); n != 0 {
				b.Errorf("%d rows differ: %s", n, q)
			}
		}
		if got := b.entries(); len(got) < 20 {
			b.Errorf("the chain has %d entries", len(got))
		}
	})
}

func TestHoursWrongOrganization(t *testing.T) {
	eachBooks(t, func(b *books) {
		if err := b.exec("UPDATE organizations SET period_start = 0, period_end = 4102444800000 WHERE id = 'org_a'"); err != nil {
			b.Fatal(err)
		}
		apply(b.T, b.u, batch(writA, 1, usageNow, on(1, hour0, 1, 5)))
		b.fold()
		b.seal(usageNow.Add(10 * time.Hour))
		all := billing.Period{Start: 0, End: math.MaxInt32}
		storetest.WrongOrganization(b.T, reflect.TypeFor[billing.HourStore](), "org_b", []storetest.Try{
			{Method: "Period", Call: func(o core.OrganizationID) (any, error) { return b.Period(b.Context(), o, int64(hour0)) }},
			{Method: "Hours", Call: func(o core.OrganizationID) (any, error) { return b.Hours(b.Context(), o, all) }},
			{Method: "Sums", Call: func(o core.OrganizationID) (any, error) { return b.Sums(b.Context(), o, all) }},
			{Method: "Chain", Call: func(o core.OrganizationID) (any, error) {
				e, head, err := b.Chain(b.Context(), o, 0, 10)
				if head != (billing.Head{}) {
					return head, errors.Join(err, errors.New("a head"))
				}
				return e, err
			}},
		})
	})
}
