package mtls

import (
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/fieldedit"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

// Credential implements policy.Method.
func (p *certificates) Credential(x *policy.Exchange) policy.Place {
	if x.Certificate() == nil {
		return policy.PlaceNone
	}
	return policy.PlaceConnection
}

// Challenge implements policy.Method: certificates have none, they are asked for in
// the handshake.
func (p *certificates) Challenge() string { return "" }

// OnRequest looks at the certificate of the connection.
func (p *certificates) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	e := p.verdict(x)
	if e == nil {
		return x.Reject(contract.CodeClientCertificate, 0)
	}
	if e.refused != "" {
		return x.RejectDetail(contract.CodeForbidden, 0, e.refused)
	}
	who, ok := e.caller.Peek(x.Now())
	if !ok {
		return x.Wait()
	}
	return p.admit(x, who)
}

// Await finds the caller's consumer.
func (p *certificates) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	e := p.verdict(x)
	if e == nil || e.refused != "" {
		return x.Reject(contract.CodeClientCertificate, 0)
	}
	who, available := e.caller.Find(b, x.Now())
	if !available && p.config.RequireConsumer {
		return x.Reject(contract.CodeKeyStoreUnavailable, 0)
	}
	return p.admit(x, who)
}

// verdict judges the certificate once; nil: there is none that is still good.
func (p *certificates) verdict(x *policy.Exchange) *entry {
	c := x.Certificate()
	now := p.wall().Unix()
	if c == nil || now >= c.NotAfter {
		return nil
	}
	hash := memo.Key(&p.print, policy.Static(c.Fingerprint))
	if e := p.known.Get(&hash); e != nil && e.Good(0, now) {
		return e
	}
	e := &entry{hash: hash, expires: c.NotAfter}
	name, ok := p.name(c)
	switch {
	case !ok:
		e.refused = "The client certificate does not name the caller as this route needs it"
	case !p.allowed(name):
		e.refused = "The client certificate's name is not allowed here"
	default:
		e.caller.Set(&policy.Principal{
			Kind: policy.KindToken, KeyDisplay: "cert_" + c.Fingerprint[:12], ConsumerName: p.config.ConsumerPrefix + name, Expires: c.NotAfter * 1000,
			Claims: map[string]any{"sub": name, "subject": c.Subject, "fingerprint": c.Fingerprint},
		}, p.identities, p.config.Issuer, name)
	}
	p.known.Put(e, x.Now(), now)
	return e
}

// name is the caller's: of several of a kind the first one that is allowed.
func (p *certificates) name(c *policy.Certificate) (string, bool) {
	var names []string
	switch p.config.Name {
	case "common_name":
		names = []string{c.CommonName}
	case "dns":
		names = c.DNSNames
	case "email":
		names = c.Emails
	case "uri":
		names = c.URIs
	case "subject":
		names = []string{c.Subject}
	case "fingerprint":
		names = []string{c.Fingerprint}
	}
	found := ""
	for _, n := range names {
		if n == "" || len(p.config.ConsumerPrefix)+len(n) > contract.MaxConsumerName || !fieldedit.Legal(n) {
			continue
		}
		if p.allowed(n) {
			return n, true
		}
		if found == "" {
			found = n
		}
	}
	return found, found != ""
}

func (p *certificates) allowed(name string) bool {
	if len(p.config.Allowed) == 0 {
		return true
	}
	for _, a := range p.config.Allowed {
		suffix, below := strings.CutPrefix(a, "*.")
		prefix, all := strings.CutSuffix(a, "*")
		switch {
		case below:
			if label, rest, ok := strings.Cut(name, "."); ok && label != "" && strings.EqualFold(rest, suffix) {
				return true
			}
		case all && strings.HasPrefix(name, prefix), a == name:
			return true
		}
	}
	return false
}

func (p *certificates) admit(x *policy.Exchange, who *policy.Principal) policy.Action {
	if p.config.RequireConsumer && caller.Unmatched(who) {
		return x.RejectDetail(contract.CodeForbidden, 0, "The certificate's holder is not a consumer of this gateway")
	}
	x.SetPrincipal(who)
	return x.Next()
}
