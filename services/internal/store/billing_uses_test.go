package store_test

import (
	"log/slog"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/contract"
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

// TestKeysOfManyWeeks: keys that were used in several reads are one, the most used come
// first, and with what is left out they are all that was billed.
func TestKeysOfManyWeeks(t *testing.T) {
	eachBooks(t, func(b *books) {
		b.settling()
		few := on(2, hour0, 3, 1)
		few.ID.Key, few.ID.Consumer, few.ID.Gateway = 0, 0, 99
		apply(b.T, b.u, batch(writA, 5000, usageNow, on(2, hour0, 7, 5), on(2, hour0+400, 7, 6), few))
		uses := store.BillingUses{DB: b.u.DB}
		p := billing.Period{Start: int64(hour0) - 300, End: int64(hour0) + 401}
		all, none, err := uses.Keys(b.Context(), "org_a", p, 10)
		if err != nil || none != 0 || len(all) != 2 || all[1] != (billing.KeyUse{Gateway: "99", Requests: 1}) {
			b.Fatalf("keys %+v, %d others, %v", all, none, err)
		}
		sum := one(b.T, b.u, "SELECT CAST(SUM(billed) AS bigint) FROM usage_counters WHERE hour >= ? AND hour < ?", p.Start, p.End)
		if all[0].Requests+1 != sum || sum < 12 {
			b.Errorf("keys %+v, want %d in all", all, sum)
		}
		if first, others, err := uses.Keys(b.Context(), "org_a", p, 1); err != nil || others != 1 || len(first) != 1 || first[0] != all[0] {
			b.Errorf("the first key %+v, %d others, %v", first, others, err)
		}
	})
}

// TestKeysInParts: more keys than are held at once are summed in parts, and come to the
// same.
func TestKeysInParts(t *testing.T) {
	eachBooks(t, func(b *books) {
		b.settling()
		var in []contract.Counter
		for i := range 200 {
			c := on(2, hour0+uint32(i%60), 1+uint64(i%7), uint64(1+i))
			c.ID.Key = uint64(i/2) * 0x9e3779b97f4a7c15 >> 1 // some have no key, or no consumer either
			c.ID.Consumer = uint64(i % 5)
			in = append(in, c)
		}
		apply(b.T, b.u, batch(writA, 5000, usageNow, in...))
		p := billing.Period{Start: int64(hour0), End: int64(hour0) + 60}
		whole := store.BillingUses{DB: b.u.DB}
		for _, limit := range []int{1, 30, 1000} {
			want, rest, err := whole.Keys(b.Context(), "org_a", p, limit)
			if err != nil || len(want) == 0 {
				b.Fatal(want, err)
			}
			for _, most := range []int{1, 7, 50} {
				parts := store.BillingUses{DB: b.u.DB, KeysAtOnce: most}
				got, others, err := parts.Keys(b.Context(), "org_a", p, limit)
				if err != nil || others != rest || !slices.Equal(got, want) {
					b.Errorf("%d at once: %d of %d keys, %d others of %d, %v", most, len(got), len(want), others, rest, err)
				}
			}
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
				keys, others, err := uses.Keys(b.Context(), o, near, 10)
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
