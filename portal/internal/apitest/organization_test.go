package apitest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// invite makes a new user a member of the caller's organization.
func (c *caller) invite(name, role string) *caller {
	e := c.e
	e.t.Helper()
	email := name + "@example.com"
	c.post("/v1/invitations", map[string]any{"email": email, "role": role}).want(201)
	token := linkToken(e.t, e.mailTo(email, "/join"))
	a := (&caller{e: e}).post("/v1/signup", map[string]any{"email": email, "password": password, "invitation": token}).want(201)
	return &caller{e: e, email: email, token: a.str("token"), org: a.str("organization", "id"), user: a.str("user", "id")}
}

// memberID finds a member by address.
func (c *caller) memberID(email string) string {
	c.e.t.Helper()
	for _, m := range c.get("/v1/members").want(200).list("items") {
		if m := m.(map[string]any); m["email"] == email {
			return m["id"].(string)
		}
	}
	c.e.t.Fatalf("%s is no member", email)
	return ""
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		a := ada.get("/v1/organization").want(200)
		old := a.etag()
		b := ada.with("If-Match", old).patch("/v1/organization", map[string]any{"name": "Ada & Co", "freshness": "strict"}).want(200)
		if b.str("name") != "Ada & Co" || b.str("freshness") != "strict" || b.etag() == old {
			t.Fatalf("patch answered %s", b.body)
		}
		ada.with("If-Match", old).patch("/v1/organization", map[string]any{"name": "x"}).wantCode(412, "precondition_failed")
		// Mass assignment: what only the operator may set is no field.
		ada.patch("/v1/organization", map[string]any{"plan": "scale", "verified": true, "suspended": false, "name": "y"}).
			wantFields("/plan", "/verified", "/suspended")
		if got := ada.get("/v1/organization").want(200); got.str("name") != "Ada & Co" || got.str("plan") != "free" {
			t.Fatalf("a refused patch changed something: %s", got.body)
		}
		doc, err := e.app.Tenants.Document(t.Context(), e.orgID(ada))
		if err != nil || !doc.StrictFreshness || doc.RequestsPerPeriod == 0 || doc.Rate == nil || doc.PeriodEnd <= doc.PeriodStart {
			t.Fatalf("edges are told %+v, %v", doc, err)
		}
		sub := ada.get("/v1/subscription").want(200)
		if sub.str("plan", "name") != "free" {
			t.Fatalf("subscription is %s", sub.body)
		}
		s := ada.login()
		second := s.post("/v1/organizations", map[string]any{"name": "Second"}).want(201).str("id")
		if n := len(s.get("/v1/organizations").want(200).list("items")); n != 2 {
			t.Fatalf("%d organizations, want 2", n)
		}
		noHeader := *s
		noHeader.header = nil
		noHeader.get("/v1/organization").wantFields("/Tollgate-Organization")
		if got := noHeader.with("Tollgate-Organization", second).get("/v1/organization").want(200).str("name"); got != "Second" {
			t.Fatalf("the second organization is %q", got)
		}
		ada.with("Tollgate-Organization", second).get("/v1/organization").want(404) // a token belongs to one
	})
}

func TestMembers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		dev := ada.invite("dev", "developer")
		admin := ada.invite("admin", "admin")
		if n := len(ada.get("/v1/members").want(200).list("items")); n != 3 {
			t.Fatalf("%d members, want 3", n)
		}
		devMember, adaMember := ada.memberID(dev.email), ada.memberID(ada.email)
		dev.put("/v1/members/"+devMember, map[string]any{"role": "owner"}).wantCode(403, "forbidden")
		admin.put("/v1/members/"+devMember, map[string]any{"role": "owner"}).wantCode(403, "forbidden")
		admin.put("/v1/members/"+adaMember, map[string]any{"role": "viewer"}).wantCode(403, "forbidden")
		admin.delete("/v1/members/"+adaMember).wantCode(403, "forbidden")
		admin.post("/v1/invitations", map[string]any{"email": "x@example.com", "role": "owner"}).wantCode(403, "forbidden")
		ada.put("/v1/members/"+adaMember, map[string]any{"role": "admin"}).wantCode(409, "conflict") // the last owner
		ada.delete("/v1/members/" + adaMember).want(409)
		ada.put("/v1/members/"+devMember, map[string]any{"role": "emperor"}).wantFields("/role")

		dev.post("/v1/gateways", map[string]any{"name": "before"}).want(201)
		tag := ada.get("/v1/members/" + devMember).want(200).etag()
		admin.with("If-Match", tag).put("/v1/members/"+devMember, map[string]any{"role": "viewer"}).want(200)
		admin.with("If-Match", tag).put("/v1/members/"+devMember, map[string]any{"role": "viewer"}).want(412)
		dev.post("/v1/gateways", map[string]any{"name": "after"}).wantCode(403, "forbidden") // at once
		dev.get("/v1/gateways").want(200)
		admin.delete("/v1/members/" + devMember).want(204)
		dev.get("/v1/gateways").want(401) // its token died with the membership
		admin.get("/v1/members/"+devMember).wantCode(404, "not_found")
	})
}

