package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/portal/internal/csvsafe"
	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
)

// GetReconciliation holds an invoice against the ledger.
func (s *Server) GetReconciliation(ctx context.Context, r gen.GetReconciliationRequestObject) (gen.GetReconciliationResponseObject, error) {
	i, err := s.reconcilable(ctx, r.Invoice)
	if err != nil {
		return nil, err
	}
	found, err := s.Hours.Statement(ctx, callOf(ctx).org, i, r.Params.Keys == nil || *r.Params.Keys)
	if err != nil {
		return nil, err
	}
	out := gen.GetReconciliation200JSONResponse{Lines: each(found.Lines, toReconciledLine), Hours: each(found.Hours, toLedgerHour), Keys: each(found.Keys, toLedgerKey)}
	if i != nil {
		shown := toInvoice(i)
		shown.Lines = new(each(i.Lines, toInvoiceLine))
		out.Invoice = &shown
	}
	for k := range found.Lines {
		n := &found.Lines[k]
		out.Totals.LedgerRequests = billing.Add(out.Totals.LedgerRequests, n.Ledger)
		out.Totals.BilledRequests = billing.Add(out.Totals.BilledRequests, n.Billed)
		out.Totals.AmountCents += n.Cents
	}
	out.Totals.DifferenceRequests = out.Totals.LedgerRequests - out.Totals.BilledRequests
	out.Chain.Intact = found.Intact
	if found.First != (billing.Digest{}) {
		out.Chain.First, out.Chain.Last = new(found.First.String()), new(found.Last.String())
	}
	return out, nil
}

func toReconciledLine(n *billing.ReconciledLine) gen.ReconciledLine {
	return gen.ReconciledLine{
		Line: optional(n.Line), Plan: n.Plan, BilledQuantity: n.Billed, LedgerRequests: n.Ledger, Included: n.Included, OverageRequests: n.Overage,
		AmountCents: n.Cents, DifferenceRequests: n.Ledger - n.Billed, Explanation: n.Explanation,
	}
}

func toLedgerHour(h *billing.StatedHour) gen.LedgerHour {
	out := gen.LedgerHour{Hour: billing.TimeOf(h.Hour), Plan: h.Plan, Requests: h.Requests, Sealed: h.Sealed}
	if h.Seq > 0 {
		out.Seq, out.Hash = new(int64(h.Seq)), new(h.Hash.String())
	}
	return out
}

func toLedgerKey(k *billing.KeyUse) gen.LedgerKey {
	return gen.LedgerKey{Gateway: k.Gateway, Consumer: k.Consumer, Key: k.Key, Requests: k.Requests}
}

// GetReconciliationCSV is the ledger behind an invoice. It is written as it is read:
// a large organization's has millions of rows.
func (s *Server) GetReconciliationCSV(ctx context.Context, r gen.GetReconciliationCSVRequestObject) (gen.GetReconciliationCSVResponseObject, error) {
	i, err := s.reconcilable(ctx, r.Invoice)
	if err != nil {
		return nil, err
	}
	return &ledgerTable{ctx: ctx, server: s, org: callOf(ctx).org, invoice: i, name: r.Invoice}, nil
}

// ledgerTable writes the ledger behind an invoice.
type ledgerTable struct {
	ctx     context.Context // of the request, for as long as the answer is written
	server  *Server
	org     core.OrganizationID
	invoice *billing.Invoice
	name    string
}

// VisitGetReconciliationCSVResponse writes the table; its last row is the total, so
// that one that was cut short shows.
func (t *ledgerTable) VisitGetReconciliationCSVResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="reconciliation.csv"`)
	w.WriteHeader(http.StatusOK)
	out := csvsafe.NewWriter(w)
	err := out.Write([]string{"hour", "plan", "gateway", "route", "consumer", "key", "requests"})
	var total int64
	if err == nil {
		err = t.server.Hours.Uses(t.ctx, t.org, t.invoice, func(plan string, u *billing.Use) error {
			total = billing.Add(total, u.Requests)
			return out.Write([]string{
				billing.TimeOf(u.Hour).Format(time.RFC3339), plan, u.Gateway, u.Route, u.Consumer, u.Key, strconv.FormatInt(u.Requests, 10),
			})
		})
	}
	if err == nil {
		err = out.Write([]string{"total", "", "", "", "", "", strconv.FormatInt(total, 10)})
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		// The answer has begun: it ends without its total.
		t.server.log.Warn("a table of the ledger was not written to its end", "organization", t.org, "invoice", t.name, "error", err)
	}
	return nil
}

// currentInvoice stands for the period that is still open.
const currentInvoice = "current"

// reconcilable finds an invoice; nil for the period that is still open.
func (s *Server) reconcilable(ctx context.Context, id string) (*billing.Invoice, error) {
	if id == currentInvoice {
		return nil, nil
	}
	i, err := s.Billing.Invoice(ctx, callOf(ctx).org, id)
	return &i, err
}

// estimate is what the present period costs and is likely to cost.
func (s *Server) estimate(ctx context.Context, sub *billing.State) (*gen.Estimate, error) {
	e, err := s.Hours.Estimate(ctx, sub.ID, sub.Plan, sub.Payer.SpendingCap)
	if core.CodeOf(err) == core.CodeNotFound && err != nil {
		return nil, nil // one period has ended, and the next has not begun yet
	}
	if err != nil {
		return nil, err
	}
	return &gen.Estimate{
		Lines: each(e.Lines, func(n *billing.EstimateLine) gen.EstimateLine {
			return gen.EstimateLine{
				Plan: n.Plan, BaseCents: n.BaseCents, Requests: n.Requests, Included: n.Included, OverageRequests: n.Overage, OverageCents: n.OverageCents,
			}
		}),
		TotalCents: e.Total, ForecastRequests: e.ForecastRequests, ForecastTotalCents: e.ForecastTotal, AsOf: e.AsOf,
	}, nil
}
