package apikey

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/services/contract"
)

const challenge = `Bearer realm="api key"`

// Credential implements policy.Method: beside other methods a bearer token is a key
// only when it looks like one.
func (p *keyPolicy) Credential(x *policy.Exchange) policy.Place {
	r := x.Request()
	if r.Header.Has(policy.XAPIKey) {
		return policy.PlaceField
	}
	if p.config.QueryParameter != "" && !r.Query.Empty() {
		for name := range query.Each(r.Query) {
			if query.NameIs(name, p.config.QueryParameter) {
				return policy.PlaceQuery
			}
		}
	}
	if v, ok := r.Header.Get(policy.Authorization); p.config.Bearer && ok && v.HasPrefixFold("Bearer ") {
		if t := v.Slice(len("Bearer "), v.Len()).Trim(); t.HasPrefix(contract.KeyPrefixLive) || t.HasPrefix(contract.KeyPrefixTest) {
			return policy.PlaceAuthorization
		}
	}
	return policy.PlaceNone
}

// Challenge implements policy.Method.
func (p *keyPolicy) Challenge() string { return challenge }
