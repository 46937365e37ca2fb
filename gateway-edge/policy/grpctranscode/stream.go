package grpctranscode

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/grpcwire"
	"github.com/tollgate/tollgate/gateway-edge/policy/protodesc"
)

// lines turns a request of lines of JSON into messages, one for each.
type lines struct {
	p    *transcoder
	call *call
	rest []byte
}

// Filter is policy.BodyFilter.
func (l *lines) Filter(_ *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	l.rest = append(l.rest, in...)
	from := 0
	for {
		n := bytes.IndexByte(l.rest[from:], '\n')
		if n < 0 {
			break
		}
		if err := l.line(l.rest[from:from+n], out); err != nil {
			return err
		}
		from += n + 1
	}
	l.rest = append(l.rest[:0], l.rest[from:]...)
	if int64(len(l.rest)) > l.p.maxIn {
		return fmt.Errorf("a line is longer than %d bytes", l.p.maxIn)
	}
	if last {
		return l.line(l.rest, out)
	}
	return nil
}

func (l *lines) line(text []byte, out *policy.Out) error {
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil
	}
	if err := protodesc.CheckJSON(text); err != nil {
		return err
	}
	m := l.call.input.New()
	if err := l.p.in.Unmarshal(text, m.Interface()); err != nil {
		return readable(err)
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	if err != nil {
		return err
	}
	_, err = out.Write(grpcwire.Append(nil, 0, raw))
	return err
}

// events turns a stream of answers into server-sent events or lines of JSON.
type events struct {
	p      *transcoder
	rule   *binding
	sse    bool
	raw    bool // google.api.HttpBody: the bytes as they are
	failed bool
	frames grpcwire.Frames
	line   []byte
}

var errWritten = errors.New("the client's side failed")

// Filter is policy.BodyFilter. What goes wrong behind the head is told as the last
// event.
func (f *events) Filter(x *policy.Exchange, in []byte, last bool, out *policy.Out) error {
	f.frames.Max = f.p.maxOut
	if !f.failed {
		if err := f.frames.Push(in, func(flags byte, payload []byte) error { return f.event(flags, payload, out) }); err != nil {
			if errors.Is(err, errWritten) {
				return policy.ErrBodyBudget
			}
			if err := f.fail(grpcwire.Status{Code: grpcwire.Internal, Message: err.Error()}, out); err != nil {
				return err
			}
		}
	}
	if !last {
		return nil
	}
	st, ok := grpcwire.Take(x.Response().Trailer)
	if !ok {
		st = grpcwire.Missing
	}
	if err := f.frames.End(); err != nil && st.Code == grpcwire.OK {
		st = grpcwire.Status{Code: grpcwire.Internal, Message: err.Error()}
	}
	if st.Code == grpcwire.OK || f.failed {
		return nil
	}
	return f.fail(st, out)
}

func (f *events) event(flags byte, payload []byte, out *policy.Out) error {
	if flags != 0 {
		return errCompressed
	}
	text, _, err := f.p.json(f.rule, payload)
	if err != nil {
		return errors.New(unwritten(err))
	}
	f.line = f.line[:0]
	switch {
	case f.raw:
		f.line = append(f.line, text...)
	case f.sse:
		f.line = append(append(append(f.line, "data: "...), text...), "\n\n"...)
	default:
		f.line = append(append(f.line, text...), '\n')
	}
	if _, err := out.Write(f.line); err != nil {
		return errWritten
	}
	return nil
}

// fail tells how the call ended; behind raw bytes nothing can be told.
func (f *events) fail(st grpcwire.Status, out *policy.Out) error {
	f.failed = true
	if f.raw {
		return errors.New(st.Message)
	}
	text := f.p.problem(st)
	if f.sse {
		text = append(append([]byte("event: error\ndata: "), text...), '\n')
	}
	_, err := out.Write(append(text, '\n'))
	return err
}
