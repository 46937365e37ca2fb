package apitest

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestPortalLife is a developer portal from nothing to a deleted account.
func TestPortalLife(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		dev := e.stranger("demo")
		for _, p := range []string{"", "/logo", "/openapi.json", "/me", "/keys"} {
			dev.get(p).wantCode(404, "not_found")
		}
		p := ada.get(g + "/developer-portal").want(200)
		if p.at("published") != false || p.str("name") != "demo" || p.str("label") != "demo" || p.str("openapi") != "generated" {
			t.Errorf("before it is set: %s", p.body)
		}
		ada.put(g+"/developer-portal", object{
			"name": " ", "tagline": "a\nb", "accent": "#ffff00", "accent_dark": "#101010", "support": "javascript:alert(1)",
			"plans": []object{{"usage_plan": "none"}, {"usage_plan": "p"}, {"usage_plan": "p"}},
		}).wantFields("/name", "/tagline", "/accent", "/accent_dark", "/support", "/plans/2/usage_plan")
		ada.put(g+"/developer-portal", object{"name": "x", "plans": []object{{"usage_plan": "none"}}}).wantFields("/plans/0/usage_plan")
		dev.get("").want(404)
		p = ada.put(g+"/developer-portal", object{
			"name": "Demo API", "published": true, "text": "Hello", "accent": "#1c64b0", "max_keys": 2,
			"plans": []object{{"usage_plan": "p", "title": "Free"}},
		}).want(200)
		if p.str("accent_text") != "#ffffff" || p.at("max_keys") != 2.0 || p.str("url") != "http://portal.test/p/demo" {
			t.Errorf("portal: %s", p.body)
		}
		ada.with("If-Match", `"99"`).put(g+"/developer-portal", object{"name": "x"}).wantCode(412, "precondition_failed")
		info := dev.get("").want(200)
		if info.str("name") != "Demo API" || info.str("gateway_url") != "http://demo.localhost:8000" || len(info.list("plans")) != 1 || info.at("mail") != false {
			t.Errorf("info: %s", info.body)
		}

		dev.get("/me").wantCode(401, "unauthenticated")
		dev.post("/signup", object{"email": "x", "password": "short", "name": ""}).want(422)
		dev = e.developer("demo", "dev@dev.example")
		again := e.stranger("demo")
		again.post("/signup", object{"email": "DEV@dev.example", "password": password, "name": "Again"}).wantCode(409, "email_taken")
		again.post("/login", object{"email": "dev@dev.example", "password": "wrong password"}).wantCode(401, "unauthenticated")
		if dev.get("/me").want(200).str("state") != "new" {
			t.Error("a new developer has a plan")
		}
		dev.post("/keys", object{"name": "k"}).wantCode(403, "forbidden")
		dev.get("/usage").want(404)
		if len(dev.get("/limits").want(200).str("usage_plan")) != 0 {
			t.Error("limits without a plan")
		}
		dev.put("/plan", object{"usage_plan": "none"}).wantFields("/usage_plan")
		if me := dev.put("/plan", object{"usage_plan": "p"}).want(200); me.str("state") != "active" || me.str("usage_plan") != "p" {
			t.Errorf("after a free plan was chosen: %s", me.body)
		}
		dev.put("/plan", object{"usage_plan": "p"}).wantCode(409, "conflict")

		first := dev.post("/keys", object{"name": "one"}).want(201)
		if !strings.HasPrefix(first.str("key"), "tg_live_") {
			t.Errorf("key: %s", first.body)
		}
		dev.post("/keys", object{"name": "two"}).want(201)
		dev.post("/keys", object{"name": "three"}).wantCode(403, "limit_reached")
		rotated := dev.post("/keys/"+first.str("id")+"/rotate", object{"overlap": "1h"}).want(201)
		if rotated.str("replaces", "id") != first.str("id") || rotated.str("key") == first.str("key") {
			t.Errorf("rotation: %s", rotated.body)
		}
		if k := dev.post("/keys/"+rotated.str("id")+"/revoke", object{}).want(200); k.str("state") != "revoked" {
			t.Errorf("revoked: %s", k.body)
		}
		list := dev.get("/keys").want(200)
		if len(list.list("items")) != 3 || strings.Contains(string(list.body), first.str("key")) {
			t.Errorf("keys: %s", list.body)
		}
		if l := dev.get("/limits").want(200); l.str("usage_plan") != "p" {
			t.Errorf("limits: %s", l.body)
		}
		dev.get("/usage?interval=hour").want(200)
		dev.get("/requests").want(200)
		dev.get("/requests/0123456789abcdef").want(404)
		consumers := ada.get(g + "/consumers").want(200)
		if !strings.Contains(string(consumers.body), "dev@dev.example") {
			t.Errorf("the owner doesn't see who the consumer is: %s", consumers.body)
		}

		dev.put("/password", object{"current_password": "wrong password", "password": password + "2"}).wantFields("/current_password")
		dev.put("/password", object{"current_password": password, "password": password + "2"}).want(204)
		dev.post("/me/delete", object{"password": password}).wantFields("/password")
		dev.post("/me/delete", object{"password": password + "2"}).want(204)
		dev.get("/me").want(401)
		if n := len(ada.get(g + "/consumers").want(200).list("items")); n != 1 {
			t.Errorf("%d consumers are left, want the owner's own", n)
		}
		ada.put(g+"/developer-portal", object{"name": "Demo API", "published": false}).want(200)
		dev.get("").wantCode(404, "not_found")
		dev.post("/login", object{"email": "x@dev.example", "password": password}).wantCode(404, "not_found")
		if n := e.log.errors.Load(); n != 0 {
			t.Errorf("%d errors were logged", n)
		}
	})
}

