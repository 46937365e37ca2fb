package introspection

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grant"
	"github.com/tollgate/tollgate/gateway-edge/policy/memo"
	"github.com/tollgate/tollgate/services/contract"
)

// Credential implements policy.Method: any bearer token but a key of the gateway.
func (p *opaque) Credential(x *policy.Exchange) policy.Place {
	t, code := grant.Bearer(x.Request(), memo.MaxSecret)
	if code == contract.CodeTokenMissing || t.HasPrefix(contract.KeyPrefixLive) || t.HasPrefix(contract.KeyPrefixTest) {
		return policy.PlaceNone
	}
	return policy.PlaceAuthorization
}

// Challenge implements policy.Method.
func (p *opaque) Challenge() string { return "Bearer" }
