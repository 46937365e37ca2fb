package billing

import (
	"context"
	"math"

	"github.com/tollgate/tollgate/services/contract"
)

// AllowanceStore reads what bounds organizations beside their plans.
type AllowanceStore interface {
	// Allowances reads, for organizations by number, what bounds them; one that
	// nothing is known of may be left out.
	Allowances(ctx context.Context, nums []uint64) (map[uint64]Allowance, error)
}

// Allowance is what bounds an organization beside its plan.
type Allowance struct {
	Standing    Standing
	SpendingCap *int64
	// Sums are what the hours of its present period sum to.
	Sums []Sum
	// Rates are what plans cost when, and From is the hour whose rates the bill of the
	// present period takes.
	Rates Rates
	From  int64
}

// price is what a plan's requests cost in the present period: what the bill will take,
// whatever the plans file says meanwhile.
func (a *Allowance) price(p *Plan) Price { return a.Rates.price(p, a.From) }

// included are the requests of the present period that a plan includes. One with a price
// for more has as many as its bill will take off; 0 of one without is no bound.
func (a *Allowance) included(p *Plan) int64 {
	if price := a.price(p); price.Metered() && p.Metered() {
		return price.Included
	}
	return p.IncludedRequests
}

// Allow lowers or raises what edges are told that organizations may use in their
// period: what earlier plans were billed in it comes on top of what the plan
// includes; a spending cap, or a debt, makes an end of what is beyond.
func (l *Ledger) Allow(ctx context.Context, docs []contract.Organization) error {
	nums := make([]uint64, len(docs))
	for i := range docs {
		nums[i] = docs[i].Num
	}
	all, err := l.allowances.Allowances(ctx, nums)
	if err != nil {
		return err
	}
	for i := range docs {
		if a, ok := all[docs[i].Num]; ok {
			l.allow(&docs[i], &a)
		}
	}
	return nil
}

func (l *Ledger) allow(doc *contract.Organization, a *Allowance) {
	plan, ok := l.plans.byNum(doc.PlanNum)
	if !ok {
		return // nothing bounds it
	}
	price := a.price(plan)
	// A plan that had a price for what is beyond when the period began, and has a hard
	// cap now, is still billed by that price.
	capped := a.SpendingCap != nil && price.Metered()
	if doc.RequestsPerPeriod == 0 && !doc.Overage && !capped {
		return
	}
	var base, spent int64
	for _, s := range a.Sums {
		if s.Plan == doc.PlanNum {
			continue
		}
		base = Add(base, s.Total)
		if other, ok := l.plans.byNum(s.Plan); ok {
			spent = Add(spent, a.price(other).Amount(s.Total))
		}
	}
	included := doc.RequestsPerPeriod
	if doc.Overage && price.Metered() {
		included = price.Included
	}
	limit, bounded := Add(base, included), !doc.Overage && doc.RequestsPerPeriod > 0
	if doc.Overage && (a.Standing == StandingCapped || a.Standing == StandingSuspended) {
		bounded = true
	} else if capped {
		if afford := price.Afford(*a.SpendingCap - min(spent, *a.SpendingCap)); afford < math.MaxInt64 {
			paid := Add(Add(base, price.Included), afford)
			if bounded {
				paid = min(paid, limit)
			}
			limit, bounded = paid, true
		}
	}
	if bounded {
		// Edges take 0 for no bound.
		doc.RequestsPerPeriod, doc.Overage = max(limit, 1), false
	} else if doc.RequestsPerPeriod > 0 {
		doc.RequestsPerPeriod = limit
	}
}
