package observe

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tollgate/tollgate/services/contract"
)

// Caps of what clients choose, in bytes. What is longer is cut and ends in "…".
const (
	maxPath      = 2048
	maxQuery     = 2048
	maxHost      = 256
	maxAgent     = 256
	maxMethod    = 32
	maxName      = 128 // of routes, consumers, targets: bounded when written
	maxRequestID = 64
	maxTrace     = 64 << 10
)

// encoder appends a JSON object's fields. Its only state is the buffer, so that
// encoding a record allocates nothing once the buffer has grown.
type encoder struct{ b []byte }

// appendRecord appends a record as one JSON object, in contract.LogRecord's form.
func appendRecord(b []byte, edge string, r *Record) []byte {
	e := encoder{append(b, '{')}
	e.number("time", r.Time)
	e.text("request_id", r.RequestID, maxRequestID)
	e.text("edge", edge, maxName)
	e.number("organization", int64(r.Organization))
	e.number("gateway", int64(r.Gateway))
	e.number("version", int64(r.Version))
	if r.RouteNum != 0 {
		e.number("route_num", int64(r.RouteNum))
	}
	e.optional("route", r.Route, maxName)
	e.text("method", r.Method, maxMethod)
	e.text("host", r.Host, maxHost)
	e.text("path", r.Path, maxPath)
	e.query(r)
	e.text("protocol", r.Protocol, maxMethod)
	e.client(r)
	e.optional("user_agent", r.UserAgent, maxAgent)
	e.optional("consumer", r.Consumer, maxName)
	if r.ConsumerNum != 0 {
		e.number("consumer_num", int64(r.ConsumerNum))
	}
	if r.Key != 0 {
		e.key("key")
		e.b = appendKID(append(e.b, '"'), r.Key)
		e.b = append(e.b, '"')
	}
	e.number("status", int64(r.Status))
	e.optional("code", r.Code, maxName)
	e.key("billed")
	e.b = strconv.AppendBool(e.b, r.Billed)
	e.optional("target", r.Target, maxHost)
	if r.Tries != 0 {
		e.number("tries", int64(r.Tries))
	}
	e.number("bytes_in", r.BytesIn)
	e.number("bytes_out", r.BytesOut)
	e.millis("edge_ms", r.EdgeMicros)
	e.millis("upstream_ms", r.UpstreamMicros)
	if r.DurationMicros != 0 {
		e.millis("duration_ms", r.DurationMicros)
	}
	e.optional("aborted", r.Aborted, maxName)
	e.place(r)
	e.trace(r.Trace)
	return append(e.b, '}')
}

func (e *encoder) key(name string) {
	if e.b[len(e.b)-1] != '{' {
		e.b = append(e.b, ',')
	}
	e.b = append(e.b, '"')
	e.b = append(e.b, name...)
	e.b = append(e.b, '"', ':')
}

func (e *encoder) number(name string, v int64) {
	e.key(name)
	e.b = strconv.AppendInt(e.b, v, 10)
}

// millis writes microseconds as milliseconds with three decimals.
func (e *encoder) millis(name string, micros int64) {
	micros = max(micros, 0)
	e.key(name)
	e.b = strconv.AppendInt(e.b, micros/1000, 10)
	if f := micros % 1000; f != 0 {
		e.b = append(e.b, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
	}
}

func (e *encoder) optional(name, s string, most int) {
	if s != "" {
		e.text(name, s, most)
	}
}

// text writes a string that a client may have chosen: cut, escaped, and with
// everything that looks like one of our keys redacted.
func (e *encoder) text(name, s string, most int) {
	e.key(name)
	e.b = append(e.b, '"')
	e.b = appendSafe(e.b, s, most)
	e.b = append(e.b, '"')
}

func (e *encoder) client(r *Record) {
	e.key("client")
	e.b = append(e.b, '"')
	if r.Client.IsValid() {
		// A zone is the client's own text on some systems; it says nothing here.
		e.b = r.Client.WithZone("").AppendTo(e.b)
	}
	e.b = append(e.b, '"')
}

// query writes the query without its credentials.
func (e *encoder) query(r *Record) {
	if r.Query == "" {
		return
	}
	e.key("query")
	e.b = append(e.b, '"')
	start := len(e.b)
	for rest := r.Query; rest != ""; {
		var pair string
		pair, rest = cutByte(rest, '&')
		name, _ := cutByte(pair, '=')
		if len(e.b) > start {
			e.b = append(e.b, '&')
		}
		if len(e.b)-start >= maxQuery {
			e.b = append(e.b, "…"...)
			break
		}
		if credentialName(name, r.Credential) {
			e.b = appendSafe(e.b, name, maxName)
			e.b = append(e.b, "=[redacted]"...)
			continue
		}
		e.b = appendSafe(e.b, pair, maxQuery-(len(e.b)-start))
	}
	e.b = append(e.b, '"')
}

// trace writes the decision. It is there for refused and failed requests and a
// sample, so that what encoding/json costs is no matter of the common path. Its
// texts come from the configuration, its path and host from the client.
func (e *encoder) trace(t *contract.Trace) {
	if t == nil {
		return
	}
	c := *t
	c.Path, c.Host = safeString(c.Path, maxPath), safeString(c.Host, maxHost)
	c.Method, c.Key = safeString(c.Method, maxMethod), safeString(c.Key, maxName)
	c.Detail = safeString(c.Detail, maxPath)
	js, err := json.Marshal(&c)
	if err != nil || len(js) > maxTrace {
		return
	}
	e.key("trace")
	e.b = append(e.b, js...)
}

// appendKID writes a kid as contract.FormatKID does, without its string.
func appendKID(b []byte, kid uint64) []byte {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var d [10]byte
	for i := len(d) - 1; i >= 0; i-- {
		d[i] = digits[kid%62]
		kid /= 62
	}
	return append(b, d[:]...)
}

const hexDigits = "0123456789abcdef"

// appendSafe appends the inside of a JSON string: at most most bytes of s, keys
// redacted, control characters, quotes, DEL and the line separators that some
// viewers act on escaped, invalid UTF-8 replaced.
func appendSafe(b []byte, s string, most int) []byte {
	cut := false
	if len(s) > most {
		s, cut = s[:max(most, 0)], true
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
	}
	for i := 0; i < len(s); {
		if n := secretAt(s, i); n > 0 {
			b = append(b, "[redacted]"...)
			i += n
			continue
		}
		c := s[i]
		if c < utf8.RuneSelf {
			b = appendASCII(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
		case acts(r):
			b = append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	if cut {
		b = append(b, "…"...)
	}
	return b
}

func appendASCII(b []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c < 0x20 || c == 0x7f:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(b, c)
}

// safeString is what appendSafe does, for text that encoding/json will escape:
// cut, redacted, and without the characters that act on a viewer.
func safeString(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || acts(r) {
			return utf8.RuneError
		}
		return r
	}, redactString(s))
}

// acts reports whether a character above ASCII does something to a viewer: line
// separators, C1 controls, marks that turn text around.
func acts(r rune) bool {
	return r == 0x2028 || r == 0x2029 || r >= 0x80 && r < 0xa0 || r == 0xfeff || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
