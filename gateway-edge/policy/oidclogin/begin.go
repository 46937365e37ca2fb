package oidclogin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	// signInFor is how long a sign-in may take, in seconds.
	signInFor = 600
	// maxReturn bounds the path and query that a browser comes back to.
	maxReturn = 2 << 10
	// stateInName is how much of the state stands in its cookie's name.
	stateInName = 8
)

// attempt is a sign-in that is under way, as its cookie holds it.
type attempt struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // of PKCE (RFC 7636 4.1)
	Return   string `json:"u"` // path and query of this host
	At       int64  `json:"t"` // Unix seconds
}

// begin sends the browser to the provider.
func (p *login) begin(b policy.Blocking, x *policy.Exchange) policy.Action {
	if !secure(x.Request()) {
		return x.RejectDetail(contract.CodeForbidden, 0, "Signing in needs https")
	}
	m, err := p.state.provider.Metadata(b, p.fetch, x.Now())
	switch {
	case err != nil:
		return p.away(x, err)
	case m.Authorization == "" || m.Token == "":
		return p.away(x, errEndpoints)
	}
	a := attempt{State: token(), Nonce: token(), Verifier: token(), Return: returnTo(x), At: p.wall().Unix()}
	text, err := json.Marshal(a)
	if err != nil {
		return policy.Action{}
	}
	k, h := kind(x), x.Response().Header
	if all, _, _ := p.underWay(x, ""); len(all) >= maxUnderWay {
		for _, name := range all {
			setCookie(h, k, name, "", 0)
		}
	}
	setCookie(h, k, p.names.login[k]+a.State[:stateInName], p.seal.seal(forLogin, text), signInFor)
	return p.redirect(x, 302, p.signIn(m.Authorization, origin(x), &a))
}

// signIn is the address of the request for a sign-in (OpenID Connect Core 3.1.2.1,
// RFC 7636 4.3).
func (p *login) signIn(endpoint, origin string, a *attempt) string {
	challenge := sha256.Sum256([]byte(a.Verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {p.config.ClientID}, "redirect_uri": {origin + p.config.CallbackPath},
		"scope": {p.scope()}, "state": {a.State}, "nonce": {a.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	for name, v := range p.config.Parameters {
		q.Set(name, v)
	}
	return withQuery(endpoint, q)
}

// withQuery adds parameters to an address that may have some (RFC 6749 3.1).
func withQuery(address string, q url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + q.Encode()
	}
	return address + "?" + q.Encode()
}

// redirect answers with another address; the answer is this browser's alone.
func (p *login) redirect(x *policy.Exchange, status int, to string) policy.Action {
	h := x.Response().Header
	h.Set(policy.Location, to)
	h.Set(policy.CacheControl, "no-store")
	return x.Answer(status, "", nil)
}

// token is 256 random bits.
func token() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// origin is where the browser sees this gateway.
func origin(x *policy.Exchange) string {
	r := x.Request()
	o := r.Scheme.Clone() + "://" + r.Host.Clone()
	if port := x.Port(); port != 0 && !(port == 443 && r.Scheme.Is("https")) && !(port == 80 && r.Scheme.Is("http")) {
		o += ":" + strconv.Itoa(port)
	}
	return o
}

// returnTo is the page that was asked for: the path is canonical, so that it begins
// with one slash, and what follows can't be taken for another host.
func returnTo(x *policy.Exchange) string {
	to := x.Asked().Clone()
	if q := x.Request().Query; !q.Empty() {
		to += "?" + q.Clone()
	}
	if len(to) > maxReturn || !ownPath(to) {
		return "/"
	}
	return to
}

// ownPath reports whether a browser takes an address for a path of this host.
func ownPath(to string) bool {
	if to == "" || to[0] != '/' || len(to) > 1 && (to[1] == '/' || to[1] == '\\') {
		return false
	}
	for i := range len(to) {
		if to[i] <= ' ' || to[i] >= 0x7f || to[i] == '\\' {
			return false
		}
	}
	return true
}
