package billing

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// shop is a service without a store, for what needs none.
func shop() *Service {
	return &Service{
		plans: NewPlans([]Plan{
			{Name: "free", Num: 1},
			{Name: "pro", Num: 2, PriceCents: 4900, OverageRequests: 100, OveragePriceCents: 50},
			{Name: "scale", Num: 3, PriceCents: 49900, OverageRequests: 100, OveragePriceCents: 25},
		}, "free", Dunning{Grace: 7 * 24 * time.Hour, SuspendAfter: 14 * 24 * time.Hour}),
		clock: func() time.Time { return day(2026, 11, 15) },
	}
}

func live(plan string, change func(*Subscription)) Subscription {
	s := Subscription{
		ID: "sub_1", Status: SubscriptionActive, Created: day(2026, 11, 12), PeriodStart: day(2026, 11, 12), PeriodEnd: day(2026, 12, 10), Anchor: day(2026, 12, 10),
		Items: []SubscriptionItem{
			{ID: "si_base", Price: "price_" + plan, Plan: plan, Kind: ItemBase},
			{ID: "si_pro", Price: "price_u1", Plan: "pro", Kind: ItemUsage},
			{ID: "si_scale", Price: "price_u2", Plan: "scale", Kind: ItemUsage},
		},
	}
	if change != nil {
		change(&s)
	}
	return s
}

// TestProject is what an organization is for each state that can be fetched.
func TestProject(t *testing.T) {
	t.Parallel()
	subscribed := Payer{Customer: "cus_1", Subscription: "sub_1", Status: StatusActive, Plan: "scale", BaseItem: "si_base", Items: map[string]string{"pro": "si_pro"}}
	for name, c := range map[string]struct {
		plan, next string
		payer      Payer
		subs       []Subscription
		want       string // plan, next plan, status
	}{
		"nothing":                      {"free", "", Payer{}, nil, "free  none"},
		"operator's gift":              {"scale", "", Payer{}, nil, "scale  none"},
		"first payment":                {"free", "", Payer{}, []Subscription{live("pro", nil)}, "pro  active"},
		"not paid yet":                 {"free", "", Payer{}, []Subscription{live("pro", func(s *Subscription) { s.Status = SubscriptionIncomplete })}, "free  incomplete"},
		"never paid":                   {"free", "", Payer{}, []Subscription{live("pro", func(s *Subscription) { s.Status = SubscriptionIncompleteExpired })}, "free  none"},
		"upgrade":                      {"pro", "", subscribed, []Subscription{live("scale", nil)}, "scale  active"},
		"upgrade over a choice":        {"pro", "free", subscribed, []Subscription{live("scale", nil)}, "scale  active"},
		"downgrade":                    {"scale", "", subscribed, []Subscription{live("pro", nil)}, "scale pro active"},
		"downgrade taken back":         {"scale", "pro", subscribed, []Subscription{live("scale", nil)}, "scale  active"},
		"cancel":                       {"scale", "", subscribed, []Subscription{live("scale", func(s *Subscription) { s.CancelAtEnd = true })}, "scale free active"},
		"downgrade, then cancel":       {"scale", "pro", subscribed, []Subscription{live("pro", func(s *Subscription) { s.CancelAtEnd = true })}, "scale free active"},
		"cancel taken back":            {"scale", "free", subscribed, []Subscription{live("scale", nil)}, "scale  active"},
		"past due":                     {"scale", "", subscribed, []Subscription{live("scale", func(s *Subscription) { s.Status = SubscriptionPastDue })}, "scale  past_due"},
		"unpaid":                       {"scale", "", subscribed, []Subscription{live("scale", func(s *Subscription) { s.Status = SubscriptionUnpaid })}, "scale  past_due"},
		"ended":                        {"scale", "pro", subscribed, []Subscription{live("scale", func(s *Subscription) { s.Status = SubscriptionCanceled })}, "free  canceled"},
		"ended long ago, then a gift":  {"pro", "", Payer{Subscription: "sub_1", Status: StatusCanceled}, []Subscription{live("scale", func(s *Subscription) { s.Status = SubscriptionCanceled })}, "pro  canceled"},
		"customer deleted":             {"scale", "", subscribed, nil, "free  canceled"},
		"a plan that was taken away":   {"scale", "", subscribed, []Subscription{live("gold", nil)}, "scale  active"},
		"its price was deleted":        {"scale", "", subscribed, []Subscription{live("scale", func(s *Subscription) { s.Items[0].Plan, s.Items[0].Kind = "", "" })}, "scale  active"},
		"older live, younger canceled": {"free", "", Payer{}, []Subscription{live("pro", nil), live("scale", func(s *Subscription) { s.ID, s.Status = "sub_2", SubscriptionCanceled })}, "pro  active"},
		"older canceled, younger live": {"free", "", Payer{}, []Subscription{live("pro", func(s *Subscription) { s.Status = SubscriptionCanceled }), live("scale", func(s *Subscription) { s.ID = "sub_2" })}, "scale  active"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := shop()
			tenant := Tenant{Plan: c.plan, NextPlan: c.next, PlanSince: day(2026, 11, 10), PeriodStart: day(2026, 11, 10), PeriodEnd: day(2026, 12, 10)}
			payer := c.payer
			f := &fetched{account: Account{Subscriptions: c.subs, CreditCents: 7}}
			for range 2 { // a second time changes nothing
				s.project(&tenant, &payer, f)
				if got := tenant.Plan + " " + tenant.NextPlan + " " + payer.Status; got != c.want {
					t.Errorf("it is %q, want %q", got, c.want)
				}
			}
			if payer.CreditCents != 7 || !tenant.PeriodStart.Equal(day(2026, 11, 10)) || !tenant.PeriodEnd.Equal(day(2026, 12, 10)) {
				t.Errorf("payer %+v, tenant %+v", payer, tenant)
			}
		})
	}
}

