package e2e

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tollgate/tollgate/tests/harness"
)

// TestCanarySecrets (KEY10) uses every kind of secret in every place where one can
// end up by use or by mistake, and then looks for each in all that the processes
// printed, in the database, in Redis and on the edge's disk, in several encodings.
func TestCanarySecrets(t *testing.T) {
	t.Parallel()
	mail := startSink(t)
	c := harness.New(t, harness.Options{Env: []string{"TOLLGATE_SMTP_URL=smtp://" + mail.addr + "?tls=none&from=tollgate@example.com"}})
	b := harness.StartBackend(t, "canary")
	s := newShop(t, c, "canary", []*harness.Backend{b}, nil)
	w := &watched{t: t, secrets: map[string]string{}}
	w.add("management token", s.api.Token)

	secret := "canary-policy-secret-5f2b9c71d0"
	w.add("gateway secret", secret)
	s.put("secrets/upstream-token", harness.Object{"value": secret})
	s.put("routes/open", harness.Object{
		"match": harness.Object{"path": "/open/*"}, "upstream": "app", "public": true,
		"policies": []harness.Object{{"type": "request_headers", "config": harness.Object{"set": harness.Object{"X-Upstream-Token": harness.Object{"secret": "upstream-token"}}}}},
	})
	s.put("routes/keyed", harness.Object{
		"match": harness.Object{"path": "/keyed/*"}, "upstream": "app",
		"policies": []harness.Object{{"type": "api_key", "config": harness.Object{"query_parameter": "api_key"}}},
	})
	s.api.WaitLive(s.name)
	id, key := s.consumer("alice", "")
	w.add("API key", key)
	s.waitKey("/keyed/1", key)
	s.misplaceKey(key)
	s.misplaceAtPortal(w, key)
	rotated := s.api.Must("POST", "/v1/gateways/"+s.name+"/keys/"+id+"/rotate", harness.Object{"overlap": "1h"})
	w.add("rotated API key", rotated["key"].(string))
	s.signInEverywhere(w, mail)

	if err := harness.Until(t.Context(), 30*time.Second, func() error {
		if n := len(s.api.Must("GET", "/v1/gateways/"+s.name+"/logs?limit=200", nil)["items"].([]any)); n < 15 {
			return fmt.Errorf("only %d log records: nothing would be looked at", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second) // usage is in the database too, Redis has written its file
	w.search(c)
}

// misplaceKey sends a key to the edge in every part of a request.
func (s *shop) misplaceKey(key string) {
	s.t.Helper()
	edge, escaped := s.Edges[0].Addr(), url.QueryEscape(key)
	for _, r := range []struct {
		path, key string
		headers   []string
	}{
		{"/keyed/header", key, nil},
		{"/keyed/bearer", "", []string{"Authorization", "Bearer " + key}},
		{"/keyed/basic", "", []string{"Authorization", "Basic " + key}},
		{"/keyed/query?api_key=" + escaped, "", nil},
		{"/keyed/other-query?token=" + escaped + "&x=1", "", nil},
		{"/keyed/" + key, "", nil},
		{"/keyed/" + key[:len(key)-1] + "%" + fmt.Sprintf("%02x", key[len(key)-1]), "", nil},
		{"/nothing/" + key, "", nil},
		{"/" + key + "/a/b?" + key, "", nil},
		{"/open/referer", "", []string{"Referer", "https://app.example/?api_key=" + escaped}},
		{"/open/agent", "", []string{"User-Agent", "curl " + key}},
		{"/open/cookie", "", []string{"Cookie", "key=" + key}},
		{"/open/request-id", "", []string{"X-Request-Id", key}},
		{"/open/trace", "", []string{"Traceparent", key}},
		{"/open/forwarded", "", []string{"X-Forwarded-For", key, "X-Forwarded-Host", key}},
		{"/keyed/two", key, []string{"Authorization", "Bearer " + key[:len(key)-6] + "000000"}},
		{"/keyed/typo", key[:len(key)-1], nil},
	} {
		s.call.Get(edge, s.host, r.path, r.key, r.headers...)
		s.call.Get(edge, "unknown.localhost", r.path, r.key, r.headers...)
	}
	s.call.Get(edge, key+".localhost", "/", "")
	explain := func(body harness.Object) {
		if _, err := s.api.Do("POST", "/v1/gateways/"+s.name+"/explain", body); err != nil {
			s.t.Fatal(err)
		}
	}
	explain(harness.Object{"method": "GET", "url": "http://" + s.host + "/keyed/1?api_key=" + escaped})
	explain(harness.Object{"method": "GET", "url": "http://" + s.host + "/keyed/1", "headers": harness.Object{"X-API-Key": []string{key}}})
}

// misplaceAtPortal sends secrets to the management API where they don't belong.
func (s *shop) misplaceAtPortal(w *watched, key string) {
	s.t.Helper()
	token := s.api.Token
	for _, path := range []string{
		"/v1/gateways/" + key, "/v1/gateways/" + s.name + "/keys/" + key, "/v1/gateways/" + s.name + "/logs?path=" + url.QueryEscape(key),
		"/v1/audit?actor=" + token, "/v1/tokens/" + token, "/v1/me?token=" + token, "/docs/" + token,
	} {
		if _, err := s.api.Do("GET", path, nil, "Referer", "https://x.example/?t="+token, "User-Agent", token); err != nil {
			s.t.Fatal(err)
		}
	}
	anon := &harness.API{T: s.t, URL: s.api.URL, HTTP: s.api.HTTP}
	for _, header := range []string{"Bearer " + token + "x", "Basic " + token, token, "Bearer " + key} {
		if _, err := anon.Do("GET", "/v1/me", nil, "Authorization", header); err != nil {
			s.t.Fatal(err)
		}
	}
	// A key of an Idempotency-Key, and bodies that are refused.
	_, _ = s.api.Do("POST", "/v1/gateways/"+s.name+"/keys", harness.Object{"consumer": "alice", "name": "x"}, "Idempotency-Key", token)
	_, _ = s.api.Do("POST", "/v1/gateways/"+s.name+"/keys", harness.Object{"consumer": "alice", "key": key})
	_, _ = s.api.Do("PUT", "/v1/gateways/"+s.name+"/secrets/bad", harness.Object{"value": w.secrets["gateway secret"], "nmae": 1})
	_, _ = s.api.Do("PUT", "/v1/gateways/"+s.name+"/secrets/bad", []byte(`{"value":"`+w.secrets["gateway secret"]))
}

// browser is a client with cookies that says where it is from.
type browser struct {
	*harness.API
	jar http.CookieJar
}

func newBrowser(t testing.TB, portal string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{&harness.API{T: t, URL: portal, HTTP: &http.Client{Timeout: 20 * time.Second, Jar: jar}}, jar}
}

func (b *browser) must(method, path string, body any) harness.Object {
	b.T.Helper()
	return b.Must(method, path, body, "Sec-Fetch-Site", "same-origin")
}

// cookies are the values of the browser's cookies.
func (b *browser) cookies() (out []string) {
	u, err := url.Parse(b.URL)
	if err != nil {
		b.T.Fatal(err)
	}
	for _, c := range b.jar.Cookies(u) {
		out = append(out, c.Value)
	}
	return out
}

// signInEverywhere uses passwords, links, codes and cookies, rightly and wrongly.
func (s *shop) signInEverywhere(w *watched, mail *sink) {
	t := s.t
	t.Helper()
	const email, first, second, wrong = "canary-person@example.com", "canary-password-one-8812", "canary-password-two-3391", "canary-password-wrong-7710"
	w.add("password", first)
	w.add("new password", second)
	w.add("wrong password", wrong)
	b := newBrowser(t, s.PortalURL)
	b.must("POST", "/v1/signup", harness.Object{"email": email, "password": first, "organization": "Canary", "session": true})
	for _, v := range b.cookies() {
		w.add("session cookie", v)
	}
	_, _ = b.Do("POST", "/v1/login", harness.Object{"email": email, "password": wrong})
	_, _ = b.Do("POST", "/v1/login", harness.Object{"email": wrong, "password": wrong})
	_, _ = b.Do("POST", "/v1/login?password="+wrong, harness.Object{"email": email})
	_, _ = b.Do("POST", "/v1/signup", []byte(`{"email":"`+email+`","password":"`+wrong))
	verify := mail.token(t, email, "/verify")
	w.add("verification link", verify)
	b.must("POST", "/v1/email/verify", harness.Object{"token": verify})
	enrolled := b.must("POST", "/v1/totp", harness.Object{"current_password": first})
	totp := enrolled["secret"].(string)
	w.add("TOTP secret", totp)
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(totp); err == nil {
		w.add("TOTP secret, decoded", string(raw))
	}
	codes := b.must("POST", "/v1/totp/confirm", harness.Object{"code": totpCode(t, totp, time.Now())})["recovery_codes"].([]any)
	for _, c := range codes {
		w.add("recovery code", c.(string))
		w.add("recovery code, plain", strings.ReplaceAll(c.(string), "-", ""))
	}
	half := newBrowser(t, s.PortalURL)
	half.must("POST", "/v1/login", harness.Object{"email": email, "password": first})
	for _, v := range half.cookies() {
		w.add("half session", v)
	}
	_, _ = half.Do("POST", "/v1/login/second-factor", harness.Object{"recovery_code": wrong[:20]})
	half.must("POST", "/v1/login/second-factor", harness.Object{"recovery_code": codes[0]})
	_ = half.must("POST", "/v1/password/forgot", harness.Object{"email": email})
	reset := mail.token(t, email, "/reset")
	w.add("reset link", reset)
	_, _ = half.Do("POST", "/v1/password/reset?token="+reset, harness.Object{"token": reset + "x", "password": second})
	half.must("POST", "/v1/password/reset", harness.Object{"token": reset, "password": second})
	last := newBrowser(t, s.PortalURL)
	last.must("POST", "/v1/login", harness.Object{"email": email, "password": second})
	last.must("POST", "/v1/login/second-factor", harness.Object{"recovery_code": codes[1]})
	last.must("POST", "/v1/invitations", harness.Object{"email": "guest@example.com", "role": "viewer"})
	w.add("invitation link", mail.token(t, "guest@example.com", "/join"))
	made := last.must("POST", "/v1/tokens", harness.Object{"name": "canary", "scopes": []string{"*"}})
	w.add("second management token", made["token"].(string))
	exported, err := last.Do("GET", "/v1/organization/export", nil)
	if err != nil || exported.Status != http.StatusOK || !json.Valid(exported.Body) {
		t.Fatalf("export: %v %v", err, exported)
	}
	w.see("the organization's export", exported.Body)
	if exported, err = last.Do("GET", "/v1/account/export", nil); err != nil || exported.Status != http.StatusOK {
		t.Fatalf("export: %v %v", err, exported)
	}
	w.see("the account's export", exported.Body)
}

// totpCode is RFC 6238's code of a secret.
func totpCode(t testing.TB, secret string, at time.Time) string {
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
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1000000)
}
