package billing

import (
	"context"
	"errors"
	"fmt"

	"github.com/tollgate/tollgate/services/billing/notice"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/mailform"
)

// mark is a share of a bound that members are told of, once in a period for each plan
// and each amount of the cap.
type mark struct {
	kind    string // as it is kept: the bound, and which one
	percent int64
	mail    func(*notice.Share) mailform.Form
	beside  bool // a greater one of the same bound is passed too: it is only noted
}

// included makes marks of what a plan includes.
func included(plan string) func(percent int64) mark {
	return func(percent int64) mark {
		return mark{kind: fmt.Sprintf("included_%d %s", percent, plan), percent: percent, mail: notice.IncludedUsed}
	}
}

// ofCap makes marks of a spending cap.
func ofCap(cents int64) func(percent int64) mark {
	return func(percent int64) mark {
		return mark{kind: fmt.Sprintf("cap_%d %d", percent, cents), percent: percent, mail: notice.CapUsed}
	}
}

// whole are the marks of a bound that is used up.
func whole(of func(int64) mark) []mark {
	less := of(80)
	less.beside = true
	return []mark{of(100), less}
}

// sharesBatch is how many organizations one look reads at once.
const sharesBatch = 500

// Active is an organization that is being billed requests now.
type Active struct {
	ID  core.OrganizationID
	Num uint64
	// Plan is its plan's name.
	Plan string
}

// Shares tells members of organizations that have used 80 or 100 % of the requests
// that their plan includes, or of their spending cap: once each in a period, and anew
// for another plan or another cap. Who used all at once is told of the 100 % only. It
// looks at organizations that have an hour open, and returns of how many marks it told.
func (s *Service) Shares(ctx context.Context) (news int, err error) {
	var errs []error
	for after := uint64(0); ; {
		some, err := s.store.Active(ctx, after, sharesBatch)
		if err != nil || len(some) == 0 {
			return news, errors.Join(append(errs, err)...)
		}
		nums := make([]uint64, len(some))
		for i := range some {
			nums[i] = some[i].Num
		}
		all, err := s.store.Allowances(ctx, nums)
		if err != nil {
			return news, err
		}
		for i := range some {
			a := all[some[i].Num]
			if passed, _ := s.shares(some[i].Plan, &a); len(passed) == 0 {
				continue
			}
			told, err := s.tellShares(ctx, &some[i])
			if err != nil { // nobody else waits for it
				errs = append(errs, fmt.Errorf("shares of organization %s: %w", some[i].ID, err))
				continue
			}
			news += told
		}
		after = some[len(some)-1].Num
	}
}

// shares are the marks that an organization has passed, and what its mails say.
func (s *Service) shares(plan string, a *Allowance) (passed []mark, n notice.Share) {
	p, ok := s.plans.Get(plan)
	if !ok {
		return nil, n
	}
	price := a.price(&p)
	var own, spent int64 // on this plan; in cents, on the others
	for _, sum := range a.Sums {
		switch other, ok := s.plans.byNum(sum.Plan); {
		case sum.Plan == p.Num:
			own = sum.Total
		case ok:
			spent = Add(spent, a.price(other).Amount(sum.Total))
		}
	}
	all := a.included(&p)
	n = notice.Share{Plan: p.Title, Used: own, Included: all, Currency: p.Currency}
	if price.Metered() && (a.SpendingCap == nil || *a.SpendingCap > 0) {
		n.OverageRequests, n.OverageCents = price.Requests, price.Cents
	}
	switch {
	case all <= 0: // there is no bound
	case own >= all:
		passed = whole(included(p.Name))
	case own >= eighty(all):
		passed = []mark{included(p.Name)(80)}
	}
	if a.SpendingCap == nil || *a.SpendingCap <= 0 || !price.Metered() {
		return passed, n
	}
	n.CapCents, n.SpentCents = *a.SpendingCap, min(Add(spent, price.Amount(own)), *a.SpendingCap)
	// Edges end at the whole request that the cap still pays for.
	of := ofCap(n.CapCents)
	switch last := Add(price.Included, price.Afford(n.CapCents-min(spent, n.CapCents))); {
	case own >= last:
		passed = append(passed, whole(of)...)
	case n.SpentCents >= eighty(n.CapCents):
		passed = append(passed, of(80))
	}
	return passed, n
}

// eighty is 80 % of n, rounded up.
func eighty(n int64) int64 {
	return n/5*4 + (n%5*4+4)/5
}

// tellShares tells an organization's members what they were not told in this
// period. It works it out again, with the organization locked.
func (s *Service) tellShares(ctx context.Context, o *Active) (told int, err error) {
	err = s.store.Tx(ctx, func(tx Tx) error {
		told = 0
		t, err := tx.Tenant(ctx, o.ID)
		if err != nil || !t.DeletedAt.IsZero() {
			return err
		}
		all, err := tx.Allowances(ctx, []uint64{t.Num})
		if err != nil {
			return err
		}
		a := all[t.Num]
		passed, n := s.shares(t.Plan, &a)
		n.About, n.PeriodEnd = s.about(&t), t.PeriodEnd
		for _, m := range passed {
			first, err := tx.NoteShare(ctx, t.ID, t.PeriodStart, m.kind)
			if err != nil {
				return err
			}
			if !first || m.beside {
				continue
			}
			n.Percent = m.percent
			if err := s.tell(ctx, tx, &t, m.mail(&n)); err != nil {
				return err
			}
			told++
		}
		return nil
	})
	return told, err
}
