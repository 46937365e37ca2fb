package jwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// Bounds of a token. Everything is checked before anything is decoded.
const (
	maxToken = 8 << 10
	maxDepth = 16
	maxKid   = 256
)

var errMalformed = errors.New("the token is malformed")

// header is a token's protected header, as much as is accepted of it.
type header struct {
	alg string
	kid string // "" when absent
}

// token is a decoded token whose signature has not been looked at yet.
type token struct {
	raw    string
	header header
	claims map[string]any // numbers are json.Number
}

// parseToken decodes a compact JWS in the one form that is accepted: three parts
// of unpadded base64url without spare bits, both JSON objects without repeated
// names, at most 16 levels deep, in valid UTF-8.
func parseToken(raw string) (*token, error) {
	if len(raw) > maxToken || strings.Count(raw, ".") != 2 {
		return nil, errMalformed
	}
	parts := strings.Split(raw, ".")
	head, err := decodeObject(parts[0])
	if err != nil {
		return nil, err
	}
	t := &token{raw: raw}
	if t.header, err = readHeader(head); err != nil {
		return nil, err
	}
	if _, err := decodePart(parts[2]); err != nil || parts[2] == "" {
		return nil, errMalformed
	}
	t.claims, err = decodeObject(parts[1])
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
	if err != nil || !utf8.Valid(b) {
		return nil, errMalformed
	}
	if err := strictJSON(b); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil || m == nil {
		return nil, errMalformed
	}
	return m, nil
}

// strictJSON refuses repeated names, of which parsers take the first or the
// last, deep nesting, and anything behind the value.
func strictJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := strictValue(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errMalformed
	}
	return nil
}

func strictValue(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil || depth > maxDepth {
		return errMalformed
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			t, err := dec.Token()
			name, ok := t.(string)
			if err != nil || !ok || seen[name] {
				return errMalformed
			}
			seen[name] = true
		}
		if err := strictValue(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errMalformed
	}
	return nil
}

// readHeader takes alg, kid and typ. Keys and addresses of keys that a token
// brings along (RFC 7515 4.1.2–4.1.6) are never used; a token that carries one is
// refused, as is one with critical extensions, and a nested or encrypted one.
func readHeader(m map[string]any) (h header, err error) {
	for _, name := range []string{"crit", "jwk", "jku", "x5u", "x5c", "cty", "enc", "zip", "b64"} {
		if _, ok := m[name]; ok {
			return h, errMalformed
		}
	}
	var ok bool
	if h.alg, ok = m["alg"].(string); !ok || h.alg == "" {
		return h, errMalformed
	}
	if kid, there := m["kid"]; there {
		if h.kid, ok = kid.(string); !ok || h.kid == "" || len(h.kid) > maxKid {
			return h, errMalformed
		}
	}
	if typ, there := m["typ"]; there {
		s, _ := typ.(string)
		// Tokens of other kinds signed by the same provider are no access tokens
		// (RFC 8725 3.11).
		switch strings.ToLower(strings.TrimPrefix(strings.ToLower(s), "application/")) {
		case "jwt", "at+jwt", "id+jwt":
		default:
			return h, errMalformed
		}
	}
	return h, nil
}

// numericDate reads a claim of RFC 7519's NumericDate in Unix seconds. ok is
// false when it is there and no sensible number.
func numericDate(claims map[string]any, name string) (sec int64, there, ok bool) {
	v, there := claims[name]
	if !there {
		return 0, false, true
	}
	n, isNumber := v.(json.Number)
	if !isNumber {
		return 0, true, false
	}
	f, err := n.Float64()
	if err != nil || math.IsNaN(f) || f < 0 || f > 1<<53 {
		return 0, true, false
	}
	return int64(f), true, true
}
