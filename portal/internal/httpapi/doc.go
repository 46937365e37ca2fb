// Package httpapi serves the management API: the operations of api/openapi.yaml,
// each a short method that calls one service and converts what it answers.
//
// Before an operation runs, every request goes the same way (guard.go): a
// request id and security headers, the cross-origin check, the operation's entry
// in the document, credentials, role and scopes, the organization, the gateway,
// the parameters and the body against the document, and the Idempotency-Key.
// What a caller may not see is 404, whatever else is wrong with the request.
//
// Errors leave through one writer (problem.go). Handlers hold no rule of the
// business: those are the services', which are all that this package calls.
// Types are converted in convert*.go, by JSON where the shapes are the same.
package httpapi
