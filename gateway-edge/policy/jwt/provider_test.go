package jwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/policytest"
)

const (
	issuerURL = "https://login.example.com"
	audience  = "api"
)

// signer is a private key of the provider.
type signer struct {
	kid     string
	alg     jose.SignatureAlgorithm
	private crypto.Signer
}

// keys are made once: RSA keys take their time.
var keys = sync.OnceValue(func() map[string]*signer {
	out := map[string]*signer{}
	add := func(kid string, alg jose.SignatureAlgorithm, k crypto.Signer, err error) {
		if err != nil {
			panic(err)
		}
		out[kid] = &signer{kid, alg, k}
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	add("rsa", jose.RS256, r, err)
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	add("ec", jose.ES256, e, err)
	e, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	add("ec2", jose.ES256, e, err)
	e, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	add("p384", jose.ES384, e, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	add("ed", jose.EdDSA, ed, err)
	return out
})

// jwk is the public key as the provider publishes it.
func (s *signer) jwk(alg string) json.RawMessage {
	b, err := jose.JSONWebKey{Key: s.private.Public(), KeyID: s.kid, Use: "sig", Algorithm: alg}.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return b
}

// claims with defaults that pass; change overwrites, a nil value removes.
func claims(change map[string]any) []byte {
	now := policytest.Noon.Unix()
	c := map[string]any{"iss": issuerURL, "aud": audience, "sub": "alice", "exp": now + 300, "iat": now - 10, "nbf": now - 10}
	for k, v := range change {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return b
}

// sign makes a token with exactly this header and payload.
func (s *signer) sign(header map[string]any, payload []byte) string {
	h := map[string]any{"alg": string(s.alg), "kid": s.kid, "typ": "JWT"}
	for k, v := range header {
		if h[k] = v; v == nil {
			delete(h, k)
		}
	}
	head, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	return s.signRaw(string(head), payload)
}

// signRaw signs whatever bytes stand in the header.
func (s *signer) signRaw(head string, payload []byte) string {
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64([]byte(head)) + "." + b64(payload)
	return input + "." + b64(s.signature(input))
}

func (s *signer) signature(input string) []byte {
	var sig []byte
	var err error
	switch k := s.private.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(k, []byte(input))
	case *rsa.PrivateKey:
		h := crypto.SHA256.New()
		h.Write([]byte(input))
		sig, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, h.Sum(nil))
	case *ecdsa.PrivateKey:
		hash := map[int]crypto.Hash{256: crypto.SHA256, 384: crypto.SHA384}[k.Params().BitSize]
		h := hash.New()
		h.Write([]byte(input))
		r, t, e := ecdsa.Sign(rand.Reader, k, h.Sum(nil))
		n := k.Params().BitSize / 8
		sig, err = make([]byte, 2*n), e
		r.FillBytes(sig[:n])
		t.FillBytes(sig[n:])
	}
	if err != nil {
		panic(err)
	}
	return sig
}

func token(kid string, change map[string]any) string { return keys()[kid].sign(nil, claims(change)) }

// provider is a Fetch that answers as an OpenID Connect provider does.
type provider struct {
	mu        sync.Mutex
	published []json.RawMessage
	down      bool
	body      string // instead of the key set
	status    int
	issuer    string
	jwksURI   string
	fetched   map[string]int
	hold      chan struct{} // requests wait for it to close
}

func newProvider(kids ...string) *provider {
	p := &provider{status: 200, issuer: issuerURL, jwksURI: "https://keys.example.com/jwks", fetched: map[string]int{}}
	p.publish(kids...)
	return p
}

func (p *provider) publish(kids ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published = nil
	for _, kid := range kids {
		p.published = append(p.published, keys()[kid].jwk(string(keys()[kid].alg)))
	}
}

func (p *provider) set(change func(p *provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *provider) count(url string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetched[url]
}

var errDown = errors.New("connection refused")

// Do is not what a verifier of tokens asks for.
func (p *provider) Do(policy.Blocking, *policy.FetchRequest) (*policy.FetchResponse, error) {
	return nil, errDown
}

// Get answers the discovery document and the key set.
func (p *provider) Get(b policy.Blocking, url string, limit int64) ([]byte, map[string]string, int, error) {
	p.mu.Lock()
	p.fetched[url]++
	hold := p.hold
	p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-b.Context().Done():
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := b.Context().Err(); err != nil {
		return nil, nil, 0, err
	}
	if p.down {
		return nil, nil, 0, errDown
	}
	var body []byte
	switch url {
	case issuerURL + "/.well-known/openid-configuration":
		body, _ = json.Marshal(map[string]any{"issuer": p.issuer, "jwks_uri": p.jwksURI})
	case p.jwksURI:
		body, _ = json.Marshal(map[string]any{"keys": p.published})
		if p.body != "" {
			body = []byte(p.body)
		}
	default:
		return nil, nil, 404, nil
	}
	if int64(len(body)) > limit {
		return nil, nil, 0, errors.New("the answer is larger than allowed")
	}
	return body, nil, p.status, nil
}

// with makes deps around a provider.
func with(make func() *provider) (func(testing.TB) policy.Deps, func() *provider) {
	var current *provider
	return func(testing.TB) policy.Deps {
		current = make()
		d := policytest.NewDeps()
		d.Fetch = current
		return d
	}, func() *provider { return current }
}
