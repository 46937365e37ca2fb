package billing

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// UseStore reads what the usage counters hold behind the ledger of hours.
type UseStore interface {
	// Keys are what an organization was billed in a period by key, the most first,
	// at most limit of them, and how much all others were.
	Keys(ctx context.Context, org core.OrganizationID, p Period, limit int) (keys []KeyUse, others int64, err error)
	// EachUse calls each for what was billed in every hour of a period on each plan,
	// route and key, in this order.
	EachUse(ctx context.Context, org core.OrganizationID, p Period, each func(*Use) error) error
	// Facts are what a statement says of a period beside that.
	Facts(ctx context.Context, org core.OrganizationID, p Period) (StatementFacts, error)
}

// KeyUse is what was billed under one key. Names of what is gone are numbers.
type KeyUse struct {
	Gateway  string
	Consumer string // empty: none
	Key      string // its id; empty: none
	Requests int64
}

// Use is what was billed in one hour.
type Use struct {
	Hour  int64
	Plan  uint32
	Route string
	KeyUse
}

// StatementFacts are what a statement says of a period beside its hours.
type StatementFacts struct {
	Rates    Rates
	Since    int64            // hour of the first subscription; 0: there is none
	Gaps     []Period         // hours since then without one: nothing of them is billed
	Adjusted map[string]int64 // cents of adjustments of the period, by plan
	Dropped  map[string]int64 // cents of those that an operator let go
	Currency string           // of the plan
}

// ReconciledLine is one plan's line of an invoice held against the ledger.
type ReconciledLine struct {
	Line        string // id of the invoice's line; empty where it has none
	Plan        string
	Billed      int64 // requests on the line
	Ledger      int64 // requests in the ledger now
	Included    int64
	Overage     int64
	Cents       int64
	Explanation string // why Billed and Ledger differ, or what the line is
}

// StatedHour is an hour with its newest entry in the chain; Seq is 0 where it has none.
type StatedHour struct {
	Hour     int64
	Plan     string
	Requests int64
	Sealed   bool
	Seq      uint64
	Hash     Digest
}

// Statement is an invoice, or the present period, held against the ledger.
type Statement struct {
	Period Period
	Lines  []ReconciledLine
	Hours  []StatedHour
	Keys   []KeyUse
	// First and Last are hashes of the entries of the hours; Intact says that the
	// organization's whole chain is, and that it has the hours' totals.
	First, Last Digest
	Intact      bool
}

// statedKeys is how many keys a statement names; the others are one row.
const statedKeys = 1000

// OtherKeys is the key of the row of all others.
const OtherKeys = "others"

// Statement holds an invoice against the ledger; without one the period that now is
// in, at its present prices. Without byKey it names no keys: they are summed from every
// counter of the period, of which a busy one has millions.
func (l *Ledger) Statement(ctx context.Context, org core.OrganizationID, i *Invoice, byKey bool) (*Statement, error) {
	p, err := l.stated(ctx, org, i)
	if err != nil {
		return nil, err
	}
	s := &Statement{Period: p, Intact: true}
	hours, err := l.hours.Hours(ctx, org, p)
	if err != nil {
		return nil, err
	}
	facts, err := l.uses.Facts(ctx, org, p)
	if err != nil {
		return nil, err
	}
	s.Lines = l.reconcile(i, p, hours, &facts)
	if err := l.stateHours(ctx, org, s, hours); err != nil {
		return nil, err
	}
	if !byKey {
		return s, nil
	}
	keys, others, err := l.uses.Keys(ctx, org, p, statedKeys)
	if s.Keys = keys; others > 0 {
		s.Keys = append(s.Keys, KeyUse{Key: OtherKeys, Requests: others})
	}
	return s, err
}

// Uses calls each for what was billed in every hour of an invoice's period, or of
// the present one.
func (l *Ledger) Uses(ctx context.Context, org core.OrganizationID, i *Invoice, each func(plan string, u *Use) error) error {
	p, err := l.stated(ctx, org, i)
	if err != nil {
		return err
	}
	return l.uses.EachUse(ctx, org, p, func(u *Use) error { return each(l.planName(u.Plan), u) })
}

// stated is the period that an invoice's usage is of: empty for one that bills none.
func (l *Ledger) stated(ctx context.Context, org core.OrganizationID, i *Invoice) (Period, error) {
	if i == nil {
		now := HourOf(l.clock())
		p, err := l.hours.Period(ctx, org, now)
		if core.CodeOf(err) == core.CodeNotFound && err != nil {
			return l.hours.Period(ctx, org, now-1) // it has ended, and the next has not begun yet
		}
		return p, err
	}
	if !i.PeriodStart.Before(i.PeriodEnd) || !slices.ContainsFunc(i.Lines, func(n Line) bool { return n.Kind == LineUsage }) {
		h := HourOf(i.PeriodEnd)
		return Period{h, h}, nil
	}
	p, err := l.hours.Period(ctx, org, HourOf(i.PeriodEnd.Add(-time.Nanosecond)))
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return Period{HourOf(i.PeriodStart), HourOf(i.PeriodEnd.Add(time.Hour - 1))}, nil
	}
	return p, err
}

