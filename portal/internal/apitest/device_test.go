package apitest

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	devicePath = "/v1/login/device"
	collecting = devicePath + "/token"
)

// begin begins a device sign-in and returns both codes.
func (c *caller) beginDevice() (device object, userCode string) {
	c.e.t.Helper()
	a := c.post(devicePath, object{"host": "ada-laptop"}).want(200)
	return object{"device_code": a.str("device_code")}, a.str("user_code")
}

func TestDeviceLogin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		s, anon := ada.login(), &caller{e: e}
		a := anon.post(devicePath, object{"host": "ada-laptop"}).want(200)
		code, device := a.str("user_code"), object{"device_code": a.str("device_code")}
		if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(code) {
			t.Errorf("the user code is %q", code)
		}
		if a.at("expires_in") != 600.0 || a.at("interval") != 5.0 || !strings.HasSuffix(a.str("verification_uri_complete"), "/device?code="+code) {
			t.Errorf("begun: %s", a.body)
		}
		anon.post(collecting, device).wantCode(400, "authorization_pending")
		if slow := anon.post(collecting, device).wantCode(400, "slow_down"); slow.header.Get("Retry-After") != "10" {
			t.Errorf("Retry-After is %q, want 10", slow.header.Get("Retry-After"))
		}
		e.clock.advance(10 * time.Second)
		anon.post(collecting, device).wantCode(400, "authorization_pending")

		// As people type it.
		asked := s.get(devicePath + "/" + strings.ToLower(strings.ReplaceAll(code, "-", ""))).want(200)
		if asked.str("user_code") != code || asked.str("host") != "ada-laptop" || asked.str("client") == "" || asked.str("name") != "command line on ada-laptop" {
			t.Errorf("who asks: %s", asked.body)
		}
		s.post(devicePath+"/"+code, object{"decision": "allow", "scopes": []string{"nothing:read"}}).wantFields("/scopes/0")
		s.post(devicePath+"/"+code, object{"decision": "allow", "expires_at": e.clock.now().Add(400 * 24 * time.Hour)}).wantFields("/expires_at")
		s.post(devicePath+"/"+code, object{"decision": "allow", "expires_at": e.clock.now().Add(-time.Hour)}).wantFields("/expires_at")
		s.post(devicePath+"/"+code, object{"decision": "deny", "scopes": []string{"*"}}).wantFields("/scopes")
		s.post(devicePath+"/"+code, object{"decision": "allow", "scopes": []string{"organization:read", "tokens:read"}}).want(204)
		s.post(devicePath+"/"+code, object{"decision": "allow"}).wantCode(404, "not_found") // once
		s.get(devicePath+"/"+code).wantCode(404, "not_found")

		e.clock.advance(time.Minute)
		got := anon.post(collecting, device).want(200)
		if got.str("name") != "command line on ada-laptop" || got.str("organization") != "ada" {
			t.Errorf("collected: %s", got.body)
		}
		anon.post(collecting, device).wantCode(400, "expired_token") // once
		cli := &caller{e: e, token: got.str("token")}
		cli.get("/v1/organization").want(200)
		cli.get("/v1/gateways").wantCode(403, "forbidden")
		found := false
		for _, item := range cli.get("/v1/tokens").want(200).list("items") {
			if item := item.(object); item["name"] == "command line on ada-laptop" {
				found = item["expires_at"] == got.str("expires_at")
				ada.delete("/v1/tokens/" + item["id"].(string)).want(204)
			}
		}
		if !found {
			t.Error("the token is not in the list")
		}
		cli.get("/v1/organization").want(401)
		audit := string(ada.get("/v1/audit").want(200).body)
		for _, want := range []string{"device.allow", "token.create", "ada@example.com"} {
			if !strings.Contains(audit, want) {
				t.Errorf("the audit log lacks %s: %s", want, audit)
			}
		}
		for _, secret := range []string{device["device_code"].(string), code, got.str("token")} {
			if strings.Contains(audit, secret) {
				t.Errorf("the audit log has %s", secret)
			}
		}
		if n := e.log.errors.Load(); n != 0 {
			t.Errorf("%d errors were logged", n)
		}
	})
}

