package harness

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"time"
)

// Operator signs a user in to the operator's console as a browser does: it turns the
// second factor on and signs in with it. The user must have been made by SignUp.
func (c *Cluster) Operator(name string) *API {
	c.T.Helper()
	password := "correct horse battery staple " + name
	sign := func() *API {
		jar, err := cookiejar.New(nil)
		must(c.T, err)
		a := &API{T: c.T, URL: c.PortalURL, HTTP: &http.Client{Timeout: 30 * time.Second, Jar: jar, Transport: fromOurPages{}}}
		a.Must("POST", "/v1/login", Object{"email": name + "@example.com", "password": password})
		return a
	}
	first := sign()
	secret := first.Must("POST", "/v1/totp", Object{"current_password": password})["secret"].(string)
	first.Must("POST", "/v1/totp/confirm", Object{"code": totp(c.T.Fatalf, secret, time.Now())})
	o := sign()
	// The code of the next half minute: this one's was used.
	o.Must("POST", "/v1/login/second-factor", Object{"code": totp(c.T.Fatalf, secret, time.Now().Add(30*time.Second))})
	return o
}

// fromOurPages says with each request that a page of the portal made it.
type fromOurPages struct{}

func (fromOurPages) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return http.DefaultTransport.RoundTrip(r)
}

// totp is RFC 6238's code of a secret at a moment.
func totp(fatal func(string, ...any), secret string, at time.Time) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		fatal("the secret %q: %v", secret, err)
	}
	mac := hmac.New(sha1.New, key)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at.Unix()/30))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1000000)
}
