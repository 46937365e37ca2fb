package apitest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// code is RFC 6238's code of a secret at a moment, written down once more so that
// the program is not measured by itself.
func code(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at.Unix()/30))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1000000)
}

// enrol turns the second factor of a signed-in user on.
func (c *caller) enrol() (secret string, recovery []string) {
	e := c.e
	e.t.Helper()
	a := c.post("/v1/totp", object{"current_password": password}).want(201)
	secret = a.str("secret")
	for _, r := range c.post("/v1/totp/confirm", object{"code": code(e.t, secret, e.clock.now())}).want(200).list("recovery_codes") {
		recovery = append(recovery, r.(string))
	}
	e.clock.advance(30 * time.Second) // the code was used
	return secret, recovery
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		s, other := ada.login(), ada.login()
		if a := s.get("/v1/totp").want(200); a.at("enabled") != false {
			t.Fatalf("at first: %s", a.body)
		}
		s.post("/v1/totp", object{}).wantFields("/current_password")
		s.post("/v1/totp", object{"current_password": "wrong wrong wrong"}).wantFields("/current_password")
		s.post("/v1/totp/confirm", object{"code": "123456"}).wantCode(409, "conflict")
		a := s.post("/v1/totp", object{"current_password": password}).want(201)
		secret := a.str("secret")
		u, err := url.Parse(a.str("otpauth_uri"))
		if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Query().Get("secret") != secret || u.Query().Get("issuer") != "Tollgate" {
			t.Fatalf("the URI is %s, %v", a.str("otpauth_uri"), err)
		}
		rows := a.list("qr")
		if len(rows) < 21 || len(rows[0].(string)) != len(rows) || !strings.HasPrefix(rows[0].(string), "1111111") {
			t.Fatalf("the QR code is %v", rows)
		}
		// Nothing is in force before the first code.
		ada.login()
		s.post("/v1/totp/confirm", object{"code": code(t, secret, e.clock.now().Add(-5*time.Minute))}).wantFields("/code")
		first := code(t, secret, e.clock.now())
		done := s.post("/v1/totp/confirm", object{"code": first}).want(200)
		if n := len(done.list("recovery_codes")); n != 10 {
			t.Fatalf("%d recovery codes", n)
		}
		other.get("/v1/me").want(401) // it was signed in by a password alone
		if a := s.get("/v1/totp").want(200); a.at("enabled") != true || a.at("recovery_codes_left") != 10.0 {
			t.Fatalf("turned on: %s", a.body)
		}
		s.post("/v1/totp", object{"current_password": password}).wantCode(409, "conflict")

		b := e.browser()
		half := b.post("/v1/login", object{"email": ada.email, "password": password}).want(202)
		if half.str("second_factor") != "totp" {
			t.Fatalf("a password answered %s", half.body)
		}
		b.get("/v1/me").want(401)                                                    // half a session is none
		b.post("/v1/login/second-factor", object{"code": first}).wantFields("/code") // it was used to confirm
		e.clock.advance(30 * time.Second)
		next := code(t, secret, e.clock.now())
		b.post("/v1/login/second-factor", object{"code": next}).want(200)
		b.get("/v1/me").want(200)
		// A code works once, for whoever has seen it.
		thief := e.browser()
		thief.post("/v1/login", object{"email": ada.email, "password": password}).want(202)
		thief.post("/v1/login/second-factor", object{"code": next}).wantFields("/code")
		// Without the password's step there is nothing to finish.
		e.clock.advance(time.Minute)
		e.browser().post("/v1/login/second-factor", object{"code": code(t, secret, e.clock.now())}).wantCode(401, "unauthenticated")
		// The step lasts five minutes.
		e.clock.advance(6 * time.Minute)
		thief.post("/v1/login/second-factor", object{"code": code(t, secret, e.clock.now())}).wantCode(401, "unauthenticated")
	})
}

