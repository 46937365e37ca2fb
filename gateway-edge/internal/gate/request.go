package gate

import (
	"bytes"
	"unsafe"

	"github.com/tollgate/tollgate/gateway-edge/policy"
	"github.com/tollgate/tollgate/services/contract"
)

// ParseRequest parses the request head at the beginning of b into e and h. It
// returns the head's length, 0 when b does not hold all of it yet. The bytes must
// stay where they are until the exchange's end.
//
// Whoever gets 0 should call again only after another line feed came, which
// bounds the work that a slow sender can cause; when b is MaxHead long without an
// end, the answer is a Fault.
func (h *Head) ParseRequest(e *policy.EngineExchange, b []byte) (n int, f *Fault) {
	h.Begin(e)
	i, began := 0, 0
	if len(b) >= 2 && b[0] == '\r' && b[1] == '\n' {
		i, began = 2, 2 // one empty line before a request is ignored (RFC 9112 2.2)
	}
	i, incomplete, f := h.requestLine(b, i)
	if incomplete || f != nil {
		return 0, tooLong(b, i == 0, f)
	}
	for {
		if i >= len(b) {
			return 0, tooLong(b, false, nil)
		}
		if b[i] == '\r' {
			if i+1 == len(b) {
				return 0, nil
			}
			if b[i+1] != '\n' {
				return 0, invalid(i, "a carriage return without a line feed")
			}
			break
		}
		fl, incomplete, f := scanField(b, i)
		if incomplete || f != nil {
			return 0, tooLong(b, false, f)
		}
		if f := h.Field(view(b[fl.name:fl.nameEnd]), view(b[fl.value:fl.valueEnd]), fl.odd); f != nil {
			if f.At < 0 {
				f.At = fl.name
			}
			return 0, f
		}
		i = fl.next
	}
	h.Size = i + 2
	if h.Size > MaxHead {
		return 0, tooLong(b[:h.Size], false, nil)
	}
	e.Head = policy.Static(view(b[began:h.Size]))
	return h.Size, h.Finish()
}

// tooLong turns "not all there yet" into a refusal when no more is accepted.
func tooLong(b []byte, line bool, f *Fault) *Fault {
	switch {
	case f != nil:
		return f
	case line && len(b) > MaxTarget+maxMethod+16:
		return fault(contract.CodeURITooLong, -1, "the request line is longer than 8192 bytes")
	case len(b) >= MaxHead:
		return fault(contract.CodeHeadersTooLarge, -1, "the head is longer than 65536 bytes")
	}
	return nil
}

// requestLine parses "METHOD target HTTP/1.x" and returns where the next line
// begins.
func (h *Head) requestLine(b []byte, from int) (next int, incomplete bool, f *Fault) {
	nl := bytes.IndexByte(b[from:], '\n')
	if nl < 0 {
		return 0, true, earlyLine(b[from:])
	}
	nl += from
	if nl == from || b[nl-1] != '\r' {
		return 0, false, invalid(nl, "a line ends without a carriage return")
	}
	line := b[from : nl-1]
	if i := control(line, 0); i < len(line) {
		return 0, false, invalid(from+i, "a control character in the request line")
	}
	sp := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if sp < 1 || last == sp {
		return 0, false, invalid(from, "the request line has not three parts")
	}
	target := line[sp+1 : last]
	if f := h.version(line[last+1:], from+last+1); f != nil {
		return 0, false, f
	}
	if sp > maxMethod {
		return 0, false, fault(contract.CodeMethodUnknown, from, "the method is not known")
	}
	if f := h.SetMethod(view(line[:sp])); f != nil {
		f.At += from
		return 0, false, f
	}
	if bytes.IndexByte(target, ' ') >= 0 {
		return 0, false, invalid(from+sp+1, "a space in the target")
	}
	if f := h.SetTarget(view(target)); f != nil {
		if f.At < 0 {
			f.At = from + sp + 1
		}
		return 0, false, f
	}
	return nl + 1, false, nil
}

// earlyLine refuses a request line that can't become one, before its end.
func earlyLine(b []byte) *Fault {
	if i := control(b, 0); i < len(b) && !(b[i] == '\r' && i+1 == len(b)) {
		return invalid(i, "a control character in the request line")
	}
	if sp := bytes.IndexByte(b, ' '); sp < 0 && len(b) > maxMethod {
		return fault(contract.CodeMethodUnknown, 0, "the method is not known")
	}
	return nil
}

// version accepts exactly HTTP/1.0 and HTTP/1.1.
func (h *Head) version(v []byte, at int) *Fault {
	switch string(v) {
	case "HTTP/1.1":
		h.Minor = 1
		return nil
	case "HTTP/1.0":
		h.Minor, h.Close = 0, true
		return nil
	}
	if len(v) >= 6 && string(v[:5]) == "HTTP/" && v[5] >= '0' && v[5] <= '9' {
		return fault(contract.CodeVersionUnsupported, at, "the versions spoken are HTTP/1.0, HTTP/1.1 and HTTP/2")
	}
	return invalid(at, "the request line does not end in a version")
}

// view is b as a string over the same memory.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Early looks at the beginning of a request that is not complete and refuses
// what can't become one.
func (h *Head) Early(e *policy.EngineExchange, b []byte) *Fault {
	h.Begin(e)
	return tooLong(b, true, earlyLine(b))
}
