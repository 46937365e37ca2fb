package apitest

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/services/tenant"
)

// matrix counts what was tried and what came of it.
type matrix struct {
	t       *testing.T
	what    string
	tried   int
	answers map[int]int
	wrong   int
}

func newMatrix(t *testing.T, what string) *matrix {
	return &matrix{t: t, what: what, answers: map[int]int{}}
}

func (m *matrix) judge(a *answer, want int, format string, args ...any) {
	m.t.Helper()
	m.tried++
	m.answers[a.status]++
	if a.status != want {
		m.wrong++
		m.t.Errorf("%s: %s answered %d, want %d: %s", fmt.Sprintf(format, args...), a.what, a.status, want, a.body)
	}
}

// print says how large the matrix was and what it found.
func (m *matrix) print(operations, roles int) {
	var b strings.Builder
	for _, status := range slices.Sorted(maps.Keys(m.answers)) {
		fmt.Fprintf(&b, " %d×%d", m.answers[status], status)
	}
	fmt.Printf("%s (%s): %d operations, %d roles, %d requests:%s; %d wrong\n", m.what, m.t.Name(), operations, roles, m.tried, b.String(), m.wrong)
}

// TestACC09IDOR calls every operation that names something with the ids of another
// organization, as each role, by token and by session: nothing of it may be seen
// or changed.
func TestACC09IDOR(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada, bob := e.signup("ada"), e.signup("bob")
		theirs, own := ada.furnish(), bob.furnish()
		callers := map[tenant.Role]*caller{tenant.RoleOwner: bob}
		for _, role := range tenant.Roles()[1:] {
			callers[role] = bob.invite(string(role), string(role))
		}
		before := ada.fingerprint(theirs)
		m := newMatrix(t, "IDOR matrix")
		named := map[string]bool{}
		for role, token := range callers {
			session := token.login()
			for _, op := range operations(t) {
				if op.Public() || elsewhere(op) {
					continue
				}
				for _, path := range foreign(op, theirs, own) {
					named[op.ID] = true
					for kind, c := range map[string]*caller{"token": token, "session": session} {
						if kind == "token" && !op.Token || kind == "session" && !op.Session {
							continue
						}
						want := http.StatusNotFound
						if op.Scope != authz.ScopeUser && !authz.Allowed(role, nil, op.Permission) {
							want = http.StatusForbidden
						}
						m.judge(c.do(op.Method, path, samples[op.ID]), want, "%s as %s by %s", op.ID, role, kind)
					}
				}
				// A session that names the other organization is in none.
				if op.Scope == authz.ScopeOrganization || op.Scope == authz.ScopeGateway {
					named[op.ID] = true
					a := session.with("Tollgate-Organization", ada.org).do(op.Method, theirs.path(op), samples[op.ID])
					m.judge(a, http.StatusNotFound, "%s as %s in another organization", op.ID, role)
				}
			}
		}
		for _, what := range ada.fingerprint(theirs).changed(before) {
			t.Errorf("something of the other organization was changed: %s", what)
		}
		m.print(len(named), len(callers))
		if m.tried < 500 {
			t.Errorf("only %d requests were tried", m.tried)
		}
		if n := e.log.errors.Load(); n != 0 {
			t.Errorf("%d errors were logged", n)
		}
		bob.foreignBodies(theirs, own)
	})
}

// elsewhere says that an operation has credentials of its own kind, which other
// tests try.
func elsewhere(op *authz.Operation) bool {
	return op.Scope != authz.ScopeUser && op.Scope != authz.ScopeOrganization && op.Scope != authz.ScopeGateway
}

// foreign are paths of an operation with ids of another organization: all of
// them, and those of things inside the caller's own gateway.
func foreign(op *authz.Operation, theirs, own ids) []string {
	if !strings.Contains(op.Path, "{") {
		return nil
	}
	if strings.HasPrefix(op.Path, "/v1/telemetry/") {
		return nil // the name is one of the caller's own organization
	}
	paths := []string{theirs.path(op)}
	if strings.Contains(op.Path, "{key}") {
		mixed := ids{"gateway": own["gateway"], "key": theirs["key"]}
		paths = append(paths, mixed.path(op))
	}
	return paths
}

// foreignBodies names another organization's things in bodies and queries.
func (c *caller) foreignBodies(theirs, own ids) {
	t := c.e.t
	t.Helper()
	s := c.login()
	s.patch("/v1/me", object{"organization": theirs["organization"]}).wantFields("/organization")
	g := "/v1/gateways/" + own["gateway"]
	for _, path := range []string{
		g + "/logs?key=" + theirs["key"], g + "/usage?group_by=route&key=" + theirs["key"], "/v1/audit?gateway=" + theirs["gateway"],
		"/v1/audit?resource=" + theirs["key"],
	} {
		if a := c.get(path); a.status == http.StatusOK && len(a.list("items")) > 0 || bytes.Contains(a.body, []byte(theirs["gateway"])) {
			t.Errorf("%s shows something of another organization: %s", path, a.body)
		}
	}
	// The name in a body can't move what the path names.
	c.put(g+"/routes/r", object{"name": "other", "match": object{"path": "/x"}, "upstream": "u", "public": true}).want(200)
	c.get(g + "/routes/other").want(200)
	c.put(g+"/routes/other", object{"name": "r", "match": object{"path": "/x"}, "upstream": "u", "public": true}).want(200)
}