// reconcile makes a line for each plan that was used or invoiced.
func (l *Ledger) reconcile(i *Invoice, p Period, hours []Hour, f *StatementFacts) []ReconciledLine {
	byPlan := map[string]*ReconciledLine{}
	line := func(plan string) *ReconciledLine {
		if byPlan[plan] == nil {
			byPlan[plan] = &ReconciledLine{Plan: plan}
		}
		return byPlan[plan]
	}
	given := func(hour int64) bool {
		return hour < f.Since || slices.ContainsFunc(f.Gaps, func(g Period) bool { return g.Holds(hour) })
	}
	before := map[string]int64{} // requests without a subscription
	for _, h := range hours {
		name := l.planName(h.Plan)
		n := line(name)
		n.Ledger = Add(n.Ledger, h.Total)
		if given(h.Hour) {
			before[name] = Add(before[name], h.Total)
		}
	}
	var extra []ReconciledLine
	if i != nil {
		for _, n := range i.Lines {
			switch n.Kind {
			case LineUsage:
				of := line(n.Plan)
				of.Line = cmp.Or(of.Line, n.ID)
				of.Billed, of.Cents = Add(of.Billed, n.Quantity), of.Cents+n.Amount
			case LineLateUsage, LineUsageCorrection:
				extra = append(extra, ReconciledLine{
					Line: n.ID, Plan: n.Plan, Cents: n.Amount,
					Explanation: fmt.Sprintf("of %s: see the invoice of that period", Period{HourOf(n.PeriodStart), max(HourOf(n.PeriodEnd), HourOf(n.PeriodStart)+1)}),
				})
			}
		}
	}
	out := make([]ReconciledLine, 0, len(byPlan)+len(extra))
	for _, n := range byPlan {
		l.price(n, i, max(p.Start, f.Since), f)
		explain(n, i != nil, before[n.Plan], f)
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b ReconciledLine) int { return cmp.Compare(a.Plan, b.Plan) })
	return append(out, extra...)
}

// price fills in what a plan's requests cost. Without an invoice they are what would
// be billed.
func (l *Ledger) price(n *ReconciledLine, i *Invoice, from int64, f *StatementFacts) {
	p, known := l.plans.Get(n.Plan)
	var price Price
	if known {
		price = f.Rates.price(&p, from)
	}
	n.Included = price.Included
	if i == nil && price.Metered() {
		n.Billed, n.Cents = n.Ledger, price.Amount(n.Ledger)
	}
	if price.Metered() {
		n.Overage = price.Overage(n.Ledger)
	}
}

// explain says why a line and the ledger differ.
func explain(n *ReconciledLine, invoiced bool, before int64, f *StatementFacts) {
	switch {
	case n.Billed == n.Ledger:
	case !invoiced || n.Line == "" && n.Billed == 0 && before == n.Ledger:
		n.Explanation = "requests on this plan are not billed"
	case before > 0:
		n.Explanation = fmt.Sprintf("%d requests while there was no subscription are not billed", before)
	case n.Line == "":
		n.Explanation = "requests on this plan are not billed"
	case n.Ledger > n.Billed:
		n.Explanation = "counted after this invoice"
	default:
		n.Explanation = "more was invoiced than was counted"
	}
	if adjusted := f.Adjusted[n.Plan]; adjusted != 0 {
		n.Explanation += fmt.Sprintf("; %d cents are a line of a later invoice", adjusted)
	}
	if dropped := f.Dropped[n.Plan]; dropped != 0 {
		n.Explanation += fmt.Sprintf("; %d cents were let go by the operator", dropped)
	}
}

// stateHours adds the hours with their newest entries, and what the chain's check
// finds.
func (l *Ledger) stateHours(ctx context.Context, org core.OrganizationID, s *Statement, hours []Hour) error {
	type place struct {
		hour int64
		plan uint32
	}
	newest := map[place]Entry{}
	var zero Digest
	chain, err := checkChain(ctx, l.hours, org, func(e *Entry) {
		if !s.Period.Holds(e.Hour) {
			return
		}
		newest[place{e.Hour, e.Plan}] = *e
		if s.Last = e.Hash; s.First == zero {
			s.First = e.Hash
		}
	})
	if err != nil {
		return err
	}
	s.Intact = chain.Broken == ""
	for _, h := range hours {
		out := StatedHour{Hour: h.Hour, Plan: l.planName(h.Plan), Requests: h.Total, Sealed: !h.SealedAt.IsZero()}
		if e, ok := newest[place{h.Hour, h.Plan}]; ok {
			out.Seq, out.Hash = e.Seq, e.Hash
			// An hour that rose after it was read has a newer entry: that is no fault.
			s.Intact = s.Intact && e.Total >= h.Total
		}
		s.Hours = append(s.Hours, out)
	}
	return nil
}

// planName is a plan's name, or its number when the operator took it out of the file.
func (l *Ledger) planName(num uint32) string {
	if p, ok := l.plans.byNum(num); ok {
		return p.Name
	}
	return fmt.Sprintf("plan %d", num)
}
