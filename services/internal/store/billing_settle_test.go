package store_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/migrations/migrationstest"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// invoice stores an invoice of org_a, from the present hour to an end, with what its
// usage line charges.
func (b *books) invoice(id, status string, cents int64, end time.Time, plans ...string) {
	b.Helper()
	start := billing.TimeOf(int64(hour0))
	err := b.exec(`INSERT INTO billing_invoices (id, organization_id, organization, number, status, currency, subscription, reason, period_start, period_end,
		finalized_at, paid_at, due_at, subtotal, tax, total, amount_due, amount_paid, hosted_url, pdf_url, attempts, next_attempt, created_at, updated_at)
		VALUES (?, 'org_a', 1, 'N', ?, 'usd', 'sub_a', 'subscription_cycle', ?, ?, 1, 0, 0, 0, 0, 0, 0, 0, '', '', 0, 0, 0, 0)
		ON CONFLICT (id) DO UPDATE SET status = excluded.status`, id, status, start.UnixMilli(), end.UnixMilli())
	for i, plan := range plans {
		if err == nil {
			err = b.exec(`INSERT INTO billing_invoice_lines (invoice, line, position, kind, plan, description, quantity, amount, period_start, period_end, key)
				VALUES (?, ?, 0, 'usage', ?, '', 1, ?, ?, ?, '')`, id, fmt.Sprint("il_", i), plan, cents, start.UnixMilli(), end.UnixMilli())
		}
	}
	if err != nil {
		b.Fatal(err)
	}
}

// settling is a worker's settler with a clock of the test's.
type settling struct {
	*posting
	by *billing.Settler
}

// settling makes org_a's period of ten hours, in which it used 35 requests of pro,
// of which 25 are beyond those included: 13 cents.
func (b *books) settling() *settling {
	b.payer()
	s := &settling{posting: b.posting()}
	s.now = usageNow
	s.by = &billing.Settler{
		Store: store.BillingSettlements{DB: b.u.DB}, Plans: somePlans, Items: s.to, Clock: func() time.Time { return s.now }, Logger: slog.New(slog.DiscardHandler),
	}
	if err := s.by.Begin(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := b.exec("UPDATE organizations SET period_start = ?, period_end = ? WHERE id = 'org_a'", int64(hour0)*3600_000, int64(hour0+10)*3600_000); err != nil {
		b.Fatal(err)
	}
	s.count(1, 35)
	s.now = s.end().Add(2 * time.Hour)
	return s
}

func (s *settling) end() time.Time { return billing.TimeOf(int64(hour0) + 10) }

// count makes a route's total of pro in the period's first hour.
func (s *settling) count(route, total uint64) {
	s.Helper()
	apply(s.T, s.u, batch(writA, 100*route+total, usageNow, on(2, hour0, route, total)))
	s.fold()
	// The clock of the store stands before the hour's end: the note is made here.
	if err := s.exec("INSERT INTO billing_late (organization, hour) VALUES (1, ?)", hour0); err != nil {
		s.Fatal(err)
	}
}

func (s *settling) run() {
	s.Helper()
	if err := s.by.Run(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// want checks the provider's items.
func (s *settling) want(items ...string) {
	s.Helper()
	var got []string
	for _, i := range s.to.items {
		got = append(got, fmt.Sprint(i.Kind, " ", i.Plan, " ", i.Cents, " ", i.Currency, " ", i.Customer))
	}
	if !slices.Equal(got, items) {
		s.Errorf("items %q, want %q", got, items)
	}
}

// TestLateUsageIsBilledNext: what comes after the invoice is a line of the next one,
// each rise once, and the lines sum to what the period costs.
func TestLateUsageIsBilledNext(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		s.run()
		s.want() // there is no invoice
		b.invoice("in_1", "draft", 13, s.end(), "pro")
		s.run()
		s.want()
		b.invoice("in_1", "open", 13, s.end())
		s.run()
		s.run()
		s.want() // it is right
		s.count(2, 20)
		s.run()
		s.run()
		s.want("late_usage pro 10 usd cus_a")
		s.count(3, 1)
		s.count(3, 1)
		s.run() // half a cent, rounded with all before: 22.5 + .5 is 23
		s.want("late_usage pro 10 usd cus_a")
		s.count(4, 1000)
		s.run()
		s.want("late_usage pro 10 usd cus_a", "late_usage pro 500 usd cus_a")
		total := billing.Price{Included: 10, Requests: 10, Cents: 5}.Amount(35 + 20 + 1 + 1000)
		b.sound()
		if sum := 13 + one(b.T, b.u, "SELECT SUM(cents) FROM billing_adjustments"); sum != total {
			b.Errorf("billed %d in all, the period costs %d", sum, total)
		}
	})
}

// TestLateLineIsAddedOnce: a call that failed after it was applied, and a worker that
// was away until the provider forgot the key.
func TestLateLineIsAddedOnce(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		b.invoice("in_1", "paid", 0, s.end(), "pro")
		s.to.fail = func(string) (bool, error) {
			return true, &billing.ProviderError{Kind: billing.ErrorTemporary, Status: 500}
		}
		s.run()
		s.to.fail = nil
		s.run() // not its turn yet
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_adjustments WHERE next_at <> 0 AND attempts = 1"); n != 1 {
			b.Errorf("%d wait", n)
		}
		s.now = s.now.Add(48 * time.Hour)
		s.to.fail = func(what string) (bool, error) { b.Errorf("%s was sent again", what); return true, nil }
		s.run()
		s.want("late_usage pro 13 usd cus_a")
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_adjustments WHERE next_at = 0 AND item = 'ii_1'"); n != 1 {
			b.Error("the item is not noted")
		}
	})
}

