package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/internal/store"
)

var somePlans = billing.NewPlans([]billing.Plan{
	{Name: "free", Num: 1, IncludedRequests: 10},
	{Name: "pro", Num: 2, PriceCents: 100, IncludedRequests: 10, OverageRequests: 10, OveragePriceCents: 5, Currency: "usd"},
	{Name: "scale", Num: 3, PriceCents: 900, IncludedRequests: 100, OverageRequests: 100, OveragePriceCents: 3, Currency: "usd"},
}, "free", billing.Dunning{})

// taker is a provider of totals and items that can fail.
type taker struct {
	mu     sync.Mutex
	keys   []string
	totals map[string]int64
	items  []billing.ItemInput
	byKey  map[string]string
	billed map[string]bool // items, by their ids
	gone   map[string]bool // items that somebody deleted
	bills  []string        // their keys
	cut    bool            // lists are cut off
	since  time.Time       // of the last list of items
	fail   func(what string) (apply bool, err error)
}

func newTaker() *taker {
	return &taker{totals: map[string]int64{}, byKey: map[string]string{}, billed: map[string]bool{}, gone: map[string]bool{}}
}

func (p *taker) try(what string) (bool, error) {
	if p.fail == nil {
		return true, nil
	}
	return p.fail(what)
}

func (p *taker) PostUsage(_ context.Context, u billing.HourTotal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	apply, err := p.try(u.Event)
	p.keys = append(p.keys, u.Key)
	if apply {
		p.totals[fmt.Sprint(u.Customer, " ", u.Event, " ", billing.HourOf(u.Hour)-int64(hour0))] = u.Total
	}
	return err
}

func (p *taker) AddItem(_ context.Context, key string, in billing.ItemInput) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	apply, err := p.try(in.Kind)
	if apply && p.byKey[key] == "" {
		p.items = append(p.items, in)
		p.byKey[key] = fmt.Sprint("ii_", len(p.items))
	}
	return p.byKey[key], err
}

func (p *taker) Items(_ context.Context, _ string, since time.Time) (out []billing.Item, whole bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = since
	for i, in := range p.items {
		if id := fmt.Sprint("ii_", i+1); !p.gone[id] {
			out = append(out, billing.Item{ID: id, Key: in.Key, Cents: in.Cents, Subscription: in.Subscription, Invoiced: p.billed[id]})
		}
	}
	return out, !p.cut, nil
}

func (p *taker) Bill(_ context.Context, key, _, subscription string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	apply, err := p.try("bill")
	if apply && !slices.Contains(p.bills, key) {
		p.bills = append(p.bills, key)
		for i, item := range p.items {
			if item.Subscription == subscription {
				p.billed[fmt.Sprint("ii_", i+1)] = true
			}
		}
	}
	return err
}

// payer makes org_a a customer since the hour.
func (b *books) payer() {
	b.Helper()
	err := b.exec(`INSERT INTO billing_accounts (organization_id, organization, customer, subscription, status, items, subscribed_at, created_at, updated_at)
		VALUES ('org_a', 1, 'cus_a', 'sub_a', 'active', '{"pro":"si_1"}', ?, 0, 0)`, billing.TimeOf(int64(hour0)).Add(20*time.Minute).UnixMilli())
	if err != nil {
		b.Fatal(err)
	}
}

// posting is a worker's poster with a clock of the test's.
type posting struct {
	*books
	now time.Time
	to  *taker
	by  *billing.Poster
}

func (b *books) posting() *posting {
	p := &posting{books: b, now: billing.TimeOf(int64(hour0) + 1).Add(11 * time.Minute), to: newTaker()}
	p.by = p.poster()
	return p
}

func (p *posting) poster() *billing.Poster {
	return &billing.Poster{
		Store: store.BillingPosts{DB: p.u.DB}, Usage: p.to, Plans: somePlans, Clock: func() time.Time { return p.now }, Logger: slog.New(slog.DiscardHandler),
	}
}

