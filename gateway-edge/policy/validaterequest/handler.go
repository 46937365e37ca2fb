package validaterequest

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/validation"
	"github.com/tollgate/tollgate/services/contract"
)

// Needs asks for the body where one may be checked.
func (p *rules) Needs() (request, response policy.Need) {
	if p.api != nil || p.own.Body != nil {
		request = policy.Need{Mode: policy.NeedWhole, Max: p.max}
	}
	return request, response
}

// find finds what the request is held to.
func (p *rules) find(x *policy.Exchange, hit *validation.Hit) {
	if p.api == nil {
		*hit = validation.Hit{Operation: &p.own}
		return
	}
	p.api.Find(x, hit)
}

// WantsBody takes only bodies that are checked.
func (p *rules) WantsBody(x *policy.Exchange, side policy.Side) bool {
	if side != policy.OnTheRequest {
		return false
	}
	var hit validation.Hit
	p.find(x, &hit)
	op := hit.Operation
	return op != nil && op.Body != nil && op.Body.Look(x.Request().Header) == validation.Check
}

// OnRequest checks the request.
func (p *rules) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	var hit validation.Hit
	p.find(x, &hit)
	op := hit.Operation
	if op == nil {
		return p.unknown(x, &hit)
	}
	var errs contract.FieldErrors
	for _, v := range op.Parameters {
		v.Check(x, &hit, &errs)
	}
	if p.known {
		op.CheckKnown(x, &errs)
	}
	foreign := false
	if op.Body != nil {
		foreign = p.checkBody(x, op.Body, &errs)
	}
	switch {
	case len(errs) == 0:
		return x.Next()
	case p.report:
		x.Report(policy.OnTheRequest, validation.Summary(errs))
		return x.Next()
	case foreign && len(errs) == 1:
		return x.RejectDetail(contract.CodeMediaType, 0, errs[0].Detail)
	}
	if len(errs) > validation.MaxErrors {
		errs = errs[:validation.MaxErrors]
	}
	return x.RejectFields(contract.CodeValidationFailed, "Each of errors names a part of the request and what is wrong with it", errs)
}

// unknown decides on a request that the document does not describe.
func (p *rules) unknown(x *policy.Exchange, hit *validation.Hit) policy.Action {
	switch {
	case p.pass || hit.Miss == validation.NotMeant:
		return x.Next()
	case p.report:
		x.Report(policy.OnTheRequest, "the document has no such operation")
		return x.Next()
	case hit.Miss == validation.NoMethod:
		x.Response().Header.Set(policy.Allow, hit.Allow)
		return x.RejectDetail(contract.CodeMethodNotAllowed, 0, "The API describes this path, but not this method")
	}
	return x.RejectDetail(contract.CodeOperationUnknown, 0, "")
}

// checkBody checks content type and body. Foreign: the content type is none of
// those that are taken, which is the last of errs.
func (p *rules) checkBody(x *policy.Exchange, c *validation.Content, errs *contract.FieldErrors) (foreign bool) {
	r := x.Request()
	if r.Length == 0 || r.Length < 0 && c.Look(r.Header) == validation.Check && x.Body().Len() == 0 {
		if c.Required() {
			errs.Add("/body", "is missing")
		}
		return false
	}
	switch c.Look(r.Header) {
	case validation.Foreign:
		errs.Add("/header/Content-Type", "This route takes bodies of "+c.Accepts()+", without a Content-Encoding or with gzip, br, zstd or deflate")
		return true
	case validation.Check:
		c.Check(x, r.Header, p.max, errs)
	}
	return false
}
