package upstreamauth

import (
	"encoding/base64"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// refreshing in a Slot's first number: this request fetches the token ahead.
const refreshing = 1

func basicField(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// OnRequest writes the credential that is at hand; without one it waits.
func (p *credential) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	if p.aws != nil {
		return p.sign(x)
	}
	if p.tokens == nil {
		if p.fixed == "" {
			x.TraceDetail("the secret can't stand in a header field")
			return x.Reject(contract.CodeInternal, 0)
		}
		x.Request().Header.Set(policy.Authorization, p.fixed)
		return x.Next()
	}
	t := p.tokens.at(x.Now())
	switch {
	case x.Explaining() && t == nil:
		x.TraceDetail("no token is at hand, and none is fetched for a question")
		return x.Next()
	case t == nil:
		if p.tokens.rests(x.Now()) {
			return p.away(x, errRests)
		}
		return x.Wait()
	case !x.Explaining() && p.tokens.takeRefresh(t, x.Now()):
		s.N[0] = refreshing
		return x.Wait()
	}
	return p.use(x, s, t)
}

// Await fetches a token.
func (p *credential) Await(b policy.Blocking, x *policy.Exchange, s *policy.Slot) policy.Action {
	now := x.Now()
	had := p.tokens.at(now)
	if had != nil && s.N[0] != refreshing {
		return p.use(x, s, had)
	}
	t, err := p.tokens.get(b, p.fetch, now, had)
	switch {
	case err == nil:
		return p.use(x, s, t)
	case had != nil:
		return p.use(x, s, had) // it still serves
	}
	return p.away(x, err)
}

func (p *credential) use(x *policy.Exchange, s *policy.Slot, t *token) policy.Action {
	s.P = t
	x.Request().Header.Set(policy.Authorization, t.field)
	return x.Next()
}

func (p *credential) away(x *policy.Exchange, err error) policy.Action {
	if x.Tracing() {
		x.TraceDetail("no token for the backend: " + err.Error())
	}
	return x.RejectDetail(contract.CodeProviderUnavailable, 0, "The gateway can't get its own credential for the backend at the moment")
}

// OnResponse does away with a token that the backend refused: the next request
// fetches another one.
func (p *credential) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	r := x.Response()
	if t, ok := s.P.(*token); ok && r.Status == 401 && r.Origin == policy.FromBackend {
		p.tokens.distrust(t, x.Now())
	}
	return x.Next()
}
