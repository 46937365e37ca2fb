package gate

import (
	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// RespHead is what the gate learns of a backend's response head beside what
// stands in the exchange.
type RespHead struct {
	// Asked is set before: the request asked for a WebSocket, so that 101 may come.
	Asked bool

	Minor   int
	Chunked bool
	// Close: the connection can't be used again.
	Close bool
	// NoBody: none follows, whatever the fields say (RFC 9112 6.3).
	NoBody bool
	// ToClose: the body ends with the connection.
	ToClose bool
	Size    int

	upgraded, connected bool // Upgrade says websocket, Connection says Upgrade
}

func protocol(at int, detail string) *Fault {
	return fault(contract.CodeUpstreamProtocol, at, detail)
}

// ParseResponse parses the response head at the beginning of b. It returns its
// length, 0 when b does not hold all of it yet. head says that the request's
// method was HEAD. A response of status below 200 is returned like any other;
// 101 is refused unless it was asked for, and switches to a WebSocket.
func (r *RespHead) ParseResponse(e *policy.EngineExchange, b []byte, head bool) (n int, f *Fault) {
	*r = RespHead{Asked: r.Asked, Minor: 1}
	e.RespHeader.Reset()
	if len(b) < 15 { // "HTTP/1.1 200\r\n" and the line feed of an empty line at least
		return 0, earlyStatus(b)
	}
	i, incomplete, f := r.statusLine(e, b)
	if incomplete || f != nil {
		return 0, respTooLong(b, f)
	}
	p := respParser{r: r, e: e, length: -1}
	for {
		if i >= len(b) {
			return 0, respTooLong(b, nil)
		}
		if b[i] == '\r' {
			if i+1 == len(b) {
				return 0, nil
			}
			if b[i+1] != '\n' {
				return 0, protocol(i, "a carriage return without a line feed")
			}
			break
		}
		fl, incomplete, f := scanField(b, i)
		if incomplete || f != nil {
			return 0, respTooLong(b, f)
		}
		if f := p.field(b[fl.name:fl.nameEnd], b[fl.value:fl.valueEnd]); f != nil {
			f.At = fl.name
			return 0, f
		}
		i = fl.next
	}
	if r.Size = i + 2; r.Size > MaxHead {
		return 0, respTooLong(b[:r.Size], nil)
	}
	return r.Size, p.finish(head)
}

// earlyStatus refuses what can't become a status line.
func earlyStatus(b []byte) *Fault {
	const begin = "HTTP/1."
	for i := range min(len(b), len(begin)) {
		if b[i] != begin[i] {
			return protocol(i, "the answer is not HTTP/1")
		}
	}
	return nil
}

func respTooLong(b []byte, f *Fault) *Fault {
	if f != nil {
		f.Code = contract.CodeUpstreamProtocol
		return f
	}
	if len(b) >= MaxHead {
		return protocol(-1, "the head is longer than 65536 bytes")
	}
	return nil
}

// statusLine parses "HTTP/1.x NNN reason".
func (r *RespHead) statusLine(e *policy.EngineExchange, b []byte) (next int, incomplete bool, f *Fault) {
	if f := earlyStatus(b); f != nil {
		return 0, false, f
	}
	switch b[7] {
	case '1':
	case '0':
		r.Minor, r.Close = 0, true
	default:
		return 0, false, protocol(7, "the answer's version is not supported")
	}
	if b[8] != ' ' || b[12] != ' ' && b[12] != '\r' {
		return 0, false, protocol(8, "the status line is malformed")
	}
	status := 0
	for _, c := range b[9:12] {
		if c < '0' || c > '9' {
			return 0, false, protocol(9, "the status is not three digits")
		}
		status = status*10 + int(c-'0')
	}
	if status < 100 || status > 599 {
		return 0, false, protocol(9, "the status is not between 100 and 599")
	}
	e.Resp.Status = status
	end, incomplete, f := lineEnd(b, 12)
	return end + 2, incomplete, f
}

type respParser struct {
	r       *RespHead
	e       *policy.EngineExchange
	fields  int
	length  int64
	codings int
	named   bool
}

func (p *respParser) field(name, value []byte) *Fault {
	if p.fields++; p.fields > MaxResponseFields {
		return protocol(-1, "more than 200 header fields")
	}
	id := policy.EngineClassify(name)
	if id == 0 {
		if !ours(name) {
			p.e.RespHeader.AppendID(0, name, value)
		}
		return nil
	}
	switch responseRoles[id] {
	case respLength:
		n, ok := number(value)
		if !ok || p.length >= 0 && n != p.length {
			return protocol(-1, "Content-Length is malformed or contradicts itself")
		}
		p.length = n
		return nil
	case respCoding:
		if p.codings++; p.codings > 1 || !policy.EngineText(value).Fold("chunked") {
			return protocol(-1, "the transfer coding is not supported")
		}
		p.r.Chunked = true
		return nil
	case respConnection:
		p.connection(view(value))
	case respUpgrade:
		p.r.upgraded = policy.EngineText(value).Fold("websocket")
		return nil
	case respDrop:
		return nil
	}
	p.e.RespHeader.AppendID(id, name, value)
	return nil
}

func (p *respParser) connection(value string) {
	for value != "" {
		var t string
		t, value = nextToken(value)
		switch {
		case policy.Static(t).Fold("close"):
			p.r.Close = true
		case policy.Static(t).Fold("keep-alive"):
			if p.r.Minor == 0 {
				p.r.Close = false
			}
		case policy.Static(t).Fold("upgrade"):
			p.r.connected = true
		case t != "":
			p.named = true
		}
	}
}

// finish decides how the body is framed (RFC 9112 6.3).
func (p *respParser) finish(head bool) *Fault {
	e, r := p.e, p.r
	if p.codings > 0 && p.length >= 0 {
		return protocol(-1, "both Content-Length and Transfer-Encoding")
	}
	if p.named {
		p.removeNamed()
	}
	e.Resp.Header.Del(policy.Connection)
	if e.RespHeader.Fault() {
		return protocol(-1, "too many header fields")
	}
	s := e.Resp.Status
	if s == 101 && !r.Asked {
		return protocol(-1, "the backend switched protocols unasked")
	}
	if s == 101 && (!r.upgraded || !r.connected) {
		return protocol(-1, "the backend switched to something else than a WebSocket")
	}
	e.Resp.Length = p.length
	switch {
	case s < 200 || s == 204:
		// Neither may have a body; one that claims to can't be used again.
		r.Close = r.Close || r.Chunked || p.length > 0
		r.Chunked, e.Resp.Length, r.NoBody = false, 0, true
	case head || s == 304:
		r.Chunked, r.NoBody = false, true
	case p.codings > 0:
		if r.Minor == 0 {
			return protocol(-1, "Transfer-Encoding in HTTP/1.0")
		}
	case p.length < 0:
		r.ToClose, r.Close = true, true
	}
	return nil
}

// removeNamed removes the fields that Connection named, but none that frames or
// that the edge needs.
func (p *respParser) removeNamed() {
	for v := range p.e.Resp.Header.All(policy.Connection) {
		list := policy.EngineString(v)
		for list != "" {
			var t string
			t, list = nextToken(list)
			fields := p.e.RespHeader.Fields()
			for i := range fields {
				if f := &fields[i]; !f.Dead && f.ID != policy.EngineNameID(policy.Connection) && policy.Static(f.Name).Fold(t) {
					p.e.RespHeader.Kill(i)
				}
			}
		}
	}
}