// TestPortalApplications has plans that need the owner's approval.
func TestPortalApplications(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		g := ada.demo("demo")
		ada.post(g+"/usage-plans", object{"name": "big"}).want(201)
		label := ada.publish(g, object{"usage_plan": "p"}, object{"usage_plan": "big", "approval": true})
		dev := e.developer(label, "dev@dev.example")
		apps := g + "/developer-portal/applications"
		open := func() string {
			t.Helper()
			items := ada.get(apps + "?state=pending").want(200).list("items")
			if len(items) != 1 {
				t.Fatalf("%d applications are open", len(items))
			}
			return items[0].(object)["id"].(string)
		}

		if me := dev.put("/plan", object{"usage_plan": "big", "message": "please"}).want(200); me.str("state") != "pending" || me.str("application", "state") != "pending" {
			t.Errorf("applied: %s", me.body)
		}
		dev.post("/keys", object{"name": "k"}).wantCode(403, "forbidden")
		dev.delete("/application").want(204)
		dev.delete("/application").wantCode(404, "not_found")
		dev.put("/plan", object{"usage_plan": "big"}).want(200)
		first := open()
		if a := ada.post(apps+"/"+first+"/refuse", object{"reason": "no such firm"}).want(200); a.str("state") != "refused" || a.str("decided_by") == "" {
			t.Errorf("refused: %s", a.body)
		}
		if me := dev.get("/me").want(200); me.str("state") != "new" || me.str("application", "reason") != "no such firm" {
			t.Errorf("after a refusal: %s", me.body)
		}
		ada.post(apps+"/"+first+"/approve", nil).wantCode(409, "conflict")
		dev.put("/plan", object{"usage_plan": "p"}).want(200)
		dev.put("/plan", object{"usage_plan": "big"}).want(200)
		if me := dev.get("/me").want(200); me.str("state") != "active" || me.str("usage_plan") != "p" {
			t.Errorf("while a larger plan waits: %s", me.body)
		}
		ada.post(apps+"/"+open()+"/approve", nil).want(200)
		if me := dev.get("/me").want(200); me.str("usage_plan") != "big" || me.str("application", "state") != "approved" {
			t.Errorf("approved: %s", me.body)
		}
		dev.post("/keys", object{"name": "k"}).want(201)
		if p := ada.get(g + "/developer-portal").want(200); p.at("developers") != 1.0 || p.at("pending") != 0.0 {
			t.Errorf("portal: %s", p.body)
		}
		devs := ada.get(g + "/developer-portal/developers").want(200).list("items")
		ada.delete(g + "/developer-portal/developers/" + devs[0].(object)["id"].(string)).want(204)
		dev.get("/me").want(401)
	})
}

