// Package validation is what validate_request and validate_response have in
// common: parameters and bodies held to JSON Schemas, given inline or taken from an
// OpenAPI document (3.0, 3.1).
//
// Everything is compiled with the configuration. An OpenAPI document is read as
// data: its schemas are JSON Schemas of draft 2020-12, those of version 3.0 after a
// translation of what differs. References inside the document are followed, none
// out of it.
//
// It is a helper for policies, not a policy.
package validation
