package policy

import (
	"iter"
	"net/netip"

	"github.com/tollgate/tollgate/services/contract"
)

// Exchange is one request and its response. It is owned by one goroutine or
// loop at a time and handed over whole.
type Exchange struct {
	_ [0]func() // never compared, never copied
	e EngineExchange
}

// Request returns the request, which the policy may edit.
func (x *Exchange) Request() *Request { return &x.e.Req }

// Response returns the response. In OnRequest it is empty: fields set there
// stand on an answer that the policy itself then makes, and nowhere else.
func (x *Exchange) Response() *Response { return &x.e.Resp }

// Now is CLOCK_BOOTTIME in nanoseconds, read at most once a hook.
func (x *Exchange) Now() int64 {
	if x.e.now == 0 {
		x.e.now = x.e.Clock()
	}
	return x.e.now
}

// Client is the true client's address: behind trusted proxies the one they
// vouch for. IPv4-mapped addresses are unmapped.
func (x *Exchange) Client() netip.Addr { return x.e.ClientAddr }

// Port is the one that the client wrote behind the host, 0 where it wrote none.
func (x *Exchange) Port() int { return x.e.Port }

// RequestID is the exchange's X-Request-Id, made by the edge or taken from a
// trusted proxy.
func (x *Exchange) RequestID() Text { return x.e.RequestID }

// Route is the matched route; it may be kept.
func (x *Exchange) Route() *Route { return x.e.Route }

// Param returns a path parameter of the matched route.
func (x *Exchange) Param(name string) (Text, bool) {
	for i := range x.e.Params[:x.e.ParamCount] {
		if p := &x.e.Params[i]; p.Name == name {
			return p.Value, true
		}
	}
	return Text{}, false
}

// Params yields the path parameters of the matched route in order.
func (x *Exchange) Params() iter.Seq2[string, Text] {
	return func(yield func(string, Text) bool) {
		for i := range x.e.Params[:x.e.ParamCount] {
			if p := &x.e.Params[i]; !yield(p.Name, p.Value) {
				return
			}
		}
	}
}

// Slot is the memory of the policy whose hook runs, for hooks that are not given it.
func (x *Exchange) Slot() *Slot { return &x.e.slots[x.e.at()] }

// Principal is who calls; nil before authentication and on public routes. It
// may be kept.
func (x *Exchange) Principal() *Principal { return x.e.principal }

// SetPrincipal says who calls. Only a policy of phase authenticate may, and one
// that Identifies where nobody did before: from any other the exchange ends with
// 500.
func (x *Exchange) SetPrincipal(p *Principal) {
	s := x.e.step()
	if s == nil || x.e.responding || s.phase != PhaseAuthenticate && (!s.identifies || x.e.principal != nil) {
		x.e.fault = true
		return
	}
	x.e.principal = p
}

// NameRefused says whose credential is being refused, for the access log and the
// decision trace alone: nothing is admitted, counted or limited by it.
func (x *Exchange) NameRefused(p *Principal) { x.e.refused = p }

// Rewrite changes the path and the query that are sent on. The path must come
// out canonical: one that holds dot segments, empty segments, encoded separators
// or anything else that the gate would refuse or change is answered with 400, so
// that no rewrite reaches what the route was not for. A nil query keeps the
// present one.
func (x *Exchange) Rewrite(path, query []byte) Action {
	p := x.e.arena.copy(path)
	canon, _, err := x.e.Canon(nil, p)
	if err != nil || canon != p {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "the rewritten path is not canonical")
	}
	if x.e.asked.s == "" {
		x.e.asked = x.e.Req.Path
	}
	if query != nil && !queryBytes(query) {
		return x.RejectDetail(contract.CodeRequestInvalid, 0, "the rewritten query holds a character that is not allowed")
	}
	x.e.Req.Path = Text{p}
	if query != nil {
		x.e.Req.Query = Text{x.e.arena.copy(query)}
	}
	return x.Next()
}

// Asked is the path that the client asked for, whatever it was rewritten to.
func (x *Exchange) Asked() Text {
	if x.e.asked.s != "" {
		return x.e.asked
	}
	return x.e.Req.Path
}

// Target is the request's target, byte for byte as the client sent it (RFC 9112
// 3.2); empty where it is not known. It is for judging what somebody tries, and for
// nothing else: what is routed and sent on is the canonical form.
func (x *Exchange) Target() Text { return x.e.Target }

// Head is the request's whole head, byte for byte as the client sent it over
// HTTP/1.0 or HTTP/1.1, and well-formed: the request line, and fields that the gate
// drops too, each line with its end, and the empty one. It is empty over other
// versions. What is said of Target holds for it.
func (x *Exchange) Head() Text { return x.e.Head }

