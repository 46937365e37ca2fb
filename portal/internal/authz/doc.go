// Package authz says who may do what: one plain table from roles to permissions,
// and the table of operations that openapi.yaml carries (permission, scope and
// kinds of credentials of each).
//
// New refuses a document in which an operation lacks any of these, so that a
// forgotten word stops the portal from starting instead of opening a door. The
// package reads no request and no store; internal/httpapi asks it.
package authz
