// Package target is what policies that change a request's target have in common:
// a path of fixed variables, and edits of the query's parameters.
//
// Whatever variables bring is escaped for its place. What comes out must be
// canonical still; Exchange.Rewrite refuses it otherwise.
//
// It is a helper for policies, not a policy. Applying edits allocates nothing.
package target
