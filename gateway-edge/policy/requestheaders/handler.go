package requestheaders

import "github.com/tollgate/tollgate/gateway-edge/policy"

// OnRequest edits the request.
func (p *edits) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	p.edits.Apply(x, x.Request().Header)
	return x.Next()
}
