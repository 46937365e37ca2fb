package transformrequest

import (
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/services/contract"
)

// Needs asks for the body where it is changed.
func (p *change) Needs() (request, response policy.Need) {
	if p.body != nil {
		request = policy.Need{Mode: policy.NeedWhole, Max: p.body.Max()}
	}
	return request, response
}

// WantsBody takes only what can be read.
func (p *change) WantsBody(x *policy.Exchange, _ policy.Side) bool {
	return p.body.Reads(x.Request().Header)
}

// OnRequest changes the request.
func (p *change) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	r := x.Request()
	if p.method != "" && (r.Method.Is("HEAD") || r.Method.Is("CONNECT") || r.Method.Is("OPTIONS")) {
		return x.RejectDetail(contract.CodeMethodNotAllowed, 0, "Requests with this method can't be sent on with another one")
	}
	if p.body != nil {
		if a := p.changeBody(x); a != x.Next() {
			return a
		}
	}
	if p.headers != nil {
		p.headers.Apply(x, r.Header)
	}
	if p.path != nil || !p.query.Empty() {
		if a := p.retarget(x); a != x.Next() {
			return a
		}
	}
	if p.method != "" {
		r.Method = policy.Static(p.method)
	}
	return x.Next()
}

// changeBody changes the body. A request without one has nothing to change, but
// where a body of its own is put in.
func (p *change) changeBody(x *policy.Exchange) policy.Action {
	h := x.Request().Header
	if !p.body.Replaces() && x.Request().Length == 0 {
		return x.Next()
	}
	if !p.body.Reads(h) {
		if !p.body.Refuses() {
			return x.Next()
		}
		return x.RejectDetail(contract.CodeMediaType, 0, "This route takes bodies of "+p.body.Accepts()+", without a Content-Encoding or with gzip, br, zstd or deflate")
	}
	if !p.body.Replaces() && x.Body().Len() == 0 {
		return x.Next()
	}
	switch err := p.body.Apply(x, h); {
	case err == nil:
		return x.Next()
	case errors.Is(err, coding.ErrTooLarge):
		return x.RejectDetail(contract.CodeBodyTooLarge, 0, "The decoded body is larger than this route allows")
	case errors.Is(err, document.ErrTooLarge):
		return x.RejectDetail(contract.CodeBodyTooLarge, 0, "The request's body would become larger than this route allows")
	default:
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "The request's body can't be changed as this route wants it: "+err.Error())
	}
}

// retarget changes path and query.
func (p *change) retarget(x *policy.Exchange) policy.Action {
	var pathBuf, queryBuf [1024]byte
	path, ok := pathBuf[:0], true
	if p.path == nil {
		path = x.Request().Path.AppendTo(path)
	} else if path, ok = p.path.Append(path, x); !ok {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "The path can't be made with the values of this request")
	}
	var q []byte
	if !p.query.Empty() {
		q = p.query.Append(queryBuf[:0], x)
	}
	return x.Rewrite(path, q)
}
