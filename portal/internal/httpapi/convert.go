package httpapi

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/portal/internal/gen"
	"github.com/tollgate/tollgate/portal/internal/session"
	"github.com/tollgate/tollgate/services/audit"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/plan"
	"github.com/tollgate/tollgate/services/tenant"
)

// recode converts between types whose JSON has the same shape. What the target
// does not know is left out.
func recode[T any](from any) (to T, err error) {
	b, err := json.Marshal(from)
	if err != nil {
		return to, fmt.Errorf("encode %T: %w", from, err)
	}
	if err := json.Unmarshal(b, &to); err != nil {
		return to, fmt.Errorf("decode %T: %w", to, err)
	}
	return to, nil
}

// etag is a resource's entity tag as a response header.
func etag(revision uint64) *string { return new(core.ETag(revision)) }

// versionHeader is Tollgate-Version; nil for version 0, which means none.
func versionHeader(version uint64) *string {
	if version == 0 {
		return nil
	}
	return new(strconv.FormatUint(version, 10))
}

// instant is nil for the zero time.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// page reads the parameters of a list.
func page(limit *gen.LimitParam, cursor *gen.CursorParam) core.Page {
	return core.Page{Limit: value(limit), Cursor: value(cursor)}
}

// each converts the items of a list.
func each[S, T any](items []S, to func(*S) T) []T {
	out := make([]T, len(items))
	for i := range items {
		out[i] = to(&items[i])
	}
	return out
}

// eachErr converts the items of a list where a conversion may fail.
func eachErr[S, T any](items []S, to func(*S) (T, error)) ([]T, error) {
	out := make([]T, len(items))
	for i := range items {
		var err error
		if out[i], err = to(&items[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func toUser(u *tenant.User) gen.User {
	return gen.User{
		ID: u.ID, Email: u.Email, Name: u.Name, Verified: u.Verified(), HasPassword: u.HasPassword(), SecondFactor: u.SecondFactor(),
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

func toOrganization(o *tenant.Organization) gen.Organization {
	freshness := gen.Available
	if o.StrictFreshness {
		freshness = gen.Strict
	}
	return gen.Organization{
		ID: string(o.ID), Name: o.Name, Plan: o.Plan, Verified: o.Verified, Suspended: o.Suspended,
		Freshness: freshness, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
}

func organizationAnswer(o *tenant.Organization) gen.OrganizationAnswerJSONResponse {
	return gen.OrganizationAnswerJSONResponse{
		Body: toOrganization(o), Headers: gen.OrganizationAnswerResponseHeaders{ETag: etag(o.Revision)},
	}
}

func toMembership(m *tenant.Membership) gen.Membership {
	return gen.Membership{Organization: toOrganization(&m.Organization), Role: gen.Role(m.Role)}
}

func toMember(m *tenant.Member) gen.Member {
	return gen.Member{ID: m.ID, UserID: m.UserID, Email: m.Email, Name: m.Name, Role: gen.Role(m.Role), CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt}
}

func memberAnswer(m *tenant.Member) gen.MemberAnswerJSONResponse {
	return gen.MemberAnswerJSONResponse{Body: toMember(m), Headers: gen.MemberAnswerResponseHeaders{ETag: etag(m.Revision)}}
}

func toInvitation(i *tenant.Invitation) gen.Invitation {
	return gen.Invitation{
		ID: i.ID, Email: i.Email, Role: gen.Role(i.Role), InvitedBy: i.InvitedBy,
		ExpiresAt: i.ExpiresAt, CreatedAt: i.CreatedAt, UpdatedAt: i.CreatedAt,
	}
}

func toToken(t *tenant.Token) gen.Token {
	return gen.Token{
		ID: t.ID, Name: t.Name, Prefix: t.Prefix(), Scopes: t.Scopes, CreatedBy: t.UserID,
		ExpiresAt: instant(t.ExpiresAt), LastUsedAt: instant(t.UsedAt), CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
}

func toNewToken(t *tenant.NewToken) gen.NewToken {
	return gen.NewToken{
		ID: t.ID, Name: t.Name, Prefix: t.Prefix(), Scopes: t.Scopes, CreatedBy: t.UserID,
		ExpiresAt: instant(t.ExpiresAt), CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Token: &t.Secret,
	}
}

func toSession(current string) func(*tenant.Session) gen.Session {
	return func(s *tenant.Session) gen.Session {
		return gen.Session{
			ID: s.ID, Current: s.ID == current, Client: s.Client, LastClient: s.LastClient,
			UserAgent: s.UserAgent, Device: session.Device(s.UserAgent),
			CreatedAt: s.CreatedAt, UpdatedAt: s.SeenAt, ExpiresAt: s.ExpiresAt,
		}
	}
}

func toAuditEntry(e *audit.Entry) (gen.AuditEntry, error) {
	out := gen.AuditEntry{
		ID: e.ID, Action: e.Action, RequestID: e.Actor.RequestID, CreatedAt: e.At, Gateway: optional(e.Gateway),
	}
	out.Actor.Kind = gen.AuditEntryActorKind(e.Actor.Kind)
	out.Actor.ID, out.Actor.Name, out.Actor.Client = e.Actor.ID, e.Actor.Name, e.Actor.Client
	out.Resource.Type, out.Resource.ID, out.Resource.Name = e.ResourceType, e.ResourceID, e.ResourceName
	var detail map[string]any
	if err := json.Unmarshal(e.Detail, &detail); err != nil {
		return out, fmt.Errorf("decode detail of audit line %s: %w", e.ID, err)
	}
	if len(detail) > 0 {
		out.Detail = &detail
	}
	return out, nil
}

func toPlan(p *plan.Plan) (gen.Plan, error) { return recode[gen.Plan](p) }
