package gate

import (
	"unsafe"

	"github.com/tollgate/tollgate/gateway-edge/match"
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// Head is what the gate learns of a request beside what stands in the exchange.
// One belongs to a connection or stream and is used again.
type Head struct {
	Trusted bool // set before: the peer is a trusted proxy
	TLS     bool // set before: the client's connection to us is encrypted

	Minor    int  // of the HTTP version: 0 or 1; engines of HTTP/2 set 1
	Chunked  bool // the body is chunked; else Length in the exchange holds
	Close    bool // the connection closes after this exchange
	Continue bool // the client waits for 100 (Continue)
	Trailers bool // the client understands trailers ("TE: trailers")
	Star     bool // OPTIONS *
	// WebSocket: the request asks for one, by an Upgrade (RFC 6455) or an extended
	// CONNECT (RFC 8441), which engines of HTTP/2 turn into a GET with this set.
	WebSocket bool
	Hops      int // times the request passed through an edge of ours
	Port      int // in Host; 0: none
	Size      int // bytes of the head

	Method match.Methods

	// From a trusted proxy, as they came; empty otherwise.
	ForwardedFor, ForwardedProto, ForwardedHost policy.Text
	// RequestID is the client's own, believed only from a trusted proxy.
	RequestID policy.Text

	e       *policy.EngineExchange
	host    string
	hosts   int
	lengths int
	codings int
	seen    [policy.EngineKnown]bool
	fields  int
	expect  int
	named   bool // Connection names a field to remove
	upgrade bool // Connection names Upgrade
	asked   bool // Upgrade names websocket
	scratch []byte
}

// Begin prepares for the fields of a request of e.
func (h *Head) Begin(e *policy.EngineExchange) {
	scratch := h.scratch[:0]
	if scratch == nil {
		scratch = make([]byte, 0, 512)
	}
	*h = Head{Trusted: h.Trusted, TLS: h.TLS, Minor: 1, e: e, scratch: scratch}
	e.ReqHeader.Reset()
	e.Req.Length = 0
	e.Target, e.Head = policy.Text{}, policy.Text{}
	if h.TLS {
		e.Req.Scheme = policy.Static("https")
	} else {
		e.Req.Scheme = policy.Static("http")
	}
}

// SetMethod checks and sets the method.
func (h *Head) SetMethod(m string) *Fault {
	if m == "TRACE" || m == "TRACK" || m == "CONNECT" {
		return fault(contract.CodeMethodNotAllowed, 0, "the method is never allowed here")
	}
	if h.Method = match.MethodOf(m); h.Method == 0 {
		for i := 0; i < len(m); i++ {
			if c := nameClass[m[i]]; c != namePlain && c != nameOdd {
				return invalid(i, "a character that is not allowed in a method")
			}
		}
		return fault(contract.CodeMethodUnknown, 0, "the method is not known")
	}
	h.e.Req.Method = policy.Static(m)
	return nil
}

// SetTarget takes a request target apart (RFC 9112 3.2) and sets path and query
// in canonical form. A target in absolute form must agree with Host, which Finish
// checks.
func (h *Head) SetTarget(t string) *Fault {
	if len(t) > MaxTarget {
		return fault(contract.CodeURITooLong, -1, "the target is longer than 8192 bytes")
	}
	if t == "" {
		return invalid(0, "the target is empty")
	}
	h.e.Target = policy.Static(t)
	if t[0] != '/' {
		if t == "*" && h.e.Req.Method.Is("OPTIONS") {
			h.Star = true
			h.e.Req.Path, h.e.Req.Query = policy.Static("*"), policy.Text{}
			return nil
		}
		rest, f := h.absolute(t)
		if f != nil {
			return f
		}
		t = rest
	}
	path, query := t, ""
	for i := 0; i < len(t); i++ {
		if t[i] == '?' {
			path, query = t[:i], t[i+1:]
			break
		}
	}
	canon, out, err := match.CanonPath(h.scratch, path)
	if err != nil {
		return canonFault(err)
	}
	h.scratch = out
	if err := match.CheckQuery(query); err != nil {
		return canonFault(err)
	}
	h.e.Req.Path, h.e.Req.Query = policy.Static(canon), policy.Static(query)
	return nil
}

// absolute checks the absolute form and returns its path and query; what stands
// between is remembered for Finish.
func (h *Head) absolute(t string) (rest string, f *Fault) {
	scheme := "http://"
	if h.TLS {
		scheme = "https://"
	}
	if len(t) <= len(scheme) || !policy.Static(t[:len(scheme)]).Fold(scheme) {
		return "", invalid(0, "the target is neither a path nor a URL of this server")
	}
	t = t[len(scheme):]
	end := len(t)
	for i := 0; i < len(t); i++ {
		if t[i] == '/' || t[i] == '?' {
			end = i
			break
		}
	}
	h.host = t[:end]
	h.hosts = -1 // Host must be there as well, and agree
	if rest = t[end:]; rest == "" || rest[0] != '/' {
		return "", invalid(-1, "the target has no path")
	}
	return rest, nil
}

func canonFault(err error) *Fault {
	if e, ok := err.(*match.Error); ok {
		return invalid(-1, e.Error())
	}
	return invalid(-1, "the target is malformed")
}

// Field takes one field of the request. name and value must live as long as the
// exchange and hold no control characters but tabs; odd says that the name holds
// characters besides letters, digits and "-".
func (h *Head) Field(name, value string, odd bool) *Fault {
	if h.fields++; h.fields > MaxFields {
		return fault(contract.CodeHeadersTooLarge, -1, "more than 100 header fields")
	}
	if len(name) > policy.MaxNameLen {
		return fault(contract.CodeHeadersTooLarge, -1, "a field's name is longer than 256 bytes")
	}
	if odd {
		if twin(name) {
			return invalid(-1, "a field's name is a disguised form of another")
		}
		return nil // dropped: servers differ on such names
	}
	id := policy.EngineClassify(bytesOf(name))
	if id == 0 {
		if !ours(name) {
			h.e.ReqHeader.AppendKnown(0, name, value)
		}
		return nil
	}
	if r := requestRoles[id]; r != rolePass {
		pass, f := h.special(id, r, value)
		if f != nil || !pass {
			return f
		}
	}
	h.e.ReqHeader.AppendKnown(id, name, value)
	return nil
}

// special handles a field that the gate looks at; pass says that it stays.
func (h *Head) special(id uint8, r role, value string) (pass bool, f *Fault) {
	again := h.seen[id]
	h.seen[id] = true
	switch r {
	case roleSingle:
		switch {
		case !again:
			return true, nil
		case id == policy.EngineNameID(policy.Authorization), id == policy.EngineNameID(policy.XAPIKey):
			return false, fault(contract.CodeAmbiguousCredentials, -1, "a credential is repeated")
		}
		return false, invalid(-1, "a field that may stand only once is repeated")
	case roleHost:
		return false, h.setHost(value)
	case roleLength:
		return false, h.setLength(value)
	case roleCoding:
		return false, h.setCoding(value)
	case roleConnection:
		return true, h.connection(value) // removed by Finish
	case roleExpect:
		h.expect++
		h.Continue = policy.Static(value).Fold("100-continue")
		if h.expect > 1 || !h.Continue {
			return false, fault(contract.CodeExpectationFailed, -1, "only \"100-continue\" can be expected")
		}
	case roleUpgrade:
		return false, h.setUpgrade(value)
	case roleTE:
		h.Trailers = h.Trailers || hasToken(value, "trailers")
	case roleTrailer:
		return trailerNames(value), nil
	case roleForwarded:
		return false, h.forwarded(id, value)
	case roleVia:
		h.Hops += hops(value)
		return true, nil
	case roleRequestID:
		if h.Trusted && validRequestID(value) && !again {
			h.RequestID = policy.Static(value)
		}
	case roleMaxForwards:
		if value == "0" {
			return false, fault(contract.CodeMethodNotAllowed, -1, "a request that may not be forwarded")
		}
	case roleRange:
		return !again && ranges(value) <= MaxRanges, nil
	}
	return false, nil
}

func (h *Head) setHost(value string) *Fault {
	if h.hosts > 0 || h.hosts < -1 {
		return invalid(-1, "more than one Host")
	}
	absolute := h.hosts < 0
	canon, port, out, err := match.CanonHost(h.scratch, value)
	if err != nil {
		return canonFault(err)
	}
	h.scratch = out
	if absolute {
		h.hosts = -2
		other, p, out, err := match.CanonHost(h.scratch, h.host)
		if err != nil {
			return canonFault(err)
		}
		h.scratch = out
		if other != canon || p != port {
			return invalid(-1, "Host and the target name different hosts")
		}
	} else {
		h.hosts = 1
	}
	h.Port = port
	h.e.Req.Host = policy.Static(canon)
	return nil
}

func (h *Head) setLength(value string) *Fault {
	if h.lengths++; h.lengths > 1 {
		return invalid(-1, "more than one Content-Length")
	}
	n, ok := number(value)
	if !ok {
		return invalid(-1, "Content-Length is not a decimal number")
	}
	h.e.Req.Length = n
	return nil
}

func (h *Head) setCoding(value string) *Fault {
	if h.codings++; h.codings > 1 {
		return invalid(-1, "more than one Transfer-Encoding")
	}
	if value == "" {
		return invalid(-1, "Transfer-Encoding is empty")
	}
	if !policy.Static(value).Fold("chunked") {
		return fault(contract.CodeTransferCoding, -1, "the only transfer coding is \"chunked\"")
	}
	h.Chunked = true
	h.e.Req.Length = -1
	return nil
}

// forwarded keeps what a trusted proxy says of the client.
func (h *Head) forwarded(id uint8, value string) *Fault {
	if !h.Trusted {
		return nil
	}
	switch id {
	case policy.EngineNameID(policy.XForwardedFor):
		if !h.ForwardedFor.Empty() {
			// Two fields are one list (RFC 9110 5.3).
			b := append(append(append(make([]byte, 0, h.ForwardedFor.Len()+2+len(value)),
				policy.EngineString(h.ForwardedFor)...), ", "...), value...)
			h.ForwardedFor = policy.EngineText(b)
			return nil
		}
		h.ForwardedFor = policy.Static(value)
	case policy.EngineNameID(policy.XForwardedProto):
		h.ForwardedProto = policy.Static(value)
	case policy.EngineNameID(policy.XForwardedHost):
		h.ForwardedHost = policy.Static(value)
	}
	return nil
}

// Finish checks what only all fields together can tell.
func (h *Head) Finish() *Fault {
	if h.hosts != 1 && h.hosts != -2 {
		return invalid(-1, "Host is missing")
	}
	if h.codings > 0 {
		if h.lengths > 0 {
			return invalid(-1, "both Content-Length and Transfer-Encoding")
		}
		if h.Minor == 0 {
			return invalid(-1, "Transfer-Encoding in HTTP/1.0")
		}
	}
	if h.Minor == 0 {
		h.Continue = false
	}
	if h.e.Req.Length == 0 {
		h.Continue = false
	}
	if h.asked {
		if f := h.finishUpgrade(); f != nil {
			return f
		}
	}
	if h.named {
		h.removeNamed()
	}
	h.e.ReqHeader.Handle().Del(policy.Connection)
	if h.e.ReqHeader.Fault() {
		return fault(contract.CodeHeadersTooLarge, -1, "too many header fields")
	}
	return nil
}

// Odd reports whether a name holds characters besides letters, digits and "-".
func Odd(name string) bool {
	for i := 0; i < len(name); i++ {
		if nameClass[name[i]] != namePlain {
			return true
		}
	}
	return false
}

// bytesOf views a string as bytes that are only read.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
