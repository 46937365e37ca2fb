package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/portal/internal/authz"
	"github.com/tollgate/tollgate/services/core"
	"github.com/tollgate/tollgate/services/tenant"
)

const boss = "Boss@Example.com" // as the operator wrote it

// operator signs the operator up, turns the second factor on and signs in with it.
func (e *env) operator() (o *caller, secret string) {
	e.t.Helper()
	c := e.signup("boss")
	secret, _ = c.login().enrol()
	return c.loginFactor(secret), secret
}

// loginFactor signs the user in with password and code.
func (c *caller) loginFactor(secret string) *caller {
	e := c.e
	e.t.Helper()
	s := e.browser()
	s.email, s.user, s.org = c.email, c.user, c.org
	s.post("/v1/login", object{"email": c.email, "password": password}).want(202)
	s.post("/v1/login/second-factor", object{"code": code(e.t, secret, e.clock.now())}).want(200)
	e.clock.advance(30 * time.Second)
	return s
}

// mailWith waits for a mail that holds a text.
func (e *env) mailWith(to, part string) string {
	e.t.Helper()
	var mail string
	eventually(e.t, fmt.Sprintf("a mail to %s that says %q", to, part), func() bool {
		for _, text := range e.mails(to) {
			if strings.Contains(text, part) {
				mail = text
				return true
			}
		}
		return false
	})
	return mail
}

// operatorOps are the console's operations.
func operatorOps(t *testing.T) (ops []*authz.Operation) {
	for _, op := range operations(t) {
		if op.Scope == authz.ScopeOperator {
			ops = append(ops, op)
		}
	}
	return ops
}

// TestOperatorsAlone calls every operation of the console as everybody who must
// not: for them its paths do not exist, and nothing happens.
func TestOperatorsAlone(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{operators: []string{boss, "second@example.com"}})
	o, secret := e.operator()
	ada := e.signup("ada")
	own := ada.furnish()
	token := o.with("Tollgate-Organization", o.org).post("/v1/tokens", object{"name": "all", "scopes": []string{"*"}}).want(201).str("token")
	plain := &caller{e: e, email: o.email, org: o.org, user: o.user}
	m := newMatrix(t, "operator matrix")
	try := func(who string, c *caller, status int, want string) {
		t.Helper()
		for _, op := range operatorOps(t) {
			a := c.do(op.Method, own.path(op), samples[op.ID])
			m.judge(a, status, "%s as %s", op.ID, who)
			if a.str("code") != want {
				t.Errorf("%s as %s: code %s, want %s", op.ID, who, a.str("code"), want)
			}
		}
	}
	adas := ada.login()
	adaSecret, _ := adas.enrol()
	state := func() string {
		return string(ada.get("/v1/organization").want(200).body) + string(ada.get("/v1/audit?limit=200").want(200).body)
	}
	before := state()
	try("nobody", &caller{e: e}, http.StatusUnauthorized, "unauthenticated")
	try("a token of the operator's", &caller{e: e, token: token}, http.StatusForbidden, "forbidden")
	try("an owner", adas, http.StatusNotFound, "not_found")
	try("an owner with a second factor", ada.loginFactor(adaSecret), http.StatusNotFound, "not_found")
	e.clock.advance(factorLasts)
	try("an operator whose second factor is old", o, http.StatusForbidden, "factor_required")
	fresh := plain.loginFactor(secret)
	fresh.get("/v1/operator/organizations").want(200)
	recovery := fresh.post("/v1/totp/recovery-codes", object{"current_password": password, "code": code(t, secret, e.clock.now())}).want(200).list("recovery_codes")
	fresh.post("/v1/totp/disable", object{"current_password": password, "code": recovery[0]}).want(204)
	try("an operator who turned it off", fresh, http.StatusForbidden, "factor_required")
	try("an operator without", plain.login().with("Tollgate-Organization", ""), http.StatusForbidden, "factor_required")
	again, _ := fresh.enrol()
	try("a session older than the second factor", fresh, http.StatusForbidden, "factor_required")
	plain.loginFactor(again).get("/v1/operator/organizations").want(200)
	if after := state(); after != before {
		t.Errorf("something was changed: %s\n%s", before, after)
	}
	m.print(len(operatorOps(t)), 1)
}

const factorLasts = 12 * time.Hour

