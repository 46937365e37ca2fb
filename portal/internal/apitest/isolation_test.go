package apitest

import (
	"strings"
	"testing"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/services/tenant"
)

// TestOtherOrganizationsDoNotExist calls every operation that names something
// with the ids of another organization, as each role, by token and by session:
// nothing of it may be seen or changed.
func TestOtherOrganizationsDoNotExist(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada, bob := e.signup("ada"), e.signup("bob")
		theirs, own := ada.furnish(), bob.furnish()
		callers := map[tenant.Role]*caller{tenant.RoleOwner: bob}
		for _, role := range tenant.Roles()[1:] {
			callers[role] = bob.invite(string(role), string(role))
		}
		before := ada.fingerprint(theirs)
		tried := 0
		for role, token := range callers {
			session := token.login()
			for _, op := range operations(t) {
				if op.Public() {
					continue
				}
				for _, path := range foreign(op, theirs, own) {
					for kind, c := range map[string]*caller{"token": token, "session": session} {
						if kind == "token" && !op.Token || kind == "session" && !op.Session {
							continue
						}
						a := c.do(op.Method, path, samples[op.ID])
						tried++
						want := 404
						if op.Scope != authz.ScopeUser && !authz.Allowed(role, nil, op.Permission) {
							want = 403
						}
						if a.status != want {
							t.Errorf("%s as %s by %s: %s answered %d, want %d: %s", op.ID, role, kind, a.what, a.status, want, a.body)
						}
					}
				}
				// A session that names the other organization is in none.
				if op.Scope == authz.ScopeOrganization || op.Scope == authz.ScopeGateway {
					a := session.with("Tollgate-Organization", ada.org).do(op.Method, theirs.path(op), samples[op.ID])
					tried++
					if a.status != 404 {
						t.Errorf("%s as %s in another organization: %d, want 404: %s", op.ID, role, a.status, a.body)
					}
				}
			}
		}
		if after := ada.fingerprint(theirs); after != before {
			t.Errorf("something of the other organization was changed")
		}
		if tried < 500 {
			t.Errorf("only %d requests were tried", tried)
		}
		if n := e.log.errors.Load(); n != 0 {
			t.Errorf("%d errors were logged", n)
		}
	})
}

// foreign are paths of an operation with ids of another organization: all of
// them, and those of things inside the caller's own gateway.
func foreign(op *authz.Operation, theirs, own ids) []string {
	if !strings.Contains(op.Path, "{") {
		return nil
	}
	paths := []string{theirs.path(op)}
	if strings.Contains(op.Path, "{key}") {
		mixed := ids{"gateway": own["gateway"], "key": theirs["key"]}
		paths = append(paths, mixed.path(op))
	}
	return paths
}

// TestNobodyIsNobody calls every operation without credentials.
func TestNobodyIsNobody(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	theirs := e.signup("ada").furnish()
	anon := &caller{e: e}
	for _, op := range operations(t) {
		if op.Public() {
			continue
		}
		a := anon.do(op.Method, theirs.path(op), samples[op.ID])
		if a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s without credentials: %d: %s", op.ID, a.status, a.body)
		}
	}
}

// TestRolesAreTheTable calls every operation in the caller's own organization as
// each role and with narrowed tokens, and compares with the table.
func TestRolesAreTheTable(t *testing.T) {
	t.Parallel()
	e := start(t, "postgres", settingsFor{})
	ada := e.signup("ada")
	own := ada.furnish()
	callers := map[tenant.Role]*caller{}
	for _, role := range tenant.Roles()[1:] {
		callers[role] = ada.invite(string(role), string(role))
	}
	for role, c := range callers {
		for _, op := range operations(t) {
			if op.Scope != authz.ScopeOrganization && op.Scope != authz.ScopeGateway || op.ID == "deleteGateway" || !op.Token {
				continue
			}
			// A body that can't be valid: who may call it gets 422, others 403.
			a := c.do(op.Method, own.path(op)+"?no_such_parameter=1", samples[op.ID])
			allowed := authz.Allowed(role, nil, op.Permission)
			if allowed != (a.status == 422) || !allowed && a.status != 403 {
				t.Errorf("%s as %s: %d: %s", op.ID, role, a.status, a.body)
			}
		}
	}
	for _, p := range authz.Permissions() {
		secret := ada.post("/v1/tokens", object{"name": string(p), "scopes": []string{string(p)}}).want(201).str("token")
		c := &caller{e: e, token: secret}
		for _, op := range operations(t) {
			if op.Scope != authz.ScopeOrganization && op.Scope != authz.ScopeGateway || !op.Token {
				continue
			}
			a := c.do(op.Method, own.path(op)+"?no_such_parameter=1", samples[op.ID])
			if (op.Permission == p) != (a.status == 422) || op.Permission != p && a.status != 403 {
				t.Errorf("%s with the scope %s: %d: %s", op.ID, p, a.status, a.body)
			}
		}
	}
}