// TestAdopt is whose period counts.
func TestAdopt(t *testing.T) {
	t.Parallel()
	now := day(2026, 11, 15)
	for name, c := range map[string]struct {
		since, start, end time.Time
		sub               Subscription
		want              [3]time.Time // since, start, end
	}{
		"the checkout's": {
			day(2026, 10, 10), day(2026, 11, 10), day(2026, 12, 10), live("pro", nil), [3]time.Time{day(2026, 10, 10), day(2026, 11, 10), day(2026, 12, 10)},
		},
		"the 31st in a month of 30 days": {
			day(2026, 10, 31), day(2026, 10, 31), day(2026, 11, 30),
			live("pro", func(s *Subscription) { s.PeriodEnd, s.Anchor = day(2026, 11, 30), day(2026, 11, 30) }),
			[3]time.Time{day(2026, 11, 30), day(2026, 10, 31), day(2026, 11, 30)},
		},
		"the provider has begun the next": {
			day(2026, 10, 10), day(2026, 10, 10), day(2026, 11, 10),
			live("pro", func(s *Subscription) { s.PeriodStart = day(2026, 11, 10) }),
			[3]time.Time{day(2026, 10, 10), day(2026, 10, 10), day(2026, 11, 10)},
		},
		"we have begun the next": {
			day(2026, 10, 15), day(2026, 11, 15), day(2026, 12, 15),
			live("pro", func(s *Subscription) { s.PeriodStart, s.PeriodEnd = day(2026, 10, 15), day(2026, 11, 15) }),
			[3]time.Time{day(2026, 10, 15), day(2026, 11, 15), day(2026, 12, 15)},
		},
		"made in the provider's dashboard": {
			day(2026, 10, 10), day(2026, 11, 10), day(2026, 12, 10),
			live("pro", func(s *Subscription) {
				s.Created = day(2026, 11, 12).Add(90 * time.Minute)
				s.PeriodStart, s.PeriodEnd, s.Anchor = s.Created, day(2026, 12, 12).Add(90*time.Minute), s.Created
			}),
			[3]time.Time{day(2026, 12, 12).Add(time.Hour), day(2026, 11, 10), day(2026, 12, 12).Add(time.Hour)},
		},
		"moved in the provider's dashboard": {
			day(2026, 10, 10), day(2026, 11, 10), day(2026, 12, 10),
			live("pro", func(s *Subscription) {
				s.PeriodStart, s.PeriodEnd = day(2026, 11, 14).Add(90*time.Minute), day(2026, 12, 14).Add(90*time.Minute)
			}),
			[3]time.Time{day(2026, 12, 14).Add(time.Hour), day(2026, 11, 14).Add(time.Hour), day(2026, 12, 14).Add(time.Hour)},
		},
		"paused long ago": {
			day(2026, 10, 10), day(2026, 11, 10), day(2026, 12, 10),
			live("pro", func(s *Subscription) { s.PeriodStart, s.PeriodEnd = day(2026, 8, 1), day(2026, 9, 1) }),
			[3]time.Time{day(2026, 10, 10), day(2026, 11, 10), day(2026, 12, 10)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := Tenant{PlanSince: c.since, PeriodStart: c.start, PeriodEnd: c.end}
			for range 2 {
				adopt(&tenant, &c.sub, now)
				if got := [3]time.Time{tenant.PlanSince, tenant.PeriodStart, tenant.PeriodEnd}; got != c.want {
					t.Errorf("since, start, end are %v, want %v", got, c.want)
				}
			}
		})
	}
}

