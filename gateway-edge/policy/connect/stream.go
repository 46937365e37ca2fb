package connect

import (
	"encoding/json"
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
)

// stream lets the frames of a call go on: both protocols have the same.
func (p *translator) stream(x *policy.Exchange, c *call, timeout string) policy.Action {
	h := x.Request().Header
	encoding, _ := h.Get(contentEncoding)
	accept, accepts := h.Get(acceptEncoding)
	enc := encoding.Clone()
	head(x, streamCall, timeout)
	h.Del(grpcwire.Encoding)
	h.Del(grpcwire.AcceptEncoding)
	if c.json {
		x.Filter(policy.OnTheRequest, &packer{p: p, c: c, encoding: enc})
		return x.Next()
	}
	if enc != "" {
		h.SetBytes(grpcwire.Encoding, []byte(enc))
	}
	if accepts {
		h.SetText(grpcwire.AcceptEncoding, accept)
	}
	return x.Next()
}

// packer turns frames of JSON into frames of protobuf.
type packer struct {
	p        *translator
	c        *call
	encoding string
	frames   grpcwire.Frames
}

// Filter is policy.BodyFilter.
func (k *packer) Filter(_ *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	k.frames.Max = k.p.maxIn
	err := k.frames.Push(in, func(flags byte, payload []byte) error {
		encoding := ""
		if flags&grpcwire.FlagCompressed != 0 {
			if encoding = k.encoding; encoding == "" {
				return errors.New("a message is compressed, and no coding was named")
			}
		}
		raw, err := k.p.toBinary(k.c.m, payload, encoding)
		if err != nil {
			return err
		}
		_, err = out.Write(grpcwire.Append(nil, 0, raw))
		return err
	})
	if err == nil && last {
		err = k.frames.End()
	}
	return err
}

// ending passes the frames of the answers on and puts how the call ended behind
// them.
type ending struct {
	p        *translator
	c        *call
	encoding string
	frames   grpcwire.Frames
	status   grpcwire.Status
	known    bool // the head had it
}

// Filter is policy.BodyFilter.
func (e *ending) Filter(x *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	if e.known && e.status.Code != grpcwire.OK && !last {
		return nil
	}
	if err := e.pass(in, out); err != nil {
		if errors.Is(err, policy.ErrBodyBudget) {
			return err
		}
		e.status, e.known = grpcwire.Status{Code: grpcwire.Internal, Message: "the backend's message is not of its type"}, true
	}
	if !last {
		return nil
	}
	t := x.Response().Trailer
	if st, ok := grpcwire.Take(t); ok && (!e.known || e.status.Code == grpcwire.OK) {
		e.status, e.known = st, true
	}
	if !e.known {
		e.status = grpcwire.Missing
	}
	_, err := out.Write(endFrame(e.status, metadata(t)))
	return err
}

func (e *ending) pass(in []byte, out *policy.Out) error {
	if !e.c.json {
		_, err := out.Write(in)
		return err
	}
	e.frames.Max = e.p.maxOut
	return e.frames.Push(in, func(flags byte, payload []byte) error {
		if flags != 0 {
			return errors.New("a compressed message that nobody asked for")
		}
		text, err := e.p.toJSON(e.c.m, payload)
		if err != nil {
			return err
		}
		_, err = out.Write(grpcwire.Append(nil, 0, text))
		return err
	})
}

// metadata takes the trailers, which go into the last frame.
func metadata(t policy.Headers) map[string][]string {
	m := map[string][]string{}
	for n, v := range t.Each() {
		k := n.Clone()
		m[k] = append(m[k], v.Clone())
	}
	for k := range m {
		if n, err := policy.HeaderName(k); err == nil {
			t.Del(n)
		}
	}
	return m
}

// endFrame is the frame that ends a stream.
func endFrame(st grpcwire.Status, metadata map[string][]string) []byte {
	end := struct {
		Error    *errorBody          `json:"error,omitempty"`
		Metadata map[string][]string `json:"metadata,omitempty"`
	}{Metadata: metadata}
	if st.Code != grpcwire.OK {
		end.Error = bodyOfError(st)
	}
	b, _ := json.Marshal(end)
	return grpcwire.Append(nil, grpcwire.FlagEndStream, b)
}