func TestSecondFactorGuessing(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{proxied: true})
	ada := e.signup("ada")
	secret, _ := ada.login().enrol()
	e.clock.freeze()
	tried := 0
	for i := range 40 { // from another address each time, with another half session
		b := e.browser().with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
		b.post("/v1/login", object{"email": ada.email, "password": password}).want(202)
		if a := b.post("/v1/login/second-factor", object{"code": "000000"}); a.status == 422 {
			tried++
		} else {
			a.wantCode(429, "throttled")
		}
	}
	if tried > 6 {
		t.Errorf("%d of 40 codes in a row were looked at", tried)
	}
	e.clock.advance(5*time.Minute + time.Second) // never longer
	b := e.browser()
	b.post("/v1/login", object{"email": ada.email, "password": password}).want(202)
	b.post("/v1/login/second-factor", object{"code": code(t, secret, e.clock.now())}).want(200)
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, e *env) {
		ada := e.signup("ada")
		s := ada.login()
		secret, recovery := s.enrol()
		half := func() *caller {
			b := e.browser()
			b.post("/v1/login", object{"email": ada.email, "password": password}).want(202)
			return b
		}
		b := half()
		b.post("/v1/login/second-factor", object{"recovery_code": strings.ToUpper(" " + recovery[0] + " ")}).want(200)
		half().post("/v1/login/second-factor", object{"recovery_code": recovery[0]}).wantFields("/code")
		if n := s.get("/v1/totp").want(200).at("recovery_codes_left"); n != 9.0 {
			t.Errorf("%v codes are left", n)
		}
		// Two browsers, one half session each, one code.
		one, two := half(), half()
		answers := make(chan int, 2)
		for _, c := range []*caller{one, two} {
			go func() { answers <- c.post("/v1/login/second-factor", object{"recovery_code": recovery[1]}).status }()
		}
		// Who comes second is told that the code is wrong, or to wait for the first.
		if a, b := <-answers, <-answers; a+b != 200+422 && a+b != 200+429 {
			t.Errorf("a recovery code for two answered %d and %d", a, b)
		}
		e.clock.advance(time.Minute)
		s.post("/v1/totp/recovery-codes", object{"current_password": password}).wantFields("/code")
		s.post("/v1/totp/recovery-codes", object{"code": recovery[2]}).wantFields("/current_password")
		fresh := s.post("/v1/totp/recovery-codes", object{"current_password": password, "code": code(t, secret, e.clock.now())}).want(200).list("recovery_codes")
		half().post("/v1/login/second-factor", object{"recovery_code": recovery[3]}).wantFields("/code")
		// Off again: the password alone does, and old codes are dead.
		s.post("/v1/totp/disable", object{"current_password": password, "code": "abcde-fghij"}).wantFields("/code")
		s.post("/v1/totp/disable", object{"current_password": password, "code": fresh[0]}).want(204)
		ada.login()
		s.post("/v1/totp/disable", object{"current_password": password, "code": fresh[1]}).wantCode(409, "conflict")
	})
}

// TestHalfSessionsDie: a half session is worth nothing after its password or its
// second factor was changed, and after it was used.
func TestHalfSessionsDie(t *testing.T) {
	t.Parallel()
	e := start(t, "sqlite", settingsFor{})
	ada := e.signup("ada")
	s := ada.login()
	secret, recovery := s.enrol()
	half := func() *caller {
		b := e.browser()
		b.post("/v1/login", object{"email": ada.email, "password": password}).want(202)
		return b
	}
	stale, used := half(), half()
	link := cookiesOf(t, used)
	used.post("/v1/login/second-factor", object{"recovery_code": recovery[0]}).want(200)
	replay := (&caller{e: e}).with("Cookie", link)
	replay.post("/v1/login/second-factor", object{"recovery_code": recovery[1]}).wantCode(401, "unauthenticated")
	s.put("/v1/password", object{"current_password": password, "password": "another long password"}).want(204)
	stale.post("/v1/login/second-factor", object{"code": code(t, secret, e.clock.now())}).wantCode(401, "unauthenticated")
	// A reset by mail does not get around the second factor.
	anon := &caller{e: e}
	anon.post("/v1/password/forgot", object{"email": ada.email}).want(202)
	anon.post("/v1/password/reset", object{"token": linkToken(t, e.mailTo(ada.email, "/reset")), "password": password}).want(204)
	half()
}

// cookiesOf are the caller's cookies as a header field.
func cookiesOf(t *testing.T, c *caller) string {
	t.Helper()
	u, err := url.Parse(c.e.base)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range c.jar.Cookies(u) {
		out = append(out, k.Name+"="+k.Value)
	}
	return strings.Join(out, "; ")
}
