// Package settings reads what an operator sets: environment variables that
// begin with TOLLGATE_ and flags of the same name in kebab case, which win.
//
// All names that any process of Tollgate knows stand in one table, each with
// its help text and default, so that every process can tell a mistyped name
// from one that belongs to another role: an unknown TOLLGATE_ variable is an
// error that names the closest known one.
//
// It imports the standard library only. It knows names and texts, not what they
// mean: each role's configuration turns the values into types of its own.
package settings
