package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/billing"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/operator"
	"github.com/tollgate/tollgate/services/tenant"
)

type operatorView = operator.View

func toView(v *operatorView) gen.OperatorView {
	return gen.OperatorView{Organization: string(v.Organization), Name: v.Name, Reason: v.Reason, StartedAt: v.StartedAt, EndsAt: v.EndsAt}
}

func toSuspension(x *tenant.Suspension) gen.Suspension {
	return gen.Suspension{By: gen.SuspensionBy(x.By), Reason: x.Reason, Message: optional(x.Message), At: x.At}
}

func toOperatorOrganization(o *operator.Organization) gen.OperatorOrganization {
	owners := o.Owners
	if owners == nil {
		owners = []string{}
	}
	return gen.OperatorOrganization{
		ID: string(o.ID), Name: o.Name, Plan: o.Plan, Verified: o.Verified, Suspended: o.Suspended, DeletedAt: instant(o.DeletedAt),
		Owners: owners, Members: o.Members, Gateways: o.Gateways, UsedRequests: o.Used,
		PeriodStart: o.PeriodStart, PeriodEnd: o.PeriodEnd, CreatedAt: o.CreatedAt,
	}
}

// ListOperatorOrganizations searches all organizations.
func (s *Server) ListOperatorOrganizations(ctx context.Context, r gen.ListOperatorOrganizationsRequestObject) (gen.ListOperatorOrganizationsResponseObject, error) {
	p := r.Params
	search := operator.Search{Query: value(p.Q), Plan: value(p.Plan), State: operator.State(value(p.State))}
	l, err := s.Operators.Organizations(ctx, search, page(p.Limit, p.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListOperatorOrganizations200JSONResponse{Items: each(l.Items, toOperatorOrganization), NextCursor: optional(l.Next)}, nil
}

// GetOperatorOrganization shows one organization to an operator.
func (s *Server) GetOperatorOrganization(ctx context.Context, r gen.GetOperatorOrganizationRequestObject) (gen.GetOperatorOrganizationResponseObject, error) {
	d, err := s.operatorOrganization(ctx, core.OrganizationID(r.Organization))
	if err != nil {
		return nil, err
	}
	return gen.GetOperatorOrganization200JSONResponse(*d), nil
}

// operatorOrganization puts together what the domains know of an organization.
func (s *Server) operatorOrganization(ctx context.Context, org core.OrganizationID) (*gen.OperatorOrganizationDetail, error) {
	o, err := s.Tenants.Organization(ctx, org)
	if err != nil {
		return nil, err
	}
	suspensions, err := s.Tenants.Suspensions(ctx, org)
	if err != nil {
		return nil, err
	}
	members, err := s.Tenants.Members(ctx, org, core.Page{Limit: core.MaxPage})
	if err != nil {
		return nil, err
	}
	gateways, err := s.Gateways.List(ctx, org, core.Page{Limit: core.MaxPage})
	if err != nil {
		return nil, err
	}
	used, err := s.Usage.Billed(ctx, org, o.PeriodStart)
	if err != nil {
		return nil, err
	}
	out := &gen.OperatorOrganizationDetail{
		Organization: toOrganization(&o), DeletedAt: instant(o.DeletedAt), PlanSince: o.PlanSince, PeriodStart: o.PeriodStart, PeriodEnd: o.PeriodEnd,
		UsedRequests: used, Suspensions: each(suspensions, toSuspension), Members: each(members.Items, toMember),
		Gateways: make([]gen.OperatorGateway, len(gateways.Items)),
	}
	pays, err := s.Billing.Subscription(ctx, org)
	if err != nil {
		return nil, err
	}
	out.Standing, out.NextPlan, out.CreditCents, out.Payment = gen.OperatorOrganizationDetailStanding(pays.Payer.Standing), optional(pays.NextPlan), pays.CreditCents, pays.Payment
	invoices, err := s.Billing.Invoices(ctx, org, core.Page{Limit: invoicesShown})
	if err != nil {
		return nil, err
	}
	out.Invoices = each(invoices.Items, toInvoice)
	p := s.Plans.Of(o.Plan)
	out.IncludedRequests = optional(p.IncludedRequests)
	for i := range members.Items {
		out.Members[i].SecondFactor = &members.Items[i].SecondFactor
	}
	for i := range gateways.Items {
		g := &gateways.Items[i]
		out.Gateways[i] = gen.OperatorGateway{ID: g.ID, Name: g.Name, Hostname: g.Hostname, CreatedAt: g.CreatedAt}
	}
	return out, nil
}

// UpdateOperatorOrganization puts an organization on another plan.
func (s *Server) UpdateOperatorOrganization(ctx context.Context, r gen.UpdateOperatorOrganizationRequestObject) (gen.UpdateOperatorOrganizationResponseObject, error) {
	org := core.OrganizationID(r.Organization)
	if _, err := s.Plans.Get(r.Body.Plan); err != nil {
		e := core.Errorf(core.CodeInvalid, "1 field is not valid")
		e.Fields.Add("/plan", "is none of the plans; GET /v1/plans lists them")
		return nil, e
	}
	if _, err := s.liveOrganization(ctx, org); err != nil {
		return nil, err
	}
	if _, err := s.Billing.SetPlan(core.WithReason(ctx, r.Body.Reason), org, r.Body.Plan); err != nil {
		return nil, err
	}
	d, err := s.operatorOrganization(ctx, org)
	if err != nil {
		return nil, err
	}
	return gen.UpdateOperatorOrganization200JSONResponse(*d), nil
}

// invoicesShown are the newest invoices on an organization's page.
const invoicesShown = 5

// GiveCredit lowers an organization's next invoices.
func (s *Server) GiveCredit(ctx context.Context, r gen.GiveCreditRequestObject) (gen.GiveCreditResponseObject, error) {
	org := core.OrganizationID(r.Organization)
	if _, err := s.liveOrganization(ctx, org); err != nil {
		return nil, err
	}
	if err := s.Billing.Credit(core.WithReason(ctx, r.Body.Reason), org, r.Body.Cents, r.Body.Reason); err != nil {
		return nil, err
	}
	d, err := s.operatorOrganization(ctx, org)
	if err != nil {
		return nil, err
	}
	return gen.GiveCredit201JSONResponse(*d), nil
}

// ListOperatorOutgoing lists what is to go to the payment provider.
func (s *Server) ListOperatorOutgoing(ctx context.Context, r gen.ListOperatorOutgoingRequestObject) (gen.ListOperatorOutgoingResponseObject, error) {
	l, err := s.Billing.Outgoing(ctx, core.OrganizationID(value(r.Params.Organization)), page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	now := s.clock()
	return gen.ListOperatorOutgoing200JSONResponse{
		Items: each(l.Items, func(o *billing.Outgoing) gen.OperatorOutgoing { return toOutgoing(o, now) }), NextCursor: optional(l.Next),
	}, nil
}

func toOutgoing(o *billing.Outgoing, now time.Time) gen.OperatorOutgoing {
	out := gen.OperatorOutgoing{
		ID: o.ID, Kind: gen.OperatorOutgoingKind(o.Kind), Organization: string(o.Organization), Name: o.Name, Text: o.Text, Actor: optional(o.Actor),
		Tries: o.Tries, LastError: optional(o.LastError), Since: instant(o.Since), Droppable: o.Droppable(), Sending: o.ClaimedUntil.After(now),
	}
	if o.Droppable() {
		out.Cents, out.Currency = &o.Cents, &o.Currency
	}
	if o.Customer != "" {
		out.NextAt = instant(o.NextAt)
	}
	return out
}

// RetryOutgoing makes something due that is to go to the payment provider.
func (s *Server) RetryOutgoing(ctx context.Context, r gen.RetryOutgoingRequestObject) (gen.RetryOutgoingResponseObject, error) {
	if err := s.Billing.RetryOutgoing(core.WithReason(ctx, r.Body.Reason), r.Outgoing, r.Body.Reason); err != nil {
		return nil, err
	}
	return gen.RetryOutgoing204Response{}, nil
}

// DropOutgoing lets a credit or a line go.
func (s *Server) DropOutgoing(ctx context.Context, r gen.DropOutgoingRequestObject) (gen.DropOutgoingResponseObject, error) {
	if err := s.Billing.DropOutgoing(core.WithReason(ctx, r.Body.Reason), r.Outgoing, r.Body.Reason); err != nil {
		return nil, err
	}
	return gen.DropOutgoing204Response{}, nil
}

// liveOrganization returns an organization that was not deleted.
func (s *Server) liveOrganization(ctx context.Context, org core.OrganizationID) (*tenant.Organization, error) {
	o, err := s.Tenants.Organization(ctx, org)
	if err == nil && !o.DeletedAt.IsZero() {
		err = core.NotFound("organization", string(org))
	}
	return &o, err
}

// SuspendOrganization suspends an organization.
func (s *Server) SuspendOrganization(ctx context.Context, r gen.SuspendOrganizationRequestObject) (gen.SuspendOrganizationResponseObject, error) {
	org := core.OrganizationID(r.Organization)
	in := tenant.SuspendInput{Reason: r.Body.Reason, Message: value(r.Body.Message)}
	if _, err := s.Tenants.Suspend(core.WithReason(ctx, in.Reason), org, in); err != nil {
		return nil, err
	}
	d, err := s.operatorOrganization(ctx, org)
	if err != nil {
		return nil, err
	}
	return gen.SuspendOrganization200JSONResponse(*d), nil
}

// ResumeOrganization lifts an operator's suspension.
func (s *Server) ResumeOrganization(ctx context.Context, r gen.ResumeOrganizationRequestObject) (gen.ResumeOrganizationResponseObject, error) {
	org := core.OrganizationID(r.Organization)
	if _, err := s.Tenants.Resume(core.WithReason(ctx, r.Body.Reason), org, r.Body.Reason); err != nil {
		return nil, err
	}
	d, err := s.operatorOrganization(ctx, org)
	if err != nil {
		return nil, err
	}
	return gen.ResumeOrganization200JSONResponse(*d), nil
}

func toNote(n *operator.Note) gen.OperatorNote {
	return gen.OperatorNote{ID: n.ID, AuthorID: n.AuthorID, Author: n.Author, Text: n.Text, CreatedAt: n.CreatedAt}
}

// ListOperatorNotes lists notes on an organization.
func (s *Server) ListOperatorNotes(ctx context.Context, r gen.ListOperatorNotesRequestObject) (gen.ListOperatorNotesResponseObject, error) {
	org := core.OrganizationID(r.Organization)
	if _, err := s.Tenants.Organization(ctx, org); err != nil {
		return nil, err
	}
	l, err := s.Operators.Notes(ctx, org, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListOperatorNotes200JSONResponse{Items: each(l.Items, toNote), NextCursor: optional(l.Next)}, nil
}

// CreateOperatorNote writes a note on an organization.
func (s *Server) CreateOperatorNote(ctx context.Context, r gen.CreateOperatorNoteRequestObject) (gen.CreateOperatorNoteResponseObject, error) {
	n, err := s.Operators.AddNote(ctx, core.OrganizationID(r.Organization), r.Body.Text)
	if err != nil {
		return nil, err
	}
	return gen.CreateOperatorNote201JSONResponse(toNote(&n)), nil
}

// DeleteOperatorNote deletes a note.
func (s *Server) DeleteOperatorNote(ctx context.Context, r gen.DeleteOperatorNoteRequestObject) (gen.DeleteOperatorNoteResponseObject, error) {
	if err := s.Operators.DeleteNote(ctx, core.OrganizationID(r.Organization), r.Note); err != nil {
		return nil, err
	}
	return gen.DeleteOperatorNote204Response{}, nil
}

// StartView lets the session look at an organization.
func (s *Server) StartView(ctx context.Context, r gen.StartViewRequestObject) (gen.StartViewResponseObject, error) {
	c := callOf(ctx)
	v, err := s.Operators.StartView(ctx, c.session.ID, core.OrganizationID(r.Organization), r.Body.Reason, c.session.Factor.Add(factorLasts))
	if err != nil {
		return nil, err
	}
	return gen.StartView201JSONResponse(toView(&v)), nil
}

// EndView ends what the session looks at.
func (s *Server) EndView(ctx context.Context, _ gen.EndViewRequestObject) (gen.EndViewResponseObject, error) {
	if err := s.Operators.EndView(ctx, callOf(ctx).session.ID); err != nil {
		return nil, err
	}
	return gen.EndView204Response{}, nil
}

// ListOperatorAudit lists what operators did.
func (s *Server) ListOperatorAudit(ctx context.Context, r gen.ListOperatorAuditRequestObject) (gen.ListOperatorAuditResponseObject, error) {
	p := r.Params
	f := operator.AuditFilter{Organization: value(p.Organization), Operator: value(p.Operator), Action: value(p.Action)}
	l, err := s.Operators.Audit(ctx, f, page(p.Limit, p.Cursor))
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toOperatorEntry)
	if err != nil {
		return nil, err
	}
	return gen.ListOperatorAudit200JSONResponse{Items: items, NextCursor: optional(l.Next)}, nil
}

func toOperatorEntry(e *operator.Entry) (gen.OperatorAuditEntry, error) {
	out := gen.OperatorAuditEntry{
		ID: e.ID, Action: e.Action, Organization: optional(string(e.Organization)), Reason: optional(e.Operator.Reason),
		RequestID: e.Operator.RequestID, CreatedAt: e.At,
	}
	out.Operator.ID, out.Operator.Email, out.Operator.Client = e.Operator.ID, e.Operator.Name, e.Operator.Client
	out.Resource.Type, out.Resource.ID, out.Resource.Name = e.ResourceType, e.ResourceID, e.ResourceName
	var detail map[string]any
	if err := json.Unmarshal(e.Detail, &detail); err != nil {
		return out, fmt.Errorf("decode detail of operators' audit line %s: %w", e.ID, err)
	}
	if len(detail) > 0 {
		out.Detail = &detail
	}
	return out, nil
}
