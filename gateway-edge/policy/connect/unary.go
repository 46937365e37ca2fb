package connect

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
	"github.com/tollgate/tollgate/gateway-edge/policy/query"
	"github.com/tollgate/tollgate/services/contract"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
)

// isGet reports whether a query is that of a call by GET.
func isGet(q policy.Text) bool {
	found := 0
	for n := range query.Each(q) {
		if query.NameIs(n, "message") || query.NameIs(n, "encoding") {
			found++
		}
	}
	return found >= 2
}

// unary frames the message of a call.
func (p *translator) unary(x *policy.Exchange, c *call, timeout string) policy.Action {
	h := x.Request().Header
	encoding, _ := h.Get(policy.ContentEncoding)
	enc := encoding.Clone()
	accept, accepts := h.Get(policy.AcceptEncoding)
	body := bodyOf(x)
	if c.kind == unaryGet {
		var err error
		if body, enc, err = c.fromQuery(x.Request().Query.Clone()); err != nil {
			return c.refuse(x, grpcwire.InvalidArgument, err.Error())
		}
	}
	if enc == "identity" {
		enc = ""
	}
	if c.json {
		var err error
		if body, err = p.toBinary(c.m, body, enc); err != nil {
			return c.refuse(x, grpcwire.InvalidArgument, err.Error())
		}
		enc, accepts = "", false
	}
	head(x, unaryCall, timeout)
	h.Del(grpcwire.Encoding)
	h.Del(grpcwire.AcceptEncoding)
	flags := byte(0)
	if enc != "" {
		flags = grpcwire.FlagCompressed
		h.SetBytes(grpcwire.Encoding, []byte(enc))
	}
	if accepts {
		h.SetText(grpcwire.AcceptEncoding, accept)
	}
	x.ReplaceBody(grpcwire.Append(make([]byte, 0, len(body)+grpcwire.HeadLen), flags, body))
	if c.kind == unaryGet {
		return x.Rewrite([]byte(x.Request().Path.Clone()), []byte{})
	}
	return x.Next()
}

// fromQuery reads the message of a call by GET.
func (c *call) fromQuery(q string) (body []byte, encoding string, err error) {
	v, err := url.ParseQuery(q)
	if err != nil {
		return nil, "", errors.New("the query is malformed")
	}
	for _, n := range []string{"message", "encoding", "base64", "compression", "connect"} {
		if len(v[n]) > 1 {
			return nil, "", fmt.Errorf("%s is given more than once", n)
		}
	}
	switch v.Get("encoding") {
	case "json":
		c.json = true
	case "proto":
	default:
		return nil, "", errors.New("encoding is json or proto")
	}
	if s := v.Get("connect"); s != "" && s != "v1" {
		return nil, "", errors.New("connect is v1")
	}
	body = []byte(v.Get("message"))
	if v.Get("base64") == "1" {
		if body, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(v.Get("message"), "=")); err != nil {
			return nil, "", errors.New("message is no base64 text of the URL's alphabet")
		}
	}
	encoding = v.Get("compression")
	for i := range len(encoding) {
		if c := encoding[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return nil, "", errors.New("compression is the name of a coding")
		}
	}
	return body, encoding, nil
}

// toBinary turns a message of JSON into one of protobuf.
func (p *translator) toBinary(m *method, body []byte, encoding string) ([]byte, error) {
	body, err := p.unpack(body, encoding)
	if err != nil {
		return nil, err
	}
	if err := protodesc.CheckJSON(body); err != nil {
		return nil, fmt.Errorf("the message %w", err)
	}
	msg := m.input.New().Interface()
	if len(body) > 0 {
		if err := p.in.Unmarshal(body, msg); err != nil {
			return nil, errors.New(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "proto:"), "\u00a0", " "))
		}
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(msg)
}

// unpack decompresses gzip, within the bound on messages.
func (p *translator) unpack(body []byte, encoding string) ([]byte, error) {
	if encoding == "" {
		return body, nil
	}
	if encoding != "gzip" {
		return nil, fmt.Errorf("the coding %q is not known for messages in JSON, gzip is", encoding)
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the message is not compressed with gzip")
	}
	out, err := io.ReadAll(io.LimitReader(z, p.maxIn+1))
	if err != nil {
		return nil, errors.New("the message is not compressed with gzip")
	}
	if int64(len(out)) > p.maxIn {
		return nil, fmt.Errorf("the message has more than %d bytes", p.maxIn)
	}
	return out, nil
}

