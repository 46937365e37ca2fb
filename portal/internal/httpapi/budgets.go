package httpapi

import (
	"cmp"
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/apikey"
	"github.com/tollgate/tollgate/services/budget"
	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/gateway"
)

func toBudget(b *budget.Budget) gen.Budget {
	return gen.Budget{
		Name: gen.BudgetName(b.Name), From: gen.BudgetFrom(b.From), By: gen.BudgetBy(b.By), Limit: b.Limit,
		Window: optional(b.Window), Burst: optional(b.Burst), Used: b.Used, Remaining: b.Remaining,
		ResetsAt: instant(b.ResetsAt), Source: gen.BudgetSource(b.Source),
	}
}

// keyBudgets fills in what is left of the limits of keys, beside them.
func (s *Server) keyBudgets(ctx context.Context, keys []apikey.Key, out []gen.Key) error {
	subjects := make([]budget.Subject, len(keys))
	for i := range keys {
		k := &keys[i]
		subjects[i] = budget.Subject{
			Gateway: k.Gateway.Num, Consumer: k.Consumer.Num, Key: cmp.Or(k.LimitsOf, k.KID), Plan: k.Plan, Limits: k.Limits,
		}
	}
	all, err := s.Budgets.Of(ctx, subjects)
	for i := range all {
		out[i].Budgets = new(each(all[i], toBudget))
	}
	return err
}

// consumerBudgets fills in what is left of the limits of consumers of the call's
// gateway, beside them.
func (s *Server) consumerBudgets(ctx context.Context, list []gateway.Consumer, out []gen.Consumer) error {
	subjects := make([]budget.Subject, len(list))
	for i := range list {
		subjects[i] = budget.Subject{Gateway: callOf(ctx).gateway.Num, Consumer: list[i].Num, Plan: list[i].Plan}
	}
	all, err := s.Budgets.Of(ctx, subjects)
	for i := range all {
		out[i].Budgets = new(each(all[i], toBudget))
	}
	return err
}

// limitsOf reads a key's own limits; none where none were sent.
func limitsOf(in *gen.KeyLimits) (l contract.KeyLimits, err error) {
	if in != nil {
		l, err = recode[contract.KeyLimits](in)
	}
	return l, err
}

func toLimits(l *contract.KeyLimits) *gen.KeyLimits {
	if l.None() {
		return nil
	}
	out := &gen.KeyLimits{Concurrency: optional(l.Concurrency)}
	if r := l.RateLimit; r != nil {
		out.RateLimit = &gen.Rate{Rate: r.Rate, Burst: optional(r.Burst)}
		if r.Per != "" {
			out.RateLimit.Per = new(gen.RatePer(r.Per))
		}
	}
	if q := l.Quota; q != nil {
		out.Quota = &gen.Quota{Limit: q.Limit, Period: gen.QuotaPeriod(q.Period)}
	}
	return out
}
