package grpcweb

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/services/contract"
)

// Content types of gRPC-Web, before the message format.
const (
	binaryType = "application/grpc-web"
	textType   = "application/grpc-web-text"
)

// In the slot: how the answer is written.
const (
	asBinary = 1
	asText   = 2
)

// OnRequest makes a call of gRPC of a call of gRPC-Web; others pass.
func (translator) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	r := x.Request()
	ct, ok := r.Header.Get(policy.ContentType)
	if !ok {
		return x.Next()
	}
	text, suffix, ok := cut(ct)
	if !ok {
		return x.Next()
	}
	if !r.Method.Is("POST") {
		return x.RejectDetail(contract.CodeMethodNotAllowed, 0, "a call of gRPC-Web is a POST")
	}
	x.Translate()
	s.N[0] = asBinary
	if answersText(r.Header, text) {
		s.N[0] = asText
	}
	out := append(make([]byte, 0, 64), "application/grpc"...)
	r.Header.SetBytes(policy.ContentType, suffix.AppendTo(out))
	r.Header.Del(policy.Accept)
	r.Header.Del(policy.AcceptEncoding)
	if text {
		x.Filter(policy.OnTheRequest, &decoder{})
	}
	return x.Next()
}

// cut splits a content type of gRPC-Web: whether it is the text form, and what
// names the message format.
func cut(ct policy.Text) (text bool, suffix policy.Text, ok bool) {
	rest := ct
	switch {
	case ct.HasPrefixFold(textType):
		text, rest = true, ct.Slice(len(textType), ct.Len())
	case ct.HasPrefixFold(binaryType):
		rest = ct.Slice(len(binaryType), ct.Len())
	default:
		return false, policy.Text{}, false
	}
	if rest, _, _ = rest.Cut(';'); !rest.Trim().Empty() && rest.At(0) != '+' {
		return false, policy.Text{}, false
	}
	return text, rest.Trim(), true
}

// answersText follows Accept where it names a form, else the request's.
func answersText(h policy.Headers, text bool) bool {
	a, ok := h.Get(policy.Accept)
	if !ok || !a.HasPrefixFold(binaryType) {
		return text
	}
	return a.HasPrefixFold(textType)
}

// OnResponse makes an answer of gRPC-Web of an answer of gRPC.
func (translator) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	r := x.Response()
	ct, _ := r.Header.Get(policy.ContentType)
	if s.N[0] == 0 || r.Origin != policy.FromBackend || !grpcwire.IsCall(ct) {
		return x.Next()
	}
	out := append(make([]byte, 0, 64), binaryType...)
	if s.N[0] == asText {
		out = append(out, "-text"...)
	}
	r.Header.SetBytes(policy.ContentType, ct.Slice(len("application/grpc"), ct.Len()).AppendTo(out))
	t := &trailers{text: s.N[0] == asText}
	t.take(r.Header, true) // a head that is all there is
	x.Filter(policy.OnTheResponse, t)
	return x.Next()
}
