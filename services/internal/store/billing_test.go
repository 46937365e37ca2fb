package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

func TestBillingTenancy(t *testing.T) {
	t.Parallel()
	storetest.Each(t, storetest.BillingTenancy)
}

// TestPayerComesBackAsItWas stores every field of a payer, twice.
func TestPayerComesBackAsItWas(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, ctx := storetest.NewAccount(t, db, "acme"), t.Context()
		org := a.Organization.ID
		at := func(n int) time.Time { return a.Organization.CreatedAt.Add(time.Duration(n) * time.Hour).UTC() }
		err := store.Billing{DB: db}.Tx(ctx, func(tx billing.Tx) error {
			p, err := tx.Payer(ctx, org)
			if err != nil || p.Num != a.Organization.Num || p.Status != billing.StatusNone || p.Standing != billing.StandingGood || p.Revision != 0 {
				t.Errorf("the zero payer is %+v, %v", p, err)
			}
			limit := int64(5000)
			p = billing.Payer{
				Organization: org, Num: p.Num, Customer: "cus_1", Subscription: "sub_1", Status: billing.StatusPastDue, Plan: "pro",
				BaseItem: "si_1", BasePrice: "price_1", Items: map[string]string{"pro": "si_2", "scale": "si_3"},
				SubscribedAt: at(1), PeriodStart: at(2), PeriodEnd: at(3), CancelAtEnd: true, Standing: billing.StandingGrace,
				PastDueSince: at(4), StandingAt: at(5), SpendingCap: &limit, PeriodBase: 1 << 60, CreditCents: -7, Revision: 3, CreatedAt: at(6),
			}
			for range 2 {
				if err := tx.PutPayer(ctx, org, &p); err != nil {
					return err
				}
				got, err := tx.Payer(ctx, org)
				if err != nil || *got.SpendingCap != limit {
					t.Errorf("payer %+v, %v", got, err)
				}
				got.SpendingCap = p.SpendingCap
				if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", p) {
					t.Errorf("payer\n%+v, want\n%+v", got, p)
				}
			}
			if p.Revision != 5 {
				t.Errorf("revision %d, want 5", p.Revision)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