// TestLeftovers: what is owed or given back after the subscription ended is an invoice
// of its own, once, from an amount on that can be charged.
func TestLeftovers(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		b.invoice("in_1", "paid", 13, s.end(), "pro")
		s.run()
		s.count(2, 20)
		s.run()
		s.now = s.now.Add(26 * time.Hour)
		bills := func(want int) {
			b.Helper()
			s.run()
			if len(s.to.bills) != want || int(s.by.Bills()) != want {
				b.Errorf("%d invoices, %d counted, want %d", len(s.to.bills), s.by.Bills(), want)
			}
		}
		bills(0) // the next one has it
		if s.to.items[0].Subscription != "sub_a" {
			b.Errorf("the item is of the subscription %q", s.to.items[0].Subscription)
		}
		if err := b.exec("UPDATE billing_accounts SET status = 'canceled'"); err != nil {
			b.Fatal(err)
		}
		s.to.items[0].Subscription = "" // its item is of none
		bills(0)                        // too little
		s.count(3, 1000)
		s.now = s.now.Add(25 * time.Hour)
		s.to.fail = func(what string) (bool, error) {
			if what == "bill" {
				return true, &billing.ProviderError{Kind: billing.ErrorTemporary, RetryAfter: time.Hour}
			}
			return true, nil
		}
		if err := s.by.Run(b.Context()); err == nil {
			b.Error("no error where the provider has none made")
		}
		s.to.fail = nil
		s.now = s.now.Add(11 * time.Minute)
		s.run()
		if len(s.to.bills) != 1 {
			b.Errorf("%d invoices: what one has is not billed again", len(s.to.bills))
		}
		s.want("late_usage pro 10 usd cus_a", "late_usage pro 500 usd cus_a")
		if s.to.items[1].Subscription != "" {
			b.Errorf("the item is of the subscription %q, which has ended", s.to.items[1].Subscription)
		}
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_syncs WHERE customer = 'cus_a'"); n != 1 {
			b.Error("the customer is not fetched")
		}
		err := b.exec(`INSERT INTO billing_invoice_lines (invoice, line, position, kind, plan, description, quantity, amount, period_start, period_end, key)
			SELECT 'in_1', 'il_' || key, 0, kind, plan, '', 1, cents, 0, 0, key FROM billing_adjustments`)
		if err != nil {
			b.Fatal(err)
		}
		s.now = s.now.Add(time.Hour)
		s.run()
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_adjustments WHERE bill_at <> 0"); n != 0 {
			b.Errorf("%d lines wait for an invoice that they are on", n)
		}
	})
}

