package store_test

import (
	"log/slog"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/internal/storetest"
)

// statement makes a ledger over the books, at a time.
func (b *books) ledger(now time.Time) *billing.Ledger {
	b.Helper()
	uses := store.BillingUses{DB: b.u.DB}
	l, err := billing.NewLedger(billing.LedgerConfig{Hours: b.BillingHours, Uses: uses, Allowances: uses, Invariants: b.BillingHours, Plans: somePlans, Clock: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// TestStatementAddsUp: an invoice's lines, its hours, its keys and the rows of its
// table are the same requests, and what differs is explained.
func TestStatementAddsUp(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		gone := on(2, hour0+1, 9, 4)
		gone.ID.Key, gone.ID.Consumer, gone.ID.Gateway = 0, 0, 99
		apply(b.T, b.u, batch(writA, 5000, usageNow, on(1, hour0, 1, 3), gone))
		s.fold()
		b.seal(usageNow.Add(100 * time.Hour))
		b.invoice("in_1", "paid", 15, s.end(), "pro")
		inv := &billing.Invoice{ID: "in_1", PeriodStart: billing.TimeOf(int64(hour0)), PeriodEnd: s.end(), Lines: []billing.Line{
			{ID: "il_1", Kind: billing.LineUsage, Plan: "pro", Quantity: 10},
			{ID: "il_2", Kind: billing.LineUsage, Plan: "pro", Quantity: 25, Amount: 13},
			{ID: "il_3", Kind: billing.LineLateUsage, Plan: "pro", Amount: 2, PeriodStart: billing.TimeOf(100), PeriodEnd: billing.TimeOf(200)},
			{ID: "il_4", Kind: billing.LineBase, Amount: 100},
		}}
		l := b.ledger(usageNow)
		got, err := l.Statement(b.Context(), "org_a", inv, true)
		if err != nil {
			b.Fatal(err)
		}
		want := []billing.ReconciledLine{
			{Plan: "free", Ledger: 3, Included: 10, Explanation: "requests on this plan are not billed"},
			{Line: "il_1", Plan: "pro", Billed: 35, Ledger: 39, Included: 10, Overage: 29, Cents: 13, Explanation: "counted after this invoice"},
			{Line: "il_3", Plan: "pro", Cents: 2, Explanation: "of 5 January 1970 to 9 January 1970: see the invoice of that period"},
		}
		if !slices.Equal(got.Lines, want) {
			b.Errorf("lines %+v", got.Lines)
		}
		var hours, keys, rows int64
		for _, h := range got.Hours {
			hours += h.Requests
			if !h.Sealed || h.Seq == 0 {
				b.Errorf("hour %+v", h)
			}
		}
		for _, k := range got.Keys {
			keys += k.Requests
		}
		if err := l.Uses(b.Context(), "org_a", inv, func(plan string, u *billing.Use) error {
			if plan != "free" && plan != "pro" {
				b.Errorf("%s: %+v", plan, u)
			}
			rows += u.Requests
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		if hours != 42 || keys != hours || rows != hours || !got.Intact || got.First == got.Last {
			b.Errorf("hours sum to %d, keys to %d, rows to %d: %+v", hours, keys, rows, got)
		}
		if len(got.Keys) != 2 || got.Keys[0].Gateway != "shop" || got.Keys[0].Consumer != "acme" || got.Keys[0].Key == "" || got.Keys[1] != (billing.KeyUse{Gateway: "99", Requests: 4}) {
			b.Errorf("keys %+v", got.Keys)
		}
		if few, err := l.Statement(b.Context(), "org_a", inv, false); err != nil || len(few.Keys) != 0 || len(few.Hours) != len(got.Hours) || few.Last != got.Last {
			b.Errorf("without keys: %+v, %v", few, err)
		}
		s.count(1, 35) // a late line follows
		s.run()
		if got, err = l.Statement(b.Context(), "org_a", inv, true); err != nil || got.Lines[1].Explanation != "counted after this invoice; -2 cents are a line of a later invoice" && got.Lines[1].Explanation != "counted after this invoice" {
			b.Errorf("lines %+v, %v", got.Lines, err)
		}
		if got, err = l.Statement(b.Context(), "org_a", nil, true); err != nil || len(got.Lines) != 2 || got.Lines[1].Billed != 39 || got.Lines[1].Cents != 15 || got.Lines[1].Explanation != "" {
			b.Errorf("the present period %+v, %v", got, err)
		}
		if got, err = l.Statement(b.Context(), "org_a", &billing.Invoice{PeriodStart: usageNow, PeriodEnd: usageNow}, true); err != nil || len(got.Lines)+len(got.Hours)+len(got.Keys) != 0 {
			b.Errorf("an invoice without usage %+v, %v", got, err)
		}
	})
}

// TestUseOfOtherPlansIsTold: edges are told anew when an earlier plan's use rises, and
// not for the present one's.
func TestUseOfOtherPlansIsTold(t *testing.T) {
	eachBooks(t, func(b *books) {
		if err := b.exec("UPDATE organizations SET plan = 'pro', period_start = ?, period_end = ?", int64(hour0)*3600_000, int64(hour0+100)*3600_000); err != nil {
			b.Fatal(err)
		}
		told := func(want int64) {
			b.Helper()
			b.fold()
			if n := one(b.T, b.u, "SELECT COUNT(*) FROM outbox WHERE kind = 'organization' AND ref = 'org_a'"); n != want {
				b.Errorf("told %d times, want %d", n, want)
			}
		}
		apply(b.T, b.u, batch(writA, 1, usageNow, on(2, hour0, 1, 5), on(1, hour0-1, 1, 5)))
		told(0)
		apply(b.T, b.u, batch(writA, 2, usageNow, on(1, hour0, 1, 7)))
		told(1)
		docs, err := store.BillingUses{DB: b.u.DB}.Allowances(b.Context(), []uint64{1, 2})
		if err != nil || !slices.Equal(docs[1].Sums, []billing.Sum{{Plan: 1, Total: 7}, {Plan: 2, Total: 5}}) || len(docs[2].Sums) != 0 {
			b.Errorf("allowances %+v, %v", docs, err)
		}
	})
}

func TestUsesWrongOrganization(t *testing.T) {
	eachBooks(t, func(b *books) {
		s := b.settling()
		b.invoice("in_1", "paid", 0, s.end(), "pro")
		s.by.Logger = slog.New(slog.DiscardHandler)
		s.run()
		uses, all := store.BillingUses{DB: b.u.DB}, billing.Period{Start: 0, End: math.MaxInt32}
		near := billing.Period{Start: int64(hour0) - 10, End: int64(hour0) + 10}
		storetest.WrongOrganization(b.T, reflect.TypeFor[billing.UseStore](), "org_b", []storetest.Try{
			{Method: "Keys", Call: func(o core.OrganizationID) (any, error) {
				keys, others, err := uses.Keys(b.Context(), o, all, 10)
				if others != 0 {
					return others, err
				}
				return keys, err
			}},
			{Method: "EachUse", Call: func(o core.OrganizationID) (any, error) {
				var found []billing.Use
				err := uses.EachUse(b.Context(), o, near, func(u *billing.Use) error { found = append(found, *u); return nil })
				return found, err
			}},
			{Method: "Facts", Call: func(o core.OrganizationID) (any, error) {
				f, err := uses.Facts(b.Context(), o, all)
				if f.Since != 0 {
					return f, err
				}
				return f.Adjusted, err
			}},
		})
	})
}
