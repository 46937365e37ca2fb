// Package expression compiles conditions in CEL (Common Expression Language) over
// one request, for policies that take one: who calls, from where, with what.
//
// An expression is checked when it is compiled: its types, its regular
// expressions, its size and its nesting. An evaluation may cost no more than
// MaxCost units of CEL's cost model, so that no input makes it run long. It reads
// the exchange and nothing else: no body, no network, no clock but the time that
// it is given. Only the variables that an expression names are put together.
package expression
