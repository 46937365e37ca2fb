// Package acl is the policy "acl": it decides whether a caller who is known may
// make this request, by rules over scopes, claims, consumer, usage plan, address,
// country, time and expressions.
//
// Rules are compiled once. A request walks the denying rules, then the allowing
// ones, and stops at the first that fits. Rules without an expression allocate
// nothing. A condition that can't be judged never lets anybody in: it fits no
// allowing rule, and every denying one.
package acl
