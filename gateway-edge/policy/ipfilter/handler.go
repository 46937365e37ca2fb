package ipfilter

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest refuses what is denied, and what is not allowed where a list of
// allowed addresses was given. An address that is not known is refused.
func (f *filter) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	a := x.Client()
	if !a.IsValid() || f.deny.Contains(a) || len(f.allow) > 0 && !f.allow.Contains(a) {
		return x.RejectDetail(contract.CodeForbidden, 0, "Requests from this address are not allowed")
	}
	return x.Next()
}
