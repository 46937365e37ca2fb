package store_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
	"github.com/tollgate/tollgate/services/mailform"
)

// subjects keeps what the mails are about.
type subjects []string

func (s *subjects) Letter(_ string, form mailform.Form) (billing.Letter, error) {
	*s = append(*s, form.Subject)
	return billing.Letter{ID: fmt.Sprintf("mail_%p_%d", s, len(*s)), Sealed: []byte{1}}, nil
}

// TestShares: members are told at 80 and at 100 % of what is included and of the
// cap, once each in a period and anew for another plan or cap, and of the 100 % only
// when both were passed at once.
func TestShares(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, ctx := storetest.NewAccount(t, db, "acme"), t.Context()
		org, hour := a.Organization, billing.HourOf(a.Organization.PeriodStart)
		plans := billing.NewPlans([]billing.Plan{
			{Name: org.Plan, Num: 1, Title: "Free", IncludedRequests: 10, Currency: "usd"},
			{Name: "pro", Num: 2, Title: "Pro", IncludedRequests: 1000, OverageRequests: 10, OveragePriceCents: 1, PriceCents: 900, Currency: "usd"},
		}, org.Plan, billing.Dunning{Grace: time.Hour, SuspendAfter: 2 * time.Hour})
		var mails subjects
		s, err := billing.New(billing.Config{Store: store.Billing{DB: db}, Plans: plans, Letters: &mails, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		tx := func(fn func(billing.Tx) error) {
			t.Helper()
			if err := (store.Billing{DB: db}).Tx(ctx, fn); err != nil {
				t.Fatal(err)
			}
		}
		use := func(plan, total int) {
			t.Helper()
			err := db.Tx(ctx, func(tx *store.Txn) error {
				return tx.Exec(`INSERT INTO billing_hours (organization, plan, hour, total) VALUES (?, ?, ?, ?)
					ON CONFLICT (organization, hour, plan) DO UPDATE SET total = excluded.total`, org.Num, plan, hour, total).Error
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		told := func(step string, want ...string) {
			t.Helper()
			before := len(mails)
			n, err := s.Shares(ctx)
			if err != nil || n != len(want) || !slices.Equal(mails[before:], want) {
				t.Errorf("%s: %d told, mails %q, %v; want %q", step, n, mails[before:], err, want)
			}
		}
		told("nothing used")
		use(1, 7)
		told("70 %")
		use(1, 8)
		told("80 %", "acme has used 80 % of its included requests")
		told("80 % again")
		use(1, 10)
		told("100 %", "acme has used 100 % of its included requests")

		tx(func(tx billing.Tx) error {
			o, err := tx.Tenant(ctx, org.ID)
			if err != nil {
				return err
			}
			p, err := tx.Payer(ctx, org.ID)
			if err != nil {
				return err
			}
			limit := int64(100)
			o.Plan, p.SpendingCap = "pro", &limit
			if err := tx.PutTenant(ctx, org.ID, &o); err != nil {
				return err
			}
			return tx.PutPayer(ctx, org.ID, &p)
		})
		use(2, 700)
		told("little of the larger plan")
		use(2, 1790) // 79 cents of 100
		told("all of the larger plan, below the cap's 80 %", "acme has used 100 % of its included requests")
		use(2, 2000)
		told("the whole cap at once", "acme has used 100 % of its spending cap")
		told("again")
		use(2, 5000)
		told("beyond")
		tx(func(tx billing.Tx) error {
			p, err := tx.Payer(ctx, org.ID)
			if err != nil {
				return err
			}
			*p.SpendingCap = 450
			return tx.PutPayer(ctx, org.ID, &p)
		})
		told("a higher cap", "acme has used 80 % of its spending cap")

		tx(func(tx billing.Tx) error {
			o, err := tx.Tenant(ctx, org.ID)
			if err != nil {
				return err
			}
			o.PeriodStart, o.PeriodEnd = o.PeriodEnd, o.PeriodEnd.AddDate(0, 1, 0)
			return tx.PutTenant(ctx, org.ID, &o)
		})
		hour = billing.HourOf(org.PeriodEnd)
		use(2, 900)
		told("the next period", "acme has used 80 % of its included requests")
	})
}

// grumpy seals mails, but none to one address.
type grumpy struct {
	subjects
	address string
}

func (g *grumpy) Letter(to string, form mailform.Form) (billing.Letter, error) {
	if to == g.address {
		return billing.Letter{}, errors.New("no mail to this one")
	}
	return g.subjects.Letter(to, form)
}

// TestOneKeepsNobodyWaiting: an organization whose debt or use can't be told of does
// not keep those behind it from being moved and told.
func TestOneKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, now := t.Context(), time.Now().Truncate(time.Millisecond)
		all := []*storetest.Account{storetest.NewAccount(t, db, "first"), storetest.NewAccount(t, db, "second")}
		mails := &grumpy{address: all[0].User.Email}
		plans := billing.NewPlans([]billing.Plan{{Name: all[0].Organization.Plan, Num: 1, Title: "Free", IncludedRequests: 10, Currency: "usd"}},
			all[0].Organization.Plan, billing.Dunning{Grace: time.Hour, SuspendAfter: 100 * time.Hour})
		s, err := billing.New(billing.Config{Store: store.Billing{DB: db}, Plans: plans, Letters: mails, Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range all {
			org := a.Organization
			err := store.Billing{DB: db}.Tx(ctx, func(tx billing.Tx) error {
				p, err := tx.Payer(ctx, org.ID)
				if err != nil {
					return err
				}
				p.StandingAt = now.Add(time.Duration(i-10) * time.Minute)
				_, put := tx.PutInvoice(ctx, org.ID, &billing.Invoice{
					ID: "in_" + string(org.ID), Status: billing.InvoiceOpen, AmountDue: 5, Attempts: 1, Currency: "usd", Created: now.Add(-3 * time.Hour), FinalizedAt: now.Add(-2 * time.Hour),
				})
				return errors.Join(put, tx.PutPayer(ctx, org.ID, &p))
			})
			if err == nil {
				err = db.Tx(ctx, func(tx *store.Txn) error {
					return tx.Exec("INSERT INTO billing_hours (organization, plan, hour, total) VALUES (?, 1, ?, 8)", org.Num, billing.HourOf(org.PeriodStart)).Error
				})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.Dunning(ctx); n != 2 || err == nil {
			t.Errorf("dunning: %d, %v", n, err)
		}
		sub, err := s.Subscription(ctx, all[1].Organization.ID)
		if err != nil || sub.Payer.Standing != billing.StandingCapped {
			t.Errorf("the second one stands %s, %v", sub.Payer.Standing, err)
		}
		if n, err := s.Shares(ctx); n != 1 || err == nil {
			t.Errorf("shares: %d, %v", n, err)
		}
		if len(mails.subjects) != 2 {
			t.Errorf("mails %q", mails.subjects)
		}
	})
}
