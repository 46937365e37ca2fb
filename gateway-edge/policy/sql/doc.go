// Package sql is the integration sql: a route runs one statement on a PostgreSQL
// database and answers with what it gave, as JSON. The statement stands in the
// configuration; what callers send becomes its parameters, converted to the types
// that the configuration names, and nothing of it ever becomes part of a statement.
//
// Connections are kept for each gateway and secret, within a bound, and dialled
// through the edge's guard. Nothing of the operator's environment (PG* variables,
// files) takes part in a connection, and no word of the server's errors reaches a
// caller.
package sql
