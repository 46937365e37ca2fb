package engine

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/internal/gate"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// head fills the exchange from the server's request, through the same checks that
// HTTP/1.1 goes through. Its strings are the collector's and not copied.
func (s *stream) head(j *job) *gate.Fault {
	r, h := s.r, &j.head
	h.Begin(j.e)
	h.Size = len(r.Method) + len(r.RequestURI) + len(r.Host)
	j.body.done = r.Body == nil || r.Body == http.NoBody
	kind := r.Header["Content-Type"] // first of all: a caller of gRPC must understand every refusal
	if len(kind) == 1 {
		if f := h.Field("Content-Type", kind[0], false); f != nil {
			return f
		}
	}
	protocol := r.Header[":protocol"] // extended CONNECT: net/http puts it there
	if s.is == protocolHTTP3 && r.Proto != "HTTP/3.0" {
		protocol = []string{r.Proto} // and quic-go there
	}
	webSocket := r.Method == http.MethodConnect && len(protocol) == 1 && protocol[0] == "websocket" && len(r.Header["Content-Length"]) == 0
	method := r.Method
	if webSocket {
		method = http.MethodGet // what it is matched as, and sent on as
	}
	if f := h.SetMethod(method); f != nil {
		return f
	}
	if len(protocol) > 0 && !webSocket {
		return &gate.Fault{Code: contract.CodeRequestInvalid, At: -1, Detail: "a :protocol without CONNECT"}
	}
	if f := h.SetTarget(r.RequestURI); f != nil {
		return f
	}
	if f := h.Field("Host", r.Host, false); f != nil {
		return f
	}
	for name, values := range r.Header {
		for _, v := range values {
			h.Size += len(name) + len(v) + 4
			if h.Size > gate.MaxHead {
				return &gate.Fault{Code: contract.CodeHeadersTooLarge, At: -1, Detail: "the head is longer than 65536 bytes"}
			}
			switch name {
			case ":protocol":
				continue
			case "Content-Type":
				if len(kind) == 1 {
					continue
				}
			case "Content-Length": // the server holds the body to it, but net/http takes the first of several, and 0 for what is no number
				if len(values) > 1 || v != strconv.FormatInt(r.ContentLength, 10) {
					return &gate.Fault{Code: contract.CodeRequestInvalid, At: -1, Detail: "Content-Length is not one number"}
				}
				continue
			case "Host":
				if v != r.Host {
					return &gate.Fault{Code: contract.CodeRequestInvalid, At: -1, Detail: ":authority and Host name different hosts"}
				}
				continue
			}
			if f := h.Field(name, v, gate.Odd(name)); f != nil {
				return f
			}
		}
	}
	if len(r.Trailer) > 0 { // the server has taken the field away
		if f := h.Field("Trailer", announced(r.Trailer), false); f != nil {
			return f
		}
	}
	j.e.Req.Length = r.ContentLength
	s.rpc = rpc(policy.Static(r.Header.Get("Content-Type")))
	if h.WebSocket = webSocket; webSocket {
		j.body.done = true // what follows is no body
	}
	if f := s.lookForBody(j); f != nil {
		return f
	}
	if j.body.done {
		j.e.Req.Length = 0
	}
	return h.Finish()
}

// lookForBody learns whether a request of HTTP/3 has a body. Its head does not
// tell, if it names no length: the stream's end may come in a packet of its own.
// For methods that mostly have none the first byte or the end is waited for, which
// belongs to the head for a client that is well: a backend would get an empty
// chunked body with each GET otherwise, and no such request could be tried again.
func (s *stream) lookForBody(j *job) *gate.Fault {
	b := &j.body
	if s.is != protocolHTTP3 || b.done {
		return nil
	}
	if s.r.ContentLength == 0 {
		b.done = true
		return nil
	}
	if s.r.ContentLength > 0 || s.rpc {
		return nil
	}
	switch s.r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return nil
	}
	if !s.timers.body.arm(phaseHead, s.eng.clock.Coarse()+int64(s.eng.cfg.Limits.Head)) {
		return slowHead()
	}
	n, err := 0, error(nil)
	for n == 0 && err == nil {
		n, err = s.r.Body.Read(s.ahead1[:])
	}
	switch {
	case !s.timers.body.clear():
		return slowHead()
	case n > 0:
		s.peeked = true
	case err == io.EOF:
		b.done = true
		s.takeTrailers(j)
	default:
		return &gate.Fault{Code: contract.CodeRequestInvalid, At: -1, Detail: "the request ended early"}
	}
	return nil
}

// slowHead is the fault of a request whose head does not come to its end.
func slowHead() *gate.Fault {
	return &gate.Fault{Code: contract.CodeRequestTimeout, At: -1, Detail: "the request's head did not arrive in time"}
}

// announced lists the trailers that may go on.
func announced(t http.Header) string {
	var names []string
	for name := range t {
		if gate.TrailerField(name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
