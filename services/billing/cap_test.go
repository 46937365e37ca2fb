package billing

import (
	"context"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

var testPlans = NewPlans([]Plan{
	{Name: "free", Num: 1, IncludedRequests: 10},
	{Name: "pro", Num: 2, PriceCents: 100, IncludedRequests: 10, OverageRequests: 10, OveragePriceCents: 5},
	{Name: "bare", Num: 3, PriceCents: 100, OverageRequests: 10, OveragePriceCents: 5},
	{Name: "open", Num: 4},
}, "free", Dunning{})

// known is a store of one organization's sums and allowance.
type known struct {
	HourStore
	UseStore
	InvariantStore
	allowance Allowance
	period    Period
	lately    []Sum
	rates     Rates
}

func (k *known) Facts(context.Context, core.OrganizationID, Period) (StatementFacts, error) {
	return StatementFacts{Rates: k.rates}, nil
}

func (k *known) Allowances(context.Context, []uint64) (map[uint64]Allowance, error) {
	return map[uint64]Allowance{7: k.allowance}, nil
}

func (k *known) Period(context.Context, core.OrganizationID, int64) (Period, error) {
	return k.period, nil
}

func (k *known) Sums(_ context.Context, _ core.OrganizationID, p Period) ([]Sum, error) {
	if p == k.period {
		return k.allowance.Sums, nil
	}
	return k.lately, nil
}

func ledgerOf(t interface{ Fatal(...any) }, k *known, now time.Time) *Ledger {
	l, err := NewLedger(LedgerConfig{Hours: k, Uses: k, Allowances: k, Invariants: k, Plans: testPlans, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func docOf(num uint32) contract.Organization {
	doc := contract.Organization{Num: 7, PlanNum: num}
	if p, ok := testPlans.byNum(num); ok {
		doc.RequestsPerPeriod, doc.Overage = p.IncludedRequests, p.OverageRequests > 0
	}
	return doc
}

func TestAllowances(t *testing.T) {
	t.Parallel()
	cents := func(n int64) *int64 { return &n }
	cent := Price{Included: 8, Requests: 10, Cents: 10}
	dearer := Rates{{Plan: 1, Price: Price{Requests: 1, Cents: 1}}, {Plan: 2, Price: cent}, {Plan: 4, Price: Price{Included: 3, Requests: 1, Cents: 1}}}
	later := Rates{{Plan: 2, Price: cent}, {Plan: 2, From: 6, Price: Price{Included: 10, Requests: 10, Cents: 5}}}
	for name, c := range map[string]struct {
		plan    uint32
		allow   Allowance
		limit   int64
		overage bool
	}{
		"as the plan says":                {2, Allowance{}, 10, true},
		"own use is no base":              {2, Allowance{Sums: []Sum{{2, 50}}}, 10, true},
		"what another plan was billed":    {2, Allowance{Sums: []Sum{{1, 10}, {2, 3}}}, 20, true},
		"back on a hard cap":              {1, Allowance{Sums: []Sum{{1, 10}, {2, 500}}}, 510, false},
		"a cap":                           {2, Allowance{SpendingCap: cents(7)}, 10 + 14, false},
		"a cap of nothing":                {2, Allowance{SpendingCap: cents(0)}, 10, false},
		"a cap that another plan is in":   {2, Allowance{SpendingCap: cents(7), Sums: []Sum{{3, 8}}}, 8 + 10 + 6, false},
		"a cap that another plan used up": {2, Allowance{SpendingCap: cents(7), Sums: []Sum{{3, 100}}}, 100 + 10, false},
		"a cap without included requests": {3, Allowance{SpendingCap: cents(0)}, 1, false},
		"a huge cap":                      {2, Allowance{SpendingCap: cents(math.MaxInt64)}, 10, true},
		"a cap on a hard cap":             {1, Allowance{SpendingCap: cents(7)}, 10, false},
		"debt":                            {2, Allowance{Standing: StandingCapped, SpendingCap: cents(700)}, 10, false},
		"grace":                           {2, Allowance{Standing: StandingGrace}, 10, true},
		"a plan without bounds":           {4, Allowance{Sums: []Sum{{1, 10}}}, 0, false},
		"a cap at a dearer rate":          {2, Allowance{SpendingCap: cents(7), Rates: dearer, From: 5}, 8 + 7, false},
		"a cap, and a rate of later":      {2, Allowance{SpendingCap: cents(7), Rates: later, From: 5}, 8 + 7, false},
		"debt at an earlier rate":         {2, Allowance{Standing: StandingCapped, Rates: dearer, From: 5}, 8, false},
		"a price that was taken away":     {4, Allowance{SpendingCap: cents(7), Rates: dearer, From: 5}, 3 + 7, false},
		"a hard cap that had a price":     {1, Allowance{SpendingCap: cents(7), Rates: dearer, From: 5}, 7, false},
		"a price that came in the period": {2, Allowance{SpendingCap: cents(7), Rates: Rates{{Plan: 2, Price: Price{Included: 10}}}, From: 5}, 10, true},
		"a plan that is gone":             {9, Allowance{SpendingCap: cents(0)}, 0, false},
	} {
		docs := []contract.Organization{docOf(c.plan), {Num: 8, PlanNum: 1, RequestsPerPeriod: 10}}
		if err := ledgerOf(t, &known{allowance: c.allow}, time.Now()).Allow(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
		if docs[0].RequestsPerPeriod != c.limit || docs[0].Overage != c.overage {
			t.Errorf("%s: %d requests, overage %v, want %d, %v", name, docs[0].RequestsPerPeriod, docs[0].Overage, c.limit, c.overage)
		}
		if docs[1].RequestsPerPeriod != 10 {
			t.Errorf("%s: another organization may use %d", name, docs[1].RequestsPerPeriod)
		}
	}
}

// TestCapIsNeverPassed: whatever was used of which plans, using all that edges allow
// costs no more than the cap, or what it cost before.
func TestCapIsNeverPassed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 1000).Draw(t, "cap")
		var a Allowance
		var before, others int64
		for _, num := range []uint32{1, 3, 4} {
			n := rapid.Int64Range(0, 2000).Draw(t, "used")
			p, _ := testPlans.byNum(num)
			a.Sums = append(a.Sums, Sum{num, n})
			before, others = before+PriceOf(p).Amount(n), others+n
		}
		a.SpendingCap = &limit
		docs := []contract.Organization{docOf(2)}
		if err := ledgerOf(t, &known{allowance: a}, time.Now()).Allow(context.Background(), docs); err != nil {
			t.Fatal(err)
		}
		pro, _ := testPlans.byNum(2)
		if cost := before + PriceOf(pro).Amount(docs[0].RequestsPerPeriod-others); docs[0].Overage || cost > max(limit, before) {
			t.Fatalf("all of %d requests cost %d, the cap is %d, %d were spent before", docs[0].RequestsPerPeriod, cost, limit, before)
		}
	})
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	start := int64(490_000)
	k := &known{
		period:    Period{start, start + 30*24},
		allowance: Allowance{Sums: []Sum{{1, 10}, {2, 110}}},
		lately:    []Sum{{2, 70}},
	}
	// 20 days have passed: 70 in the last seven, so 100 in the ten that come.
	l := ledgerOf(t, k, TimeOf(start+20*24))
	e, err := l.Estimate(t.Context(), "org_x", "pro", nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Total != 100+50 || e.ForecastRequests != 220 || e.ForecastTotal != 100+50+50 {
		t.Errorf("%+v", e)
	}
	if len(e.Lines) != 2 || e.Lines[0] != (EstimateLine{Plan: "free", Requests: 10, Included: 10}) || e.Lines[1] != (EstimateLine{"pro", 100, 110, 10, 100, 50}) {
		t.Errorf("lines %+v", e.Lines)
	}
	most := int64(70)
	if e, err = l.Estimate(t.Context(), "org_x", "pro", &most); err != nil || e.ForecastTotal != 100+70 {
		t.Errorf("with a cap %+v, %v", e, err)
	}
	// The period began at another price: half a cent more each, eight requests fewer.
	k.rates = Rates{{Plan: 2, Price: Price{Included: 2, Requests: 10, Cents: 10}}, {Plan: 2, From: start + 1, Price: Price{Included: 10, Requests: 10, Cents: 5}}}
	if e, err = l.Estimate(t.Context(), "org_x", "pro", nil); err != nil || e.Total != 100+108 || e.ForecastTotal != 100+108+100 || e.Lines[1].Included != 2 {
		t.Errorf("at an earlier price %+v, %v", e, err)
	}
	k.rates = nil
	k.allowance.Sums, k.lately = nil, nil
	if e, err = l.Estimate(t.Context(), "org_x", "pro", nil); err != nil || e.Total != 100 || e.ForecastTotal != 100 || len(e.Lines) != 1 {
		t.Errorf("before any use %+v, %v", e, err)
	}
	// Three minutes have passed, with 50 requests: a day of 50, and so 30 of them.
	k.allowance.Sums, k.lately = []Sum{{2, 50}}, []Sum{{2, 50}}
	young := ledgerOf(t, k, TimeOf(start).Add(3*time.Minute))
	if e, err = young.Estimate(t.Context(), "org_x", "pro", nil); err != nil || e.ForecastRequests != 50+1499 {
		t.Errorf("in the first minutes %+v, %v", e, err)
	}
	for hours, want := range map[int]int64{1: 70 * 10, 23: 70 * 10, 24: 70 * 10, 48: 35 * 10} {
		if n := ahead(70, time.Duration(hours)*time.Hour, 240*time.Hour); n != want {
			t.Errorf("70 in %d hours, so %d in ten days, want %d", hours, n, want)
		}
	}
	if n := ahead(math.MaxInt64, time.Hour, 1000*time.Hour); n != math.MaxInt64 {
		t.Errorf("ahead are %d", n)
	}
}
