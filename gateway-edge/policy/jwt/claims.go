package jwt

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

// skew is how far the clocks of provider and edge may differ.
const skew = 60 * time.Second

// maxHeaderValue bounds a claim that is sent on in a header field.
const maxHeaderValue = 1024

// fault is why a token is refused; the zero fault means that it is not.
type fault struct {
	code   contract.Code
	detail string
	scope  bool // the challenge names the scopes
}

func (f fault) bad() bool { return f.code != 0 }

func invalid(detail string) fault { return fault{code: contract.CodeTokenInvalid, detail: detail} }

// checkClaims judges what does not need the signature: issuer, times, audience,
// algorithm. It runs before a key is looked for, so that a token of another
// issuer costs no fetch.
func (p *jwtPolicy) checkClaims(t *token, now time.Time) fault {
	if !slices.Contains(p.config.Algorithms, t.header.alg) {
		return invalid("The token's algorithm is not allowed")
	}
	if iss, _ := t.claims["iss"].(string); iss != p.config.Issuer {
		return invalid("The token is of another issuer")
	}
	exp, there, ok := numericDate(t.claims, "exp")
	if !there || !ok {
		return invalid("The token has no valid expiry")
	}
	nbf, _, okNBF := numericDate(t.claims, "nbf")
	iat, _, okIAT := numericDate(t.claims, "iat")
	if !okNBF || !okIAT {
		return invalid("The token has an invalid time")
	}
	sec, slack := now.Unix(), int64(skew/time.Second)
	switch {
	case sec > exp+slack:
		return fault{code: contract.CodeTokenExpired}
	case nbf > sec+slack || iat > sec+slack:
		return invalid("The token is not valid yet")
	case !p.audience(t.claims["aud"]):
		return fault{code: contract.CodeTokenAudience}
	}
	return fault{}
}

// audience reports whether aud, a string or an array of strings, holds one of
// the configured ones.
func (p *jwtPolicy) audience(aud any) bool {
	switch aud := aud.(type) {
	case string:
		return slices.Contains(p.config.Audiences, aud)
	case []any:
		found := false
		for _, a := range aud {
			s, ok := a.(string)
			if !ok {
				return false
			}
			found = found || slices.Contains(p.config.Audiences, s)
		}
		return found
	}
	return false
}

// judge turns a verified token into a verdict that is kept: who calls and which
// fields the backend gets, or why the caller may not do this.
func (p *jwtPolicy) judge(t *token, hash [32]byte, k *key) *entry {
	exp, _, _ := numericDate(t.claims, "exp")
	e := &entry{hash: hash, key: k, expires: exp + int64(skew/time.Second), weight: 512 + 4*len(t.raw)}
	who := &policy.Principal{
		Kind: policy.KindToken, KeyDisplay: memo.Display("jwt_", &hash), Expires: exp * 1000,
		Scopes: scopes(t.claims), Claims: plain(t.claims),
	}
	for _, s := range p.config.Scopes {
		if !who.HasScope(s) {
			e.fault = fault{contract.CodeForbidden, "The token lacks a scope that this route needs", true}
			return e
		}
	}
	for name, values := range p.config.RequiredClaims {
		if !claim.Has(claim.Lookup(t.claims, name), values) {
			e.fault = fault{code: contract.CodeForbidden, detail: "The token lacks a claim that this route needs"}
			return e
		}
	}
	if who.ConsumerName, e.fault = p.consumer(t.claims); e.fault.bad() {
		return e
	}
	e.values = make([]string, len(p.headers))
	for i, h := range p.headers {
		v := claim.Lookup(t.claims, h.claim)
		if v == nil {
			continue
		}
		s, ok := v.(string)
		if !ok || len(s) > maxHeaderValue || !fieldedit.Legal(s) {
			e.fault = fault{code: contract.CodeForbidden, detail: "A claim of the token can't stand in a header field"}
			return e
		}
		e.values[i] = s
	}
	e.known.Set(who, p.identities, p.config.Issuer, strings.TrimPrefix(who.ConsumerName, p.config.ConsumerPrefix))
	return e
}

// consumer names who calls.
func (p *jwtPolicy) consumer(claims map[string]any) (string, fault) {
	refuse := fault{code: contract.CodeForbidden, detail: "The token does not name the caller as this route needs it"}
	s, ok := claim.Lookup(claims, p.config.ConsumerClaim).(string)
	name := p.config.ConsumerPrefix + s
	if !ok || s == "" || len(name) > maxConsumer || !fieldedit.Legal(name) {
		return "", refuse
	}
	if p.config.ConsumerClaim == "email" {
		// An address that nobody verified is whatever its owner typed; one mailbox has
		// one name.
		verified, _ := claims["email_verified"].(bool)
		local, domain, _ := strings.Cut(s, "@")
		if !verified || local == "" || domain == "" || strings.ContainsAny(domain, "@ ") || strings.ContainsAny(local, " ") {
			return "", refuse
		}
		name = p.config.ConsumerPrefix + strings.ToLower(s)
	}
	return name, fault{}
}

// scopes are those of "scope" (RFC 8693 4.2) and "scp".
func scopes(claims map[string]any) (out []string) {
	for _, name := range []string{"scope", "scp"} {
		switch v := claims[name].(type) {
		case string:
			out = append(out, strings.Fields(v)...)
		case []any:
			for _, s := range v {
				if s, ok := s.(string); ok {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// plain turns json.Number into float64 at the top, as readers of claims expect.
func plain(claims map[string]any) map[string]any {
	out := make(map[string]any, len(claims))
	for k, v := range claims {
		if n, ok := v.(json.Number); ok {
			if f, err := n.Float64(); err == nil {
				v = f
			}
		}
		out[k] = v
	}
	return out
}
