package grpctranscode

import (
	"bytes"
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
	"github.com/tollgate/tollgate/services/contract"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
)

var errCompressed = errors.New("the backend sent a compressed message that nobody asked for")

const noMessage = "the backend's answer is not one message of gRPC"

// unary turns a collected answer into JSON.
func (p *transcoder) unary(x *policy.Exchange, ex *exchange) policy.Action {
	st, ok := grpcwire.Take(x.Response().Trailer)
	if !ok {
		st = grpcwire.Missing
	}
	var message []byte
	n := 0
	frames := grpcwire.Frames{Max: p.maxOut}
	err := frames.Push(bodyOf(x), func(flags byte, payload []byte) error {
		if flags != 0 {
			return errCompressed
		}
		n++
		message = append([]byte(nil), payload...)
		return nil
	})
	if err == nil {
		err = frames.End()
	}
	if st.Code == grpcwire.OK && (err != nil || n != 1) {
		return x.RejectDetail(contract.CodeUpstreamProtocol, 0, noMessage)
	}
	return p.end(x, ex, st, message)
}

// end puts the answer of a call in the response's place, with the call's trailers
// as fields of the head.
func (p *transcoder) end(x *policy.Exchange, ex *exchange, st grpcwire.Status, message []byte) policy.Action {
	r := x.Response()
	trailers(r)
	if st.Code != grpcwire.OK {
		r.Status = st.Code.HTTP()
		r.Header.Set(policy.ContentType, "application/json")
		x.ReplaceBody(p.problem(st))
		return x.Next()
	}
	if ex.rule.call.streamsOut() { // of no message at all
		r.Header.Set(policy.ContentType, "application/x-ndjson")
		x.ReplaceBody(nil)
		return x.Next()
	}
	body, kind, err := p.json(ex.rule, message)
	if err != nil {
		return x.RejectDetail(contract.CodeUpstreamProtocol, 0, unwritten(err))
	}
	if kind == "" || !legal(kind) {
		kind = "application/octet-stream"
	}
	r.Header.SetBytes(policy.ContentType, []byte(kind))
	x.ReplaceBody(body)
	return x.Next()
}

// trailers moves what the backend said in trailers into the head.
func trailers(r *policy.Response) {
	type pair struct{ name, value string }
	var all []pair
	for n, v := range r.Trailer.Each() {
		all = append(all, pair{n.Clone(), v.Clone()})
	}
	for _, f := range all {
		n, err := policy.HeaderName(f.name)
		if err != nil {
			continue
		}
		r.Header.Add(n, f.value)
		r.Trailer.Del(n)
	}
}

// legal reports whether a content type of a backend's message may stand in a head.
func legal(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= 256
}

// json writes a message, or the field of it that is the answer.
func (p *transcoder) json(b *binding, message []byte) (body []byte, contentType string, err error) {
	m := b.call.output.New()
	if err := protodesc.CheckMessage(m.Descriptor(), message, p.types, p.out); err != nil {
		return nil, "", err
	}
	if err := (proto.UnmarshalOptions{Resolver: p.types, RecursionLimit: maxDepth}).Unmarshal(message, m.Interface()); err != nil {
		return nil, "", err
	}
	part := m
	if b.answer != nil {
		if b.answer.Message() == nil || b.answer.IsList() || b.answer.IsMap() {
			body, err = p.member(m, b.answer)
			return body, "application/json", err
		}
		part = m.Get(b.answer).Message()
	}
	if isHTTPBody(part.Descriptor()) {
		fields := part.Descriptor().Fields()
		return part.Get(fields.ByName("data")).Bytes(), part.Get(fields.ByName("content_type")).String(), nil
	}
	body, err = p.marshal(part)
	return body, "application/json", err
}

// unwritten says why a backend's message could not be written.
func unwritten(err error) string {
	if errors.Is(err, protodesc.ErrHeavy) {
		return "the backend's answer: " + err.Error()
	}
	return "the backend's message is not of its type"
}

// marshal writes ProtoJSON in its shortest form: the library varies its spaces.
func (p *transcoder) marshal(m protoreflect.Message) ([]byte, error) {
	raw, err := p.out.Marshal(m.Interface())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, raw)
	return b.Bytes(), err
}

// member writes one field that is no message of its own: as the value of the object
// that holds it alone.
func (p *transcoder) member(m protoreflect.Message, fd protoreflect.FieldDescriptor) ([]byte, error) {
	alone, opts, key := dynamicpb.NewMessage(m.Descriptor()), p.out, fd.JSONName()
	if m.Has(fd) {
		alone.Set(fd, m.Get(fd))
	} else {
		opts.EmitUnpopulated = true
	}
	if opts.UseProtoNames {
		key = fd.TextName()
	}
	raw, err := opts.Marshal(alone)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, all[key])
	return b.Bytes(), err
}

// problem writes the error of a call as Google's APIs do (AIP-193).
func (p *transcoder) problem(st grpcwire.Status) []byte {
	type errorBody struct {
		Code    int               `json:"code"`
		Message string            `json:"message"`
		Status  string            `json:"status"`
		Details []json.RawMessage `json:"details,omitempty"`
	}
	body := errorBody{Code: st.Code.HTTP(), Message: st.Message, Status: st.Code.Name(), Details: p.details(st.Details)}
	out, _ := json.Marshal(map[string]errorBody{"error": body})
	return out
}

// maxDetails bounds the details of an error that are written.
const maxDetails = 50

// details writes the details that came as a google.rpc.Status; one of a type that
// nobody has uploaded stands there as bytes.
func (p *transcoder) details(raw []byte) (out []json.RawMessage) {
	var st rpcstatus.Status
	if len(raw) == 0 || protodesc.CheckMessage(st.ProtoReflect().Descriptor(), raw, p.types, p.out) != nil || proto.Unmarshal(raw, &st) != nil {
		return nil
	}
	for _, d := range st.GetDetails() {
		if len(out) == maxDetails {
			break
		}
		one, err := (protojson.MarshalOptions{Resolver: p.out.Resolver}).Marshal(d)
		if err != nil {
			one, _ = json.Marshal(map[string]any{"@type": d.GetTypeUrl(), "value": d.GetValue()})
		}
		out = append(out, one)
	}
	return out
}
