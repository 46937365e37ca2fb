package policy

import (
	"net/netip"
	"unsafe"

	"github.com/tollgate/tollgate/services/contract"
)

// EngineText makes a Text of bytes that live as long as the exchange.
func EngineText(b []byte) Text { return Text{unsafe.String(unsafe.SliceData(b), len(b))} }

// EngineString is the text's string, for engines and codecs, which know how long
// it lives.
func EngineString(t Text) string { return t.s }

// EngineNameID is the index of a known name, 0 for any other; below EngineKnown.
func EngineNameID(n Name) uint8 { return n.id }

// EngineClassify returns the id of a field's name, 0 when it is not a known one.
func EngineClassify(name []byte) uint8 { return classify(name) }

// EngineKnown bounds the ids of known names.
const EngineKnown = maxKnown

// EngineNames returns every known name, for tables by id.
func EngineNames() []Name {
	out := make([]Name, 0, knownCount)
	for id := uint8(1); id < knownCount; id++ {
		out = append(out, Name{id, knownNames[id]})
	}
	return out
}

// EngineMaxParams bounds the path parameters of a route.
const EngineMaxParams = 8

// EngineExchange is an exchange's inside, for the engines. They reach it by
// EngineOf and reset it before every request.
type EngineExchange struct {
	Req  Request
	Resp Response

	ReqHeader, ReqTrailer   EngineHeaders
	RespHeader, RespTrailer EngineHeaders

	// Target is the request's target and Head its head, as they came; the head is
	// empty where it is no text, as in HTTP/2 and HTTP/3.
	Target, Head Text

	ClientAddr netip.Addr
	// Port is the one behind the host in the request's head; 0: none.
	Port  int
	Route *Route
	// Certificate is the client's, judged good by the gateway's rules.
	Certificate *Certificate
	// RequestID is the X-Request-Id of this exchange: the engine sets it before the
	// chain runs.
	RequestID  Text
	Params     [EngineMaxParams]Param
	ParamCount int

	// Clock reads CLOCK_BOOTTIME in nanoseconds.
	Clock func() int64
	// Canon is match.CanonPath: the canonical form of a path, in buf when it is
	// another one.
	Canon func(buf []byte, path string) (canon string, out []byte, err error)

	// SentTo is the upstream that a policy chose; nil: the route's.
	SentTo Caller

	// Socket is the id that the WebSocket will have that the request asks for, "" where
	// no integration can accept it; Accepted is set once one has.
	Socket   Text
	Accepted *EngineAccepted

	// Reply is what the policy that turned the request answered.
	Reply EngineReply
	// ReqBody and RespBody are set once the side's body was collected.
	ReqBody, RespBody *EngineBody

	Outcome Outcome
	// Trace is filled when a decision trace is wanted; Dry says that nothing may
	// be spent or sent.
	Trace *contract.Trace
	Dry   bool
	// Times notes how long policies take; nil: nobody wants to know.
	Times *EngineTimes
	// Traced stands in for the caller's traceparent in requests that policies make on
	// its behalf; zero: the caller's does.
	Traced [55]byte
	// Panic is what a hook panicked with; the engine logs it.
	Panic any
	Stack []byte

	principal  *Principal
	refused    *Principal // whose credential was refused
	now        int64
	chain      *Chain
	pc         int // next or current step of the request side
	nexted     int // steps that said Next
	began      int // steps whose OnRequest began
	ri         int // next or current step of the response side
	responding bool
	waiting    bool
	method     int  // step of the authentication policy that decides, of several; -1: not chosen yet
	chosen     bool // claims have chosen among chains that began alike
	challenged bool // it was chosen for want of any credential
	fault      bool
	detail     string
	notes      []note
	reported   [2]bool // by side: Report was called
	asked      Text    // the path before the first Rewrite
	replaced   [2]bool // bodies by ReplaceBody
	translated uint64  // bits of the steps that said Translate
	cameMethod Text    // the client's, where one of them has said so
	cameType   Text
	cameTyped  bool
	slots      []Slot
	filters    [2][]filterStep
	arena      arena
}

// EngineOf returns the inside of x.
func EngineOf(x *Exchange) *EngineExchange { return &x.e }

// EngineNew makes an exchange for a pool.
func EngineNew(clock func() int64, canon func(buf []byte, path string) (string, []byte, error)) *Exchange {
	x := &Exchange{}
	e := &x.e
	e.Clock, e.Canon = clock, canon
	e.method = -1
	e.slots = make([]Slot, 16)
	e.arena.b = make([]byte, 0, arenaChunk)
	for _, h := range []*EngineHeaders{&e.ReqHeader, &e.ReqTrailer, &e.RespHeader, &e.RespTrailer} {
		h.arena = &e.arena
		h.f = make([]EngineField, 0, 32)
	}
	e.Req.Header, e.Req.Trailer = e.ReqHeader.Handle(), e.ReqTrailer.Handle()
	e.Resp.Header, e.Resp.Trailer = e.RespHeader.Handle(), e.RespTrailer.Handle()
	return x
}

