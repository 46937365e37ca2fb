// Package graphqllimits is the policy "graphql_limits": it bounds what a GraphQL
// request may ask for, without a schema: depth, complexity, aliases, root fields,
// batches, introspection.
//
// Every operation of every document is judged, whichever one is meant to run. A
// request that can't be judged is refused.
package graphqllimits