// TestOperatorsAddress: nobody becomes an operator by making an account for the
// address.
func TestOperatorsAddress(t *testing.T) {
	t.Parallel()
	t.Run("without mail", func(t *testing.T) {
		t.Parallel()
		e := start(t, "postgres", settingsFor{operators: []string{boss, "second@example.com"}})
		o, _ := e.operator() // the first account may be the operator's
		anon := &caller{e: e}
		for _, email := range []string{"second@example.com", "SECOND@example.COM"} {
			anon.post("/v1/signup", object{"email": email, "password": password, "organization": "x"}).wantCode(403, "forbidden")
		}
		anon.post("/v1/signup", object{"email": "second@example.com.example.com", "password": password, "organization": "x"}).want(201)
		o.with("Tollgate-Organization", o.org).post("/v1/invitations", object{"email": "second@example.com", "role": "viewer"}).want(201)
		invitation := linkToken(t, e.mailTo("second@example.com", "/join"))
		anon.post("/v1/signup", object{"email": "second@example.com", "password": password, "invitation": invitation}).want(201)
		second := &caller{e: e, email: "second@example.com"}
		if a := second.login().with("Tollgate-Organization", "").get("/v1/me").want(200); a.at("operator") != true {
			t.Errorf("an invited operator is %s", a.body)
		}
		if a := e.signup("ada").get("/v1/me").want(200); a.at("operator") != false {
			t.Errorf("ada is %s", a.body)
		}
	})
	t.Run("with mail", func(t *testing.T) {
		t.Parallel()
		e := start(t, "sqlite", settingsFor{mail: true, operators: []string{boss}})
		thief := e.browser()
		thief.post("/v1/signup", object{"email": "boss@example.com", "password": password, "organization": "x", "session": true}).want(201)
		if a := thief.get("/v1/me").want(200); a.at("operator") != false {
			t.Errorf("an address that nobody proved: %s", a.body)
		}
		thief.get("/v1/operator/organizations").wantCode(404, "not_found")
		// Its owner follows the link in a browser of its own.
		link := linkToken(t, e.mailTo("boss@example.com", "/verify"))
		owner := e.browser()
		owner.post("/v1/email/verify", object{"token": link}).wantCode(403, "forbidden")
		e.signup("ada").login().with("Tollgate-Organization", "").post("/v1/email/verify", object{"token": link}).wantCode(403, "forbidden")
		thief.get("/v1/operator/organizations").wantCode(404, "not_found")
		// Who changes an own address to the operator's is in the same place.
		bob := e.signup("bob").login()
		bob.post("/v1/email/change", object{"email": "boss@EXAMPLE.com", "current_password": password}).want(202)
		owner.post("/v1/email/verify", object{"token": linkToken(t, e.mailTo("boss@EXAMPLE.com", "/verify"))}).wantCode(403, "forbidden")
		// The owner gets the account by a new password, and the thief loses it.
		owner.post("/v1/password/forgot", object{"email": "boss@example.com"}).want(202)
		owner.post("/v1/password/reset", object{"token": linkToken(t, e.mailTo("boss@example.com", "/reset")), "password": "another long password"}).want(204)
		thief.get("/v1/me").want(401)
		owner.post("/v1/login", object{"email": "boss@example.com", "password": "another long password"}).want(200)
		if a := owner.get("/v1/me").want(200); a.at("operator") != true {
			t.Errorf("the owner is %s", a.body)
		}
		owner.get("/v1/operator/organizations").wantCode(403, "factor_required")
	})
	t.Run("with mail, in one browser", func(t *testing.T) {
		t.Parallel()
		e := start(t, "sqlite", settingsFor{mail: true, operators: []string{boss}})
		o := e.browser()
		o.post("/v1/signup", object{"email": "boss@example.com", "password": password, "organization": "x", "session": true}).want(201)
		o.post("/v1/email/verify", object{"token": linkToken(t, e.mailTo("boss@example.com", "/verify"))}).want(204)
		if a := o.get("/v1/me").want(200); a.at("operator") != true {
			t.Errorf("the operator is %s", a.body)
		}
	})
}

