// Package aggregate is the integration aggregate: a route's answer is made of the
// answers to several calls, to upstreams of the gateway or to addresses outside.
// Calls that need nothing of others run at once; a call whose texts use another's
// value waits for it. A call that fails is left out, or has a value of its own in
// its place, or fails the whole answer, as the configuration says.
//
// Texts and the answer are jq, run within the bounds of package jq. The exchange is
// read once, before the calls begin; they know a document of it only.
package aggregate
