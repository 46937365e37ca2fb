package mock

import "github.com/tollgate/tollgate/gateway-edge/policy"

// OnRequest answers.
func (p *answer) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	h := x.Response().Header
	for i := range p.fields {
		h.Add(p.fields[i].name, p.fields[i].value)
	}
	return x.Answer(p.status, p.contentType, p.body)
}
