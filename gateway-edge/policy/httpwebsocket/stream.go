package httpwebsocket

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// received is what Receive returned.
type received struct {
	m   policy.Message
	err error
}

// stream answers with server-sent events (the HTML standard, 9.2), one for each
// message, until the backend closes, the client goes away or a bound is reached.
func (p *bridge) stream(b policy.Blocking, x *policy.Exchange, c policy.Channel) policy.Action {
	h := x.Response().Header
	h.Set(policy.ContentType, "text/event-stream")
	h.Set(policy.CacheControl, "no-cache")
	w, err := b.Writer(policy.FromIntegration, 200)
	if err != nil {
		return x.Reject(contract.CodeInternal, 0)
	}
	ctx, cancel := context.WithCancel(b.Context()) // it has no time limit of the phase's any more
	got, done := make(chan received), make(chan struct{})
	go func() {
		defer close(done)
		receive(ctx, c, got)
	}()
	defer func() { cancel(); <-done }()
	s := &writing{bridge: p, w: w, x: x}
	if _, err := w.Write(nil); err == nil && s.run(ctx, got) {
		_ = w.Close()
	}
	return x.Streamed()
}

// receive hands over what comes until it ends, or ctx does.
func receive(ctx context.Context, c policy.Channel, got chan<- received) {
	for {
		m, err := c.Receive(ctx)
		select {
		case got <- received{m, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// writing is a stream under way.
type writing struct {
	*bridge
	w   io.Writer
	x   *policy.Exchange
	buf []byte
}

// Why streams end, as their last event says.
const (
	endClosed   = "closed"
	endIdle     = "idle"
	endMessages = "max_messages"
	endDuration = "max_duration"
)

// run writes events. It reports false when the client takes none any more.
func (s *writing) run(ctx context.Context, got <-chan received) bool {
	age, idle := time.NewTimer(s.MaxDuration.Std()), time.NewTimer(s.IdleTimeout.Std())
	defer age.Stop()
	defer idle.Stop()
	var beat <-chan time.Time
	if s.Heartbeat > 0 {
		t := time.NewTicker(s.Heartbeat.Std())
		defer t.Stop()
		beat = t.C
	}
	for n := 1; ; {
		select {
		case r := <-got:
			if r.err != nil {
				return s.last(r.err)
			}
			if !s.message(&r.m) {
				return false
			}
			if n++; n > s.MaxMessages {
				return s.event("end", `{"reason":"`+endMessages+`"}`)
			}
			idle.Reset(s.IdleTimeout.Std())
		case <-beat:
			if !s.write(":\n\n") {
				return false
			}
		case <-idle.C:
			return s.event("end", `{"reason":"`+endIdle+`"}`)
		case <-age.C:
			return s.event("end", `{"reason":"`+endDuration+`"}`)
		case <-ctx.Done():
			return true // the edge goes away, or nobody is there to see how it ends
		}
	}
}

// last tells how the backend ended the stream.
func (s *writing) last(err error) bool {
	var closed *policy.ChannelClosed
	if !errors.As(err, &closed) {
		s.x.Note(bound(err.Error()))
		return s.event("error", `{"code":"`+policy.CodeOf(err).String()+`"}`)
	}
	code := strconv.Itoa(int(closed.Code))
	if closed.Abnormal() {
		s.x.Note(closed.Error())
		return s.event("error", `{"code":"`+contract.CodeUpstreamProtocol.String()+`","close":`+code+`}`)
	}
	return s.event("end", `{"reason":"`+endClosed+`","close":`+code+`}`)
}

// message writes a message as an event: text as its lines, bytes in base64 as an event
// of the name "binary".
func (s *writing) message(m *policy.Message) bool {
	s.buf = s.buf[:0]
	if m.Binary {
		s.buf = append(base64.StdEncoding.AppendEncode(append(s.buf, "event: binary\ndata: "...), m.Data), "\n\n"...)
	} else {
		s.buf = append(appendData(s.buf, m.Data), '\n')
	}
	_, err := s.w.Write(s.buf)
	if cap(s.buf) > 64<<10 {
		s.buf = nil
	}
	return err == nil
}

// appendData appends text as fields of an event. Any of the three line ends that the
// format knows begins a new one: text can't end its event, nor name it.
func appendData(out, text []byte) []byte {
	for {
		n := bytes.IndexAny(text, "\r\n")
		if n < 0 {
			return append(append(append(out, "data: "...), text...), '\n')
		}
		out = append(append(append(out, "data: "...), text[:n]...), '\n')
		if text[n] == '\r' && n+1 < len(text) && text[n+1] == '\n' {
			n++
		}
		text = text[n+1:]
	}
}

func (s *writing) event(name, data string) bool {
	return s.write("event: " + name + "\ndata: " + data + "\n\n")
}

func (s *writing) write(text string) bool {
	_, err := io.WriteString(s.w, text)
	return err == nil
}
