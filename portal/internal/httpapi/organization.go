package httpapi

import (
	"context"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/services/audit"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

// ListOrganizations lists the caller's organizations; a token sees its own.
func (s *Server) ListOrganizations(ctx context.Context, r gen.ListOrganizationsRequestObject) (gen.ListOrganizationsResponseObject, error) {
	c := callOf(ctx)
	if c.token != nil {
		o, err := s.Tenants.Organization(ctx, c.org)
		if err != nil {
			return nil, err
		}
		one := gen.Membership{Organization: toOrganization(&o), Role: gen.Role(c.role)}
		return gen.ListOrganizations200JSONResponse{Items: []gen.Membership{one}}, nil
	}
	l, err := s.Tenants.Memberships(ctx, c.user.ID, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListOrganizations200JSONResponse{Items: each(l.Items, toMembership), NextCursor: optional(l.Next)}, nil
}

// CreateOrganization makes an organization that the caller owns.
func (s *Server) CreateOrganization(ctx context.Context, r gen.CreateOrganizationRequestObject) (gen.CreateOrganizationResponseObject, error) {
	o, err := s.Tenants.CreateOrganization(ctx, callOf(ctx).user.ID, tenant.OrganizationInput{Name: r.Body.Name})
	if err != nil {
		return nil, err
	}
	return gen.CreateOrganization201JSONResponse{OrganizationAnswerJSONResponse: organizationAnswer(&o)}, nil
}

// GetOrganization shows the organization.
func (s *Server) GetOrganization(ctx context.Context, _ gen.GetOrganizationRequestObject) (gen.GetOrganizationResponseObject, error) {
	o, err := s.Tenants.Organization(ctx, callOf(ctx).org)
	if err != nil {
		return nil, err
	}
	answer := organizationAnswer(&o)
	if o.Suspended {
		why, err := s.Tenants.Suspensions(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		answer.Body.Suspensions = new(each(why, toSuspension))
	}
	return gen.GetOrganization200JSONResponse{OrganizationAnswerJSONResponse: answer}, nil
}

// UpdateOrganization changes the organization.
func (s *Server) UpdateOrganization(ctx context.Context, r gen.UpdateOrganizationRequestObject) (gen.UpdateOrganizationResponseObject, error) {
	in := tenant.OrganizationPatch{Name: r.Body.Name}
	if r.Body.Freshness != nil {
		in.StrictFreshness = new(*r.Body.Freshness == gen.Strict)
	}
	o, err := s.Tenants.UpdateOrganization(ctx, callOf(ctx).org, core.ParseIfMatch(value(r.Params.IfMatch)), in)
	if err != nil {
		return nil, err
	}
	return gen.UpdateOrganization200JSONResponse{OrganizationAnswerJSONResponse: organizationAnswer(&o)}, nil
}

// ListMembers lists the organization's members.
func (s *Server) ListMembers(ctx context.Context, r gen.ListMembersRequestObject) (gen.ListMembersResponseObject, error) {
	l, err := s.Tenants.Members(ctx, callOf(ctx).org, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	items := each(l.Items, toMember)
	if c := callOf(ctx); authz.Allowed(c.role, c.scopes, authz.MembersWrite) {
		for i := range items {
			items[i].SecondFactor = &l.Items[i].SecondFactor
		}
	}
	return gen.ListMembers200JSONResponse{Items: items, NextCursor: optional(l.Next)}, nil
}

// GetMember shows one member.
func (s *Server) GetMember(ctx context.Context, r gen.GetMemberRequestObject) (gen.GetMemberResponseObject, error) {
	m, err := s.Tenants.Member(ctx, callOf(ctx).org, r.Member)
	if err != nil {
		return nil, err
	}
	return gen.GetMember200JSONResponse{MemberAnswerJSONResponse: memberAnswer(&m)}, nil
}

// UpdateMember changes a member's role.
func (s *Server) UpdateMember(ctx context.Context, r gen.UpdateMemberRequestObject) (gen.UpdateMemberResponseObject, error) {
	c := callOf(ctx)
	m, err := s.Tenants.SetRole(ctx, c.org, r.Member, tenant.Role(r.Body.Role), c.role, core.ParseIfMatch(value(r.Params.IfMatch)))
	if err != nil {
		return nil, err
	}
	return gen.UpdateMember200JSONResponse{MemberAnswerJSONResponse: memberAnswer(&m)}, nil
}

// DeleteMember takes a member out of the organization.
func (s *Server) DeleteMember(ctx context.Context, r gen.DeleteMemberRequestObject) (gen.DeleteMemberResponseObject, error) {
	c := callOf(ctx)
	if err := s.Tenants.RemoveMember(ctx, c.org, r.Member, c.role, core.ParseIfMatch(value(r.Params.IfMatch))); err != nil {
		return nil, err
	}
	return gen.DeleteMember204Response{}, nil
}

// AcceptInvitation makes the caller a member.
func (s *Server) AcceptInvitation(ctx context.Context, r gen.AcceptInvitationRequestObject) (gen.AcceptInvitationResponseObject, error) {
	m, err := s.Tenants.AcceptInvitation(ctx, callOf(ctx).user.ID, r.Body.Invitation)
	if err != nil {
		return nil, err
	}
	return gen.AcceptInvitation201JSONResponse{MemberAnswerJSONResponse: memberAnswer(&m)}, nil
}

// ListInvitations lists open invitations.
func (s *Server) ListInvitations(ctx context.Context, r gen.ListInvitationsRequestObject) (gen.ListInvitationsResponseObject, error) {
	l, err := s.Tenants.Invitations(ctx, callOf(ctx).org, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListInvitations200JSONResponse{Items: each(l.Items, toInvitation), NextCursor: optional(l.Next)}, nil
}

// CreateInvitation invites an address.
func (s *Server) CreateInvitation(ctx context.Context, r gen.CreateInvitationRequestObject) (gen.CreateInvitationResponseObject, error) {
	c := callOf(ctx)
	inv, err := s.Tenants.Invite(ctx, c.org, tenant.InvitationInput{Email: r.Body.Email, Role: tenant.Role(r.Body.Role)}, c.role)
	if err != nil {
		return nil, err
	}
	return gen.CreateInvitation201JSONResponse{InvitationAnswerJSONResponse: gen.InvitationAnswerJSONResponse{
		Body: toInvitation(&inv), Headers: gen.InvitationAnswerResponseHeaders{ETag: etag(1)},
	}}, nil
}

// ResendInvitation mails an invitation again.
func (s *Server) ResendInvitation(ctx context.Context, r gen.ResendInvitationRequestObject) (gen.ResendInvitationResponseObject, error) {
	c := callOf(ctx)
	inv, err := s.Tenants.ResendInvitation(ctx, c.org, r.Invitation, c.role)
	if err != nil {
		return nil, err
	}
	return gen.ResendInvitation200JSONResponse{InvitationAnswerJSONResponse: gen.InvitationAnswerJSONResponse{
		Body: toInvitation(&inv), Headers: gen.InvitationAnswerResponseHeaders{ETag: etag(1)},
	}}, nil
}

// LookUpInvitation shows what a link offers.
func (s *Server) LookUpInvitation(ctx context.Context, r gen.LookUpInvitationRequestObject) (gen.LookUpInvitationResponseObject, error) {
	o, err := s.Tenants.LookUpInvitation(ctx, r.Body.Invitation)
	if err != nil {
		return nil, err
	}
	return gen.LookUpInvitation200JSONResponse{
		Organization: o.OrganizationName, Email: o.Email, Role: gen.Role(o.Role), ExpiresAt: o.ExpiresAt, HasAccount: o.HasAccount,
	}, nil
}

// DeleteOrganization deletes the organization.
func (s *Server) DeleteOrganization(ctx context.Context, r gen.DeleteOrganizationRequestObject) (gen.DeleteOrganizationResponseObject, error) {
	c := callOf(ctx)
	if err := s.Billing.MayLeave(ctx, c.org); err != nil {
		return nil, err
	}
	if err := s.Tenants.DeleteOrganization(ctx, c.org, c.user.ID, r.Body.Name, c.proof(r.Body.CurrentPassword, r.Body.Code)); err != nil {
		return nil, err
	}
	if err := s.Billing.Leave(ctx, c.org); err != nil {
		// The organization is gone; its subscription is ended by the next look.
		s.log.Warn("the subscription of a deleted organization is not ended yet", "organization", string(c.org), "error", err)
	}
	return gen.DeleteOrganization204Response{}, nil
}

// DeleteInvitation takes an invitation back.
func (s *Server) DeleteInvitation(ctx context.Context, r gen.DeleteInvitationRequestObject) (gen.DeleteInvitationResponseObject, error) {
	if err := s.Tenants.DeleteInvitation(ctx, callOf(ctx).org, r.Invitation); err != nil {
		return nil, err
	}
	return gen.DeleteInvitation204Response{}, nil
}

// ListTokens lists management tokens.
func (s *Server) ListTokens(ctx context.Context, r gen.ListTokensRequestObject) (gen.ListTokensResponseObject, error) {
	l, err := s.Tenants.Tokens(ctx, callOf(ctx).org, page(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return gen.ListTokens200JSONResponse{Items: each(l.Items, toToken), NextCursor: optional(l.Next)}, nil
}

// CreateToken makes a management token that can do no more than the caller.
func (s *Server) CreateToken(ctx context.Context, r gen.CreateTokenRequestObject) (gen.CreateTokenResponseObject, error) {
	c := callOf(ctx)
	if err := c.mayHandOn(r.Body.Scopes); err != nil {
		return nil, err
	}
	t, err := s.Tenants.CreateToken(ctx, c.org, c.user.ID, tenant.TokenInput{
		Name: r.Body.Name, Scopes: r.Body.Scopes, ExpiresAt: value(r.Body.ExpiresAt),
	})
	if err != nil {
		return nil, err
	}
	return gen.CreateToken201JSONResponse{NewTokenAnswerJSONResponse: gen.NewTokenAnswerJSONResponse{
		Body: toNewToken(t), Headers: gen.NewTokenAnswerResponseHeaders{ETag: etag(1)},
	}}, nil
}

// GetToken shows one management token.
func (s *Server) GetToken(ctx context.Context, r gen.GetTokenRequestObject) (gen.GetTokenResponseObject, error) {
	t, err := s.Tenants.Token(ctx, callOf(ctx).org, r.Token)
	if err != nil {
		return nil, err
	}
	return gen.GetToken200JSONResponse{TokenAnswerJSONResponse: gen.TokenAnswerJSONResponse{
		Body: toToken(&t), Headers: gen.TokenAnswerResponseHeaders{ETag: etag(1)},
	}}, nil
}

// DeleteToken deletes a management token.
func (s *Server) DeleteToken(ctx context.Context, r gen.DeleteTokenRequestObject) (gen.DeleteTokenResponseObject, error) {
	if err := s.Tenants.DeleteToken(ctx, callOf(ctx).org, r.Token); err != nil {
		return nil, err
	}
	return gen.DeleteToken204Response{}, nil
}

// ListAudit lists what was changed.
func (s *Server) ListAudit(ctx context.Context, r gen.ListAuditRequestObject) (gen.ListAuditResponseObject, error) {
	f := audit.Filter{
		Action: value(r.Params.Action), Actor: value(r.Params.Actor),
		Resource: value(r.Params.Resource), Gateway: value(r.Params.Gateway), From: value(r.Params.From), To: value(r.Params.To),
	}
	l, err := s.Audit.List(ctx, callOf(ctx).org, f, listing(r.Params.Limit, r.Params.Cursor, r.Params.Q, (*string)(nil), r.Params.Count))
	if err != nil {
		return nil, err
	}
	items, err := eachErr(l.Items, toAuditEntry)
	if err != nil {
		return nil, err
	}
	return gen.ListAudit200JSONResponse{Items: items, NextCursor: optional(l.Next), Total: l.Total}, nil
}

// ListPlans lists what can be bought.
func (s *Server) ListPlans(context.Context, gen.ListPlansRequestObject) (gen.ListPlansResponseObject, error) {
	items, err := eachErr(s.Plans.List(), toPlan)
	if err != nil {
		return nil, err
	}
	return gen.ListPlans200JSONResponse{Items: items}, nil
}

// ListPolicyTypes shows the catalogue of policies.
func (s *Server) ListPolicyTypes(context.Context, gen.ListPolicyTypesRequestObject) (gen.ListPolicyTypesResponseObject, error) {
	return gen.ListPolicyTypes200JSONResponse{Items: s.policies}, nil
}

// Policies makes the catalogue's answer of the program's list of policies, which
// has the same shape.
func Policies(catalogue any) ([]gen.PolicyType, error) { return recode[[]gen.PolicyType](catalogue) }
