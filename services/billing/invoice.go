package billing

import (
	"context"

	"github.com/tollgate/tollgate/services/core"
)

// Invoices returns a page of an organization's invoices, the newest first,
// without drafts.
func (s *Service) Invoices(ctx context.Context, org core.OrganizationID, page core.Page) (core.List[Invoice], error) {
	limit, before, err := page.After()
	if err != nil {
		return core.List[Invoice]{}, err
	}
	items, err := view(ctx, s, func(r Rows) ([]Invoice, error) { return r.Invoices(ctx, org, before, limit+1) })
	if err != nil {
		return core.List[Invoice]{}, err
	}
	return core.NextPage(items, limit, func(i Invoice) string { return i.ID }), nil
}

// Invoice returns one invoice with its lines.
func (s *Service) Invoice(ctx context.Context, org core.OrganizationID, id string) (Invoice, error) {
	return view(ctx, s, func(r Rows) (Invoice, error) { return r.Invoice(ctx, org, id) })
}
