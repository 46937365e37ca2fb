package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/internal/store"
)

// UsageTotals sums what was told of a meter, whose id is its event's name.
func (p *taker) UsageTotals(ctx context.Context, customer, meter string, from, to time.Time) (sum int64, err error) {
	hours, err := p.UsageHours(ctx, customer, meter, from, to)
	for _, n := range hours {
		sum += n
	}
	return sum, err
}

func (p *taker) UsageHours(_ context.Context, customer, meter string, from, to time.Time) (map[int64]int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.try("summaries"); err != nil {
		return nil, err
	}
	out := map[int64]int64{}
	for hour := billing.HourOf(from); hour < billing.HourOf(to); hour++ {
		if n := p.totals[fmt.Sprint(customer, " ", meter, " ", hour-int64(hour0))]; n != 0 {
			out[hour] = n
		}
	}
	return out, nil
}

// comparing is a worker's comparer beside its poster.
type comparing struct {
	*posting
	by *billing.Comparer
}

// comparing makes org_a's period of thirty hours, of which it used pro in the first
// and the third.
func (b *books) comparing() *comparing {
	b.payer()
	c := &comparing{posting: b.posting()}
	c.by = c.comparer()
	rates := billing.Settler{Store: store.BillingSettlements{DB: b.u.DB}, Plans: somePlans, Clock: c.by.Clock}
	if err := rates.Begin(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := b.exec("UPDATE organizations SET period_start = ?, period_end = ? WHERE id = 'org_a'", int64(hour0)*3600_000, int64(hour0+30)*3600_000); err != nil {
		b.Fatal(err)
	}
	apply(b.T, b.u, batch(writA, 1, usageNow, on(2, hour0, 1, 5), on(2, hour0+2, 1, 7)))
	b.fold()
	c.after(3, 11*time.Minute)
	c.posting.run()
	c.posting.want(2, map[string]int64{cusPro + "0": 5, cusPro + "2": 7})
	return c
}

func (c *comparing) comparer() *billing.Comparer {
	cat := billing.Catalogue{Plans: map[string]billing.CataloguePlan{"pro": {Meter: billing.UsageEvent("pro")}, "scale": {Meter: billing.UsageEvent("scale")}}}
	return &billing.Comparer{
		Store: store.BillingComparisons{BillingPosts: store.BillingPosts{DB: c.u.DB}}, Hours: c.BillingHours, Usage: c.to, Plans: somePlans,
		Catalogue: func(context.Context) (billing.Catalogue, error) { return cat, nil },
		Clock:     func() time.Time { return c.now }, Logger: slog.New(slog.DiscardHandler),
	}
}

// after sets the clock to so long after an hour of the period.
func (c *comparing) after(hour int64, d time.Duration) {
	c.Helper()
	// The store's clock stands still: what it noted was noted now.
	if err := c.exec("UPDATE billing_hours SET posted_at = ? WHERE posted_at = ?", c.now.UnixMilli(), usageNow.UnixMilli()); err != nil {
		c.Fatal(err)
	}
	c.now = billing.TimeOf(int64(hour0) + hour).Add(d)
}

func (c *comparing) run() {
	c.Helper()
	if err := c.by.Run(c.Context()); err != nil {
		c.Fatal(err)
	}
}

// counts checks what the comparer has done so far.
func (c *comparing) counts(want billing.CompareStats) {
	c.Helper()
	if got := c.by.Stats(); got != want {
		c.Errorf("at %s: %+v, want %+v", c.now, got, want)
	}
}

// TestComparing finds hours that the provider lost, counted twice and made up, tells
// them again after the second look, and is at rest after the third.
func TestComparing(t *testing.T) {
	eachBooks(t, func(b *books) {
		c := b.comparing()
		c.after(3, 30*time.Minute)
		c.run()
		c.run() // not its turn
		c.counts(billing.CompareStats{Looked: 1})
		right := map[string]int64{cusPro + "0": 5, cusPro + "2": 7}
		for key, n := range map[string]int64{cusPro + "0": 0, cusPro + "2": 14, cusScale + "1": 3} {
			c.to.totals[key] = n
		}
		c.after(4, 30*time.Minute)
		c.run()
		c.counts(billing.CompareStats{Looked: 2})
		c.after(4, 51*time.Minute)
		c.run()
		c.counts(billing.CompareStats{Looked: 3, Retold: 3})
		for _, key := range c.to.keys {
			if want := fmt.Sprintf(":again:%d", c.now.Unix()); len(key) < len(want) || key[len(key)-len(want):] != want {
				b.Errorf("an hour was told again as %s", key)
			}
		}
		right[cusScale+"1"] = 0
		c.posting.want(3, right)
		c.after(5, 30*time.Minute)
		c.run()
		c.counts(billing.CompareStats{Looked: 4, Retold: 3, Mended: 3})
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_differences"); n != 0 {
			b.Errorf("%d differences are left", n)
		}
		c.posting.want(0, right)
		b.sound()
	})
}