// TestLostLineIsAddedAgain: a line that somebody deleted at the provider is sent again,
// once each time; what a cut-off list lacks is not lost.
func TestLostLineIsAddedAgain(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		b.invoice("in_1", "paid", 13, s.end(), "pro")
		s.run()
		s.count(2, 20)
		s.run()
		const line = "late_usage pro 10 usd cus_a"
		s.want(line)
		s.to.gone["ii_1"], s.to.cut = true, true
		turn := func() {
			b.Helper()
			s.now = s.now.Add(25 * time.Hour)
			s.run()
			s.run()
		}
		turn()
		s.want(line)
		s.to.cut = false
		turn()
		s.want(line, line)
		turn()
		s.want(line, line)
		s.to.gone["ii_2"] = true
		turn()
		s.want(line, line, line)
		s.to.billed["ii_3"] = true
		turn()
		s.want(line, line, line)
		if want := usageNow.Add(-time.Hour); !s.to.since.Equal(want) {
			b.Errorf("items since %s are asked for, want %s: a list of all grows for ever", s.to.since, want)
		}
		if n := s.by.Lost(); n != 2 {
			b.Errorf("%d lines were lost, want 2", n)
		}
		// Whoever was about to note the first one finds that it is another's now.
		late := &billing.AdjustmentTo{Adjustment: billing.Adjustment{Key: s.to.items[0].Key}}
		for _, problem := range []error{nil, errors.New("late")} {
			if err := s.by.Store.Sent(b.Context(), late, "ii_1", s.now, problem); err != nil {
				b.Fatal(err)
			}
		}
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_adjustments WHERE next_at = 0 AND item = 'ii_3' AND again = 2 AND last_error = ''"); n != 1 {
			b.Error("another's note counts")
		}
		b.sound()
	})
}

// TestEndedInThePeriod: a subscription that ended with an invoice before its period did
// is settled; that of a change of plan is no such invoice.
func TestEndedInThePeriod(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		b.invoice("in_1", "paid", 3, billing.TimeOf(int64(hour0)+5), "pro")
		if err := b.exec("UPDATE billing_invoices SET reason = 'subscription_update'"); err != nil {
			b.Fatal(err)
		}
		s.run()
		s.want()
		if err := b.exec("UPDATE billing_accounts SET status = 'canceled'"); err != nil {
			b.Fatal(err)
		}
		s.count(2, 1)
		s.run()
		s.want()
		if err := b.exec("UPDATE billing_invoices SET reason = 'manual'"); err != nil {
			b.Fatal(err)
		}
		s.count(3, 1) // 37 requests, of which 27 are beyond: 13.5 cents
		s.run()
		s.want("late_usage pro 11 usd cus_a")
	})
}

// TestLateLineOfADeadWorker: it died after the provider took the line and before it noted
// so, and nobody came until the provider had forgotten the key.
func TestLateLineOfADeadWorker(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		b.invoice("in_1", "paid", 0, s.end(), "pro")
		s.run()
		s.want("late_usage pro 13 usd cus_a")
		if err := b.exec("UPDATE billing_adjustments SET item = '', sent_at = 0, next_at = 1"); err != nil {
			b.Fatal(err)
		}
		s.now = s.now.Add(48 * time.Hour)
		s.to.fail = func(what string) (bool, error) { b.Errorf("%s was sent again", what); return true, nil }
		s.run()
		s.want("late_usage pro 13 usd cus_a")
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_adjustments WHERE next_at = 0 AND item = 'ii_1'"); n != 1 {
			b.Error("the item is not noted")
		}
	})
}

// TestLateLineWaitsForACustomer: one that was deleted at the provider is let go, and
// what is owed waits for the next.
func TestLateLineWaitsForACustomer(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		b.invoice("in_1", "paid", 0, s.end(), "pro")
		s.to.fail = func(string) (bool, error) {
			return false, &billing.ProviderError{Kind: billing.ErrorNotFound, Status: 404}
		}
		s.run()
		s.to.fail = nil
		if err := b.exec("UPDATE billing_accounts SET customer = ''"); err != nil {
			b.Fatal(err)
		}
		s.now = s.now.Add(time.Hour)
		s.run()
		s.want()
		if err := b.exec("UPDATE billing_accounts SET customer = 'cus_b'"); err != nil {
			b.Fatal(err)
		}
		s.run()
		s.want("late_usage pro 13 usd cus_b")
	})
}

// TestTooMuchIsGivenBack: the invoice has more than the ledger.
func TestTooMuchIsGivenBack(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		b.invoice("in_1", "paid", 20, s.end(), "pro", "scale")
		s.run()
		s.run()
		s.want("usage_correction pro -7 usd cus_a", "usage_correction scale -20 usd cus_a")
		if n := s.by.Corrections(); n != 2 {
			b.Errorf("%d corrections counted", n)
		}
		s.count(2, 10) // 5 cents more
		s.run()
		s.want("usage_correction pro -7 usd cus_a", "usage_correction scale -20 usd cus_a", "late_usage pro 5 usd cus_a")
	})
}

