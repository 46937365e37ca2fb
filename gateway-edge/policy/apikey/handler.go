package apikey

import (
	"strconv"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/services/contract"
)

// throttled is how long a client with too many unknown keys is told to wait.
const throttled = time.Second

// found is the credential of a request and where it stands.
type found struct {
	key       policy.Text
	ambiguous bool
	bearer    bool // the Authorization field carries it
	query     bool // the query parameter carries it
}

// take notes a key; another one than before makes the request ambiguous.
func (f *found) take(key policy.Text) {
	switch {
	case key.Empty():
	case f.key.Empty():
		f.key = key
	case !f.key.Equal(key):
		f.ambiguous = true
	}
}

// OnRequest decides from memory; a key not known here yet waits.
func (p *keyPolicy) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	f := p.find(x.Request())
	if f.ambiguous {
		return x.Reject(contract.CodeAmbiguousCredentials, 0)
	}
	if f.key.Empty() {
		return unauthorized(x, contract.CodeKeyMissing)
	}
	r := p.keys.Peek(f.key, x.Now())
	if r.State == policy.KeyCold {
		return x.Wait()
	}
	return p.decide(x, &f, r)
}

// Await asks where keys are stored.
func (p *keyPolicy) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	f := p.find(x.Request())
	return p.decide(x, &f, p.keys.Load(b, f.key, x.Client()))
}

// find looks at every place that may carry a key. A bearer token that is no
// Tollgate key belongs to the backend when another place carries the key.
func (p *keyPolicy) find(r *policy.Request) (f found) {
	for v := range r.Header.All(policy.XAPIKey) {
		f.take(v.Trim())
	}
	if p.config.QueryParameter != "" && !r.Query.Empty() {
		for name, v := range query.Each(r.Query) {
			if query.NameIs(name, p.config.QueryParameter) {
				f.query = true
				f.take(v)
			}
		}
	}
	if !p.config.Bearer {
		return f
	}
	v, ok := r.Header.Get(policy.Authorization)
	if !ok || !v.HasPrefixFold("Bearer ") {
		return f
	}
	token := v.Slice(len("Bearer "), v.Len()).Trim()
	if f.key.Empty() || token.HasPrefix(contract.KeyPrefixLive) || token.HasPrefix(contract.KeyPrefixTest) {
		f.bearer = !token.Empty()
		f.take(token)
	}
	return f
}

// decide turns what is known of the key into an action.
func (p *keyPolicy) decide(x *policy.Exchange, f *found, r policy.KeyResult) policy.Action {
	switch r.State {
	case policy.KeyOK:
		return p.admit(x, f, r.Principal)
	case policy.KeyExpired:
		x.NameRefused(r.Owner)
		return unauthorized(x, contract.CodeKeyExpired)
	case policy.KeyRevoked:
		x.NameRefused(r.Owner)
		return unauthorized(x, contract.CodeKeyRevoked)
	case policy.KeyUnavailable:
		return x.Reject(contract.CodeKeyStoreUnavailable, 0)
	case policy.KeyThrottled:
		return x.Reject(contract.CodeRateLimited, throttled)
	default:
		return unauthorized(x, contract.CodeKeyInvalid)
	}
}

// admit lets a good key through, without it.
func (p *keyPolicy) admit(x *policy.Exchange, f *found, who *policy.Principal) policy.Action {
	if who == nil || who.Test != p.test {
		// A key of the other mode is no key of this gateway: the same answer as for
		// an unknown one.
		return unauthorized(x, contract.CodeKeyInvalid)
	}
	for _, s := range p.config.Scopes {
		if !who.HasScope(s) {
			return x.RejectDetail(contract.CodeForbidden, 0, "The API key lacks a scope that this route needs")
		}
	}
	x.SetPrincipal(who)
	r := x.Request()
	r.Header.Del(policy.XAPIKey)
	if f.bearer {
		r.Header.Del(policy.Authorization)
	}
	if f.query {
		return p.dropParameter(x)
	}
	return x.Next()
}

// dropParameter takes the key out of the query; the rest keeps its bytes.
func (p *keyPolicy) dropParameter(x *policy.Exchange) policy.Action {
	var path, rest [1024]byte
	r := x.Request()
	q := query.AppendWithout(rest[:0], r.Query, func(name policy.Text) bool {
		return query.NameIs(name, p.config.QueryParameter)
	})
	return x.Rewrite(r.Path.AppendTo(path[:0]), q)
}

// unauthorized answers 401 with the challenge that RFC 9110 11.6.1 asks for.
func unauthorized(x *policy.Exchange, c contract.Code) policy.Action {
	x.Response().Header.Set(policy.WWWAuthenticate, challenge)
	return x.Reject(c, 0)
}

// OnResponse tells callers on the old key of a rotation how long it lasts.
func (p *keyPolicy) OnResponse(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if who := x.Principal(); who != nil && who.Rotated && who.Expires > 0 {
		var text [20]byte
		left := max(0, (who.Expires-p.wall().UnixMilli())/1000)
		x.Response().Header.SetBytes(policy.TollgateKeyExpiresIn, strconv.AppendInt(text[:0], left, 10))
	}
	return x.Next()
}
