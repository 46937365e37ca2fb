// Package operator is what those who run this Tollgate can do and see across all
// organizations: search them, keep notes on them, look at one as a viewer would,
// and read what operators did. Suspending belongs to the tenant domain, plans and
// money to billing; the console's handlers put them together.
//
// Who is an operator, and that a second factor was given, is decided before any of
// this is called (tenant.IsOperator and the session). Every change here is recorded
// in the transaction that makes it: what the context's actor, of kind
// core.ActorOperator, does stands in the organization's audit and in the operators'
// own, which is append only.
package operator