func TestOperatorSearch(t *testing.T) {
	t.Parallel()
	eachWith(t, settingsFor{operators: []string{boss}}, func(t *testing.T, e *env) {
		o, _ := e.operator()
		ada, bob := e.signup("ada"), e.signup("bob")
		ada.demo("demo")
		ada.invite("dev", "developer")
		host := ada.get("/v1/gateways/demo").want(200).str("hostname")
		find := func(query string, want ...string) {
			t.Helper()
			var got []string
			for _, item := range o.get("/v1/operator/organizations?" + query).want(200).list("items") {
				got = append(got, item.(object)["name"].(string))
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%s finds %v, want %v", query, got, want)
			}
		}
		find("", "bob", "ada", "boss")
		find("q=AD", "ada")
		find("q="+bob.org, "bob")
		find("q=bob@example", "bob")
		find("q=dev@example.com") // no owner
		find("q="+host, "ada")
		find("q=%25")
		find("plan=pro")
		find("plan=free&state=active&limit=200", "bob", "ada", "boss")
		first := o.get("/v1/operator/organizations?limit=2").want(200)
		find("limit=2&cursor="+first.str("next_cursor"), "boss")
		o.get("/v1/operator/organizations?state=odd").wantFields("/state")
		row := o.get("/v1/operator/organizations?q=ada").want(200).list("items")[0].(object)
		if row["members"] != 2.0 || row["gateways"] != 1.0 || row["owners"].([]any)[0] != ada.email || row["used_requests"] != 0.0 {
			t.Errorf("the row is %v", row)
		}
		d := o.get("/v1/operator/organizations/" + ada.org).want(200)
		if len(d.list("members")) != 2 || d.list("gateways")[0].(object)["hostname"] != host || d.at("included_requests") == nil {
			t.Errorf("the organization is %s", d.body)
		}
		o.get("/v1/operator/organizations/org_none").wantCode(404, "not_found")
		// Another plan, with its reason in both audits.
		path := "/v1/operator/organizations/" + ada.org
		o.patch(path, object{"plan": "gold", "reason": "x"}).wantFields("/plan")
		o.patch(path, object{"plan": "pro"}).wantFields("/reason")
		if a := o.patch(path, object{"plan": "pro", "reason": "as agreed"}).want(200); a.str("organization", "plan") != "pro" {
			t.Errorf("the plan is %s", a.body)
		}
		for _, line := range []object{
			ada.get("/v1/audit?action=organization.plan").want(200).list("items")[0].(object),
			o.get("/v1/operator/audit?organization=" + ada.org).want(200).list("items")[0].(object),
		} {
			if line["action"] != "organization.plan" || line["detail"].(object)["reason"] != "as agreed" || !strings.Contains(fmt.Sprint(line["detail"]), "pro") {
				t.Errorf("the line is %v", line)
			}
		}
		// A credit, given once however often it is asked for.
		give := o.with("Idempotency-Key", "credit-1")
		o.post(path+"/credits", object{"cents": 0, "reason": "x"}).wantFields("/cents")
		o.post(path+"/credits", object{"cents": 1.5, "reason": "x"}).wantFields("/cents")
		for range 2 {
			if a := give.post(path+"/credits", object{"cents": 500, "reason": "an outage"}).want(201); a.at("credit_cents") != 500.0 {
				t.Errorf("credited: %s", a.body)
			}
		}
		if a := o.post(path+"/credits", object{"cents": -200, "reason": "too much"}).want(201); a.at("credit_cents") != 300.0 || a.str("standing") != "good" {
			t.Errorf("credited: %s", a.body)
		}
		// Notes.
		note := o.post(path+"/notes", object{"text": "called them\nthey know"}).want(201).str("id")
		o.post(path+"/notes", object{"text": " "}).wantFields("/text")
		o.post("/v1/operator/organizations/org_none/notes", object{"text": "x"}).wantCode(404, "not_found")
		if l := o.get(path + "/notes").want(200).list("items"); len(l) != 1 || l[0].(object)["author"] != "boss@example.com" {
			t.Errorf("notes: %v", l)
		}
		o.delete("/v1/operator/organizations/"+bob.org+"/notes/"+note).wantCode(404, "not_found")
		o.delete(path + "/notes/" + note).want(204)
		if lines := ada.get("/v1/audit?limit=200").want(200); strings.Contains(string(lines.body), note) {
			t.Error("the organization reads of the operators' notes")
		}
		if l := o.get("/v1/operator/audit?operator=BOSS@example.com&limit=3").want(200).list("items"); len(l) != 3 || l[0].(object)["action"] != "note.delete" {
			t.Errorf("the operators' audit is %v", l)
		}
	})
}

