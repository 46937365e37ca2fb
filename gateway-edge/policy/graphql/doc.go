// Package graphql is the policy "graphql": REST requests answered by an operation of
// GraphQL that the route holds, and GraphQL passed through with persisted queries.
//
// With an operation, the path's parameters, the query's and the fields of a JSON
// body become its variables, typed as the operation declares them; the answer's data
// is unwrapped, and GraphQL's errors become HTTP statuses. Without one, requests are
// GraphQL already: a query is found by its hash among those that were registered, or
// that clients have shown before (automatic persisted queries).
package graphql
