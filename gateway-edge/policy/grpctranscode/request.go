package grpctranscode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
)

// maxParameters bounds the parameters of a query.
const maxParameters = 500

// message makes the frame of a request: what the body holds, then the path's
// variables, then the query's parameters (google/api/http.proto).
func (p *transcoder) message(x *policy.Exchange, b *binding, segments []string, body []byte) ([]byte, error) {
	m := b.call.input.New()
	if err := p.readBody(x, b, m, body); err != nil {
		return nil, fmt.Errorf("the body: %w", err)
	}
	taken := map[string]bool{}
	for _, v := range b.vars {
		word, err := capturedWord(v, segments)
		if err == nil {
			err = v.path.set(m, word)
		}
		if err != nil {
			return nil, fmt.Errorf("the path: %s %w", v.path.last().Name(), err)
		}
		taken[pathKey(v.path)] = true
	}
	if err := p.readQuery(x.Request().Query.Clone(), b, m, taken); err != nil {
		return nil, err
	}
	frame, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(make([]byte, grpcwire.HeadLen, 256), m.Interface())
	if err != nil {
		return nil, err
	}
	grpcwire.AppendHead(frame[:0], 0, len(frame)-grpcwire.HeadLen)
	return frame, nil
}

// capturedWord is what a variable takes of the path, unescaped.
func capturedWord(v variable, segments []string) (string, error) {
	to := v.to
	if to < 0 {
		to = len(segments)
	}
	return url.PathUnescape(strings.Join(segments[v.from:to], "/"))
}

// pathKey tells fields apart by their numbers, however their names were spelled.
func pathKey(p fieldPath) string {
	var b strings.Builder
	for _, fd := range p {
		fmt.Fprintf(&b, "%d.", fd.Number())
	}
	return b.String()
}

var errNoBody = errors.New("this method takes none")

func (p *transcoder) readBody(x *policy.Exchange, b *binding, m protoreflect.Message, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	if !b.whole && b.body == nil {
		return errNoBody
	}
	ct, _ := x.Request().Header.Get(policy.ContentType)
	if b.whole && isHTTPBody(m.Descriptor()) {
		return setHTTPBody(m, ct.Clone(), body)
	}
	if b.body != nil && !b.body.IsList() && isHTTPBody(b.body.Message()) {
		return setHTTPBody(m.Mutable(b.body).Message(), ct.Clone(), body)
	}
	if !isJSON(ct.Clone()) {
		return errors.New("is sent as Content-Type: application/json")
	}
	if err := protodesc.CheckJSON(body); err != nil {
		return err
	}
	if b.whole {
		return readable(p.in.Unmarshal(body, m.Interface()))
	}
	if !json.Valid(body) {
		return errors.New("is no JSON")
	}
	name, _ := json.Marshal(b.body.JSONName())
	return readable(p.in.Unmarshal(bytes.Join([][]byte{[]byte("{"), name, []byte(":"), body, []byte("}")}, nil), m.Interface()))
}

// readable makes a sentence of what protojson says: it begins with the library's
// name, and a space of either kind.
func readable(err error) error {
	if err == nil {
		return nil
	}
	s := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return errors.New(strings.TrimPrefix(s, "proto: "))
}

func setHTTPBody(m protoreflect.Message, contentType string, body []byte) error {
	if !utf8.ValidString(contentType) {
		return errUTF8
	}
	fields := m.Descriptor().Fields()
	m.Set(fields.ByName("content_type"), protoreflect.ValueOfString(contentType))
	m.Set(fields.ByName("data"), protoreflect.ValueOfBytes(body))
	return nil
}

// readQuery names every parameter that is wrong.
func (p *transcoder) readQuery(query string, b *binding, m protoreflect.Message, taken map[string]bool) error {
	if query == "" {
		return nil
	}
	params, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the query is malformed")
	}
	if len(params) > maxParameters {
		return fmt.Errorf("the query has %d parameters, at most %d are allowed", len(params), maxParameters)
	}
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if p.ignore[name] {
			continue
		}
		if err := p.readParameter(name, params[name], b, m, taken); err != nil {
			bad = append(bad, fmt.Sprintf("%q %s", name, err))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("the query: %s", strings.Join(bad[:min(len(bad), 10)], "; "))
	}
	return nil
}

func (p *transcoder) readParameter(name string, words []string, b *binding, m protoreflect.Message, taken map[string]bool) error {
	fp, err := resolve(m.Descriptor(), name)
	if err != nil {
		if p.in.DiscardUnknown {
			return nil
		}
		return errors.New("is no field")
	}
	if b.whole || fp[0] == b.body {
		return errors.New("belongs into the body")
	}
	if key := pathKey(fp); taken[key] {
		return errors.New("is given already")
	} else if taken[key] = true; !fp.last().IsList() && len(words) > 1 {
		return errors.New("is given more than once")
	}
	for _, w := range words {
		if err := fp.set(m, w); err != nil {
			return err
		}
	}
	return nil
}
