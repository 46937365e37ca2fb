// Package gateway is the domain of gateways: their settings, policies,
// upstreams, routes, usage plans and secrets, the versions that changes make,
// and the consumers that call them.
//
// Every change of configuration goes one way (Service.change): the gateway's row
// is locked, its whole configuration is read, edited as one value, checked as a
// whole by the code that the edge runs (Checker), compared with what was there,
// and the differences are written as rows together with version N+1, the audit
// line and the outbox row, in one transaction. A route's PUT, a whole document's
// PUT and a restore differ only in the edit. An edit that changes nothing makes
// no version.
//
// Consumers are runtime data: they have no version and no document holds them.
//
// The package opens nothing and knows neither rows nor Redis nor HTTP; it must
// not import another domain. Input comes in as values of contract's types and
// leaves as values or core errors that name every bad field by a JSON pointer.
package gateway
