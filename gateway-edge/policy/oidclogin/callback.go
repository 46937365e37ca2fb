package oidclogin

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/url"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	maxCode     = 4 << 10
	strangeText = "This sign-in was not begun in this browser, or it took too long; open the page again"
	answerText  = "The provider's answer does not belong to this sign-in"
)

var errEndpoints = errors.New("the provider has no authorization endpoint, or no token endpoint")

// answer is what the provider's redirect says, each parameter once.
type answer struct{ state, code, iss, err string }

// callback finishes a sign-in.
func (p *login) callback(b policy.Blocking, x *policy.Exchange) policy.Action {
	if !x.Request().Method.Is("GET") {
		x.Response().Header.Set(policy.Allow, "GET")
		return x.Reject(contract.CodeMethodNotAllowed, 0)
	}
	got, ok := readAnswer(x.Request().Query)
	if !ok {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, answerText)
	}
	a, name := p.attempt(x, got.state)
	if a == nil {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, strangeText)
	}
	h := x.Response().Header
	setCookie(h, kind(x), name, "", 0) // it serves once, whatever comes of it
	h.Set(policy.CacheControl, "no-store")
	m, err := p.state.provider.Metadata(b, p.fetch, x.Now())
	switch {
	case err != nil:
		return p.away(x, err)
	case m.Token == "":
		return p.away(x, errEndpoints)
	case got.iss != p.config.Issuer && (got.iss != "" || m.SendsIssuer):
		// A code of another issuer must not be sent to this one (RFC 9207 2.4).
		return x.RejectDetail(contract.CodeRequestInvalid, 0, answerText)
	case got.err == "temporarily_unavailable" || got.err == "server_error":
		return p.away(x, errors.New("the provider answered "+got.err))
	case got.err != "":
		return x.RejectDetail(contract.CodeForbidden, 0, "The provider did not sign you in: "+got.err)
	case got.code == "":
		return x.RejectDetail(contract.CodeRequestInvalid, 0, answerText)
	}
	return p.exchange(b, x, m, a, got.code)
}

// exchange turns the code into tokens, and these into a session.
func (p *login) exchange(b policy.Blocking, x *policy.Exchange, m *provider.Metadata, a *attempt, code string) policy.Action {
	t, err := p.ask(b, m.Token, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {a.Verifier},
		"redirect_uri": {origin(x) + p.config.CallbackPath},
	})
	switch {
	case errors.Is(err, errRefused):
		x.Note(err.Error())
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "The provider refused to finish this sign-in; open the page again")
	case err != nil:
		return p.away(x, err)
	}
	unix := p.wall().Unix()
	s, err := p.sessionOf(t, unix)
	if err == nil {
		err = p.verify(b, x.Now(), t, a.Nonce)
	}
	switch {
	case errors.Is(err, errAway):
		return p.away(x, err)
	case err != nil:
		x.Note(err.Error())
		return x.RejectDetail(contract.CodeRequestInvalid, 0, answerText)
	}
	value, hash, err := p.sealed(s)
	if err != nil {
		return p.away(x, err)
	}
	if e := p.judge(s, hash); e != nil {
		p.state.sessions.Put(e, x.Now(), unix)
	}
	p.setSession(x, value, s.Ends-unix)
	to := a.Return
	if !ownPath(to) {
		to = "/"
	}
	return p.redirect(x, 302, to)
}

// attempt finds the sign-in of a state in this browser's cookies, nil: there is none
// that is not too old.
func (p *login) attempt(x *policy.Exchange, state string) (a *attempt, name string) {
	if state == "" {
		return nil, ""
	}
	_, name, value := p.underWay(x, state)
	if value == "" || len(value) > maxSealed {
		return nil, ""
	}
	text, err := p.seal.open(forLogin, value)
	if err != nil {
		return nil, ""
	}
	a = &attempt{}
	if json.Unmarshal(text, a) != nil || subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1 {
		return nil, ""
	}
	if age := p.wall().Unix() - a.At; age < -leeway || age > signInFor {
		return nil, ""
	}
	return a, name
}

// readAnswer reads the query of the provider's redirect; false: it is none.
func readAnswer(query policy.Text) (a answer, ok bool) {
	q, err := url.ParseQuery(query.Clone())
	if err != nil {
		return a, false
	}
	for _, f := range []struct {
		name string
		into *string
		most int
	}{{"state", &a.state, 256}, {"code", &a.code, maxCode}, {"iss", &a.iss, maxCode}, {"error", &a.err, 64}} {
		v := q[f.name]
		if len(v) > 1 || len(v) == 1 && len(v[0]) > f.most {
			return a, false
		}
		if len(v) == 1 {
			*f.into = v[0]
		}
	}
	for _, c := range a.err { // it is shown: a word of RFC 6749 4.1.2.1
		if (c < 'a' || c > 'z') && c != '_' {
			return a, false
		}
	}
	return a, a.state != ""
}
