package connect

import (
	"strconv"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/services/contract"
)

// kind is what a request is.
type kind uint8

const (
	other       kind = iota
	unaryProto       // POST application/proto
	unaryJSON        // POST application/json, of a method of the schema
	unaryGet         // GET with the message in the query, of a safe method of the schema
	streamProto      // POST application/connect+proto
	streamJSON       // POST application/connect+json
)

func (k kind) stream() bool { return k == streamProto || k == streamJSON }

// Content types that backends get. gRPC takes both for the same; what a call was
// is read from it when its answer comes.
const (
	unaryCall  = "application/grpc+proto"
	streamCall = "application/grpc"
)

var (
	protocolVersion = policy.FixedName("Connect-Protocol-Version")
	timeoutMillis   = policy.FixedName("Connect-Timeout-Ms")
	contentEncoding = policy.FixedName("Connect-Content-Encoding")
	acceptEncoding  = policy.FixedName("Connect-Accept-Encoding")
)

// call is what a translated request is remembered by.
type call struct {
	kind kind
	json bool
	m    *method // nil where there is no schema
}

// classify says what a request is. Everything that is not clearly Connect passes.
func (p *translator) classify(x *policy.Exchange) (kind, *method) {
	r := x.Request()
	m, known := policy.Find(p.methods, r.Path)
	if r.Method.Is("GET") {
		if known && m.safe && isGet(r.Query) {
			return unaryGet, m
		}
		return other, nil
	}
	ct, ok := r.Header.Get(policy.ContentType)
	if !ok || !r.Method.Is("POST") {
		return other, nil
	}
	media, _, _ := ct.Cut(';')
	media = media.Trim()
	switch {
	case media.Fold("application/proto"):
		return unaryProto, m
	case media.Fold("application/json") && known:
		return unaryJSON, m
	case media.Fold("application/connect+proto"):
		return streamProto, m
	case media.Fold("application/connect+json"):
		return streamJSON, m
	}
	return other, nil
}

// WantsBody is policy.Chooser: the messages of unary calls are taken whole.
func (p *translator) WantsBody(x *policy.Exchange, s policy.Side) bool {
	if s == policy.OnTheResponse {
		ct, _ := x.Request().Header.Get(policy.ContentType)
		return x.Translated() && ct.Is(unaryCall)
	}
	k, _ := p.classify(x)
	return k == unaryProto || k == unaryJSON
}

// OnRequest makes a call of gRPC of a call of Connect.
func (p *translator) OnRequest(x *policy.Exchange, s *policy.Slot) policy.Action {
	k, m := p.classify(x)
	if k == other {
		return x.Next()
	}
	c := &call{kind: k, m: m, json: k == unaryJSON || k == streamJSON}
	r := x.Request()
	if v, ok := r.Header.Get(protocolVersion); ok && !v.Is("1") {
		return c.refuse(x, grpcwire.InvalidArgument, "Connect-Protocol-Version is 1")
	}
	if k == streamJSON && m == nil || m != nil && m.streams != k.stream() {
		return x.Answer(415, "", nil) // the protocol's answer to a wrong codec
	}
	timeout := ""
	if t, ok := r.Header.Get(timeoutMillis); ok {
		n, number := t.Int()
		if !number || t.Len() > 10 {
			return c.refuse(x, grpcwire.InvalidArgument, "Connect-Timeout-Ms is a number of at most 10 digits")
		}
		if timeout = strconv.FormatInt(n, 10) + "m"; t.Len() > 8 {
			timeout = strconv.FormatInt(n/1000, 10) + "S"
		}
	}
	s.P = c
	if k.stream() {
		return p.stream(x, c, timeout)
	}
	return p.unary(x, c, timeout)
}

// head puts the head of a call in the place of the request's.
func head(x *policy.Exchange, contentType, timeout string) {
	x.Translate()
	r := x.Request()
	r.Method = policy.Static("POST")
	h := r.Header
	h.Set(policy.ContentType, contentType)
	for _, n := range []policy.Name{
		policy.ContentEncoding, policy.AcceptEncoding, policy.Accept, protocolVersion, timeoutMillis, contentEncoding, acceptEncoding, grpcwire.Timeout,
		policy.IfNoneMatch, policy.IfModifiedSince, policy.Range,
	} {
		h.Del(n)
	}
	if timeout != "" {
		h.Set(grpcwire.Timeout, timeout)
	}
}

// refuse answers in the call's own form.
func (c *call) refuse(x *policy.Exchange, code grpcwire.Code, message string) policy.Action {
	st := grpcwire.Status{Code: code, Message: message}
	if !c.kind.stream() {
		return x.Answer(code.HTTP(), "application/json", errorJSON(st))
	}
	return x.Answer(200, c.streamType(), endFrame(st, nil))
}

func (c *call) streamType() string {
	if c.json {
		return "application/connect+json"
	}
	return "application/connect+proto"
}

// edgeCodes are the edge's own errors by name, as statuses of calls.
var edgeCodes = func() map[string]grpcwire.Status {
	m := map[string]grpcwire.Status{}
	for _, c := range contract.Codes() {
		info := c.Info()
		m[info.Name] = grpcwire.Status{Code: grpcwire.Code(info.GRPC), Message: info.Name + ": " + info.Title}
	}
	return m
}()

// own puts an error of the edge that came up behind this policy into the call's own
// form: the HTTP status alone would tell less.
func (c *call) own(x *policy.Exchange) policy.Action {
	r := x.Response()
	why, there := r.Header.Get(policy.TollgateError)
	st, known := policy.Find(edgeCodes, why)
	if !there || !known {
		return x.Next()
	}
	if c.kind.stream() {
		r.Status = 200
		r.Header.Set(policy.ContentType, c.streamType())
		x.ReplaceBody(endFrame(st, nil))
		return x.Next()
	}
	r.Header.Set(policy.ContentType, "application/json")
	x.ReplaceBody(errorJSON(st))
	return x.Next()
}

// OnResponse makes an answer of Connect of an answer of gRPC.
func (p *translator) OnResponse(x *policy.Exchange, s *policy.Slot) policy.Action {
	c, ok := s.P.(*call)
	r := x.Response()
	if !ok {
		return x.Next()
	}
	if r.Origin != policy.FromBackend {
		return c.own(x)
	}
	ct, _ := r.Header.Get(policy.ContentType)
	if r.Status != 200 || !grpcwire.IsCall(ct) {
		return x.RejectDetail(contract.CodeUpstreamProtocol, 0, "the backend did not answer in gRPC")
	}
	encoding, _ := r.Header.Get(grpcwire.Encoding)
	for _, n := range []policy.Name{grpcwire.Encoding, grpcwire.AcceptEncoding, policy.ETag} {
		r.Header.Del(n)
	}
	if !c.kind.stream() {
		return p.answer(x, c, encoding)
	}
	if !encoding.Empty() && !encoding.Is("identity") && !c.json {
		r.Header.SetText(contentEncoding, encoding)
	}
	r.Header.Set(policy.ContentType, c.streamType())
	e := &ending{p: p, c: c, encoding: encoding.Clone()}
	e.status, e.known = grpcwire.Take(r.Header)
	x.Filter(policy.OnTheResponse, e)
	return x.Next()
}