// Reset makes the exchange ready for the next request. Its last OnDone must have
// returned.
func (e *EngineExchange) Reset() {
	e.Req.Method, e.Req.Scheme, e.Req.Host, e.Req.Path, e.Req.Query = Text{}, Text{}, Text{}, Text{}, Text{}
	e.Req.Length = 0
	e.Resp.Status, e.Resp.Origin, e.Resp.Length = 0, FromEdge, 0
	e.ReqHeader.Reset()
	e.RespHeader.Reset()
	if len(e.ReqTrailer.f) > 0 {
		e.ReqTrailer.Reset()
	}
	if len(e.RespTrailer.f) > 0 {
		e.RespTrailer.Reset()
	}
	e.Target, e.Head = Text{}, Text{}
	e.ClientAddr, e.Port, e.Route, e.ParamCount = netip.Addr{}, 0, nil, 0
	e.RequestID, e.Certificate, e.SentTo = Text{}, nil, nil
	e.Socket, e.Accepted = Text{}, nil
	e.Reply = EngineReply{}
	e.ReqBody, e.RespBody = nil, nil
	e.Outcome = Outcome{}
	e.Trace, e.Dry, e.Panic, e.Stack = nil, false, nil, nil
	e.Times, e.Traced = nil, [55]byte{}
	e.principal, e.refused, e.now = nil, nil, 0
	e.chain, e.pc, e.nexted, e.began, e.ri = nil, 0, 0, 0, 0
	e.method, e.challenged, e.chosen = -1, false, false
	e.responding, e.waiting, e.fault, e.detail = false, false, false, ""
	e.replaced, e.asked = [2]bool{}, Text{}
	clear(e.notes)
	e.notes, e.reported = e.notes[:0], [2]bool{}
	e.translated, e.cameMethod, e.cameType, e.cameTyped = 0, Text{}, Text{}, false
	for i := range e.filters {
		clear(e.filters[i])
		e.filters[i] = e.filters[i][:0]
	}
	e.arena.b = e.arena.b[:0]
}

// note is what a policy said of its decision, by its place in the chain.
type note struct {
	step   int
	detail string
}

// EngineNoted reports whether a policy said something that the log must keep.
func (e *EngineExchange) EngineNoted() bool { return len(e.notes) > 0 }

// EngineReported reports on which sides a policy let something pass that it would
// refuse otherwise.
func (e *EngineExchange) EngineReported() (request, response bool) {
	return e.reported[OnTheRequest], e.reported[OnTheResponse]
}

// Replacement is the response's body by ReplaceBody; ok is false where no policy
// put one in.
func (e *EngineExchange) Replacement() (body []byte, ok bool) {
	if !e.replaced[OnTheResponse] || e.RespBody == nil {
		return nil, false
	}
	if len(e.RespBody.chunks) == 0 {
		return nil, true
	}
	return e.RespBody.chunks[0], true
}

// Forget drops the response's body as policies saw it: another answer takes its
// place. Filters that were put on the former one's way go with it.
func (e *EngineExchange) Forget() {
	e.RespBody, e.replaced[OnTheResponse] = nil, false
	if e.responding && len(e.filters[OnTheResponse]) > 0 {
		e.Unfilter(OnTheResponse)
		e.Resp.Header.Del(ContentEncoding) // theirs, where it still stands
	}
}

// Unfilter takes a side's filters off: its body went through them while it was
// collected.
func (e *EngineExchange) Unfilter(s Side) {
	clear(e.filters[s])
	e.filters[s] = e.filters[s][:0]
}

// Principal is who calls.
func (e *EngineExchange) Principal() *Principal { return e.principal }

// Caller is who called, as far as it is known, for logs: also the owner of a
// credential that was refused.
func (e *EngineExchange) Caller() *Principal {
	if e.principal != nil {
		return e.principal
	}
	return e.refused
}

// Fault reports misuse that must end the exchange with 500.
func (e *EngineExchange) Fault() bool { return e.fault || e.ReqHeader.fault || e.RespHeader.fault }

// Grab returns n bytes that live as long as the exchange.
func (e *EngineExchange) Grab(n int) []byte { return e.arena.grab(n) }

// Copy copies p into memory that lives as long as the exchange.
func (e *EngineExchange) Copy(p []byte) Text { return Text{e.arena.copy(p)} }

// Tick makes the next Now read the clock again.
func (e *EngineExchange) Tick() { e.now = 0 }

// SetNow sets what Now answers until the next Tick.
func (e *EngineExchange) SetNow(now int64) { e.now = now }

// CameMethod is the method that the client used, whatever a policy made of it.
func (e *EngineExchange) CameMethod() Text {
	if e.translated != 0 {
		return e.cameMethod
	}
	return e.Req.Method
}

// CameType is the content type that the client sent, whatever a policy made of it.
func (e *EngineExchange) CameType() (t Text, ok bool) {
	if e.translated != 0 {
		return e.cameType, e.cameTyped
	}
	return e.Req.Header.Get(ContentType)
}

// at is the position of the step whose hook runs.
func (e *EngineExchange) at() int {
	if e.responding {
		return max(e.ri, 0)
	}
	return e.pc
}

func (e *EngineExchange) step() *chainStep {
	i := e.pc
	if e.responding {
		i = e.ri
	}
	if e.chain == nil || i < 0 || i >= len(e.chain.steps) {
		return nil
	}
	return &e.chain.steps[i]
}

// EngineAuthenticate sets who calls, for tests and for engines that know it by
// other means.
func EngineAuthenticate(x *Exchange, p *Principal) { x.e.principal = p }

// EnginePoison overwrites the exchange's own memory with c after its end, so
// that a test sees what was kept of it.
func (e *EngineExchange) EnginePoison(c byte) {
	b := e.arena.b[:cap(e.arena.b)]
	for i := range b {
		b[i] = c
	}
}
