package jwt

import "github.com/tollgate/tollgate/gateway-edge/policy/provider"

// issuer is the runtime state of one issuer: its keys and the verdicts on its
// tokens. It outlives versions of the configuration.
type issuer struct {
	*provider.Provider
	tokens verdicts
}

func newIssuer(url, jwks string) *issuer {
	i := &issuer{}
	i.Provider = provider.New(url, jwks, i.drop)
	return i
}

// drop ends what hangs on keys that died.
func (i *issuer) drop(now int64) {
	i.tokens.Drop(func(e *entry) bool {
		if e.key.Alive(now) {
			return false
		}
		e.known.End()
		return true
	})
}
