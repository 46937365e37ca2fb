package match

import "github.com/tollgate/tollgate/services/contract"

// Conflicts checks every route's match and returns all that is wrong with the
// set, with pointers from the root of the list ("/3/match/path"): what can't be
// parsed, and each pair of routes that could take the same request with equal
// precedence. hosts are the gateway's own; with none given, a route may name any.
//
// Precedence, from the most important: the higher priority; an exact host before
// a wildcard before none; exact path, parameters, tail, prefix, regular
// expression, with literal segments before parameters from the left, then the
// longer path; given methods before none; more header conditions, then more query
// conditions, then narrower ones. The order of declaration means nothing.
func Conflicts(routes []contract.Route, hosts []string) contract.FieldErrors {
	_, errs := Compile(routes, hosts)
	return errs
}