// TestNobodyIsNobody calls every operation without credentials.
func TestNobodyIsNobody(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	theirs := e.signup("ada").furnish()
	anon := &caller{e: e}
	m := newMatrix(t, "nobody")
	for _, op := range operations(t) {
		if op.Public() || elsewhere(op) {
			continue
		}
		a := anon.do(op.Method, theirs.path(op), samples[op.ID])
		m.judge(a, http.StatusUnauthorized, "%s without credentials", op.ID)
		if a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", op.ID)
		}
	}
}

// TestRolesAreTheTable calls every operation in the caller's own organization as
// each role, by token and by session, and with narrowed tokens, and compares with
// the table.
func TestRolesAreTheTable(t *testing.T) {
	t.Parallel()
	e := start(t, "postgres", settingsFor{})
	ada := e.signup("ada")
	own := ada.furnish()
	callers := map[tenant.Role]*caller{tenant.RoleOwner: ada}
	for _, role := range tenant.Roles()[1:] {
		callers[role] = ada.invite(string(role), string(role))
	}
	m := newMatrix(t, "role matrix")
	var ops []*authz.Operation
	for _, op := range operations(t) {
		if op.Scope == authz.ScopeOrganization || op.Scope == authz.ScopeGateway {
			ops = append(ops, op)
		}
	}
	// A query that can't be valid: who may call it gets 422, others 403.
	ask := func(c *caller, op *authz.Operation) *answer {
		return c.do(op.Method, own.path(op)+"?no_such_parameter=1", samples[op.ID])
	}
	want := func(allowed bool) int {
		if allowed {
			return http.StatusUnprocessableEntity
		}
		return http.StatusForbidden
	}
	for role, c := range callers {
		session := c.login()
		for _, op := range ops {
			allowed := authz.Allowed(role, nil, op.Permission)
			m.judge(ask(c, op), want(allowed && op.Token), "%s as %s by token", op.ID, role)
			m.judge(ask(session, op), want(allowed && op.Session), "%s as %s by session", op.ID, role)
		}
	}
	for _, p := range authz.Permissions() {
		secret := ada.post("/v1/tokens", object{"name": string(p), "scopes": []string{string(p)}}).want(201).str("token")
		c := &caller{e: e, token: secret}
		for _, op := range ops {
			m.judge(ask(c, op), want(op.Permission == p && op.Token), "%s with the scope %s", op.ID, p)
		}
	}
	m.print(len(ops), len(callers))
}

// TestACC10Escalation adds to every body what only others may set: it is refused
// and named, and nothing of it happens.
func TestACC10Escalation(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada, bob := e.signup("ada"), e.signup("bob")
	own := ada.furnish()
	s := ada.login()
	m := newMatrix(t, "mass assignment")
	more := object{
		"org_id": bob.org, "organization_id": bob.org, "user_id": bob.user, "plan": "scale", "verified": true, "is_admin": true,
		"suspended": false, "revision": 1, "password_hash": "x",
	}
	for _, op := range operations(t) {
		sample, ok := samples[op.ID].(object)
		if !ok || elsewhere(op) && !op.Public() || op.ID == "login" || op.ID == "loginSecondFactor" {
			continue
		}
		for field, v := range more {
			if _, known := op.Spec.RequestBody.Value.Content.Get("application/json").Schema.Value.Properties[field]; known {
				continue // it is the caller's to set
			}
			body := maps.Clone(sample)
			body[field] = v
			c := ada
			if !op.Token {
				c = s
			}
			a := c.do(op.Method, own.path(op), body)
			m.judge(a, http.StatusUnprocessableEntity, "%s with %s", op.ID, field)
			if !strings.Contains(string(a.body), `"/`+field+`"`) && a.status == http.StatusUnprocessableEntity {
				t.Errorf("%s with %s: the field is not named: %s", op.ID, field, a.body)
			}
		}
	}
	m.print(len(samples), 1)
	if got := ada.get("/v1/organization").want(200); got.str("plan") != "free" {
		t.Errorf("the organization is %s", got.body)
	}
	// A member who makes itself owner, by every way that carries a role.
	dev := ada.invite("dev", "developer")
	id := ada.memberID(dev.email)
	dev.put("/v1/members/"+id, object{"role": "owner"}).wantCode(403, "forbidden")
	dev.login().put("/v1/members/"+id, object{"role": "owner"}).wantCode(403, "forbidden")
	dev.login().patch("/v1/me", object{"role": "owner"}).wantFields("/role")
	dev.post("/v1/invitations", object{"email": "dev2@example.com", "role": "owner"}).wantCode(403, "forbidden")
	admin := ada.invite("admin", "admin")
	admin.post("/v1/invitations", object{"email": "dev2@example.com", "role": "owner"}).wantCode(403, "forbidden")
	admin.put("/v1/members/"+ada.memberID(admin.email), object{"role": "owner"}).wantCode(403, "forbidden")
	ada.post("/v1/invitations", object{"email": "boss@example.com", "role": "owner"}).want(201)
	inv := ada.get("/v1/invitations").want(200)
	for _, item := range inv.list("items") {
		if item := item.(object); item["role"] == "owner" {
			admin.post("/v1/invitations/"+item["id"].(string)+"/resend", nil).wantCode(403, "forbidden")
		}
	}
	// Names that differ by case or stand twice say nothing new either.
	for _, raw := range []string{`{"name":"x","Plan":"scale"}`, `{"name":"x","name":"y","plan":"scale"}`, `{"name":"x","__proto__":{"plan":"scale"}}`} {
		if a := ada.patch("/v1/organization", []byte(raw)); a.status != 422 && a.status != 400 {
			t.Errorf("%s: %d: %s", raw, a.status, a.body)
		}
	}
}
