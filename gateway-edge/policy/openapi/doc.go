// Package openapi reads OpenAPI documents (3.0, 3.1) as data: it says what is
// wrong with one and where, finds an operation by method and path, and cuts a
// document down to what validation needs.
//
// A document comes in as document.ParseJSON gives it. Nothing is fetched: a
// reference leads to a place inside the document, or is an error. Nothing is
// ignored in silence: a field that the specification does not know is an error
// too, since it is likely a constraint that is spelled wrong.
//
// The control plane checks with it what somebody uploads, and edges compile with it
// what they hold requests to. It is a helper for policies, not a policy, and
// knows nothing of an exchange.
package openapi
