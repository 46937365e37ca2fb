package grant

import (
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/services/contract"
)

// Rules are compiled and immutable.
type Rules struct {
	config  Config
	headers []header
	// Challenge is WWW-Authenticate for a token without the scopes (RFC 6750 3.1).
	Challenge string
}

// Granted is what a token's claims grant, or why they don't.
type Granted struct {
	// Refused is what the caller is told; empty: granted. LacksScope says that the
	// challenge names the scopes.
	Refused    string
	LacksScope bool
	// Consumer names the caller, Subject is the same without the prefix.
	Consumer, Subject string
	Scopes            []string
	values            []string // of the fields, "" where the claim is absent
	bound             string   // to whose certificate: see HeldBy
}

// Judge looks at the claims of a good token, whose numbers are json.Number.
// Prefix stands before the consumer's name.
func (r *Rules) Judge(claims map[string]any, prefix string) Granted {
	g := r.judge(claims, prefix)
	g.bound = bound(claims)
	return g
}

func (r *Rules) judge(claims map[string]any, prefix string) (g Granted) {
	g.Scopes = Scopes(claims)
	for _, s := range r.config.Scopes {
		if !has(g.Scopes, s) {
			return Granted{Refused: "The token lacks a scope that this route needs", LacksScope: true}
		}
	}
	for name, values := range r.config.RequiredClaims {
		if !claim.Has(claim.Lookup(claims, name), values) {
			return Granted{Refused: "The token lacks a claim that this route needs"}
		}
	}
	var ok bool
	if g.Subject, ok = r.subject(claims, prefix); !ok {
		return Granted{Refused: "The token does not name the caller as this route needs it"}
	}
	g.Consumer = prefix + g.Subject
	g.values = make([]string, len(r.headers))
	for i, h := range r.headers {
		v := claim.Lookup(claims, h.claim)
		if v == nil {
			continue
		}
		s, ok := v.(string)
		if !ok || len(s) > maxValue || !fieldedit.Legal(s) {
			return Granted{Refused: "A claim of the token can't stand in a header field"}
		}
		g.values[i] = s
	}
	return g
}

// subject names who calls.
func (r *Rules) subject(claims map[string]any, prefix string) (string, bool) {
	s, ok := claim.Lookup(claims, r.config.ConsumerClaim).(string)
	if !ok || s == "" || len(prefix)+len(s) > maxConsumer || !fieldedit.Legal(s) {
		return "", false
	}
	if r.config.ConsumerClaim == "email" {
		// An address that nobody verified is whatever its owner typed; one mailbox has
		// one name.
		verified, _ := claims["email_verified"].(bool)
		local, domain, _ := strings.Cut(s, "@")
		if !verified || local == "" || domain == "" || strings.ContainsAny(domain, "@ ") || strings.ContainsAny(local, " ") {
			return "", false
		}
		s = strings.ToLower(s)
	}
	return s, true
}

// Apply writes the fields of what was granted. What the client sent under their
// names goes, whether the claim is there or not.
func (r *Rules) Apply(h policy.Headers, g *Granted) {
	for i := range r.headers {
		if g.values[i] == "" {
			h.Del(r.headers[i].name)
		} else {
			h.Set(r.headers[i].name, g.values[i])
		}
	}
}

// Scopes are those of "scope" (RFC 8693 4.2) and "scp".
func Scopes(claims map[string]any) (out []string) {
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

func has(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// Audience reports whether aud, a string or an array of strings, holds one of
// wanted.
func Audience(aud any, wanted []string) bool {
	switch aud := aud.(type) {
	case string:
		return has(wanted, aud)
	case []any:
		found := false
		for _, a := range aud {
			s, ok := a.(string)
			if !ok {
				return false
			}
			found = found || has(wanted, s)
		}
		return found
	}
	return false
}

// Bearer returns the token of the Authorization field (RFC 6750 2.1): code is
// CodeTokenMissing, or CodeTokenInvalid for one that is over long bytes, else zero.
func Bearer(r *policy.Request, long int) (t policy.Text, code contract.Code) {
	v, ok := r.Header.Get(policy.Authorization)
	if !ok || !v.HasPrefixFold("Bearer ") {
		return t, contract.CodeTokenMissing
	}
	t = v.Slice(len("Bearer "), v.Len()).Trim()
	switch {
	case t.Empty():
		return t, contract.CodeTokenMissing
	case t.Len() > long:
		return t, contract.CodeTokenInvalid
	}
	return t, 0
}

// Refuse answers with the challenge of RFC 6750 3.
func (r *Rules) Refuse(x *policy.Exchange, c contract.Code, detail string, lacksScope bool) policy.Action {
	h := x.Response().Header
	switch {
	case c == contract.CodeTokenMissing:
		h.Set(policy.WWWAuthenticate, "Bearer")
	case c.Info().Status == 401:
		h.Set(policy.WWWAuthenticate, `Bearer error="invalid_token"`)
	case lacksScope:
		h.Set(policy.WWWAuthenticate, r.Challenge)
	}
	return x.RejectDetail(c, 0, detail)
}
