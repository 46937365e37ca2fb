package jwt

import (
	"slices"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
	"github.com/tollgate/tollgate/services/contract"
)

// fault is why a token is refused; the zero fault means that it is not.
type fault struct {
	code   contract.Code
	detail string
}

func (f fault) bad() bool { return f.code != 0 }

func invalid(detail string) fault { return fault{code: contract.CodeTokenInvalid, detail: detail} }

// checkClaims judges what does not need the signature: issuer, algorithm, times,
// audience. It runs before a key is looked for, so that a token of another issuer
// costs no fetch.
func (p *jwtPolicy) checkClaims(t *provider.Token, now time.Time) (*trusted, fault) {
	in := p.issuerOf(t)
	if in == nil {
		return nil, invalid("The token is of another issuer")
	}
	if !slices.Contains(in.Algorithms, t.Header.Alg) {
		return nil, invalid("The token's algorithm is not allowed")
	}
	exp, there, ok := claim.NumericDate(t.Claims, "exp")
	if !there || !ok {
		return nil, invalid("The token has no valid expiry")
	}
	nbf, _, okNBF := claim.NumericDate(t.Claims, "nbf")
	iat, _, okIAT := claim.NumericDate(t.Claims, "iat")
	if !okNBF || !okIAT {
		return nil, invalid("The token has an invalid time")
	}
	sec, slack := now.Unix(), p.leeway()
	switch {
	case sec > exp+slack:
		return nil, fault{code: contract.CodeTokenExpired}
	case nbf > sec+slack || iat > sec+slack:
		return nil, invalid("The token is not valid yet")
	case !grant.Audience(t.Claims["aud"], in.Audiences):
		return nil, fault{code: contract.CodeTokenAudience}
	}
	return in, fault{}
}

// issuerOf finds the provider whose token it says it is; nil: none of ours.
func (p *jwtPolicy) issuerOf(t *provider.Token) *trusted {
	iss, _ := t.Claims["iss"].(string)
	for i := range p.trusted {
		if p.trusted[i].Issuer.Issuer == iss {
			return &p.trusted[i]
		}
	}
	return nil
}

// leeway in seconds.
func (p *jwtPolicy) leeway() int64 { return int64(p.config.Leeway.Std() / time.Second) }

// judge turns a verified token into a verdict that is kept: who calls and which
// fields the backend gets, or why the caller may not do this.
func (p *jwtPolicy) judge(in *trusted, t *provider.Token, hash [32]byte, k *provider.Key) *entry {
	exp, _, _ := claim.NumericDate(t.Claims, "exp")
	e := &entry{
		hash: hash, key: k, expires: exp + p.leeway(), weight: 1024 + claim.Weight(t.Claims),
		granted: p.rules.Judge(t.Claims, in.ConsumerPrefix),
	}
	if e.granted.Refused != "" {
		return e
	}
	e.known.Set(&policy.Principal{
		Kind: policy.KindToken, KeyDisplay: memo.Display("jwt_", &hash), Expires: exp * 1000,
		Scopes: e.granted.Scopes, Claims: claim.Plain(t.Claims), ConsumerName: e.granted.Consumer,
	}, p.identities, in.Issuer.Issuer, e.granted.Subject)
	return e
}