// TestPortalSessionsAreApart holds the three kinds of sign-in against each other.
func TestPortalSessionsAreApart(t *testing.T) {
	t.Parallel()
	e := start(t, "postgres", settingsFor{})
	ada, bob := e.signup("ada"), e.signup("bob")
	ga, gb := ada.demo("shop"), bob.demo("mall")
	shop, mall := ada.publish(ga, object{"usage_plan": "p"}), bob.publish(gb, object{"usage_plan": "p"})
	dev, other := e.developer(shop, "dev@dev.example"), e.developer(mall, "dev@dev.example")
	dev.put("/plan", object{"usage_plan": "p"}).want(200)
	other.put("/plan", object{"usage_plan": "p"}).want(200)
	theirs := other.post("/keys", object{"name": "k"}).want(201).str("id")

	if !strings.Contains(dev.do("POST", dev.path("/login"), object{"email": "dev@dev.example", "password": password}).header.Get("Set-Cookie"), "Path=/v1/developer/shop/; ") {
		t.Error("the cookie is not of the portal's path")
	}
	cookie := dev.cookie()
	send := func(method, path string) *answer {
		t.Helper()
		c := &caller{e: e, header: http.Header{"Cookie": {cookie.Name + "=" + cookie.Value + "; tollgate=" + cookie.Value}}}
		return c.do(method, path, nil)
	}
	send("GET", "/v1/developer/"+mall+"/me").wantCode(401, "unauthenticated")
	send("GET", "/v1/me").wantCode(401, "unauthenticated")
	send("GET", ga).wantCode(401, "unauthenticated")
	send("GET", "/v1/developer/"+shop+"/me").want(200)
	// Users of Tollgate are nobody at a portal, the owner too.
	ada.get("/v1/developer/"+shop+"/me").wantCode(401, "unauthenticated")
	ada.login().get("/v1/developer/"+shop+"/keys").wantCode(401, "unauthenticated")
	dev.post("/keys/"+theirs+"/revoke", nil).wantCode(404, "not_found")
	dev.post("/keys/"+theirs+"/rotate", object{}).wantCode(404, "not_found")
	mine := ada.post(ga+"/keys", object{"consumer": "c"}).want(201).str("id")
	dev.post("/keys/"+mine+"/revoke", nil).wantCode(404, "not_found")
	// What another site makes a browser send is refused.
	cross := &caller{e: e, header: http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}, "Sec-Fetch-Site": {"cross-site"}}}
	cross.do("POST", "/v1/developer/"+shop+"/keys", object{"name": "k"}).wantCode(403, "forbidden")
	// The label of somebody else's gateway under one's own path is no gateway.
	bob.get("/v1/gateways/"+shop+"/developer-portal").wantCode(404, "not_found")
	dev.post("/logout", nil).want(204)
	send("GET", "/v1/developer/"+shop+"/me").wantCode(401, "unauthenticated")
}

// TestPortalMails proves addresses, and tells nobody which are known.
func TestPortalMails(t *testing.T) {
	t.Parallel()
	eachWith(t, settingsFor{mail: true}, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		label := ada.publish(ada.demo("demo"), object{"usage_plan": "p"})
		dev := e.stranger(label)
		in := object{"email": "dev@dev.example", "password": password, "name": "<script>alert(1)</script>"}
		first := dev.post("/signup", in).want(202)
		if first.at("confirm") != true {
			t.Errorf("sign-up: %s", first.body)
		}
		link := e.mailTo("dev@dev.example", "/p/demo/verify")
		if !strings.HasPrefix(link, "http://portal.test/p/demo/verify?token=") {
			t.Errorf("link %s", link)
		}
		dev.post("/login", object{"email": "dev@dev.example", "password": password}).wantCode(403, "forbidden")
		token := tokenOf(t, link)
		dev.post("/verify", object{"token": token + "x"}).wantFields("/token")
		e.stranger(ada.publish(ada.demo("second"))).post("/verify", object{"token": token}).wantFields("/token")
		dev.post("/verify", object{"token": token}).want(204)
		dev.post("/verify", object{"token": token}).wantFields("/token")
		dev.post("/login", object{"email": "dev@dev.example", "password": password}).want(200)

		// A known address is answered like an unknown one, and keeps its password.
		again := e.stranger(label)
		in["password"] = "another long password"
		if a := again.post("/signup", in).want(202); string(a.body) != string(first.body) {
			t.Errorf("a known address is answered %s", a.body)
		}
		e.mailTo("dev@dev.example", "/p/demo")
		again.post("/login", object{"email": "dev@dev.example", "password": "another long password"}).want(401)

		again.post("/password/forgot", object{"email": "nobody@dev.example"}).want(202)
		again.post("/password/forgot", object{"email": "dev@dev.example"}).want(202)
		reset := tokenOf(t, e.mailTo("dev@dev.example", "/p/demo/reset"))
		if texts := e.mails("nobody@dev.example"); len(texts) != 0 {
			t.Errorf("a stranger got mail: %v", texts)
		}
		again.post("/password/reset", object{"token": reset, "password": "another long password"}).want(204)
		dev.get("/me").wantCode(401, "unauthenticated")
		again.post("/login", object{"email": "dev@dev.example", "password": "another long password"}).want(200)
		again.post("/resend", object{"email": "dev@dev.example"}).want(202)
	})
}

