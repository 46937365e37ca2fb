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

// unknown marks requests that the document does not describe.
const unknown = 1

// OnRequest finds the operation, for whatever becomes of the request's path, and
// asks the backend for a body that can be read: without a content coding, and whole.
func (p *rules) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	op := &p.own
	if p.api != nil {
		var hit validation.Hit
		p.api.Find(x, &hit)
		if op = hit.Operation; op == nil {
			if hit.Miss != validation.NotMeant {
				s.N[0] = unknown
			}
			return x.Next()
		}
	}
	s.P = op
	h := x.Request().Header
	h.Del(policy.AcceptEncoding)
	h.Del(policy.Range)
	return x.Next()
}

// content is what the answer must be; meant is false for answers that are not
// looked at: the edge's own, upgrades, partial ones and those that never end.
func (p *rules) content(x *policy.Exchange, s *policy.Slot) (c *validation.Content, meant bool) {
	r := x.Response()
	op, ok := s.P.(*validation.Operation)
	if !ok || r.Origin == policy.FromEdge || r.Status < 200 || r.Status == 206 || r.Status == 304 {
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
	c, meant := p.content(x, x.Slot())
	if !meant || c == nil || c.Look(x.Response().Header) != validation.Check {
		return false
	}
	return !p.report || x.Response().Length >= 0 && x.Response().Length <= p.max
}

// OnResponse checks the answer.
func (p *rules) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	if p.strict && s.N[0] == unknown && x.Response().Origin != policy.FromEdge {
		return p.judge(x, contract.FieldErrors{{Detail: "the document has no such operation"}})
	}
	c, meant := p.content(x, s)
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
	return p.judge(x, errs)
}

// judge decides on an answer that is not what it must be.
func (p *rules) judge(x *policy.Exchange, errs contract.FieldErrors) policy.Action {
	if p.report {
		x.Report(policy.OnTheResponse, validation.Summary(errs))
		return x.Next()
	}
	x.Note(validation.Summary(errs))
	return x.RejectDetail(contract.CodeResponseInvalid, 0, "")
}

func (p *rules) check(x *policy.Exchange, c *validation.Content, errs *contract.FieldErrors) {
	switch h := x.Response().Header; c.Look(h) {
	case validation.Foreign:
		errs.Add("/header/Content-Type", "is none of "+c.Accepts()+", or the body has a Content-Encoding that can't be undone")
	case validation.Check:
		c.Check(x, h, p.max, errs)
	}
}
