package httpwebsocket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/coding"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/services/contract"
)

// OnRequest asks for Await.
func (p *bridge) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if x.Request().Method.Is("HEAD") { // it would ask the backend for what nobody reads
		x.Response().Header.Set(policy.Allow, p.allow)
		return x.RejectDetail(contract.CodeMethodNotAllowed, 0, "HEAD opens no WebSocket")
	}
	return x.Wait()
}

// Await opens a WebSocket, sends the message, and answers with what comes back.
func (p *bridge) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	m, bad := p.outgoing(x)
	if bad != nil {
		return x.RejectDetail(bad.code, 0, bad.detail)
	}
	if n := p.open.Add(1); n > int64(p.Connections) {
		p.open.Add(-1)
		return x.RejectDetail(contract.CodeUpstreamBusy, time.Second, "as many WebSockets are open as may be")
	}
	ctx, cancel := context.WithTimeout(b.Context(), p.Timeout.Std())
	defer cancel()
	c, refused, err := p.up.Open(ctx, p.handshake(x))
	if c == nil {
		p.open.Add(-1)
		return refusal(x, refused, err)
	}
	defer p.end(c)
	if len(m.Data) > 0 || p.make != nil {
		if err := c.Send(ctx, m); err != nil {
			return failed(x, err)
		}
	}
	if p.Answer == answerStream {
		return p.stream(b, x, c)
	}
	got, err := c.Receive(ctx)
	if err != nil {
		return failed(x, err)
	}
	return x.AnswerFrom(policy.FromIntegration, 200, p.typeOf(&got), got.Data)
}

// end closes the connection, where that is possible behind the answer's back: the
// backend's Close frame is waited for.
func (p *bridge) end(c policy.Channel) {
	do := func() {
		defer p.open.Add(-1)
		c.Close(codeNormal, "")
	}
	if p.behind == nil || !p.behind.Go(func(context.Context) { do() }) {
		do()
	}
}

// codeNormal is RFC 6455's for a connection that has served its purpose.
const codeNormal = 1000

// handshake is the request as a handshake: with what the caller and the policies before
// have put into its head, but for what describes its body or asks for a form of the
// answer.
func (p *bridge) handshake(x *policy.Exchange) *policy.OpenRequest {
	q := x.Call()
	for name := range q.Header {
		low := strings.ToLower(name)
		if strings.HasPrefix(low, "content-") || strings.HasPrefix(low, "if-") || low == "range" || low == "accept-encoding" {
			delete(q.Header, name)
		}
	}
	if p.Path != "" {
		q.Path = p.Path
	}
	return &policy.OpenRequest{
		Host: q.Host, Path: q.Path, Query: q.Query, Header: q.Header, Client: q.Client,
		Protocols: p.Subprotocols, Limit: p.MaxMessageBytes, Timeout: p.Timeout.Std(),
	}
}

// fault is a request that makes no message.
type fault struct {
	code   contract.Code
	detail string
}

// outgoing makes the message.
func (p *bridge) outgoing(x *policy.Exchange) (m policy.Message, bad *fault) {
	var err error
	if p.make != nil {
		if m.Data, err = p.make.Make(x); err != nil {
			return m, &fault{contract.CodeRequestInvalid, "a variable of the message has no value"}
		}
		if int64(len(m.Data)) > p.MaxMessageBytes {
			return m, &fault{contract.CodeBodyTooLarge, ""}
		}
	} else if m.Data, err = coding.Whole(x.Request().Header, x.Body(), p.MaxMessageBytes); err != nil {
		code, detail := coding.Refusal(err)
		return m, &fault{code, detail}
	}
	text := utf8.Valid(m.Data)
	switch p.SendAs {
	case asBinary:
		m.Binary = true
	case asText:
		if !text {
			return m, &fault{contract.CodeRequestInvalid, "the body is not UTF-8, and a text message is"}
		}
	default:
		m.Binary = !text || p.make == nil && !textual(x.Request().Header)
	}
	return m, nil
}

// textual reports whether a body is text by its content type: JSON, XML, a form, or
// text of any kind. One that says nothing is.
func textual(h policy.Headers) bool {
	ct, ok := h.Get(policy.ContentType)
	if !ok {
		return true
	}
	if document.KindOf(ct) != document.None {
		return true
	}
	return ct.HasPrefixFold("text/") || ct.HasPrefixFold("application/x-ndjson") || ct.HasPrefixFold("application/graphql")
}

// typeOf is the content type of a message as a response.
func (p *bridge) typeOf(m *policy.Message) string {
	switch {
	case p.ContentType != "":
		return p.ContentType
	case m.Binary:
		return "application/octet-stream"
	}
	if t := bytes.TrimLeft(m.Data, " \t\r\n"); len(t) > 0 && (t[0] == '{' || t[0] == '[') && json.Valid(t) {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// refusal answers where no WebSocket was opened.
func refusal(x *policy.Exchange, r *policy.FetchResponse, err error) policy.Action {
	switch {
	case err != nil:
		return failed(x, err)
	case r.Status < 400:
		return x.RejectDetail(contract.CodeUpstreamProtocol, 0, "the backend did not open a WebSocket")
	}
	kind := ""
	if v := r.Header["Content-Type"]; len(v) > 0 {
		kind = v[0]
	}
	return x.AnswerFrom(policy.FromIntegration, r.Status, kind, r.Body)
}

// failed answers for a backend that did not: what it was stands in the trace.
func failed(x *policy.Exchange, err error) policy.Action {
	var closed *policy.ChannelClosed
	if errors.As(err, &closed) {
		x.Note(closed.Error())
		return x.RejectDetail(contract.CodeUpstreamProtocol, 0, "the backend closed the WebSocket with "+strconv.Itoa(int(closed.Code))+" and no answer")
	}
	x.Note(bound(err.Error()))
	return x.Reject(policy.CodeOf(err), 0)
}

// maxNote bounds what the trace says of a failure, in bytes.
const maxNote = 300

func bound(s string) string {
	if len(s) > maxNote {
		s = strings.ToValidUTF8(s[:maxNote], "") + "…"
	}
	return s
}
