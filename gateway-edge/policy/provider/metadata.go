package provider

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// Metadata is what a provider says about itself (OpenID Connect Discovery 1.0, 3).
type Metadata struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	JWKS          string `json:"jwks_uri"`
	EndSession    string `json:"end_session_endpoint"` // "": it has none
	Revocation    string `json:"revocation_endpoint"`  // "": it has none
	// SendsIssuer: its answers to a browser always name it (RFC 9207 3).
	SendsIssuer bool `json:"authorization_response_iss_parameter_supported"`
}

// freshFor is how long the document is used without another look: whoever is sent
// to a provider was told of it a moment ago.
const freshFor = int64(30 * time.Second)

// Metadata is the provider's document, at most 30 seconds old: an error says that
// it can't be asked now.
func (i *Provider) Metadata(b policy.Blocking, f policy.Fetch, now int64) (*Metadata, error) {
	i.mu.Lock()
	m, at, resting := i.document, i.foundAt, now < i.restTill
	i.mu.Unlock()
	switch {
	case m != nil && now-at < freshFor:
		return m, nil
	case resting:
		return nil, errAway
	}
	return i.documents.Do(b, struct{}{}, func() (*Metadata, error) {
		m, err := i.discover(b, f, now)
		if err != nil && b.Context().Err() == nil {
			i.mu.Lock()
			i.restTill = now + int64(backoffMin)
			i.mu.Unlock()
		}
		return m, err
	})
}

// discover reads the document. The issuer in it must be the configured one: else
// any document on that host could stand for it.
func (i *Provider) discover(b policy.Blocking, f policy.Fetch, now int64) (*Metadata, error) {
	body, _, status, err := f.Get(b, strings.TrimSuffix(i.url, "/")+"/.well-known/openid-configuration", maxDiscovery)
	if err != nil {
		return nil, fmt.Errorf("get the discovery document: %w", err)
	}
	if status != 200 {
		return nil, fmt.Errorf("get the discovery document: status %d", status)
	}
	m := &Metadata{}
	if err := json.Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("read the discovery document: %w", err)
	}
	if m.Issuer != i.url {
		return nil, fmt.Errorf("the discovery document is of issuer %.200q", m.Issuer)
	}
	for _, u := range []struct {
		what, address string
		needed        bool
	}{
		{"key set", m.JWKS, true},
		{"authorization endpoint", m.Authorization, false},
		{"token endpoint", m.Token, false},
		{"end of sessions", m.EndSession, false},
		{"revocation endpoint", m.Revocation, false},
	} {
		if (u.needed || u.address != "") && !i.safe(u.address) {
			return nil, fmt.Errorf("the address %.200q of the provider's %s is not https", u.address, u.what)
		}
	}
	i.mu.Lock()
	i.document, i.foundAt = m, now
	i.mu.Unlock()
	return m, nil
}

// safe wants https, as the issuer itself has; plain http where the issuer has it.
func (i *Provider) safe(address string) bool {
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") && strings.HasPrefix(i.url, "http://")
}