func (p *posting) run() {
	p.Helper()
	if err := p.by.Run(p.Context()); err != nil {
		p.Fatal(err)
	}
}

// want checks what the provider has of org_a, and how often it was told since.
func (p *posting) want(told int, totals map[string]int64) {
	p.Helper()
	if len(p.to.keys) != told {
		p.Errorf("told %q, want %d times", p.to.keys, told)
	}
	p.to.keys = nil
	if fmt.Sprint(p.to.totals) != fmt.Sprint(totals) {
		p.Errorf("the provider has %v, want %v", p.to.totals, totals)
	}
}

const cusPro, cusScale = "cus_a tollgate_requests_pro ", "cus_a tollgate_requests_scale "

// TestPosting tells the provider whole totals of hours that ended, of plans that
// bill requests, since the subscription, and again when they rise.
func TestPosting(t *testing.T) {
	eachBooks(t, func(b *books) {
		b.payer()
		p := b.posting()
		apply(b.T, b.u, batch(writA, 1, usageNow, on(1, hour0, 1, 50), on(2, hour0-1, 1, 4), on(2, hour0, 1, 5), on(3, hour0, 1, 6), on(2, hour0+1, 1, 7)))
		b.fold()
		p.run()
		p.want(2, map[string]int64{cusPro + "0": 5, cusScale + "0": 6})
		p.run()
		p.want(0, map[string]int64{cusPro + "0": 5, cusScale + "0": 6})
		apply(b.T, b.u, batch(writA, 2, usageNow, on(2, hour0, 2, 10)))
		b.fold()
		p.run()
		p.want(1, map[string]int64{cusPro + "0": 15, cusScale + "0": 6})
		// The invoice that bills the present hour is being drafted.
		b.invoice("in_1", "draft", 0, billing.TimeOf(int64(hour0)+2))
		p.run()
		p.want(1, map[string]int64{cusPro + "0": 15, cusScale + "0": 6, cusPro + "1": 7})
		// Too old for the provider.
		p.now = billing.TimeOf(int64(hour0)).AddDate(0, 0, billing.PostDays).Add(time.Minute)
		apply(b.T, b.u, batch(writA, 3, usageNow, on(2, hour0, 3, 1), on(2, hour0+1, 1, 8)))
		b.fold()
		p.run()
		p.want(1, map[string]int64{cusPro + "0": 15, cusScale + "0": 6, cusPro + "1": 8})
		if s := p.by.Stats(); s.Posted != 5 || s.Failed != 0 {
			b.Errorf("%+v", s)
		}
	})
}

// TestPostingFails: what failed after it was applied, what the provider slows down,
// what it does not know and what a worker died over is told again, and nothing else.
func TestPostingFails(t *testing.T) {
	eachBooks(t, func(b *books) {
		b.payer()
		p := b.posting()
		apply(b.T, b.u, batch(writA, 1, usageNow, on(2, hour0, 1, 5), on(3, hour0, 1, 6)))
		b.fold()
		p.to.fail = func(string) (bool, error) {
			return true, &billing.ProviderError{Kind: billing.ErrorTemporary, Status: 500}
		}
		p.run()
		p.want(1, map[string]int64{cusPro + "0": 5})
		p.to.fail = nil
		p.run()
		p.want(0, map[string]int64{cusPro + "0": 5}) // it waits
		p.now = p.now.Add(time.Minute)
		p.to.fail = func(string) (bool, error) {
			return false, &billing.ProviderError{Kind: billing.ErrorTemporary, Status: 429, RetryAfter: 3 * time.Minute}
		}
		p.run()
		p.want(1, map[string]int64{cusPro + "0": 5})
		p.to.fail = nil
		p.now = p.now.Add(2 * time.Minute)
		p.run()
		p.want(0, map[string]int64{cusPro + "0": 5})
		p.now = p.now.Add(2 * time.Minute)
		p.to.fail = func(event string) (bool, error) {
			if event == billing.UsageEvent("pro") {
				return false, &billing.ProviderError{Kind: billing.ErrorNotFound, Code: "resource_missing"}
			}
			return true, nil
		}
		p.run()
		p.want(2, map[string]int64{cusPro + "0": 5, cusScale + "0": 6})
		p.run()
		p.want(0, map[string]int64{cusPro + "0": 5, cusScale + "0": 6})
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_parked WHERE plan = 2 AND reason LIKE '%resource_missing%'"); n != 1 {
			b.Error("the plan is not parked")
		}
		p.to.fail = nil
		p.now = p.now.Add(time.Hour)
		p.run()
		p.want(1, map[string]int64{cusPro + "0": 5, cusScale + "0": 6})
		if n := one(b.T, b.u, "SELECT COUNT(*) FROM billing_hours WHERE posted < total"); n != 0 {
			b.Errorf("%d hours were dropped", n)
		}
	})
}

