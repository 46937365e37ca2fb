package transformresponse

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Needs asks for the answer's body where it is changed.
func (p *change) Needs() (request, response policy.Need) {
	if p.body != nil {
		response = policy.Need{Mode: policy.NeedWhole, Max: p.body.Max()}
	}
	return request, response
}

// OnRequest asks the backend for a body that can be read: without a content
// coding, and whole.
func (p *change) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if p.body != nil {
		h := x.Request().Header
		h.Del(policy.AcceptEncoding)
		h.Del(policy.Range)
	}
	return x.Next()
}

// WantsBody takes only answers that are changed and can be read.
func (p *change) WantsBody(x *policy.Exchange, side policy.Side) bool {
	return side == policy.OnTheResponse && p.meant(x) && p.readable(x)
}

// meant reports whether the answer is one that the policy changes.
func (p *change) meant(x *policy.Exchange) bool {
	r := x.Response()
	return r.Origin != policy.FromEdge && p.applies.has(r.Status) && !x.Request().Header.Has(policy.Upgrade)
}

// readable reports whether the body can be changed: it is there, whole, of the
// right content type, and no stream of events.
func (p *change) readable(x *policy.Exchange) bool {
	r := x.Response()
	if x.Request().Method.Is("HEAD") || r.Status == 204 || r.Status == 304 || r.Status == 206 {
		return false
	}
	ct, _ := r.Header.Get(policy.ContentType)
	return !ct.HasPrefixFold("text/event-stream") && p.body.Reads(r.Header)
}

// OnResponse changes the answer.
func (p *change) OnResponse(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if !p.meant(x) {
		return x.Next()
	}
	r := x.Response()
	if p.body != nil {
		if a := p.changeBody(x); a != x.Next() {
			return a
		}
	}
	if p.headers != nil {
		p.headers.Apply(x, r.Header)
	}
	for i := range p.status {
		if p.status[i].from == r.Status {
			r.Status = p.status[i].to
			break
		}
	}
	return x.Next()
}

func (p *change) changeBody(x *policy.Exchange) policy.Action {
	r := x.Response()
	switch {
	case x.Request().Method.Is("HEAD"):
		// What GET would have given has another length.
		r.Length = -1
		p.body.Describe(r.Header)
		return x.Next()
	case r.Status == 204 || r.Status == 304 || r.Length == 0 && !p.body.Replaces():
		return x.Next()
	case !p.readable(x):
		if !p.body.Refuses() {
			return x.Next()
		}
		return x.RejectDetail(contract.CodeResponseInvalid, 0, "The backend's answer is not of a content type that this route gives out")
	case !p.body.Replaces() && x.Body().Len() == 0:
		return x.Next()
	}
	if err := p.body.Apply(x, r.Header); err != nil {
		if x.Tracing() {
			x.TraceDetail(err.Error())
		}
		return x.RejectDetail(contract.CodeResponseInvalid, 0, "The backend's answer can't be changed as this route wants it")
	}
	return x.Next()
}
