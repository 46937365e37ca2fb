package storetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tollgate/tollgate/services/audit"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/internal/store"
	"github.com/tollgate/tollgate/services/tenant"
)

// Account is one of everything that an organization has.
type Account struct {
	Organization tenant.Organization
	User         tenant.User
	Member       tenant.Member
	Invitation   tenant.Invitation
	Token        tenant.Token
}

// NewAccount stores an organization with an owner, an invitation and a token.
func NewAccount(t testing.TB, db *store.DB, name string) *Account {
	t.Helper()
	now := core.FromMillis(core.Millis(time.Now()))
	a := &Account{}
	a.Organization = tenant.Organization{
		ID: core.OrganizationID(core.NewID(core.PrefixOrganization)), Name: name, Plan: "free", PlanSince: now,
		PeriodStart: now, PeriodEnd: now.AddDate(0, 1, 0), Verified: true, Revision: 1, CreatedAt: now, UpdatedAt: now,
	}
	a.User = tenant.User{ID: core.NewID(core.PrefixUser), Email: name + "@example.com", PasswordHash: "x", Revision: 1, CreatedAt: now, UpdatedAt: now}
	a.Member = tenant.Member{
		ID: core.NewID("mem"), Organization: a.Organization.ID, UserID: a.User.ID, Email: a.User.Email, Role: tenant.RoleOwner,
		Revision: 1, CreatedAt: now, UpdatedAt: now,
	}
	a.Invitation = tenant.Invitation{
		ID: core.NewID("inv"), Organization: a.Organization.ID, Email: "guest@example.com", Role: tenant.RoleViewer,
		InvitedBy: a.User.ID, ExpiresAt: now.Add(time.Hour), CreatedAt: now,
	}
	a.Token = tenant.Token{
		ID: core.NewID("tok"), Organization: a.Organization.ID, UserID: a.User.ID, Hash: []byte("h"),
		Name: "ci", Scopes: []string{"keys:read", "keys:write"}, CreatedAt: now, UpdatedAt: now,
	}
	err := store.Tenants{DB: db}.Tx(t.Context(), func(tx tenant.Tx) error {
		ctx := t.Context()
		for _, do := range []func() error{
			func() error { return tx.InsertOrganization(ctx, &a.Organization) },
			func() error { return tx.InsertUser(ctx, &a.User) },
			func() error { return tx.InsertMember(ctx, &a.Member) },
			func() error {
				return tx.PutSuspension(ctx, a.Organization.ID, &tenant.Suspension{By: tenant.SuspendedByOperator, Reason: name, At: now})
			},
			func() error { return tx.PutInvitation(ctx, &a.Invitation, []byte("hash of "+name)) },
			func() error {
				a.Token.KID = a.Organization.Num // unique, as a kid is
				return tx.InsertToken(ctx, &a.Token)
			},
			func() error {
				return tx.Record(ctx, a.Organization.ID, core.Change{Action: "organization.create", ResourceType: "organization", ResourceID: string(a.Organization.ID)})
			},
		} {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Fingerprint is everything that can be read of an account, as text.
func (a *Account) Fingerprint(t testing.TB, db *store.DB) string {
	t.Helper()
	var text string
	err := store.Tenants{DB: db}.View(t.Context(), func(r tenant.Rows) error {
		ctx, org := t.Context(), a.Organization.ID
		o, err := r.FindOrganization(ctx, org)
		if err != nil {
			return err
		}
		members, err := r.ListMembers(ctx, org, "", 100)
		if err != nil {
			return err
		}
		invitations, err := r.ListInvitations(ctx, org, "", 100)
		if err != nil {
			return err
		}
		suspensions, err := r.ListSuspensions(ctx, org)
		if err != nil {
			return err
		}
		tokens, err := r.ListTokens(ctx, org, "", 100)
		text = fmt.Sprintf("%+v\n%+v\n%+v\n%+v\n%+v", o, members, invitations, suspensions, tokens)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TenantTenancy tries every method of the tenant and audit stores with the wrong
// organization, and checks that nothing of the right one changed.
func TenantTenancy(t *testing.T, db *store.DB) {
	right, wrong := NewAccount(t, db, "right"), NewAccount(t, db, "wrong")
	before := right.Fingerprint(t, db)
	WrongOrganization(t, reflect.TypeFor[tenant.Tx](), wrong.Organization.ID, tenantTries(t, db, right))
	WrongOrganization(t, reflect.TypeFor[audit.Store](), wrong.Organization.ID, []Try{
		{"List", func(o core.OrganizationID) (any, error) {
			return store.Audits{DB: db}.List(t.Context(), o, audit.Filter{Resource: string(right.Organization.ID)}, "", 10)
		}},
		{"Count", func(o core.OrganizationID) (any, error) {
			return store.Audits{DB: db}.Count(t.Context(), o, audit.Filter{Resource: string(right.Organization.ID)})
		}},
	})
	if after := right.Fingerprint(t, db); after != before {
		t.Errorf("the wrong organization changed something:\n%s\n%s", before, after)
	}
}

func tenantTries(t *testing.T, db *store.DB, a *Account) []Try {
	s, ctx := store.Tenants{DB: db}, t.Context()
	try := func(method string, do func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error)) Try {
		return Try{method, func(o core.OrganizationID) (any, error) {
			return inTx(func(fn func(tenant.Tx) error) error { return s.Tx(ctx, fn) },
				func(tx tenant.Tx) (any, error) { return do(ctx, tx, o) })
		}}
	}
	return []Try{
		try("FindOrganization", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			got, err := tx.FindOrganization(ctx, o)
			if got.ID == o {
				return nil, err // its own
			}
			return got, err
		}),
		try("FindMember", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return tx.FindMember(ctx, o, a.Member.ID)
		}),
		try("FindMemberByUser", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return tx.FindMemberByUser(ctx, o, a.User.ID)
		}),
		try("ListMembers", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			list, err := tx.ListMembers(ctx, o, "", 10)
			return foreignTo(list, func(m tenant.Member) core.OrganizationID { return m.Organization }, o), err
		}),
		try("LockOwners", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			n, err := tx.LockOwners(ctx, o)
			return n - 1, err // its own one
		}),
		try("DeleteMember", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.DeleteMember(ctx, o, a.Member.ID)
		}),
		try("ListInvitations", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			list, err := tx.ListInvitations(ctx, o, "", 10)
			return foreignTo(list, func(i tenant.Invitation) core.OrganizationID { return i.Organization }, o), err
		}),
		try("FindInvitation", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return tx.FindInvitation(ctx, o, a.Invitation.ID)
		}),
		try("DeleteInvitation", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.DeleteInvitation(ctx, o, a.Invitation.ID)
		}),
		try("FindToken", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return tx.FindToken(ctx, o, a.Token.ID)
		}),
		try("ListTokens", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			list, err := tx.ListTokens(ctx, o, "", 10)
			return foreignTo(list, func(k tenant.Token) core.OrganizationID { return k.Organization }, o), err
		}),
		try("TouchToken", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.TouchToken(ctx, o, a.Token.ID, time.Now())
		}),
		try("DeleteToken", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.DeleteToken(ctx, o, a.Token.ID)
		}),
		try("DeleteTokensOf", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.DeleteTokensOf(ctx, o, a.User.ID)
		}),
		try("DeleteEveryone", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.DeleteEveryone(ctx, o) // its own
		}),
		try("ListSuspensions", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			list, err := tx.ListSuspensions(ctx, o)
			return slices.DeleteFunc(list, func(s tenant.Suspension) bool { return s.Reason != a.Organization.Name }), err
		}),
		try("PutSuspension", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.PutSuspension(ctx, o, &tenant.Suspension{By: tenant.SuspendedByBilling, Reason: "x"}) // its own
		}),
		try("DeleteSuspension", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.DeleteSuspension(ctx, o, tenant.SuspendedByOperator)
		}),
		try("ClearedOrganization", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.ClearedOrganization(ctx, o, time.Now())
		}),
		try("Record", func(ctx context.Context, tx tenant.Tx, o core.OrganizationID) (any, error) {
			return nil, tx.Record(ctx, o, core.Change{Action: "a.b"}) // its own log
		}),
	}
}

// foreignTo keeps what does not belong to an organization.
func foreignTo[T any](list []T, of func(T) core.OrganizationID, org core.OrganizationID) (out []T) {
	for _, v := range list {
		if of(v) != org {
			out = append(out, v)
		}
	}
	return out
}