// TestStanding walks a debt through time: it only gets worse, each step holds at
// its very moment, and the time of the next look is never passed by.
func TestStanding(t *testing.T) {
	t.Parallel()
	d := Dunning{Grace: 7 * 24 * time.Hour, SuspendAfter: 14 * 24 * time.Hour}
	since := day(2026, 11, 1)
	for after, want := range map[time.Duration]Standing{
		0: StandingGrace, d.Grace - 1: StandingGrace, d.Grace: StandingCapped, d.SuspendAfter - 1: StandingCapped, d.SuspendAfter: StandingSuspended, 1000 * 24 * time.Hour: StandingSuspended,
	} {
		if got, _, _ := d.standing(since, since.Add(after)); got != want {
			t.Errorf("after %s it is %s, want %s", after, got, want)
		}
	}
	if got, told, next := d.standing(time.Time{}, since); got != StandingGood || told != toldNothing || !next.IsZero() {
		t.Errorf("without a debt it is %s, %d, %s", got, told, next)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Dunning{Grace: time.Duration(rapid.Int64Range(1, 40*24).Draw(t, "grace")) * time.Hour}
		d.SuspendAfter = d.Grace + time.Duration(rapid.Int64Range(1, 40*24).Draw(t, "more"))*time.Hour
		told := toldNothing
		for now := since; ; {
			_, step, next := d.standing(since, now)
			if step < told {
				t.Fatalf("at %s members are told less than before", now)
			}
			told = step
			if next.IsZero() {
				break
			}
			if !next.After(now) {
				t.Fatalf("at %s the next look is at %s", now, next)
			}
			if _, before, _ := d.standing(since, next.Add(-1)); before != step {
				t.Fatalf("between %s and %s members are told something", now, next)
			}
			now = next
		}
		if told != toldSuspended {
			t.Fatalf("it ends at %d", told)
		}
	})
}

func TestDueSince(t *testing.T) {
	t.Parallel()
	at := day(2026, 11, 1)
	open := Invoice{Status: InvoiceOpen, AmountDue: 5, FinalizedAt: at, Attempts: 1}
	for name, c := range map[string]struct {
		change        func(*Invoice)
		since, counts time.Time
	}{
		"declined":           {func(*Invoice) {}, at, at},
		"not tried yet":      {func(i *Invoice) { i.Attempts = 0 }, at, at.Add(unattempted)},
		"by transfer":        {func(i *Invoice) { i.Attempts, i.DueAt = 0, at.Add(72*time.Hour) }, at.Add(72 * time.Hour), at.Add(72*time.Hour + unattempted)},
		"given up":           {func(i *Invoice) { i.Status = InvoiceUncollectible }, at, at},
		"paid":               {func(i *Invoice) { i.Status, i.AmountPaid = InvoicePaid, 5 }, time.Time{}, time.Time{}},
		"void":               {func(i *Invoice) { i.Status = InvoiceVoid }, time.Time{}, time.Time{}},
		"of nothing":         {func(i *Invoice) { i.AmountDue = 0 }, time.Time{}, time.Time{}},
		"of a first payment": {func(i *Invoice) { i.Reason = "subscription_create" }, time.Time{}, time.Time{}},
	} {
		i := open
		c.change(&i)
		if since, counts := dueSince(&i); !since.Equal(c.since) || !counts.Equal(c.counts) {
			t.Errorf("%s: since %s, from %s", name, since, counts)
		}
	}
}