// TestPortalThrottles counts tries before they are made.
func TestPortalThrottles(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	dev := e.developer(ada.publish(ada.demo("demo")), "dev@dev.example")
	statuses := map[int]int{}
	for range 14 {
		statuses[dev.post("/login", object{"email": "dev@dev.example", "password": "a wrong password"}).status]++
	}
	if statuses[401] == 0 || statuses[429] == 0 || statuses[401]+statuses[429] != 14 {
		t.Errorf("14 wrong passwords were answered %v", statuses)
	}
	dev.post("/login", object{"email": "dev@dev.example", "password": password}).wantCode(429, "throttled")
	for range 14 {
		dev.post("/signup", object{"email": "new@dev.example", "password": password, "name": "New"})
	}
	dev.post("/signup", object{"email": "new2@dev.example", "password": password, "name": "New"}).wantCode(429, "throttled")
}

// TestPortalLook uploads logos and references.
func TestPortalLook(t *testing.T) {
	t.Parallel()
	e := start(t, "postgres", settingsFor{})
	ada := e.signup("ada")
	g := ada.demo("demo")
	page := g + "/developer-portal"
	dev := e.stranger(ada.publish(g, object{"usage_plan": "p"}))
	b64 := func(b []byte) object { return object{"image": base64.StdEncoding.EncodeToString(b)} }
	for name, file := range map[string][]byte{
		"svg":  []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
		"html": []byte("<html><script>alert(1)</script></html>"), "cut": picture(8, 8)[:40], "huge": picture(2000, 4), "large": make([]byte, 256<<10+1),
	} {
		if a := ada.put(page+"/logo", b64(file)); a.status != 422 {
			t.Errorf("%s was answered %d: %s", name, a.status, a.body)
		}
	}
	dev.get("/logo").want(404)
	ada.put(page+"/logo", b64(append(picture(8, 4), "<script>alert(1)</script>"...))).want(200)
	img := dev.get("/logo").want(200)
	if img.header.Get("Content-Type") != "image/png" || img.header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(img.header.Get("Content-Security-Policy"), "sandbox") || strings.Contains(string(img.body), "script") {
		t.Errorf("logo %v", img.header)
	}
	mark, ok := strings.CutPrefix(dev.get("").want(200).str("logo_url"), "/v1/developer/demo/logo?v=")
	if !ok || mark == "" {
		t.Errorf("logo_url has no mark: %q", mark)
	}
	if kept := dev.get("/logo?v=" + mark).want(200); !strings.Contains(kept.header.Get("Cache-Control"), "max-age=3600") {
		t.Errorf("the marked logo is not kept: %v", kept.header)
	}
	ada.delete(page + "/logo").want(204)
	dev.get("/logo").want(404)

	valid(t, dev.get("/openapi.json").want(200))
	for name, doc := range map[string]string{
		"swagger 2":  "swagger: '2.0'\ninfo: {title: T, version: '1'}\npaths: {}\n",
		"remote ref": "openapi: 3.0.3\ninfo: {title: T, version: '1'}\npaths: {/a: {$ref: 'http://169.254.169.254/latest/meta-data'}}\n",
		"file ref":   "openapi: 3.0.3\ninfo: {title: T, version: '1'}\npaths: {/a: {$ref: '/etc/passwd'}}\n",
		"no paths":   "openapi: 3.0.3\ninfo: {title: T, version: '1'}\n",
		"no yaml":    "{{{", "number": "42",
	} {
		if a := ada.put(page+"/openapi", object{"document": doc}); a.status != 422 || strings.Contains(string(a.body), "root:") {
			t.Errorf("%s was answered %d: %s", name, a.status, a.body)
		}
	}
	up := ada.put(page+"/openapi", object{"document": `{"openapi":"3.0.3","info":{"title":"Orders","version":"1"},"servers":[{"url":"https://evil.example"}],
		"paths":{"/orders":{"servers":[{"url":"https://evil.example"}],"get":{"operationId":"list","servers":[{"url":"https://evil.example"}],"responses":{"200":{"description":"ok"}}}}}}`}).want(200)
	if up.str("title") != "Orders" || up.at("operations") != 1.0 {
		t.Errorf("upload: %s", up.body)
	}
	shown := dev.get("/openapi.json").want(200)
	valid(t, shown)
	if strings.Contains(string(shown.body), "evil.example") || !strings.Contains(string(shown.body), "http://demo.localhost:8000") {
		t.Errorf("servers: %s", shown.body)
	}
	if ada.get(page).want(200).str("openapi") != "uploaded" {
		t.Error("the portal doesn't know of the upload")
	}
	ada.delete(page + "/openapi").want(204)
	if doc := dev.get("/openapi.json").want(200); !strings.Contains(string(doc.body), "rate_limited") {
		t.Errorf("generated again: %.300s", doc.body)
	}
}

// valid holds a reference against OpenAPI.
func valid(t *testing.T, a *answer) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(a.body)
	if err != nil {
		t.Fatalf("%v: %.500s", err, a.body)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Errorf("%v: %.500s", err, a.body)
	}
}