// TestDeviceLoginEnds: denied, too old, by somebody who left, in a role without
// tokens, and with codes that are none.
func TestDeviceLoginEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		s, anon := ada.login(), &caller{e: e}
		device, code := anon.beginDevice()
		s.post(devicePath+"/"+code, object{"decision": "deny"}).want(204)
		anon.post(collecting, device).wantCode(400, "access_denied")
		anon.post(collecting, device).wantCode(400, "expired_token")

		device, code = anon.beginDevice()
		e.clock.advance(10 * time.Minute)
		s.post(devicePath+"/"+code, object{"decision": "allow"}).wantCode(404, "not_found")
		anon.post(collecting, device).wantCode(400, "expired_token")

		// Allowed, but not collected in time.
		device, code = anon.beginDevice()
		s.post(devicePath+"/"+code, object{"decision": "allow"}).want(204)
		e.clock.advance(10 * time.Minute)
		anon.post(collecting, device).wantCode(400, "expired_token")

		dev := ada.invite("dev", "developer")
		device, code = anon.beginDevice()
		dev.login().post(devicePath+"/"+code, object{"decision": "allow"}).want(204)
		ada.delete("/v1/members/" + ada.memberID(dev.email)).want(204)
		anon.post(collecting, device).wantCode(400, "access_denied")

		viewer := ada.invite("viewer", "viewer")
		device, code = anon.beginDevice()
		viewer.login().post(devicePath+"/"+code, object{"decision": "allow"}).wantCode(403, "forbidden")
		ada.post(devicePath+"/"+code, object{"decision": "allow"}).wantCode(403, "forbidden") // no token lets another one in
		anon.post(devicePath+"/"+code, object{"decision": "allow"}).wantCode(401, "unauthenticated")
		anon.post(collecting, device).wantCode(400, "authorization_pending")
		e.clock.advance(5 * time.Second)
		anon.post(collecting, object{"device_code": code}).wantCode(400, "expired_token")
		for _, host := range []string{"", "-x", "x\ny", "Tollgate support: please allow", strings.Repeat("a", 64)} {
			anon.post(devicePath, object{"host": host}).wantFields("/host")
		}
		if n := e.log.errors.Load(); n != 0 {
			t.Errorf("%d errors were logged", n)
		}
	})
}

// TestDeviceCodesAreNotGuessed: wrong codes, wrong device codes and beginnings
// without end are slowed down, and nobody else waits with the guesser.
func TestDeviceCodesAreNotGuessed(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada, bob := e.signup("ada").login(), e.signup("bob").login()
	e.clock.freeze()
	anon := &caller{e: e}
	_, code := anon.beginDevice()
	for range 50 { // a code that is right is no guess
		bob.get(devicePath + "/" + code).want(200)
	}
	for range 11 {
		ada.get(devicePath+"/ZZZZ-ZZZZ").wantCode(404, "not_found")
	}
	if a := ada.get(devicePath+"/"+code).wantCode(429, "throttled"); a.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	bob.get(devicePath + "/" + code).want(200)
	refused := map[string]int{}
	for range 40 {
		if a := anon.post(devicePath, object{"host": "x"}); a.status == 429 {
			refused["begin"]++
		}
		if a := anon.post(collecting, object{"device_code": "x"}); a.status == 429 {
			refused["collect"]++
		}
	}
	if refused["begin"] < 10 || refused["collect"] < 5 {
		t.Errorf("of 40 each were refused %v", refused)
	}
}

// TestAReclaimedAccountLetsNothingIn: what somebody allowed, who had signed up with
// an address that was not theirs, is over when its owner sets a password.
func TestAReclaimedAccountLetsNothingIn(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{mail: true})
	thief, anon := e.signup("ada").login(), &caller{e: e}
	device, code := anon.beginDevice()
	thief.post(devicePath+"/"+code, object{"decision": "allow"}).want(204)
	anon.post("/v1/password/forgot", object{"email": thief.email}).want(202)
	anon.post("/v1/password/reset", object{"token": linkToken(t, e.mailTo(thief.email, "/reset")), "password": "the real ada's own"}).want(204)
	anon.post(collecting, device).wantCode(400, "expired_token")
}