// TestFirstPart pro-rates a month by the second: nothing at its end, all at its
// begin, and never more the later one begins.
func TestFirstPart(t *testing.T) {
	t.Parallel()
	end := day(2027, 3, 1)
	if got := firstPart(4900, day(2027, 2, 1), end); got != 4900 {
		t.Errorf("a whole month costs %d", got)
	}
	if got := firstPart(4900, day(2027, 2, 15), end); got != 2450 {
		t.Errorf("half of February costs %d", got)
	}
	if got := firstPart(4900, end, end); got != 0 {
		t.Errorf("no time costs %d", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		price := rapid.Int64Range(0, 1<<50).Draw(t, "price")
		a := rapid.Int64Range(0, 28*24*3600).Draw(t, "a")
		b := rapid.Int64Range(a, 28*24*3600).Draw(t, "b")
		begin := day(2027, 2, 1)
		early, late := firstPart(price, begin.Add(time.Duration(a)*time.Second), end), firstPart(price, begin.Add(time.Duration(b)*time.Second), end)
		if late > early || early > price || late < 0 {
			t.Fatalf("%d s costs %d, %d s costs %d of %d", a, early, b, late, price)
		}
	})
}

// TestFirstPartOfLongMonths: a month that ends on a day which the one before lacks began
// on that one's last.
func TestFirstPartOfLongMonths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		begin, end time.Time
		want       int64
	}{
		{day(2027, 2, 28), day(2027, 3, 31), 3100}, // 31 days
		{day(2027, 3, 10), day(2027, 3, 31), 2100},
		{day(2028, 2, 29), day(2028, 3, 30), 3000},
		{day(2027, 1, 31), day(2027, 2, 28), 2800}, // of the 31 from 28 January
	} {
		whole := int64(100 * c.end.Sub(months(c.end, -1)) / (24 * time.Hour))
		if got := firstPart(whole, c.begin, c.end); got != c.want {
			t.Errorf("%s to %s of %d costs %d, want %d", c.begin, c.end, whole, got, c.want)
		}
	}
}

// TestAnchor: a subscription's first whole month begins when the period ends, but never
// further away than the provider takes: a month.
func TestAnchor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ now, end, want time.Time }{
		{day(2027, 2, 1), day(2027, 2, 28), day(2027, 2, 28)},
		{day(2027, 2, 28).Add(10 * time.Hour), day(2027, 3, 31), day(2027, 3, 28)},
		{day(2027, 3, 1), day(2027, 3, 31), day(2027, 3, 31)},
		{day(2027, 4, 30).Add(time.Hour), day(2027, 5, 31), day(2027, 5, 30)},
		{day(2028, 2, 29), day(2028, 3, 30), day(2028, 3, 29)},
		{day(2027, 1, 10), day(2027, 2, 10), day(2027, 2, 10)},
	} {
		if got := anchor(c.now, c.end); !got.Equal(c.want) {
			t.Errorf("at %s the period to %s gives %s, want %s", c.now, c.end, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		born := day(2024, 1, 1).AddDate(0, 0, rapid.IntRange(0, 1500).Draw(t, "born"))
		begin := months(born, rapid.IntRange(0, 40).Draw(t, "month"))
		now := begin.Add(time.Duration(rapid.Int64Range(0, 28*24*3600-1).Draw(t, "later")) * time.Second)
		end := begin
		for k := 0; !end.After(now); k++ {
			end = months(born, k)
		}
		got := anchor(now, end)
		if got.After(months(now, 1)) || got.After(end) || !got.Equal(got.Truncate(24*time.Hour)) || got.Sub(now) < 27*24*time.Hour && !got.Equal(end) {
			t.Fatalf("at %s the period to %s gives %s", now, end, got)
		}
	})
}

