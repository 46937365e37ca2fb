package provider

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/tollgate/tollgate/gateway-edge/policy/claim"
)

// Bounds of a token. Everything is checked before anything is decoded.
const (
	maxDepth = 16
	maxKid   = 256
)

var errMalformed = errors.New("the token is malformed")

// MaxToken is the longest token that is looked at, in bytes.
const MaxToken = 8 << 10

// Header is a token's protected header, as much as is accepted of it.
type Header struct {
	Alg string
	Kid string // "" when absent
}

// Token is a decoded token whose signature has not been looked at yet.
type Token struct {
	Raw    string
	Header Header
	Claims map[string]any // numbers are json.Number
}

// ParseToken decodes a compact JWS in the one form that is accepted: three parts
// of unpadded base64url without spare bits, both JSON objects without repeated
// names, at most 16 levels deep, in valid UTF-8. Types are those that its typ may
// have; none: the usual ones.
func ParseToken(raw string, types []string) (*Token, error) {
	if len(raw) > MaxToken || strings.Count(raw, ".") != 2 {
		return nil, errMalformed
	}
	parts := strings.Split(raw, ".")
	head, err := decodeObject(parts[0])
	if err != nil {
		return nil, err
	}
	t := &Token{Raw: raw}
	if t.Header, err = readHeader(head, types); err != nil {
		return nil, err
	}
	if _, err := decodePart(parts[2]); err != nil || parts[2] == "" {
		return nil, errMalformed
	}
	t.Claims, err = decodeObject(parts[1])
	return t, err
}

func decodePart(s string) ([]byte, error) {
	// The decoder skips line breaks; no token has one.
	if strings.ContainsAny(s, "\r\n") {
		return nil, errMalformed
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

func decodeObject(part string) (map[string]any, error) {
	b, err := decodePart(part)
	if err != nil {
		return nil, err
	}
	return claim.Object(b, maxDepth)
}

// readHeader takes alg, kid and typ. Keys and addresses of keys that a token
// brings along (RFC 7515 4.1.2–4.1.6) are never used; a token that carries one is
// refused, as is one with critical extensions, and a nested or encrypted one.
func readHeader(m map[string]any, types []string) (h Header, err error) {
	for _, name := range []string{"crit", "jwk", "jku", "x5u", "x5c", "cty", "enc", "zip", "b64"} {
		if _, ok := m[name]; ok {
			return h, errMalformed
		}
	}
	var ok bool
	if h.Alg, ok = m["alg"].(string); !ok || h.Alg == "" {
		return h, errMalformed
	}
	if kid, there := m["kid"]; there {
		if h.Kid, ok = kid.(string); !ok || h.Kid == "" || len(h.Kid) > maxKid {
			return h, errMalformed
		}
	}
	typ, there := m["typ"]
	if !there {
		if len(types) > 0 {
			return h, errMalformed
		}
		return h, nil
	}
	// Tokens of other kinds signed by the same provider are no access tokens
	// (RFC 8725 3.11).
	if len(types) == 0 {
		types = usualTypes
	}
	name, _ := typ.(string)
	if !slices.Contains(types, strings.TrimPrefix(strings.ToLower(name), "application/")) {
		return h, errMalformed
	}
	return h, nil
}

// usualTypes are taken where the configuration names none.
var usualTypes = []string{"jwt", "at+jwt", "id+jwt"}