// TestComparingInVain: an hour that differs whatever it is told is told again a few
// times, is counted for the operator meanwhile, and is forgotten with its period.
func TestComparingInVain(t *testing.T) {
	eachBooks(t, func(b *books) {
		c := b.comparing()
		for i := range int64(8) {
			c.to.totals[cusPro+"0"] = 1
			c.after(4+i, 30*time.Minute)
			c.run()
		}
		if s := c.by.Stats(); s.Retold != 3 || s.Mended != 0 || s.Stayed != 6 {
			b.Errorf("%+v", s)
		}
		state := func() int64 {
			s, err := b.ledger(c.now).State(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			return s.Differing
		}
		if n := state(); n != 1 {
			b.Errorf("%d hours differ for the operator", n)
		}
		if err := b.exec("UPDATE billing_accounts SET status = 'canceled'"); err != nil {
			b.Fatal(err)
		}
		c.after(14, 0)
		c.run()
		if n := state(); n != 0 {
			b.Errorf("%d hours differ after the subscription", n)
		}
	})
}

// TestComparingFails: while the provider is away nothing is judged, and the look is
// made when it is back; hours of an organization that is posted for wait.
func TestComparingFails(t *testing.T) {
	eachBooks(t, func(b *books) {
		c := b.comparing()
		c.to.totals[cusPro+"0"] = 0
		c.after(4, 30*time.Minute)
		c.to.fail = func(string) (bool, error) {
			return false, &billing.ProviderError{Kind: billing.ErrorTemporary, Status: 503, RetryAfter: time.Minute}
		}
		if err := c.by.Run(b.Context()); err == nil {
			b.Error("no error while the provider is away")
		}
		c.to.fail = nil
		c.run() // it waits
		c.counts(billing.CompareStats{})
		c.after(4, 41*time.Minute)
		c.run()
		c.counts(billing.CompareStats{Looked: 1})
		if err := b.exec("UPDATE billing_posts SET next_at = ?", c.now.Add(time.Hour).UnixMilli()); err != nil {
			b.Fatal(err)
		}
		c.after(5, 5*time.Minute)
		c.run()
		c.counts(billing.CompareStats{Looked: 2})
		c.after(6, 30*time.Minute)
		c.run()
		c.counts(billing.CompareStats{Looked: 3, Retold: 1})
		c.posting.want(1, map[string]int64{cusPro + "0": 5, cusPro + "2": 7})
		c.to.totals[cusPro+"2"] = 1
		c.to.fail = func(what string) (bool, error) {
			if what == "summaries" {
				return true, nil
			}
			return false, &billing.ProviderError{Kind: billing.ErrorInvalid}
		}
		for i := range int64(9) {
			c.after(7+i, 40*time.Minute)
			c.run() // what is refused is in nobody's way
		}
		c.posting.want(3, map[string]int64{cusPro + "0": 5, cusPro + "2": 1})
		if s := c.by.Stats(); s.Retold != 1 || s.Mended != 1 || s.Looked != 12 {
			b.Errorf("%+v", s)
		}
	})
}

// TestWhoIsCompared: each customer once, of the hours that are not invoiced.
func TestWhoIsCompared(t *testing.T) {
	eachBooks(t, func(b *books) {
		c := b.comparing()
		s := c.by.Store
		claim := func() string {
			got, err := s.ClaimComparisons(b.Context(), billing.CompareQuery{Now: c.now}, c.now.Add(time.Minute), 9)
			if err != nil {
				b.Fatal(err)
			}
			out := ""
			for _, one := range got {
				out += fmt.Sprint(one.Organization, " ", one.Customer, " ", one.Period.Start-int64(hour0), "-", one.Period.End-int64(hour0), ";")
			}
			return out
		}
		want := func(what, want string) {
			b.Helper()
			if got := claim(); got != want {
				b.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		c.after(5, 19*time.Minute)
		want("an hour that has just ended", "org_a cus_a 0-4;")
		want("again", "")
		c.after(5, 21*time.Minute)
		want("a claim that is over", "org_a cus_a 0-5;")
		b.invoice("in_1", "draft", 0, billing.TimeOf(int64(hour0)+5))
		c.after(5, 22*time.Minute)
		want("while an invoice is drafted, soon after", "org_a cus_a 0-5;") // the lease is over
		if err := b.exec("UPDATE billing_comparisons SET next_at = ?", c.now.Add(time.Hour).UnixMilli()); err != nil {
			b.Fatal(err)
		}
		c.after(5, 30*time.Minute)
		want("while an invoice is drafted, too soon", "")
		c.after(5, 38*time.Minute)
		want("while an invoice is drafted", "org_a cus_a 0-5;")
		if err := b.exec("UPDATE organizations SET period_start = ?, period_end = ? WHERE id = 'org_a'", int64(hour0+30)*3600_000, int64(hour0+60)*3600_000); err != nil {
			b.Fatal(err)
		}
		c.after(31, 30*time.Minute)
		want("a period and a draft of the one before", "org_a cus_a 0-31;")
		if err := b.exec("UPDATE billing_invoices SET status = 'paid'"); err != nil {
			b.Fatal(err)
		}
		c.after(32, 30*time.Minute)
		want("a period", "org_a cus_a 30-32;")
		if err := b.exec("UPDATE billing_accounts SET status = 'canceled'"); err != nil {
			b.Fatal(err)
		}
		c.after(34, 30*time.Minute)
		want("no subscription", "")
		b.invoice("in_1", "draft", 0, billing.TimeOf(int64(hour0)+5))
		want("no subscription and a draft", "org_a cus_a 0-34;")
	})
}
