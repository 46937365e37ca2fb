package validateresponse

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/validation"
	"github.com/tollgate/tollgate/services/contract"
)

// Needs asks for the answer's body.
func (p *rules) Needs() (request, response policy.Need) {
	return request, policy.Need{Mode: policy.NeedWhole, Max: p.max}
}

// OnRequest asks the backend for a body that can be read: without a content
// coding, and whole.
func (p *rules) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if p.operation(x) != nil {
		h := x.Request().Header
		h.Del(policy.AcceptEncoding)
		h.Del(policy.Range)
	}
	return x.Next()
}

// operation is what the answer is held to; nil: nothing.
func (p *rules) operation(x *policy.Exchange) *validation.Operation {
	if p.api != nil {
		return p.api.For(x.Route())
	}
	return &p.own
}

// content is what the answer must be; meant is false for answers that are not
// looked at: the edge's own, upgrades, partial ones and those that never end.
func (p *rules) content(x *policy.Exchange) (c *validation.Content, meant bool) {
	r, op := x.Response(), p.operation(x)
	if op == nil || r.Origin == policy.FromEdge || r.Status < 200 || r.Status == 206 || r.Status == 304 {
		return nil, false
	}
	ct, _ := r.Header.Get(policy.ContentType)
	return op.Response(r.Status), !ct.HasPrefixFold("text/event-stream") && !ct.HasPrefixFold("application/grpc")
}

func bodiless(x *policy.Exchange) bool {
	s := x.Response().Status
	return x.Request().Method.Is("HEAD") || s == 204 || s == 205
}

// WantsBody takes only bodies that are checked, and where it reports only, none
// that is known to be too long: a report must not turn an answer into an error.
func (p *rules) WantsBody(x *policy.Exchange, side policy.Side) bool {
	if side != policy.OnTheResponse || bodiless(x) {
		return false
	}
	c, meant := p.content(x)
	if !meant || c == nil || c.Look(x.Response().Header) != validation.Check {
		return false
	}
	return !p.report || x.Response().Length >= 0 && x.Response().Length <= p.max
}

// OnResponse checks the answer.
func (p *rules) OnResponse(x *policy.Exchange, _ *policy.Slot) policy.Action {
	c, meant := p.content(x)
	if !meant {
		return x.Next()
	}
	var errs contract.FieldErrors
	switch {
	case c == nil:
		if p.known {
			errs.Add("/status", "is not known here")
		}
	case bodiless(x) || p.report && !p.WantsBody(x, policy.OnTheResponse) && c.Look(x.Response().Header) == validation.Check:
	case x.Response().Length == 0 || x.Body().Len() == 0 && c.Look(x.Response().Header) == validation.Check:
		if c.Required() {
			errs.Add("/body", "is missing")
		}
	default:
		p.check(x, c, &errs)
	}
	if len(errs) == 0 {
		return x.Next()
	}
	x.TraceDetail(validation.Summary(errs))
	if p.report {
		return x.Next()
	}
	return x.RejectDetail(contract.CodeResponseInvalid, 0, "")
}

func (p *rules) check(x *policy.Exchange, c *validation.Content, errs *contract.FieldErrors) {
	switch h := x.Response().Header; c.Look(h) {
	case validation.Foreign:
		errs.Add("/header/Content-Type", "is none of "+c.Accepts()+", or the body has a Content-Encoding")
	case validation.Check:
		c.Check(x, h, errs)
	}
}