// TestSteps is what the provider is asked for a choice.
func TestSteps(t *testing.T) {
	t.Parallel()
	s := shop()
	s.provider = stub{}
	s.shelf.have = Catalogue{Plans: map[string]CataloguePlan{"pro": {Base: "p_pro"}, "scale": {Base: "p_scale"}}}
	s.shelf.fetched = s.clock()
	for name, c := range map[string]struct {
		plan, base, choose string
		ends               bool
		want               string
	}{
		"dearer":                            {"pro", "pro", "scale", false, "[scale charged]"},
		"dearer, a cancellation taken back": {"pro", "pro", "scale", true, "[scale stay charged]"},
		"cheaper":                           {"scale", "scale", "pro", false, "[pro]"},
		"the same":                          {"scale", "scale", "scale", false, ""},
		"a cheaper one taken back":          {"scale", "pro", "scale", false, "[scale]"},
		"a cheaper one again":               {"scale", "pro", "pro", false, ""},
		"a cancellation taken back":         {"scale", "scale", "scale", true, "[stay]"},
		"both taken back":                   {"scale", "pro", "scale", true, "[scale stay]"},
		"without a plan":                    {"scale", "scale", "free", false, "[end]"},
		"without a plan again":              {"scale", "scale", "free", true, ""},
	} {
		tenant, payer := Tenant{Plan: c.plan}, Payer{Plan: c.base, BaseItem: "si", CancelAtEnd: c.ends}
		steps, err := s.steps(t.Context(), &tenant, &payer, &Patch{Plan: &c.choose})
		got := ""
		for _, one := range steps {
			got += "[" + words(&one) + "]"
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", name, got, err, c.want)
		}
	}
	// An upgrade beyond what was paid for takes a waiting downgrade back first.
	s.plans = NewPlans(append(s.plans.List(), Plan{Name: "huge", PriceCents: 99900}), "free", s.plans.Dunning())
	s.shelf.have.Plans["huge"] = CataloguePlan{Base: "p_huge"}
	huge := "huge"
	steps, err := s.steps(t.Context(), &Tenant{Plan: "scale"}, &Payer{Plan: "pro", BaseItem: "si"}, &Patch{Plan: &huge})
	if err != nil || len(steps) != 2 || words(&steps[0]) != "scale" || words(&steps[1]) != "huge charged" {
		t.Errorf("steps %+v, %v", steps, err)
	}
}

// words are a change in short.
func words(c *Change) string {
	out := ""
	add := func(w string) {
		if out != "" {
			out += " "
		}
		out += w
	}
	if c.Base != "" {
		add(c.Base[2:])
	}
	if c.CancelAtEnd != nil {
		add(map[bool]string{true: "end", false: "stay"}[*c.CancelAtEnd])
	}
	if c.ChargeNow {
		add("charged")
	}
	return out
}

// stub is a provider that nobody calls.
type stub struct{ Provider }

// slow is a provider whose catalogue takes its time.
type slow struct {
	Provider
	calls atomic.Int32
	free  chan struct{}
}

func (p *slow) Catalogue(context.Context, []Plan) (Catalogue, error) {
	p.calls.Add(1)
	<-p.free
	return Catalogue{Plans: map[string]CataloguePlan{"pro": {Base: "p_pro"}}}, nil
}

// TestCatalogueIsFetchedOnce: all who ask while it is fetched wait for that one, and
// each only as long as it wants.
func TestCatalogueIsFetchedOnce(t *testing.T) {
	t.Parallel()
	s, p := shop(), &slow{free: make(chan struct{})}
	s.provider = p
	var all sync.WaitGroup
	ask := func(ctx context.Context) {
		all.Go(func() {
			if c, err := s.Catalogue(ctx); err != nil || c.Plans["pro"].Base != "p_pro" {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
	ask(t.Context())
	for p.calls.Load() == 0 {
		runtime.Gosched()
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := s.Catalogue(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("one that has gone: %v", err)
	}
	ask(t.Context())
	close(p.free)
	all.Wait()
	if n := p.calls.Load(); n != 1 {
		t.Errorf("it was fetched %d times", n)
	}
}
