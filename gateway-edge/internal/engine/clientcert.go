package engine

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync/atomic"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// ClientCert is what a client showed in the handshake of its connection.
type ClientCert struct {
	chain []*x509.Certificate
	facts policy.Certificate
	lines []byte // the fields that tell backends of it
	// good is the policy by which it was judged good last: a newer version of the
	// gateway judges it anew, once.
	good atomic.Pointer[match.ClientPolicy]
}

// NewClientCert keeps a chain that a client showed, its own certificate first; nil
// for none.
func NewClientCert(chain []*x509.Certificate) *ClientCert {
	if len(chain) == 0 {
		return nil
	}
	leaf := chain[0]
	sum := sha256.Sum256(leaf.Raw)
	out := []byte("Client-Cert: :") // RFC 9440 2.1
	out = base64.StdEncoding.AppendEncode(out, leaf.Raw)
	out = append(out, ":\r\nTollgate-Client-Subject: "...)
	out = policy.EngineAppendPercent(out, leaf.Subject.String())
	out = append(out, "\r\nTollgate-Client-Fingerprint: "...)
	out = hex.AppendEncode(out, sum[:])
	if names := match.SANs(leaf); len(names) > 0 {
		out = append(out, "\r\nTollgate-Client-Sans: "...)
		out = policy.EngineAppendPercent(out, strings.Join(names, ", "))
	}
	return &ClientCert{chain: chain, facts: facts(leaf, sum), lines: append(out, "\r\n"...)}
}

// facts are what policies see of a certificate.
func facts(leaf *x509.Certificate, sum [sha256.Size]byte) policy.Certificate {
	c := policy.Certificate{
		Fingerprint: hex.EncodeToString(sum[:]), Subject: leaf.Subject.String(), CommonName: leaf.Subject.CommonName,
		Emails: leaf.EmailAddresses, NotAfter: leaf.NotAfter.Unix(),
	}
	for _, n := range leaf.DNSNames {
		c.DNSNames = append(c.DNSNames, strings.ToLower(n))
	}
	for _, u := range leaf.URIs {
		c.URIs = append(c.URIs, u.String())
	}
	return c
}

// admits holds a request to its gateway's rules for client certificates: the
// connection may have been made for another host, or before they changed.
func (j *job) admits(host string) bool {
	p := match.ClientPolicyFor(j.gw.ClientPolicies, host)
	j.shown = nil
	if p == nil {
		return true
	}
	c := j.info.Client
	if c == nil {
		if !p.Required {
			return true
		}
		code := contract.CodeClientCertificate
		if j.info.TLS && j.info.SNI != host {
			code = contract.CodeMisdirected // a connection of its own would ask for one
		}
		j.refuse(code, "")
		return false
	}
	if c.good.Load() != p {
		if err := p.Verify(c.chain, j.eng.clock.Wall()); err != nil {
			j.refuse(contract.CodeClientCertificate, "")
			return false
		}
		c.good.Store(p)
	}
	j.shown, j.e.Certificate = c, &c.facts
	return true
}

// Challenges knows what is answered to ACME authorities.
type Challenges interface {
	// KeyAuth is the answer to a host's token; false: it is none of ours.
	KeyAuth(ctx context.Context, host, token string) (string, bool)
}

// challenged answers an ACME authority that asks whether the host leads here
// (HST12): only for a token that an order of ours has. Everything else under that
// path is routed like any other request.
func (j *job) challenged(ctx context.Context, host string) bool {
	q := &j.e.Req
	if j.eng.cfg.Challenges == nil || !q.Path.HasPrefix(contract.ChallengePath) || !q.Method.Is("GET") {
		return false
	}
	token := strings.Clone(strings.TrimPrefix(policy.EngineString(q.Path), contract.ChallengePath))
	if !validToken(token) {
		return false
	}
	answer, ok := j.eng.cfg.Challenges.KeyAuth(ctx, host, token)
	if ok {
		j.e.Reply = policy.EngineReply{Status: 200, ContentType: "application/octet-stream", Body: []byte(answer)}
	}
	return ok
}

// validToken is whether an authority could have made the token (RFC 8555 8.1).
func validToken(s string) bool {
	if len(s) < 16 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
