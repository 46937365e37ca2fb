package redirect

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest answers with the location.
func (p *redirect) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	var buf [2048]byte
	to, ok := p.location.Append(buf[:0], x)
	if !ok {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "The request lacks a value that the redirect's address needs")
	}
	if q := x.Request().Query; p.keepQuery && !q.Empty() {
		to = q.AppendTo(append(to, '?'))
	}
	x.Response().Header.SetBytes(policy.Location, to)
	return x.Answer(p.status, "", nil)
}
