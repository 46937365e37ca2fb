package grpctranscode

import (
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/services/contract"
)

// exchange is what a translated request is remembered by.
type exchange struct {
	rule   *binding
	events bool // the answers go on as server-sent events
}

// native reports whether the request is a call of gRPC, gRPC-Web or Connect
// already.
func native(x *policy.Exchange) bool {
	ct, ok := x.Request().Header.Get(policy.ContentType)
	return ok && (ct.HasPrefixFold("application/grpc") || ct.HasPrefixFold("application/connect+") || ct.Fold("application/proto"))
}

func (p *transcoder) find(x *policy.Exchange) (b *binding, segments []string, allow string) {
	r := x.Request()
	return p.rules.tree.find(r.Method.Clone(), r.Path.Clone())
}

// WantsBody is policy.Chooser: messages of unary calls are taken whole, streams go
// through filters.
func (p *transcoder) WantsBody(x *policy.Exchange, s policy.Side) bool {
	if s == policy.OnTheResponse {
		c, ok := policy.Find(p.rules.calls, x.Request().Path)
		return x.Translated() && ok && !c.streamsOut()
	}
	if native(x) {
		return false
	}
	b, _, _ := p.find(x)
	return b != nil && !b.call.streamsIn()
}

// OnRequest turns the request into a call.
func (p *transcoder) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	if native(x) {
		return x.Next()
	}
	b, segments, allow := p.find(x)
	switch {
	case b != nil:
	case p.pass:
		return x.Next()
	case allow != "":
		x.Response().Header.Set(policy.Allow, allow)
		return x.Reject(contract.CodeMethodNotAllowed, 0)
	default:
		return x.RejectDetail(contract.CodeNoRoute, 0, "no rule of the service takes this path")
	}
	r := x.Request()
	if e, ok := r.Header.Get(policy.ContentEncoding); ok && !e.Fold("identity") {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "a compressed body is not taken here")
	}
	accept, _ := r.Header.Get(policy.Accept)
	s.P = &exchange{rule: b, events: strings.Contains(strings.ToLower(accept.Clone()), "text/event-stream")}
	if b.call.streamsIn() {
		if !r.Query.Empty() {
			if _, err := p.message(x, b, segments, nil); err != nil {
				return x.RejectDetail(contract.CodeRequestInvalid, 0, err.Error())
			}
		}
		p.head(x, b)
		x.Filter(policy.OnTheRequest, &lines{p: p, call: b.call})
		return x.Rewrite([]byte(b.call.path), []byte{})
	}
	frame, err := p.message(x, b, segments, bodyOf(x))
	if err != nil {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, err.Error())
	}
	p.head(x, b)
	x.ReplaceBody(frame)
	return x.Rewrite([]byte(b.call.path), []byte{})
}

// head puts the head of a call in the place of the request's.
func (p *transcoder) head(x *policy.Exchange, b *binding) {
	x.Translate()
	r := x.Request()
	r.Method = policy.Static("POST")
	h := r.Header
	h.Set(policy.ContentType, "application/grpc")
	for _, n := range notSent {
		h.Del(n)
	}
	if p.timeout != "" && !h.Has(grpcwire.Timeout) && !b.call.streamsIn() && !b.call.streamsOut() {
		h.Set(grpcwire.Timeout, p.timeout)
	}
}

// notSent describe the body as it was, or an answer that a backend of gRPC does not
// give.
var notSent = []policy.Name{
	policy.ContentEncoding, policy.AcceptEncoding, policy.Accept, policy.IfNoneMatch, policy.IfModifiedSince, policy.Range,
	grpcwire.Encoding, grpcwire.AcceptEncoding,
}

func bodyOf(x *policy.Exchange) []byte {
	var out []byte
	for c := range x.Body().Chunks() {
		out = append(out, c...)
	}
	return out
}

// OnResponse turns the answer back.
func (p *transcoder) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	ex, ok := s.P.(*exchange)
	if !ok || x.Response().Origin != policy.FromBackend {
		return x.Next()
	}
	r := x.Response()
	ct, _ := r.Header.Get(policy.ContentType)
	if r.Status != 200 || !grpcwire.IsCall(ct) {
		return x.RejectDetail(contract.CodeUpstreamProtocol, 0, "the backend did not answer in gRPC")
	}
	for _, n := range []policy.Name{grpcwire.Encoding, grpcwire.AcceptEncoding, policy.ETag, policy.ContentLength} {
		r.Header.Del(n)
	}
	if st, there := grpcwire.Take(r.Header); there {
		if st.Code == grpcwire.OK && !ex.rule.call.streamsOut() {
			return x.RejectDetail(contract.CodeUpstreamProtocol, 0, noMessage)
		}
		return p.end(x, ex, st, nil) // the head is all there is
	}
	if !ex.rule.call.streamsOut() {
		return p.unary(x, ex)
	}
	f := &events{p: p, rule: ex.rule, sse: ex.events}
	if ex.events {
		r.Header.Set(policy.ContentType, "text/event-stream")
		r.Header.Set(policy.CacheControl, "no-cache")
	} else {
		r.Header.Set(policy.ContentType, "application/x-ndjson")
	}
	if isHTTPBody(ex.rule.call.desc.Output()) {
		f.raw = true
		r.Header.Set(policy.ContentType, "application/octet-stream")
	}
	x.Filter(policy.OnTheResponse, f)
	return x.Next()
}
