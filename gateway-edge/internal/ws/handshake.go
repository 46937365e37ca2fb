package ws

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"strings"
)

// Version is the only version of the protocol (RFC 6455, 4.1).
const Version = "13"

// magic is appended to a key before it is hashed (RFC 6455, 1.3).
const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Accept is the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key.
func Accept(key string) string {
	h := sha1.Sum([]byte(key + magic))
	return base64.StdEncoding.EncodeToString(h[:])
}

// NewKey makes a Sec-WebSocket-Key.
func NewKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// ValidKey reports whether s is the base64 form of 16 bytes (RFC 6455, 4.2.1).
func ValidKey(s string) bool {
	if len(s) != 24 {
		return false
	}
	var b [18]byte
	n, err := base64.StdEncoding.Strict().Decode(b[:], []byte(s))
	return err == nil && n == 16
}

// Offered reports whether a backend's choice of subprotocol is one of those that
// the client's Sec-WebSocket-Protocol fields name (RFC 6455, 4.2.2).
func Offered(fields []string, choice string) bool {
	for _, f := range fields {
		for p := range strings.SplitSeq(f, ",") {
			if strings.Trim(p, " \t") == choice && choice != "" {
				return true
			}
		}
	}
	return false
}

// Deflate reports whether every extension that a Sec-WebSocket-Extensions field
// names is permessage-deflate (RFC 7692), the only one whose frames a Stream can
// read.
func Deflate(field string) bool {
	for e := range strings.SplitSeq(field, ",") {
		name, _, _ := strings.Cut(e, ";")
		if !strings.EqualFold(strings.Trim(name, " \t"), "permessage-deflate") {
			return false
		}
	}
	return true
}