func TestSuspension(t *testing.T) {
	t.Parallel()
	eachWith(t, settingsFor{operators: []string{boss}}, func(t *testing.T, e *env) {
		o, _ := e.operator()
		ada := e.signup("ada")
		own := ada.furnish()
		payer := ada.invite("payer", "billing")
		path := "/v1/operator/organizations/" + ada.org
		o.post(path+"/suspend", object{"message": "x"}).wantFields("/reason")
		in := object{"reason": "spam was sent", "message": "Stop it, then write to abuse@example.com."}
		o.post(path+"/suspend", in).want(200)
		a := o.post(path+"/suspend", in).want(200) // the same again is nothing
		if x := a.list("suspensions"); len(x) != 1 || x[0].(object)["by"] != "operator" || a.at("organization", "suspended") != true {
			t.Errorf("suspended: %s", a.body)
		}
		if n := len(ada.get("/v1/audit?action=organization.suspend").want(200).list("items")); n != 1 {
			t.Errorf("%d lines", n)
		}
		for _, to := range []string{ada.email, payer.email} {
			text := e.mailWith(to, "has suspended")
			if !strings.Contains(text, "spam was sent") || !strings.Contains(text, "abuse@example.com") {
				t.Errorf("the mail is %s", text)
			}
		}
		if x := ada.get("/v1/organization").want(200).list("suspensions"); len(x) != 1 || x[0].(object)["reason"] != "spam was sent" || x[0].(object)["message"] == nil {
			t.Errorf("members read %v", x)
		}
		doc, err := e.app.Tenants.Document(t.Context(), e.orgID(ada))
		if err != nil || !doc.Suspended {
			t.Errorf("edges are told %+v, %v", doc, err)
		}
		// What changes is refused, what reads, pays, leaves or takes access back is not.
		allowed := map[string]bool{
			"deleteMember": true, "deleteInvitation": true, "deleteToken": true, "revokeKey": true,
			"exportOrganization": true,
		}
		s := ada.login()
		refused := 0
		for _, op := range operations(t) {
			if op.Scope != authz.ScopeOrganization && op.Scope != authz.ScopeGateway {
				continue
			}
			c := ada
			if !op.Token {
				c = s
			}
			a := c.do(op.Method, own.path(op)+"?no_such_parameter=1", samples[op.ID])
			open := op.Method == http.MethodGet || allowed[op.ID] || strings.HasSuffix(string(op.Permission), ":read") || strings.HasPrefix(string(op.Permission), "billing:")
			switch {
			case open && a.status != 422:
				t.Errorf("%s of a suspended organization: %d %s", op.ID, a.status, a.body)
			case !open:
				refused++
				a.wantCode(403, "organization_suspended")
			}
		}
		if refused < 40 {
			t.Errorf("only %d operations are refused", refused)
		}
		// Its owner does not go on in another; who owns nothing of it may make one.
		if a := s.post("/v1/organizations", object{"name": "ada once more"}).wantCode(403, "organization_suspended"); !strings.Contains(a.str("detail"), `"ada"`) {
			t.Errorf("why there is no other organization: %s", a.body)
		}
		// Nor by deleting it first, or the account.
		s.post("/v1/organization/delete", object{"name": "ada", "current_password": password}).wantCode(403, "organization_suspended")
		if err := e.app.Tenants.DeleteOrganization(t.Context(), e.orgID(ada), ada.user, "ada", tenant.Proof{Password: password}); core.CodeOf(err) != core.CodeOrganizationSuspended {
			t.Errorf("the domain deletes a suspended organization: %v", err)
		}
		if a := s.post("/v1/account/delete", object{"current_password": password}).wantCode(409, "conflict"); !strings.Contains(a.str("detail"), "ada, suspended") {
			t.Errorf("why the account stays: %s", a.body)
		}
		payer.login().post("/v1/organizations", object{"name": "payer’s own"}).want(201)
		viewer := ada.get("/v1/members").want(200).list("items")
		ada.delete("/v1/members/" + viewer[len(viewer)-1].(object)["id"].(string)).want(204)
		// Billing's suspension is another: each lifts its own.
		if _, err := e.app.Tenants.SetSuspended(t.Context(), e.orgID(ada), tenant.SuspendedByBilling, "unpaid since 14 days", true); err != nil {
			t.Fatal(err)
		}
		a = o.post(path+"/resume", object{"reason": "settled"}).want(200)
		if x := a.list("suspensions"); len(x) != 1 || x[0].(object)["by"] != "billing" || a.at("organization", "suspended") != true {
			t.Errorf("after the operator: %s", a.body)
		}
		if _, err := e.app.Tenants.SetSuspended(t.Context(), e.orgID(ada), tenant.SuspendedByBilling, "", false); err != nil {
			t.Fatal(err)
		}
		if a := ada.get("/v1/organization").want(200); a.at("suspended") != false || a.at("suspensions") != nil {
			t.Errorf("after both: %s", a.body)
		}
		ada.patch("/v1/organization", object{"name": "ada again"}).want(200)
		s.post("/v1/organizations", object{"name": "ada’s second"}).want(201)
		o.post(path+"/resume", object{"reason": "nothing to do"}).want(200)
		o.post("/v1/operator/organizations/org_none/suspend", in).wantCode(404, "not_found")
		s.post("/v1/organization/delete", object{"name": "ada again", "current_password": password}).want(204)
		o.post(path+"/suspend", in).wantCode(404, "not_found")
		o.get(path).want(200)
	})
}