func TestOneOwnerIsLeftWhateverRaces(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		owners := []*caller{ada}
		for i := range 4 {
			o := ada.invite(fmt.Sprintf("owner%d", i), "viewer")
			ada.put("/v1/members/"+ada.memberID(o.email), map[string]any{"role": "owner"}).want(200)
			owners = append(owners, o)
		}
		ids := make([]string, len(owners))
		for i, o := range owners {
			ids[i] = ada.memberID(o.email)
		}
		var all sync.WaitGroup
		for i, o := range owners {
			all.Go(func() { o.delete("/v1/members/" + ids[i]) }) // each removes itself
		}
		all.Wait()
		left := 0
		for _, o := range owners {
			if o.get("/v1/me").status == 200 {
				left++
			}
		}
		if left != 1 {
			t.Fatalf("%d owners are left, want 1", left)
		}
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		a := ada.post("/v1/tokens", map[string]any{"name": "reader", "scopes": []string{"gateways:read"}}).want(201)
		reader := &caller{e: e, token: a.str("token")}
		reader.get("/v1/gateways").want(200)
		reader.post("/v1/gateways", map[string]any{"name": "x"}).wantCode(403, "forbidden")
		reader.get("/v1/tokens").want(403)
		ada.post("/v1/tokens", map[string]any{"name": "", "scopes": []string{"nothing:read", "keys:write"}, "expires_at": "yesterday"}).
			wantFields("/name", "/expires_at")
		ada.post("/v1/tokens", map[string]any{"name": "x", "scopes": []string{"nothing:read", "keys:write"}}).wantFields("/scopes/0")
		ada.post("/v1/tokens", map[string]any{"name": "x", "scopes": []string{"*"}, "expires_at": "2020-01-01T00:00:00Z"}).wantFields("/expires_at")

		// Nobody hands on more than they have.
		minter := &caller{e: e, token: ada.post("/v1/tokens", map[string]any{"name": "minter", "scopes": []string{"tokens:write", "keys:read"}}).want(201).str("token")}
		minter.post("/v1/tokens", map[string]any{"name": "x", "scopes": []string{"*"}}).wantFields("/scopes/0")
		minter.post("/v1/tokens", map[string]any{"name": "x", "scopes": []string{"keys:read", "keys:write"}}).wantFields("/scopes/1")
		minter.post("/v1/tokens", map[string]any{"name": "x", "scopes": []string{"keys:read"}}).want(201)

		// Sessions and tokens are separate audiences.
		ada.get("/v1/sessions").wantCode(403, "forbidden")
		ada.post("/v1/organizations", map[string]any{"name": "x"}).wantCode(403, "forbidden")

		short := ada.post("/v1/tokens", map[string]any{
			"name": "short", "scopes": []string{"*"}, "expires_at": e.clock.now().Add(time.Hour).Format(time.RFC3339),
		}).want(201)
		shortLived := &caller{e: e, token: short.str("token")}
		shortLived.get("/v1/me").want(200)
		e.clock.advance(time.Hour + time.Second)
		shortLived.get("/v1/me").wantCode(401, "unauthenticated")

		id := a.str("id")
		if got := ada.get("/v1/tokens/" + id).want(200); got.at("token") != nil || got.str("last_used_at") == "" {
			t.Fatalf("a token is shown as %s", got.body)
		}
		ada.delete("/v1/tokens/" + id).want(204)
		reader.get("/v1/gateways").want(401)
		for _, bad := range []string{"", "x", a.str("token") + "x", a.str("token")[:40], "tg_live_0000000000_00000000000000000000000000000000000000"} {
			(&caller{e: e}).with("Authorization", "Bearer "+bad).get("/v1/me").wantCode(401, "unauthenticated")
		}
		(&caller{e: e}).with("Authorization", "Basic YTpi").get("/v1/me").want(401)
	})
}

func TestPeriodsRoll(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		before, err := e.app.Tenants.Document(t.Context(), e.orgID(ada))
		if err != nil {
			t.Fatal(err)
		}
		e.clock.advance(32 * 24 * time.Hour)
		eventually(t, "the worker begins a new period", func() bool {
			now, err := e.app.Tenants.Document(t.Context(), e.orgID(ada))
			if err != nil {
				t.Fatal(err)
			}
			return now.PeriodStart >= before.PeriodEnd && now.Version > before.Version && now.PeriodEnd > e.clock.now().Unix()
		})
	})
}

func TestAudit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.post("/v1/gateways", map[string]any{"name": "demo"}).want(201).str("id")
		ada.delete("/v1/gateways/demo").want(204)
		var actions []string
		for _, line := range ada.get("/v1/audit?gateway=" + g).want(200).list("items") {
			actions = append(actions, line.(map[string]any)["action"].(string))
		}
		if !slices.Equal(actions, []string{"gateway.delete", "gateway.create"}) {
			t.Fatalf("the gateway's audit lines are %v", actions)
		}
		if n := len(ada.get("/v1/audit?action=organization.create").want(200).list("items")); n != 1 {
			t.Fatalf("%d lines of organization.create, want 1", n)
		}
	})
}

func TestPlanChangeReachesTheDocument(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		if _, err := e.app.Tenants.SetPlan(t.Context(), e.orgID(ada), "pro"); err != nil {
			t.Fatal(err)
		}
		doc, err := e.app.Tenants.Document(t.Context(), e.orgID(ada))
		if err != nil || doc.Plan != "pro" || doc.PlanNum != 2 || !doc.Overage {
			t.Fatalf("edges are told %+v, %v", doc, err)
		}
		if got := ada.get("/v1/subscription").want(200).str("plan", "name"); got != "pro" {
			t.Fatalf("the plan is %s", got)
		}
	})
}
