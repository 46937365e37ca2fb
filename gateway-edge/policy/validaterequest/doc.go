// Package validaterequest is the policy "validate_request": it holds a request's
// parameters, content type and body to JSON Schemas or to an operation of an
// OpenAPI document, and names every bad field at once.
package validaterequest
