package store_test

import (
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
// cap, once each in a period, and of the 100 % only when both were passed at once.
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
		use(2, 1790) // 79 cents of 100; what is included was told of already
		told("below the cap's 80 %")
		use(2, 2000)
		told("the whole cap at once", "acme has used 100 % of its spending cap")
		told("again")
		use(2, 5000)
		told("beyond")

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
