package contract

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// The id of a client's WebSocket that an integration accepted: "ws_", the tag of
// the edge that holds it, and what nobody can guess, in unpadded base64url. The tag
// tells the control plane whom to ask, and nobody else anything; what the id gives a
// right to is decided by that edge, which knows whose connection it is.
const (
	connectionPrefix = "ws_"
	connectionTag    = 8  // characters: 6 bytes
	ConnectionRandom = 16 // bytes
	connectionLen    = len(connectionPrefix) + connectionTag + 22
)

// MaxBridgedMessage bounds the messages of a WebSocket whose messages an integration
// takes, in bytes: each is held whole.
const MaxBridgedMessage = 1 << 20

// EdgeTag is what the ids of an edge's connections begin with.
func (k *EdgeKeys) EdgeTag(edge string) string {
	mac := hmac.New(sha256.New, k.Sealing[:])
	_, _ = mac.Write([]byte("connection edge tag v1\x00" + edge))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:6])
}

// ConnectionID makes a connection's id.
func ConnectionID(tag string, random [ConnectionRandom]byte) string {
	return connectionPrefix + tag + base64.RawURLEncoding.EncodeToString(random[:])
}

// ConnectionEdge returns the tag of the edge that holds a connection; ok is false
// for what is no connection's id.
func ConnectionEdge(id string) (tag string, ok bool) {
	rest, ok := strings.CutPrefix(id, connectionPrefix)
	if !ok || len(id) != connectionLen {
		return "", false
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(rest[connectionTag:]); err != nil {
		return "", false
	}
	return rest[:connectionTag], true
}
