package engine

import (
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/internal/balance"
	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// ownFields are fields of a request that the engine writes itself or never sends
// on, whatever a policy has set.
var ownFields = func() (t [policy.EngineKnown]bool) {
	for _, n := range []policy.Name{
		policy.Host, policy.ContentLength, policy.TransferEncoding, policy.Connection, policy.KeepAlive, policy.Upgrade,
		policy.Expect, policy.ProxyConnection, policy.ProxyAuthorization, policy.HTTP2Settings, policy.TE,
		policy.XForwardedFor, policy.XForwardedHost, policy.XForwardedProto, policy.Forwarded, policy.XRequestID,
		policy.TollgateConsumer, policy.Traceparent, policy.Tracestate, policy.ClientCert, policy.ClientCertChain,
	} {
		t[policy.EngineNameID(n)] = true
	}
	return
}()

// ownResponse is the same for responses.
var ownResponse = func() (t [policy.EngineKnown]bool) {
	for _, n := range []policy.Name{
		policy.ContentLength, policy.TransferEncoding, policy.Connection, policy.KeepAlive, policy.Upgrade,
		policy.ProxyConnection, policy.TrailerHeader, policy.XRequestID, policy.HTTP2Settings, policy.TE,
	} {
		t[policy.EngineNameID(n)] = true
	}
	return
}()

// appendRequest appends the head that a backend gets. length is the body's, -1
// for a chunked one.
func (j *job) appendRequest(out []byte, t *balance.Target, length int64) []byte {
	q := &j.e.Req
	out = q.Method.AppendTo(out)
	out = append(out, ' ')
	out = q.Path.AppendTo(out)
	if !q.Query.Empty() {
		out = append(out, '?')
		out = q.Query.AppendTo(out)
	}
	out = append(out, " HTTP/1.1\r\nHost: "...)
	out = append(out, j.hostFor(t)...)
	out = append(out, "\r\n"...)
	fields := j.e.ReqHeader.Fields()
	for i := range fields {
		if f := &fields[i]; !f.Dead && !ownFields[f.ID] {
			out = gate.AppendField(out, f.Name, f.Value)
		}
	}
	out = j.appendForwarding(out)
	if j.shake != nil {
		return append(j.shake.append(out), "\r\n"...)
	}
	switch {
	case length < 0:
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	case length > 0 || !bodiless(q.Method):
		out = append(out, "Content-Length: "...)
		out = strconv.AppendInt(out, length, 10)
		out = append(out, "\r\n"...)
	}
	return append(out, "\r\n"...)
}

// bodiless are methods whose requests have no Content-Length without a body
// (RFC 9110 8.6).
func bodiless(m policy.Text) bool {
	return m.Is("GET") || m.Is("HEAD") || m.Is("DELETE") || m.Is("OPTIONS")
}

func (j *job) hostFor(t *balance.Target) string {
	if j.rt.Doc.PreserveHost {
		return policy.EngineString(j.host)
	}
	return t.URL.HostPort()
}

// forwarding is what a backend is told of a client that is the same for every
// request of a connection to one host.
type forwarding struct {
	host  string
	lines []byte
}

// appendForwarding appends what the edge tells a backend of the client.
func (j *job) appendForwarding(out []byte) []byte {
	host := policy.EngineString(j.host)
	switch k := j.kept; {
	case j.info.Trusted || k == nil:
		out = j.appendClient(out)
	case k.host == host:
		out = append(out, k.lines...)
	default:
		from := len(out)
		out = j.appendClient(out)
		k.host, k.lines = strings.Clone(host), append(k.lines[:0], out[from:]...)
	}
	if j.shown != nil { // not kept: the gateway's next version may ask for none
		out = append(out, j.shown.lines...)
	}
	out = append(out, "X-Request-Id: "...)
	out = j.idText.AppendTo(out)
	out = append(out, "\r\n"...)
	out = j.appendTrace(out)
	if p := j.e.Principal(); p != nil && p.ConsumerName != "" {
		out = append(out, "Tollgate-Consumer: "...)
		out = policy.EngineAppendPercent(out, p.ConsumerName)
		out = append(out, "\r\n"...)
	}
	return out
}

// appendClient appends the fields that depend on the connection, the host and
// what a trusted proxy said.
func (j *job) appendClient(out []byte) []byte {
	out = append(out, "X-Forwarded-For: "...)
	out = j.appendForwardedFor(out)
	out = append(out, "\r\nX-Forwarded-Proto: "...)
	out = j.e.Req.Scheme.AppendTo(out)
	out = append(out, "\r\nX-Forwarded-Host: "...)
	out = j.host.AppendTo(out)
	out = append(out, "\r\nForwarded: "...)
	out = j.appendForwarded(out)
	out = append(out, "\r\nVia: "...)
	out = append(out, protocols[j.cl.protocol()].via...)
	return append(out, "\r\n"...)
}

// appendForwardedFor appends the list of addresses that the request came
// through: what trusted proxies said, then our own peer.
func (j *job) appendForwardedFor(out []byte) []byte {
	if j.info.Trusted && !j.head.ForwardedFor.Empty() {
		out = j.head.ForwardedFor.AppendTo(out)
		out = append(out, ", "...)
	}
	return j.info.Peer.Addr().AppendTo(out)
}

// appendForwarded appends the element of RFC 7239 for the true client.
func (j *job) appendForwarded(out []byte) []byte {
	out = append(out, "for="...)
	if a := j.e.ClientAddr; a.Is6() {
		out = append(out, `"[`...)
		out = a.AppendTo(out)
		out = append(out, `]"`...)
	} else {
		out = a.AppendTo(out)
	}
	out = append(out, ";host="...)
	out = j.host.AppendTo(out)
	out = append(out, ";proto="...)
	return j.e.Req.Scheme.AppendTo(out)
}
