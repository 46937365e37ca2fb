package jwt

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/provider"
)

// Credential implements policy.Method: beside other methods a bearer token is a JWT
// when it has three parts, whatever they hold.
func (p *jwtPolicy) Credential(x *policy.Exchange) policy.Place {
	t, code := grant.Bearer(x.Request(), provider.MaxToken)
	if code != 0 {
		return policy.PlaceNone
	}
	_, rest, one := t.Cut('.')
	_, rest, two := rest.Cut('.')
	if !one || !two || rest.Index('.') >= 0 {
		return policy.PlaceNone
	}
	return policy.PlaceAuthorization
}

// Challenge implements policy.Method.
func (p *jwtPolicy) Challenge() string { return "Bearer" }