// toJSON turns a message of protobuf into one of JSON.
func (p *translator) toJSON(m *method, raw []byte) ([]byte, error) {
	msg := m.output.New().Interface()
	if err := protodesc.CheckMessage(m.output.Descriptor(), raw, p.types, p.out); err != nil {
		return nil, err
	}
	if err := (proto.UnmarshalOptions{Resolver: p.types, RecursionLimit: maxDepth}).Unmarshal(raw, msg); err != nil {
		return nil, err
	}
	text, err := p.out.Marshal(msg)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, text) // the library varies its spaces
	return b.Bytes(), err
}

func bodyOf(x *policy.Exchange) (out []byte) {
	for c := range x.Body().Chunks() {
		out = append(out, c...)
	}
	return out
}

// answer turns the collected answer of a unary call back.
func (p *translator) answer(x *policy.Exchange, c *call, encoding policy.Text) policy.Action {
	r := x.Response()
	st, inHead := grpcwire.Take(r.Header)
	if !inHead {
		var ok bool
		if st, ok = grpcwire.Take(r.Trailer); !ok {
			st = grpcwire.Missing
		}
	}
	trailers(r)
	if st.Code != grpcwire.OK {
		return p.fail(x, st)
	}
	var message []byte
	var flags byte
	n := 0
	frames := grpcwire.Frames{Max: p.maxOut}
	err := frames.Push(bodyOf(x), func(f byte, payload []byte) error {
		n++
		flags, message = f, append([]byte(nil), payload...)
		return nil
	})
	if err == nil {
		err = frames.End()
	}
	packed := flags&grpcwire.FlagCompressed != 0
	if err != nil || n != 1 || packed && (encoding.Empty() || c.json) {
		return p.fail(x, grpcwire.Status{Code: grpcwire.Unknown, Message: "the backend's answer is not one message of gRPC"})
	}
	r.Header.Set(policy.ContentType, "application/proto")
	if packed {
		r.Header.SetText(policy.ContentEncoding, encoding)
	}
	if c.json {
		r.Header.Set(policy.ContentType, "application/json")
		if message, err = p.toJSON(c.m, message); err != nil {
			return x.RejectDetail(contract.CodeUpstreamProtocol, 0, "the backend's message is not of its type")
		}
	}
	x.ReplaceBody(message)
	return x.Next()
}

func (p *translator) fail(x *policy.Exchange, st grpcwire.Status) policy.Action {
	r := x.Response()
	r.Status = st.Code.HTTP()
	r.Header.Set(policy.ContentType, "application/json")
	x.ReplaceBody(errorJSON(st))
	return x.Next()
}

// trailers moves the trailers of a unary call into the head, with the prefix that
// tells them apart.
func trailers(r *policy.Response) {
	type pair struct{ name, value string }
	var all []pair
	for n, v := range r.Trailer.Each() {
		all = append(all, pair{n.Clone(), v.Clone()})
	}
	for _, f := range all {
		if n, err := policy.HeaderName("Trailer-" + f.name); err == nil {
			r.Header.Add(n, f.value)
		}
		if n, err := policy.HeaderName(f.name); err == nil {
			r.Trailer.Del(n)
		}
	}
}

type detail struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type errorBody struct {
	Code    string   `json:"code"`
	Message string   `json:"message,omitempty"`
	Details []detail `json:"details,omitempty"`
}

// bodyOfError is Connect's error.
func bodyOfError(st grpcwire.Status) *errorBody {
	e := &errorBody{Code: st.Code.Connect(), Message: st.Message}
	var s rpcstatus.Status
	if len(st.Details) > 0 && proto.Unmarshal(st.Details, &s) == nil {
		for _, d := range s.GetDetails() {
			url := d.GetTypeUrl()
			e.Details = append(e.Details, detail{url[strings.LastIndexByte(url, '/')+1:], base64.RawStdEncoding.EncodeToString(d.GetValue())})
		}
	}
	return e
}

func errorJSON(st grpcwire.Status) []byte {
	b, _ := json.Marshal(bodyOfError(st))
	return b
}
