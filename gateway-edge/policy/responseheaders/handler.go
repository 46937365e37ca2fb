package responseheaders

import "github.com/tollgate/tollgate/gateway-edge/policy"

// OnRequest lets every request through.
func (p *edits) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	return x.Next()
}

// OnResponse edits the answer.
func (p *edits) OnResponse(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if r := x.Response(); p.onErrors || r.Origin != policy.FromEdge {
		p.edits.Apply(x, r.Header)
	}
	return x.Next()
}
