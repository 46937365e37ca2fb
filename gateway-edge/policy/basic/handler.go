package basic

import (
	"bytes"
	"encoding/base64"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/caller"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

const (
	// rightFor is how long a credential that was right is not compared again.
	rightFor = int64(5 * time.Minute)
	heldFor  = 10 * time.Second
	// maxCredential bounds the field's value behind the scheme.
	maxCredential = 1 << 10
)

// Credential implements policy.Method.
func (p *passwords) Credential(x *policy.Exchange) policy.Place {
	if v, ok := x.Request().Header.Get(policy.Authorization); ok && v.HasPrefixFold("Basic ") {
		return policy.PlaceAuthorization
	}
	return policy.PlaceNone
}

// Challenge implements policy.Method.
func (p *passwords) Challenge() string { return p.challenge }

// find returns the credential as it was sent; code says why there is none.
func (p *passwords) find(x *policy.Exchange) (v policy.Text, code contract.Code) {
	v, ok := x.Request().Header.Get(policy.Authorization)
	if !ok || !v.HasPrefixFold("Basic ") {
		return v, contract.CodeCredentialsMissing
	}
	v = v.Slice(len("Basic "), v.Len()).Trim()
	if v.Len() > maxCredential {
		return v, contract.CodeCredentialsInvalid
	}
	return v, 0
}

// OnRequest decides on a credential that was right before; one whose hash takes
// time waits.
func (p *passwords) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	v, code := p.find(x)
	if code != 0 {
		return p.refuse(x, code)
	}
	now := x.Now()
	hash := memo.Key(&p.print, v)
	if e := p.state.right.Get(&hash); e != nil && e.Good(now, 0) {
		if who, ok := e.known.Peek(now); ok {
			return p.admit(x, who)
		}
		return x.Wait()
	}
	if p.state.clients.Held(x.Client(), now) {
		return p.held(x)
	}
	if p.nobody != nil || p.identities != nil && p.config.Issuer != "" {
		return x.Wait()
	}
	e := p.compare(v, hash, now)
	if e == nil {
		p.state.clients.Failed(x.Client(), now)
		return p.refuse(x, contract.CodeCredentialsInvalid)
	}
	return p.admit(x, e.known.Principal())
}

// Await compares with hashes, and finds the user's consumer.
func (p *passwords) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	v, code := p.find(x)
	if code != 0 {
		return p.refuse(x, code)
	}
	now := x.Now()
	hash := memo.Key(&p.print, v)
	e, code := p.decide(b, x, v, hash, now)
	switch code {
	case 0:
	case contract.CodeCredentialsInvalid:
		return p.refuse(x, code)
	case contract.CodeRateLimited:
		return p.held(x)
	default:
		return x.Reject(code, 0)
	}
	who, available := e.known.Find(b, now)
	if !available && p.config.RequireConsumer {
		return x.Reject(contract.CodeKeyStoreUnavailable, 0)
	}
	return p.admit(x, who)
}

// decide finds out whether a credential is right, when its turn has come if that
// takes time: what others found meanwhile counts.
func (p *passwords) decide(b policy.Blocking, x *policy.Exchange, v policy.Text, hash [32]byte, now int64) (*entry, contract.Code) {
	if p.nobody != nil {
		if !p.state.line.Enter(b) {
			return nil, contract.CodeOverloaded
		}
		defer p.state.line.Leave()
	}
	if e := p.state.right.Get(&hash); e != nil && e.Good(now, 0) {
		return e, 0
	}
	if p.state.clients.Held(x.Client(), now) {
		return nil, contract.CodeRateLimited
	}
	if e := p.compare(v, hash, now); e != nil {
		return e, 0
	}
	p.state.clients.Failed(x.Client(), now)
	return nil, contract.CodeCredentialsInvalid
}

// compare decides on a credential and remembers a right one; nil: it is wrong.
func (p *passwords) compare(v policy.Text, hash [32]byte, now int64) *entry {
	var in [maxCredential]byte
	var out [maxCredential]byte
	n, err := base64.StdEncoding.Strict().Decode(out[:], v.AppendTo(in[:0]))
	name, password, ok := bytes.Cut(out[:max(n, 0)], []byte(":"))
	if err != nil || !ok || len(password) > maxPassword {
		return nil
	}
	u := p.users[string(name)]
	if u == nil {
		if u = p.nobody; u != nil {
			u.secret.right(password, &p.state.salt)
		}
		return nil
	}
	if !u.secret.slow() && p.nobody != nil {
		p.nobody.secret.right(password, &p.state.salt) // it takes as long as for the others
	}
	if !u.secret.right(password, &p.state.salt) {
		return nil
	}
	e := &entry{hash: hash, until: now + rightFor}
	identities := p.identities
	if p.config.Issuer == "" {
		identities = nil
	}
	e.known.Set(&policy.Principal{
		Kind: policy.KindToken, KeyDisplay: "user " + u.name, ConsumerName: p.config.ConsumerPrefix + u.name,
	}, identities, p.config.Issuer, u.name)
	p.state.right.Put(e, now, p.wall().Unix())
	return e
}

func (p *passwords) admit(x *policy.Exchange, who *policy.Principal) policy.Action {
	if p.config.RequireConsumer && caller.Unmatched(who) {
		return x.RejectDetail(contract.CodeForbidden, 0, "The user is not a consumer of this gateway")
	}
	x.SetPrincipal(who)
	if !p.config.Forward {
		x.Request().Header.Del(policy.Authorization)
	}
	return x.Next()
}

func (p *passwords) held(x *policy.Exchange) policy.Action {
	return x.RejectDetail(contract.CodeRateLimited, heldFor, "Too many wrong passwords")
}

func (p *passwords) refuse(x *policy.Exchange, code contract.Code) policy.Action {
	x.Response().Header.Set(policy.WWWAuthenticate, p.challenge)
	return x.Reject(code, 0)
}