// TestPostingDies: a worker that dies between telling and noting, and one that comes
// back after another took over.
func TestPostingDies(t *testing.T) {
	eachBooks(t, func(b *books) {
		b.payer()
		p := b.posting()
		apply(b.T, b.u, batch(writA, 1, usageNow, on(2, hour0, 1, 5)))
		b.fold()
		ctx, kill := context.WithCancel(b.Context())
		p.to.fail = func(string) (bool, error) { kill(); return true, nil }
		_ = p.by.Run(ctx) // nothing is noted any more
		p.want(1, map[string]int64{cusPro + "0": 5})
		p.to.fail = nil
		other := p.poster()
		if err := other.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
		p.want(0, map[string]int64{cusPro + "0": 5}) // the dead one's claim stands
		p.now = p.now.Add(5 * time.Minute)
		s := store.BillingPosts{DB: b.u.DB}
		q := billing.PostQuery{Now: p.now, Plans: []uint32{2, 3}}
		slow, err := s.ClaimPosts(b.Context(), q, p.now.Add(time.Minute), 9)
		if err != nil || len(slow) != 1 || slow[0].Customer != "cus_a" || slow[0].Items["pro"] != "si_1" {
			b.Fatalf("claims %+v, %v", slow, err)
		}
		p.now = p.now.Add(2 * time.Minute)
		apply(b.T, b.u, batch(writA, 2, usageNow, on(2, hour0, 1, 9)))
		b.fold()
		if err := other.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
		p.want(1, map[string]int64{cusPro + "0": 9})
		if held, err := s.Posted(b.Context(), &slow[0], &billing.Hour{Hour: int64(hour0), Plan: 2, Total: 5}, p.now.Add(time.Minute)); held || err != nil {
			b.Errorf("the claim of the slow one is still held: %v", err)
		}
		if n := one(b.T, b.u, "SELECT posted FROM billing_hours"); n != 9 {
			b.Errorf("posted is %d", n)
		}
	})
}

// TestPostingHasOneAtATime lets several workers claim at once.
func TestPostingHasOneAtATime(t *testing.T) {
	eachBooks(t, func(b *books) {
		b.payer()
		apply(b.T, b.u, batch(writA, 1, usageNow, on(2, hour0, 1, 5)))
		b.fold()
		now := billing.TimeOf(int64(hour0) + 2)
		var all sync.WaitGroup
		var mu sync.Mutex
		var fences []uint64
		for range 4 {
			all.Go(func() {
				got, err := store.BillingPosts{DB: b.u.DB}.ClaimPosts(b.Context(), billing.PostQuery{Now: now, Plans: []uint32{2}}, now.Add(time.Minute), 9)
				if err != nil {
					b.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, c := range got {
					fences = append(fences, c.Fence)
				}
			})
		}
		all.Wait()
		if !slices.Equal(fences, []uint64{1}) {
			b.Errorf("claimed %v", fences)
		}
	})
}
