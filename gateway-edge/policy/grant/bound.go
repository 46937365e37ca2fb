package grant

import (
	"encoding/base64"
	"encoding/hex"

	"github.com/tollgate/tollgate/gateway-edge/policy"
)

// unshown is what a token is bound to that no client can show here.
const unshown = "?"

// bound is the fingerprint of the certificate that a token is bound to by its cnf
// claim (RFC 8705 3.1), "" where it is bound to nothing. A key of RFC 9449 is not
// looked for: a token that is bound to one is no bearer token.
func bound(claims map[string]any) string {
	cnf := claims["cnf"]
	if cnf == nil {
		return ""
	}
	m, _ := cnf.(map[string]any)
	s, _ := m["x5t#S256"].(string)
	if sum, err := base64.RawURLEncoding.Strict().DecodeString(s); err == nil && len(sum) == 32 && len(m) == 1 {
		return hex.EncodeToString(sum)
	}
	return unshown
}

// HeldBy reports whether the client shows what the token is bound to: a stolen token
// is of no use without. It is asked for each request, since the verdict on a token
// is kept for all connections.
func (g *Granted) HeldBy(x *policy.Exchange) bool {
	if g.bound == "" {
		return true
	}
	c := x.Certificate()
	return c != nil && c.Fingerprint == g.bound
}
