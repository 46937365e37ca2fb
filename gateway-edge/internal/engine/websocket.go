package engine

import (
	"context"
	"net/http"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/ws"
	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// shake is a WebSocket's handshake (RFC 6455, 4; RFC 8441, 5): what the client
// asked for, and what the backend is asked.
type shake struct {
	spec    *contract.WebSocket
	client  string   // the client's key; "" over HTTP/2 and HTTP/3, which have none
	key     string   // ours, sent to the backend
	offered []string // the client's Sec-WebSocket-Protocol fields
	deflate bool     // the client offered compression, and the route lets it pass
}

// Fields of the handshake. They are no known names: no other request pays for
// them.
const (
	wsKey        = "Sec-WebSocket-Key"
	wsVersion    = "Sec-WebSocket-Version"
	wsProtocol   = "Sec-WebSocket-Protocol"
	wsExtensions = "Sec-WebSocket-Extensions"
	wsAccept     = "Sec-WebSocket-Accept"
)

// handshake checks a request for a WebSocket before any policy runs, and takes
// the fields that only concern this connection from it. False: Reply says why.
func (j *job) handshake() bool {
	spec := j.rt.Doc.WebSocket
	if spec == nil {
		j.refuse(contract.CodeUpgradeRefused, "this route does not take WebSockets")
		return false
	}
	s := &shake{spec: spec}
	version, keys := "", 0
	fields := j.e.ReqHeader.Fields()
	for i := range fields {
		f := &fields[i]
		if f.Dead || f.ID != 0 || len(f.Name) < len(wsKey) {
			continue
		}
		switch name := policy.Static(f.Name); {
		case name.Fold(wsKey):
			s.client = f.Value
			keys++
		case name.Fold(wsVersion):
			version = strings.TrimPrefix(version+","+f.Value, ",")
		case name.Fold(wsProtocol):
			s.offered = append(s.offered, f.Value)
			continue
		case name.Fold(wsExtensions):
			if spec.Compression && ws.Deflate(f.Value) {
				s.deflate = true
				continue
			}
		case name.Fold(wsAccept):
		default:
			continue
		}
		j.e.ReqHeader.Kill(i)
	}
	if version != ws.Version {
		j.refuse(contract.CodeWebSocketVersion, "the version spoken is "+ws.Version)
		j.e.RespHeader.AppendString(wsVersion, ws.Version)
		return false
	}
	if j.cl.protocol().multiplexed() {
		s.client = ""
	} else if keys != 1 || !ws.ValidKey(s.client) {
		j.refuse(contract.CodeUpgradeRefused, "Sec-WebSocket-Key is not the base64 form of 16 bytes")
		return false
	}
	if o, ok := j.e.Req.Header.Get(policy.OriginHeader); ok && len(spec.Origins) > 0 && !match.OriginAllowed(spec.Origins, policy.EngineString(o)) {
		j.refuse(contract.CodeForbidden, "pages of this origin may not open a WebSocket here")
		return false
	}
	s.key = ws.NewKey()
	j.shake = s
	if j.rt.Doc.Integration != nil {
		j.e.Socket = policy.Static(j.eng.newSocketID())
	}
	return true
}

// appendShake appends what makes a request a handshake.
func (s *shake) append(out []byte) []byte {
	out = append(out, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	return append(append(out, s.key...), "\r\n"...)
}

// answered checks a backend's 101 and takes its half of the handshake from it;
// deflate says that compression was agreed on. wrong is "" if all is well.
func (s *shake) answered(h *policy.EngineHeaders) (deflate bool, wrong string) {
	accepted := false
	fields := h.Fields()
	for i := range fields {
		f := &fields[i]
		if f.Dead || f.ID != 0 {
			continue
		}
		switch name := policy.Static(f.Name); {
		case name.Fold(wsAccept):
			if accepted || f.Value != ws.Accept(s.key) {
				return false, "the backend's Sec-WebSocket-Accept does not answer the key"
			}
			accepted = true
			h.Kill(i)
		case name.Fold(wsProtocol):
			if !ws.Offered(s.offered, f.Value) {
				return false, "the backend chose a subprotocol that was not offered"
			}
		case name.Fold(wsExtensions):
			if !s.deflate || deflate || !ws.Deflate(f.Value) {
				return false, "the backend chose an extension that was not offered"
			}
			deflate = true
		}
	}
	if !accepted {
		return false, "the backend's Sec-WebSocket-Accept is missing"
	}
	return deflate, ""
}

// switched goes on behind a backend's 101: the response side of the chain runs,
// the client gets its half of the handshake, then bytes flow until one side ends
// it. The exchange is billed as any other, when the first byte of the head was
// taken.
func (j *job) switched(ctx context.Context, o origin) {
	e := j.e
	deflate, wrong := j.shake.answered(&e.RespHeader)
	if j.timers != nil && !j.timers.up.clear() {
		wrong = "the backend was too slow"
	}
	if wrong != "" {
		o.finish(false)
		j.call.End(balance.ResultError, 0)
		j.failed(j.target)
		j.refuse(contract.CodeUpstreamProtocol, wrong)
		j.answer(ctx)
		return
	}
	took := j.answered - j.tryBegan
	if e.Resp.Length = 0; j.shake.client == "" {
		e.Resp.Status = http.StatusOK // over HTTP/2 and HTTP/3 there is nothing to switch
	}
	body, whole, ok := j.respondBackend(ctx, o)
	if whole || !ok {
		o.finish(false)
		j.call.End(balance.ResultOK, took)
		if whole {
			j.send(body)
		} else {
			j.cl.abort(j)
		}
		return
	}
	if j.shake.client != "" {
		e.RespHeader.AppendString(wsAccept, ws.Accept(j.shake.client))
	}
	j.tunnel(&originPeer{u: &j.up, ahead: append([]byte(nil), j.rbuf[j.up.r:j.up.w]...)}, deflate)
	o.finish(false)
	j.call.End(balance.ResultOK, took)
}

// noSwitch replaces an answer by which a client of HTTP/2 or HTTP/3 would take its
// WebSocket for open, though the backend has opened none.
func (j *job) noSwitch(ctx context.Context, o origin) bool {
	if j.shake == nil || j.shake.client != "" || j.e.Resp.Status >= 300 {
		return false
	}
	o.finish(false)
	j.call.End(balance.ResultOK, 0)
	j.refuse(contract.CodeUpstreamProtocol, "the backend did not open a WebSocket")
	j.answer(ctx)
	return true
}
