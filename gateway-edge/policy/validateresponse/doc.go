// Package validateresponse is the policy "validate_response": it holds the content
// type and the body of a backend's answers to JSON Schemas or to an operation of an
// OpenAPI document. It reports, or refuses with 502.
package validateresponse