func queryBytes(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == '#' || c == 0x7f {
			return false
		}
	}
	return true
}

// Body is the whole body of the side whose hook runs; empty unless the policy's
// Need is NeedWhole.
func (x *Exchange) Body() Body {
	if x.e.responding {
		return Body{x.e.RespBody}
	}
	return Body{x.e.ReqBody}
}

// ReplaceBody puts another body in the place of the one that is sent on: of the
// request in its hooks, of the response in OnResponse. The policy's Need of that
// side must be NeedWhole, else the exchange ends with 500. The bytes must stay
// unchanged until the end of the exchange; Content-Length follows by itself, and
// what described the former bytes (Content-Encoding, ETag and the like) is the
// policy's to remove. Policies behind see the new body.
func (x *Exchange) ReplaceBody(body []byte) {
	st, side := x.e.step(), OnTheRequest
	if x.e.responding {
		side = OnTheResponse
	}
	if st == nil || st.need(side).Mode != NeedWhole {
		x.e.fault = true
		return
	}
	b := &EngineBody{}
	if len(body) > 0 {
		b.Add(body)
	}
	x.e.replaced[side] = true
	if side == OnTheRequest {
		x.e.ReqBody, x.e.Req.Length = b, b.size
	} else {
		x.e.RespBody, x.e.Resp.Length = b, b.size
	}
}

// DropResponse forgets the head and the trailers of the response that is under
// way, in OnResponse or behind a Wait there: the answer that the policy makes next
// has only the fields that it sets from now on.
func (x *Exchange) DropResponse() {
	if !x.e.responding {
		x.e.fault = true
		return
	}
	x.e.RespHeader.Reset()
	x.e.RespTrailer.Reset()
	x.e.Resp.Origin = FromEdge
}

// Translate says that this policy puts the request into another protocol. It is
// called in OnRequest before the head is changed: method and content type, as they
// are then, stay those of the access log and of the edge's own errors, which
// the client must understand.
func (x *Exchange) Translate() {
	if x.e.translated == 0 {
		x.e.cameMethod = x.e.Req.Method
		x.e.cameType, x.e.cameTyped = x.e.Req.Header.Get(ContentType)
	}
	x.e.translated |= 1 << x.e.at()
}

// Translated reports whether the policy whose hook runs has said Translate on
// this exchange.
func (x *Exchange) Translated() bool { return x.e.translated&(1<<x.e.at()) != 0 }

// Outcome is what became of the exchange; complete in OnDone.
func (x *Exchange) Outcome() Outcome { return x.e.Outcome }

// Filter puts f on the way of a side's body, behind those put there before. It
// is called from OnRequest for the request's body and from OnRequest or
// OnResponse for the response's; the policy's Need of that side must be
// NeedStream, or NeedWhole where a Chooser takes some bodies whole and others as
// they come. Else the exchange ends with 500.
func (x *Exchange) Filter(s Side, f BodyFilter) {
	st := x.e.step()
	if st == nil || f == nil || s == OnTheRequest && (x.e.responding || st.request.Mode == NeedNone) ||
		s == OnTheResponse && st.response.Mode == NeedNone {
		x.e.fault = true
		return
	}
	x.e.filters[s] = append(x.e.filters[s], filterStep{f: f, same: st.need(s).SameLength})
}

// Explaining reports that this is a question about a request, not a request:
// limits are looked at and not spent, and nothing is sent.
func (x *Exchange) Explaining() bool { return x.e.Trace != nil && x.e.Dry }

// TraceLimit notes a limit's state for the decision trace; it does nothing when
// none is asked for.
func (x *Exchange) TraceLimit(l contract.LimitTrace) {
	if x.e.Trace != nil {
		x.e.Trace.Limits = append(x.e.Trace.Limits, l)
	}
}

// TraceDetail adds a sentence to this policy's line in the decision trace.
func (x *Exchange) TraceDetail(detail string) {
	if x.e.Trace != nil {
		x.e.detail = detail
	}
}

// Note is TraceDetail that is also kept of a request that nobody traced: it stands
// in the decision trace of the log, for the tenant alone. The caller never sees it.
// It makes the request one whose trace is kept, so it is for what is seldom.
func (x *Exchange) Note(detail string) {
	e := &x.e
	if e.Trace != nil {
		e.detail = detail
	}
	e.notes = append(e.notes, note{e.at(), detail})
}

// Report is Note for what a policy lets pass and would refuse in its other mode: it is
// counted too, once for each side of a request.
func (x *Exchange) Report(side Side, detail string) {
	x.Note(detail)
	x.e.reported[side] = true
}

// Tracing reports whether a trace is being made, so that details that cost
// something are put together only then.
func (x *Exchange) Tracing() bool { return x.e.Trace != nil }