// TestPeriodKeepsItsPrice: prices that change later are of later periods.
func TestPeriodKeepsItsPrice(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		dearer := somePlans.List()
		dearer[1].OveragePriceCents = 5000
		s.by.Plans = billing.NewPlans(dearer, "free", billing.Dunning{})
		for range 2 {
			if err := s.by.Begin(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_rates"); n != 4 {
			b.Errorf("%d rates, want 4", n)
		}
		b.invoice("in_1", "paid", 13, s.end(), "pro")
		s.run()
		s.want()
	})
}

// sound checks all invariants.
func (b *books) sound() {
	b.Helper()
	found, err := b.ledger(usageNow).Check(b.Context(), true, 0)
	if err != nil || len(found) != len(billing.Invariants) {
		b.Fatalf("%d invariants were asked: %v", len(found), err)
	}
	for _, f := range found {
		if f.Rows != 0 {
			b.Errorf("%d rows break %s", f.Rows, f.Name)
		}
	}
}

// TestInvariantsSeeFaults breaks the books in one way after the other.
func TestInvariantsSeeFaults(t *testing.T) {
	for name, fault := range map[string]string{
		"hour_is_its_counters":               "UPDATE usage_counters SET billed = billed + 1 WHERE plan = 2",
		"hour_was_counted":                   "INSERT INTO billing_hours (organization, plan, hour, total) VALUES (1, 2, 1, 5)",
		"chain_has_the_totals":               "UPDATE billing_hours SET total = total + 1",
		"chain_ends_at_its_head":             "UPDATE billing_heads SET seq = seq + 1",
		"hour_is_in_one_period":              "UPDATE billing_periods SET start_hour = start_hour + 1",
		"period_is_the_newest":               "UPDATE billing_periods SET end_hour = end_hour + 1",
		"periods_follow_each_other":          "INSERT INTO billing_periods (organization, start_hour, end_hour) VALUES (1, 1, 5)",
		"free_is_never_billed":               "UPDATE billing_hours SET posted = 1 WHERE plan = 1",
		"nothing_before_the_subscription":    "UPDATE billing_posts SET since_hour = since_hour + 5",
		"period_costs_what_the_ledger_says":  "UPDATE billing_invoice_lines SET amount = amount + 1",
		"period_is_billed_once":              "INSERT INTO billing_invoice_lines (invoice, line, position, kind, plan, description, quantity, amount, period_start, period_end, key) SELECT 'in_2', line, position, kind, plan, description, 1, amount, period_start, period_end, key FROM billing_invoice_lines",
		"standing_has_a_debt":                "UPDATE billing_accounts SET standing = 'grace'",
		"suspended_by_billing_is_a_standing": "UPDATE billing_accounts SET standing = 'suspended'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(b *books) {
				s := b.settling()
				apply(b.T, b.u, batch(writA, 9999, usageNow, on(1, hour0, 1, 4)))
				s.fold()
				b.seal(usageNow.Add(100 * time.Hour))
				s.now = usageNow.Add(3 * time.Hour)
				s.posting.run()
				s.now = s.end().Add(2 * time.Hour)
				b.invoice("in_1", "paid", 13, s.end(), "pro")
				b.invoice("in_2", "void", 0, s.end())
				s.run()
				b.sound()
				if name == "period_is_billed_once" {
					if err := b.exec("UPDATE billing_invoices SET status = 'paid'"); err != nil {
						b.Fatal(err)
					}
				}
				if err := b.exec(fault); err != nil {
					b.Fatal(err)
				}
				found, err := b.ledger(usageNow).Check(b.Context(), true, 0)
				if err != nil {
					b.Fatal(err)
				}
				for _, f := range found {
					if f.Name == name && f.Rows == 0 {
						b.Error("the fault is not seen")
					}
				}
				if name != "chain_has_the_totals" && name != "hour_is_in_one_period" {
					return
				}
				found, err = b.ledger(usageNow).Check(b.Context(), false, int64(hour0)+1)
				for _, f := range found {
					if f.Name == name && f.Rows != 0 || err != nil {
						b.Errorf("of later hours %d rows are wrong, %v", f.Rows, err)
					}
				}
			}
			u := store.NewUsage(storetest.Open(t, migrationstest.SQLite(t), func() time.Time { return usageNow }))
			seedUsage(t, u)
			run(&books{t, u, store.BillingHours{DB: u.DB}})
		})
	}
}