// TestViewOnlyReads starts a view and calls every operation there is: nothing but
// reading the viewed organization as a viewer works, and each look is recorded.
func TestViewOnlyReads(t *testing.T) {
	t.Parallel()
	eachWith(t, settingsFor{operators: []string{boss}}, func(t *testing.T, e *env) {
		o, _ := e.operator()
		ada, bob := e.signup("ada"), e.signup("bob")
		own := ada.furnish()
		path := "/v1/operator/organizations/" + ada.org
		o.post(path+"/impersonate", object{}).wantFields("/reason")
		o.post("/v1/operator/organizations/org_none/impersonate", object{"reason": "x"}).wantCode(404, "not_found")
		v := o.post(path+"/impersonate", object{"reason": "ticket 7"}).want(201)
		if v.str("organization") != ada.org || v.str("name") != "ada" {
			t.Fatalf("the view is %s", v.body)
		}
		me := o.get("/v1/me").want(200)
		if me.str("view", "reason") != "ticket 7" || len(me.list("organizations")) != 1 || me.list("organizations")[0].(object)["role"] != "viewer" {
			t.Errorf("me is %s", me.body)
		}
		m := newMatrix(t, "view matrix")
		reads := 0
		for _, op := range operations(t) {
			if op.Public() || op.Developer || op.ID == "endView" || op.ID == "logout" || !op.Session {
				continue
			}
			organization := op.Scope == authz.ScopeOrganization || op.Scope == authz.ScopeGateway
			want := http.StatusForbidden
			switch {
			case op.ID == "getMe" || op.ID == "getInstallation":
				want = http.StatusUnprocessableEntity
			case organization && op.Method == http.MethodGet && authz.Allowed(tenant.RoleViewer, nil, op.Permission):
				want = http.StatusUnprocessableEntity
				reads++
			}
			m.judge(o.do(op.Method, own.path(op)+"?no_such_parameter=1", samples[op.ID]), want, "%s while viewing", op.ID)
			if want == http.StatusForbidden {
				m.judge(o.do(op.Method, own.path(op), samples[op.ID]), want, "%s while viewing, in earnest", op.ID)
			}
		}
		m.print(m.tried, 1)
		o.with("Tollgate-Organization", bob.org).get("/v1/organization").wantCode(404, "not_found")
		o.with("Tollgate-Organization", o.org).get("/v1/organization").wantCode(404, "not_found")
		seen := map[string]bool{}
		for cursor := ""; ; {
			a := ada.get("/v1/audit?limit=200&action=operator.view&cursor=" + cursor).want(200)
			for _, item := range a.list("items") {
				line := item.(object)
				actor, detail := line["actor"].(object), line["detail"].(object)
				if actor["kind"] != "operator" || actor["name"] != "boss@example.com" || detail["reason"] != "ticket 7" {
					t.Fatalf("a look is recorded as %v", line)
				}
				seen[detail["operation"].(string)] = true
			}
			if cursor = a.str("next_cursor"); cursor == "" {
				break
			}
		}
		if len(seen) < reads {
			t.Errorf("%d operations are recorded, %d were called", len(seen), reads)
		}
		// It ends by asking, by its time, and with the session.
		o.delete("/v1/operator/view").want(204)
		o.delete("/v1/operator/view").want(204)
		if a := o.get("/v1/me").want(200); a.at("view") != nil || a.list("organizations")[0].(object)["role"] != "owner" {
			t.Errorf("after the end: %s", a.body)
		}
		o.get(path).want(200)
		o.with("Tollgate-Organization", ada.org).get("/v1/organization").wantCode(404, "not_found")
		o.post(path+"/impersonate", object{"reason": "ticket 8"}).want(201)
		e.clock.advance(30 * time.Minute)
		o.with("Tollgate-Organization", ada.org).get("/v1/organization").wantCode(404, "not_found")
		o.get(path).want(200)
		o.post(path+"/impersonate", object{"reason": "ticket 9"}).want(201)
		ada.login().post("/v1/organization/delete", object{"name": "ada", "current_password": password}).want(204)
		if a := o.get("/v1/me").want(200); a.at("view") != nil {
			t.Errorf("a view of what was deleted: %s", a.body)
		}
		var actions []string
		for _, item := range o.get("/v1/operator/audit?limit=5").want(200).list("items") {
			actions = append(actions, item.(object)["action"].(string))
		}
		if actions[0] != "operator.view_start" {
			t.Errorf("the operators' audit is %v", actions)
		}
	})
}
