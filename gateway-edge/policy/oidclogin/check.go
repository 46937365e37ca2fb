package oidclogin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy/endpoint"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	maxText       = 512
	maxPath       = 512
	maxKeys       = 5
	maxParameters = 20
	minKey        = 32
	minLifetime   = time.Minute
	maxLifetime   = 30 * 24 * time.Hour
)

// reserved are parameters of a request for a sign-in that the policy itself sets, or
// that would change what its answer is.
var reserved = []string{
	"client_id", "client_secret", "code_challenge", "code_challenge_method", "nonce", "redirect_uri",
	"request", "request_uri", "response_mode", "response_type", "scope", "state",
}

func (c *Config) check(errs *contract.FieldErrors) {
	endpoint.CheckURL(c.Issuer, "/issuer", `the provider's URL, such as "https://login.example.com"`, "who can change what the provider says can sign anybody in", errs)
	endpoint.CheckText(c.ClientID, "/client_id", maxText, errs)
	if c.Authentication != authBasic && c.Authentication != authPost {
		errs.Add("/authentication", fmt.Sprintf("%.40q is neither %q nor %q", c.Authentication, authBasic, authPost))
	}
	endpoint.CheckScopes(c.Scopes, "scopes", errs)
	if !slices.Contains(c.Scopes, "openid") {
		errs.Add("/scopes", `hold "openid": without it the provider gives no ID token`)
	}
	if len(c.Algorithms) == 0 {
		errs.Add("/algorithms", "needs an entry")
	}
	for i, a := range c.Algorithms {
		if !slices.Contains(provider.Algorithms, a) {
			errs.Add(contract.Pointer("algorithms", i), fmt.Sprintf("%.40q is not one of %s", a, strings.Join(provider.Algorithms, ", ")))
		}
	}
	c.checkParameters(errs)
	endpoint.CheckDuration(c.Lifetime, "/lifetime", minLifetime, maxLifetime, errs)
	checkPath(c.CallbackPath, "/callback_path", errs)
	checkPath(c.LogoutPath, "/logout_path", errs)
	checkPath(c.AfterLogout, "/after_logout", errs)
	if c.CallbackPath == c.LogoutPath {
		errs.Add("/logout_path", "is another path than callback_path")
	}
	if c.AfterLogout == c.LogoutPath || c.AfterLogout == c.CallbackPath {
		errs.Add("/after_logout", "is a page, not one of the policy's own paths")
	}
}

func (c *Config) checkParameters(errs *contract.FieldErrors) {
	if len(c.Parameters) > maxParameters {
		errs.Add("/parameters", fmt.Sprintf("at most %d are allowed", maxParameters))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		at := contract.Pointer("parameters", name)
		endpoint.CheckText(name, at, 64, errs)
		endpoint.CheckText(c.Parameters[name], at, maxText, errs)
		if slices.Contains(reserved, name) {
			errs.Add(at, "is set by the policy itself")
		}
	}
}

// checkPath wants a path of this host in its canonical form.
func checkPath(path, at string, errs *contract.FieldErrors) {
	canon, err := match.PathString(path)
	switch {
	case err != nil:
		errs.Add(at, err.Error())
	case canon != path:
		errs.Add(at, fmt.Sprintf("is written %q", canon))
	case len(path) > maxPath:
		errs.Add(at, fmt.Sprintf("is longer than %d bytes", maxPath))
	}
}

// sealKeys are the values that cookies are sealed with.
func (c *Config) sealKeys(open func(string) ([]byte, error), errs *contract.FieldErrors) (out []string) {
	switch n := len(c.Keys); {
	case n == 0:
		errs.Add("/keys", "needs an entry: the secret that cookies are sealed with")
	case n > maxKeys:
		errs.Add("/keys", fmt.Sprintf("has %d entries, at most %d are allowed", n, maxKeys))
	}
	for i := range c.Keys {
		at := contract.Pointer("keys", i)
		v := c.Keys[i].Value(open, at, "a secret that cookies are sealed with", errs)
		if v != "" && len(v) < minKey {
			errs.Add(at, fmt.Sprintf("the secret has at least %d bytes; openssl rand -base64 32 makes one", minKey))
		}
		out = append(out, v)
	}
	return out
}
