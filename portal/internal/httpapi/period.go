package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/gen"
)

// GetPeriodUsage tells how much of the current period's requests is used.
func (s *Server) GetPeriodUsage(ctx context.Context, _ gen.GetPeriodUsageRequestObject) (gen.GetPeriodUsageResponseObject, error) {
	org := callOf(ctx).org
	sub, err := s.Billing.Subscription(ctx, org)
	if err != nil {
		return nil, err
	}
	p := s.Plans.Of(sub.Plan)
	used, err := s.Usage.Billed(ctx, org, sub.PeriodStart)
	if err != nil {
		return nil, err
	}
	return gen.GetPeriodUsage200JSONResponse{
		PlanTitle: p.Title, PeriodStart: sub.PeriodStart, PeriodEnd: sub.PeriodEnd, UsedRequests: used,
		IncludedRequests: optional(p.IncludedRequests), HardCap: p.Overage == nil,
	}, nil
}
