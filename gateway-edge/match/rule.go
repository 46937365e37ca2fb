package match

import "github.com/tollgate/tollgate/services/contract"

// Rule is a route's compiled match.
type Rule struct {
	Index    int // of the route
	Priority int
	Hosts    []string // canonical; empty: every host of the gateway
	Methods  Methods  // 0: every method
	Path     *Path
	Strict   bool // a trailing slash makes another path
}

// Methods is a set of known methods.
type Methods uint32

// Compile parses every route's match. The rules are in order of precedence, best
// first; errs is as Conflicts describes, and rules is nil when it is not empty.
func Compile(routes []contract.Route, hosts []string) (rules []*Rule, errs contract.FieldErrors) {
	return nil, nil
}
