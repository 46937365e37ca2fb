package websockethttp

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/gateway-edge/policy/document"
	"github.com/tollgate/tollgate/services/contract"
)

var subprotocol = func() policy.Name {
	n, err := policy.HeaderName("Sec-WebSocket-Protocol")
	if err != nil {
		panic(err)
	}
	return n
}()

// OnRequest asks for Await, where there is a WebSocket to take.
func (p *bridge) OnRequest(x *policy.Exchange, _ *policy.Slot) policy.Action {
	if _, ok := x.Handshake(); !ok && !x.Explaining() {
		return x.RejectDetail(contract.CodeUpgradeRefused, 0, "this route takes WebSockets only")
	}
	return x.Wait()
}

// Await asks the upstream whether the client may connect.
func (p *bridge) Await(b policy.Blocking, x *policy.Exchange, _ *policy.Slot) policy.Action {
	id, _ := x.Handshake()
	s := &session{bridge: p, client: x.Client(), header: p.fields(x, id.Clone())}
	if p.connect == "" {
		return x.Accept(s, p.opt)
	}
	q := x.Call()
	for name := range q.Header {
		if len(name) > 9 && strings.EqualFold(name[:9], "tollgate-") { // they are the gateway's to say
			delete(q.Header, name)
		}
	}
	maps.Copy(q.Header, s.header)
	q.Header["Tollgate-Event"] = []string{"connect"}
	q.Method, q.Path, q.Limit, q.Timeout = "POST", p.connect, maxRefusal, p.timeout
	got, err := p.up.Call(b.Context(), q)
	switch {
	case err != nil:
		return x.Reject(policy.CodeOf(err), 0)
	case got.Status >= 400:
		return x.AnswerFrom(policy.FromIntegration, got.Status, first(got.Header["Content-Type"]), got.Body)
	case got.Status >= 300:
		return x.RejectDetail(contract.CodeUpstreamProtocol, 0, "the backend answered the handshake with a redirect")
	}
	if v := first(got.Header["Sec-Websocket-Protocol"]); v != "" {
		x.Response().Header.Set(subprotocol, v)
	}
	return x.Accept(s, p.opt)
}

// maxRefusal bounds the answer to a handshake, in bytes.
const maxRefusal = 64 << 10

// fields are what every call of a connection says of it.
func (p *bridge) fields(x *policy.Exchange, id string) map[string][]string {
	out := x.Forwarding()
	out["Tollgate-Connection-Id"] = []string{id}
	out["Tollgate-Route"] = []string{x.Route().Name}
	out["Tollgate-Path"] = []string{x.Asked().Clone()}
	if p.token != "" {
		out["Tollgate-Authorization"] = []string{"Bearer " + p.token}
	}
	return out
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// session is one connection. It is immutable.
type session struct {
	*bridge
	client netip.Addr
	header map[string][]string
}

func (s *session) call(ctx context.Context, event, path, contentType string, body []byte, timeout time.Duration) (*policy.FetchResponse, error) {
	h := maps.Clone(s.header)
	h["Tollgate-Event"] = []string{event}
	h["Content-Type"] = []string{contentType}
	return s.up.Call(ctx, &policy.CallRequest{
		Method: "POST", Path: path, Header: h, Body: body, Client: s.client, Limit: contract.MaxBridgedMessage, Timeout: timeout,
	})
}

// Message is policy.SocketHandler's: the message becomes a call, and its answer a
// message.
func (s *session) Message(ctx context.Context, to policy.Socket, m policy.Message) {
	path, kind := s.route(m)
	got, err := s.call(ctx, "message", path, kind, m.Data, s.timeout)
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil:
		code := policy.CodeOf(err)
		s.failed(ctx, to, code.String(), code.Info().Status)
	case got.Status < 200 || got.Status > 299:
		s.failed(ctx, to, "message_refused", got.Status)
	case s.replies && len(got.Body) > 0:
		ct := first(got.Header["Content-Type"])
		_ = to.Send(ctx, policy.Message{Binary: strings.HasPrefix(ct, octets), Data: got.Body}) // a client that is gone, or takes nothing, misses it
	}
}

const octets = "application/octet-stream"

// route says where a message goes, and what it is.
func (s *session) route(m policy.Message) (path, kind string) {
	if m.Binary || !utf8.Valid(m.Data) {
		return s.message, octets
	}
	if s.where == nil {
		if len(m.Data) > 0 && (m.Data[0] == '{' || m.Data[0] == '[') && json.Valid(m.Data) {
			return s.message, "application/json"
		}
		return s.message, "text/plain; charset=utf-8"
	}
	v, err := document.ParseJSON(m.Data)
	if err != nil {
		return s.message, "text/plain; charset=utf-8"
	}
	if v, ok := s.where.Get(v); ok {
		if word, ok := v.(string); ok && s.paths[word] != "" {
			return s.paths[word], "application/json"
		}
	}
	return s.message, "application/json"
}

// failed tells the client of a message that failed, as the configuration says.
func (s *session) failed(ctx context.Context, to policy.Socket, code string, status int) {
	switch s.onError {
	case onReport:
		_ = to.Send(ctx, policy.Message{Data: []byte(`{"error":{"code":"` + code + `","status":` + strconv.Itoa(status) + `}}`)})
	case onClose:
		to.Close(1011, code)
	}
}

// Tries to tell the upstream that a connection has ended: so many, with so long a
// time for each, and a pause between two that grows with them.
const (
	farewells     = 3
	farewellTime  = 4 * time.Second
	farewellPause = 300 * time.Millisecond
)

// Closed is policy.SocketHandler's: the upstream is told, as well as it goes.
func (s *session) Closed(ctx context.Context, _ string, end policy.SocketEnd) {
	if s.disconnect == "" {
		return
	}
	body, err := json.Marshal(struct {
		Code   uint16 `json:"code"`
		Reason string `json:"reason,omitempty"`
		By     string `json:"by,omitempty"`
	}{end.Code, end.Reason, end.By.String()})
	if err != nil {
		return
	}
	for i := range farewells {
		got, err := s.call(ctx, "disconnect", s.disconnect, "application/json", body, min(s.timeout, farewellTime))
		if err == nil && got.Status < 500 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(farewellPause * time.Duration(i+1)):
		}
	}
}
