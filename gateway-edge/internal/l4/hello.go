package l4

import (
	"encoding/binary"
	"errors"

	"github.com/tollgate/tollgate/gateway-edge/match"
)

// Bounds of a ClientHello, in bytes but for the last.
const (
	recordHead = 5
	maxRecord  = 1 << 14 // RFC 8446, 5.1
	maxHello   = 1 << 14
	maxRecords = 32 // that a hello may be cut into

	// MaxHello is the most that ServerName ever needs to see.
	MaxHello = maxHello + 4 + maxRecords*recordHead
)

// ErrNoHello says that a connection does not begin with a well-formed ClientHello.
var ErrNoHello = errors.New("this is no ClientHello of TLS")

// ServerName returns the canonical server name in the ClientHello at the beginning
// of b, empty when there is none (RFC 8446, 4.1.2; RFC 6066, 3). need is how many
// bytes there must be before it can be told; 0 when it was. The hello may be cut
// into records in any way. Whatever is malformed in the parts that are looked at is
// ErrNoHello: a name that two parsers could read differently is never believed.
func ServerName(b []byte) (name string, need int, err error) {
	hello, need, err := handshake(b)
	if err != nil || need > 0 {
		return "", need, err
	}
	host, ok := serverName(hello)
	if !ok {
		return "", 0, ErrNoHello
	}
	if len(host) == 0 {
		return "", 0, nil
	}
	name, port, err := match.HostString(string(host))
	if err != nil || port != 0 || name[0] == '[' {
		return "", 0, ErrNoHello
	}
	return name, 0, nil
}

// handshake joins the body of the ClientHello from its records.
func handshake(b []byte) (hello []byte, need int, err error) {
	var joined []byte // of several records
	size := -1        // of the message, once its head is there
	at := 0
	for n := 0; ; n++ {
		if n == maxRecords {
			return nil, 0, ErrNoHello
		}
		head := b[at:]
		if len(head) > 0 && head[0] != 22 || len(head) > 1 && head[1] != 3 {
			return nil, 0, ErrNoHello
		}
		if len(head) < recordHead {
			return nil, at + recordHead, nil
		}
		length := int(binary.BigEndian.Uint16(head[3:]))
		if length == 0 || length > maxRecord || at+recordHead+length > MaxHello {
			return nil, 0, ErrNoHello
		}
		have := head[recordHead:min(len(head), recordHead+length)]
		part := joined
		if n == 0 {
			part = have
		} else {
			part = append(part[:len(part):len(part)], have...)
		}
		if len(part) > 0 && part[0] != 1 {
			return nil, 0, ErrNoHello
		}
		if len(part) >= 4 {
			if size = int(part[1])<<16 | int(part[2])<<8 | int(part[3]); size > maxHello {
				return nil, 0, ErrNoHello
			}
		}
		if size >= 0 && len(part) >= 4+size {
			return part[4 : 4+size], 0, nil
		}
		if len(have) < length {
			return nil, at + recordHead + length, nil
		}
		at += recordHead + length
		joined = part
	}
}

// reader takes a message apart; ok turns false for good when it is too short.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) take(n int) []byte {
	if !r.ok || len(r.b) < n {
		r.ok = false
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// vector takes a vector whose length stands before it in so many bytes.
func (r *reader) vector(bytes int) []byte {
	n := 0
	for _, c := range r.take(bytes) {
		n = n<<8 | int(c)
	}
	return r.take(n)
}

func (r *reader) uint16() int {
	p := r.take(2)
	if p == nil {
		return 0
	}
	return int(binary.BigEndian.Uint16(p))
}

// serverName finds the name in a ClientHello's body; ok is false when it is
// malformed.
func serverName(hello []byte) (name []byte, ok bool) {
	r := &reader{hello, true}
	r.take(2 + 32) // legacy_version, random
	session, suites, compression := r.vector(1), r.vector(2), r.vector(1)
	if !r.ok || len(session) > 32 || len(suites) < 2 || len(suites)%2 != 0 || len(compression) == 0 {
		return nil, false
	}
	if len(r.b) == 0 {
		return nil, true // TLS 1.2 without extensions
	}
	ext := &reader{r.vector(2), r.ok}
	if !r.ok || len(r.b) != 0 {
		return nil, false
	}
	found := false
	for len(ext.b) > 0 {
		kind := ext.uint16()
		body := ext.vector(2)
		if !ext.ok {
			return nil, false
		}
		if kind != 0 {
			continue
		}
		if name, ok = nameOf(body); !ok || found {
			return nil, false
		}
		found = true
	}
	return name, true
}

// nameOf reads the extension server_name: a list with one host name.
func nameOf(body []byte) ([]byte, bool) {
	r := &reader{body, true}
	list := &reader{r.vector(2), true}
	if !r.ok || len(r.b) != 0 {
		return nil, false
	}
	kind := list.take(1)
	name := list.vector(2)
	if !list.ok || len(list.b) != 0 || kind[0] != 0 || len(name) == 0 {
		return nil, false
	}
	return name, true
}
