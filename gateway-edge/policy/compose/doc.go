// Package compose decides which policies a route runs: what it inherits from
// its gateway, what it replaces, in which order, and whether it may be without
// authentication. It is a pure function of the documents, used by the edge when
// it compiles a gateway and by the control plane when it checks one, so that
// both always agree.
//
// Rules: phases run in the platform's order; inside one the gateway's policies
// come first, then the route's, in the order given. A policy on a route replaces
// every policy of the same type on the gateway, but in phase limit they add up.
// A route may have several policies of phase authenticate, each of another type:
// the first whose credential a request carries decides. Own ones replace all of the
// gateway's. Public drops the
// inherited authentication and must be said where none is left. A route without
// an upstream needs a policy that always answers.
//
// It reads no clock, opens nothing and keeps nothing.
package compose
