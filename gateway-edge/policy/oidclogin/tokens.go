package oidclogin

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
)

const (
	maxAnswer = 64 << 10
	askFor    = 4 * time.Second
	// leeway is how far the clocks of the provider and the edge may differ, in seconds.
	leeway = 60
	// renewAhead is how long before their end tokens are renewed, in seconds; a
	// quarter of the lifetime of short ones.
	renewAhead = 60
)

var (
	errAway    = errors.New("the provider did not answer")
	errRefused = errors.New("the provider refused the grant")
	errToken   = errors.New("the provider's ID token")
)

// tokens are the answer of the token endpoint (OpenID Connect Core 3.1.3.3).
type tokens struct {
	Access  string      `json:"access_token"`
	Kind    string      `json:"token_type"`
	ID      string      `json:"id_token"`
	Refresh string      `json:"refresh_token"`
	Expires json.Number `json:"expires_in"`
}

// ask makes a request to the token endpoint. The error wraps errRefused for a grant
// that is no good, errAway for everything else; it holds nothing of the answer but
// the word of its error.
func (p *login) ask(b policy.Blocking, endpoint string, form url.Values) (*tokens, error) {
	got, err := p.post(b, endpoint, form, askFor)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	if got.Status != 200 {
		var said struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(got.Body, &said) // whatever it is: it is no answer
		if got.Status == 400 && said.Error == "invalid_grant" {
			return nil, errRefused
		}
		return nil, fmt.Errorf("%w: the token endpoint answered %d %.40q", errAway, got.Status, said.Error)
	}
	t := &tokens{}
	if json.Unmarshal(got.Body, t) != nil || t.Kind != "" && !strings.EqualFold(t.Kind, "bearer") {
		return nil, fmt.Errorf("%w: the token endpoint's answer holds no tokens", errAway)
	}
	if !fieldedit.Legal(t.Access) || strings.ContainsAny(t.Access, " \t") {
		return nil, fmt.Errorf("%w: the access token can't stand in a field", errAway)
	}
	return t, nil
}

// post sends a form as the client.
func (p *login) post(b policy.Blocking, endpoint string, form url.Values, most time.Duration) (*policy.FetchResponse, error) {
	r := &policy.FetchRequest{
		Method: "POST", URL: endpoint, Limit: maxAnswer, Timeout: most, Body: []byte(form.Encode() + p.form),
		Header: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
	}
	if p.basic != "" {
		r.Header["Authorization"] = []string{p.basic}
	}
	return p.fetch.Do(b, r)
}

// sessionOf makes a session of a sign-in's tokens.
func (p *login) sessionOf(t *tokens, unix int64) (*session, error) {
	s := &session{ID: t.ID, Refresh: t.Refresh, Ends: unix + int64(p.config.Lifetime.Std()/time.Second)}
	return s, p.times(s, t, unix)
}

// times sets when the tokens end and what of them is kept.
func (p *login) times(s *session, t *tokens, unix int64) error {
	if p.config.ForwardAccessToken {
		if s.Access = t.Access; s.Access == "" {
			return fmt.Errorf("%w: there is no access token", errAway)
		}
	}
	in, err := t.Expires.Int64()
	if err != nil || in <= 0 {
		id, err := provider.ParseToken(s.ID, nil)
		if err != nil {
			return fmt.Errorf("%w is malformed", errToken)
		}
		exp, _, _ := claim.NumericDate(id.Claims, "exp")
		in = exp - unix
	}
	in = max(in, 1)
	switch {
	case s.Refresh != "":
		s.Expires = unix + in
		s.Renew = s.Expires - min(renewAhead, (in+3)/4)
	case s.Access != "":
		s.Ends = min(s.Ends, unix+in) // the backend is to have none that has ended
	}
	return nil
}

// verify holds an ID token to OpenID Connect Core 3.1.3.7. Nonce is "" for one that
// came with renewed tokens (12.2).
func (p *login) verify(b policy.Blocking, now int64, t *tokens, nonce string) error {
	id, err := provider.ParseToken(t.ID, nil)
	if err != nil {
		return fmt.Errorf("%w is malformed", errToken)
	}
	wall := p.wall()
	unix := wall.Unix()
	c := id.Claims
	exp, there, okEXP := claim.NumericDate(c, "exp")
	iat, issued, okIAT := claim.NumericDate(c, "iat")
	azp, _ := c["azp"].(string)
	list, _ := c["aud"].([]any)
	said, _ := c["nonce"].(string)
	sub, _ := c["sub"].(string)
	switch {
	case c["iss"] != p.config.Issuer:
		return fmt.Errorf("%w is of another issuer", errToken)
	case !slices.Contains(p.config.Algorithms, id.Header.Alg):
		return fmt.Errorf("%w is signed by an algorithm that is not allowed", errToken)
	case !grant.Audience(c["aud"], []string{p.config.ClientID}) || azp != "" && azp != p.config.ClientID || len(list) > 1 && azp == "":
		return fmt.Errorf("%w is for another client", errToken)
	case !there || !okEXP || !issued || !okIAT || unix > exp+leeway || iat > unix+leeway:
		return fmt.Errorf("%w has expired, or its times are not valid", errToken)
	case sub == "":
		return fmt.Errorf("%w names nobody", errToken)
	case nonce != "" && subtle.ConstantTimeCompare([]byte(said), []byte(nonce)) != 1:
		return fmt.Errorf("%w is of another sign-in", errToken)
	case !accessHash(c, id.Header.Alg, t.Access):
		return fmt.Errorf("%w belongs to another access token", errToken)
	}
	_, err = p.state.provider.Verify(b, p.fetch, p.keep, id, now, wall)
	switch {
	case errors.Is(err, provider.ErrUnknown), errors.Is(err, provider.ErrSignature):
		return fmt.Errorf("%w: %w", errToken, err)
	case err != nil:
		return fmt.Errorf("%w: %w", errAway, err)
	}
	return nil
}

// accessHash reports whether at_hash, where there is one, is of the access token
// (OpenID Connect Core 3.1.3.6). There is no agreed hash for EdDSA.
func accessHash(claims map[string]any, alg, access string) bool {
	said, there := claims["at_hash"]
	if !there || access == "" {
		return true
	}
	var sum []byte
	switch alg[max(0, len(alg)-3):] {
	case "256":
		s := sha256.Sum256([]byte(access))
		sum = s[:]
	case "384":
		s := sha512.Sum384([]byte(access))
		sum = s[:]
	case "512":
		s := sha512.Sum512([]byte(access))
		sum = s[:]
	default:
		return true
	}
	return said == base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
